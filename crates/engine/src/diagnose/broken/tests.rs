//! Builds in which packages outside the subject have errors.

use super::*;
use crate::cargo::messages::{CountedError, Unit};
use crate::testing::workspace;

const GRAPH: &str = "app -> gadget 2.0.0 -> relay 1.3.0\napp -> fork 1.0.0\napp -> local 0.1.0\n\
    fork 1.0.0: git\nlocal 0.1.0: path\napp: lib, test smoke";

fn unit(of: &str, kind: Option<TargetKind>) -> Unit {
    let id = PackageId {
        repr: of.to_owned(),
    };
    let name = of.split(' ').next().unwrap_or_default().to_owned();
    (id, kind, name)
}

fn with_errors(errors: &[(&str, Option<TargetKind>, &str)]) -> BuildMessages {
    let mut messages = BuildMessages::default();
    for (of, kind, message) in errors {
        let error = Diagnostic::from_message(*message);
        let errors = messages.errors.entry(unit(of, *kind)).or_default();
        errors.push(CountedError { error, n_times: 1 });
    }
    messages
}

fn named_in(messages: &BuildMessages) -> Vec<String> {
    named_with(GRAPH, messages)
}

fn named_with(graph: &str, messages: &BuildMessages) -> Vec<String> {
    let broken = broken(messages, &workspace(graph)).into_iter();
    broken
        .map(|(_, broken)| format!("{}: {}", broken.package, broken.error.message))
        .collect()
}

const LIB: Option<TargetKind> = Some(TargetKind::Lib);

#[test]
fn packages_from_a_registry_and_of_the_family_are_broken_and_others_are_not() {
    let messages = with_errors(&[
        ("relay 1.3.0", LIB, "first"),
        ("relay 1.3.0", LIB, "second"),
        ("gadget 2.0.0", None, "its script"),
        ("fork 1.0.0", LIB, "of git"),
        ("local 0.1.0", LIB, "of a folder"),
        ("app", LIB, "of the subject"),
    ]);
    assert_eq!(
        named_in(&messages),
        ["gadget 2.0.0: its script", "relay 1.3.0: first"]
    );
}

#[test]
fn an_unreleased_pin_is_broken_like_a_published_one() {
    let messages = with_errors(&[("gadget 2.0.0", LIB, "no"), ("relay 1.3.0", LIB, "no")]);
    for source in ["git", "path"] {
        let graph = format!("{GRAPH}\ngadget 2.0.0: {source}");
        assert_eq!(
            named_with(&graph, &messages),
            ["gadget 2.0.0: no", "relay 1.3.0: no"]
        );
    }
}

#[test]
fn a_build_script_that_failed_breaks_its_package() {
    let output = "error: failed to run custom build command for `relay v1.3.0`\n\nCaused by:\n  \
                thread 'main' panicked at build.rs:1:1:\n  no\n";
    let messages = BuildMessages {
        err: output.to_owned(),
        ..BuildMessages::default()
    };
    assert_eq!(
        named_in(&messages),
        ["relay 1.3.0: the build script of relay failed: no"]
    );
}

#[test]
fn what_the_linker_or_the_machine_refuses_breaks_no_package() {
    let link = with_errors(&[(
        "relay 1.3.0",
        LIB,
        "linking with `cc` failed: exit status: 1",
    )]);
    assert!(named_in(&link).is_empty());
    let disk = with_errors(&[
        ("relay 1.3.0", LIB, "first"),
        ("relay 1.3.0", LIB, "No space left on device (os error 28)"),
    ]);
    assert!(named_in(&disk).is_empty());
}

#[test]
fn only_the_library_and_its_script_count() {
    let messages = with_errors(&[("relay 1.3.0", Some(TargetKind::Bin), "a binary")]);
    assert!(named_in(&messages).is_empty());
}

#[test]
fn an_error_that_is_not_in_the_subjects_code_names_its_package() {
    let all = [
        "relay 1.3.0",
        "gadget 2.0.0",
        "fork 1.0.0",
        "local 0.1.0",
        "app",
    ];
    let errors = all.map(|of| (of, LIB, "no"));
    let mut messages = with_errors(&errors);
    name_packages(&mut messages, &workspace(GRAPH));
    let named = |of: &str| messages.errors[&unit(of, LIB)][0].error.package.as_deref();
    for of in ["relay 1.3.0", "gadget 2.0.0", "fork 1.0.0"] {
        assert_eq!(named(of), Some(of));
    }
    assert_eq!(named("local 0.1.0"), None);
    assert_eq!(named("app"), None);
}
