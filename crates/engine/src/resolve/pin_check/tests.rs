//! Small graphs, held against the pin of the family.

use super::*;
use crate::testing::{family, graph, version};

/// Returns what is wrong with a graph for the pin gadget 2.0.0.
fn fault_of(text: &str) -> Option<String> {
    fault_at(text, &version("2.0.0").into())
}

fn fault_at(text: &str, at: &PinnedAt) -> Option<String> {
    not_at_pin(&graph(text), &family(), at).map(|error| error.message)
}

fn git() -> PinnedAt {
    PinnedAt::Git {
        label: "main".to_owned(),
        git: "https://example.org/gadget".to_owned(),
        rev: "00".to_owned(),
    }
}

fn folder() -> PinnedAt {
    PinnedAt::Path {
        label: "local".to_owned(),
        path: "/gadget".into(),
    }
}

#[test]
fn a_graph_that_holds_the_family_at_the_pin_has_no_fault() {
    assert_eq!(
        fault_of("app -> gadget 2.0.0\napp -> gadget-io 2.0.0"),
        None
    );
    // One of the crates is enough, and build metadata does not count.
    assert_eq!(fault_of("app -> gadget-io 2.0.0+up1"), None);
    // Companions and packages outside the family are none of its business.
    assert_eq!(
        fault_of("app -> gadget 2.0.0 -> gadget-core 1.9.0\napp -> relay 1.0.0"),
        None
    );
}

#[test]
fn a_crate_at_another_version_too_names_who_asks_for_it() {
    assert_eq!(
        fault_of("app -> gadget 2.0.0\napp -> plug 3.0.0 -> gadget 1.0.0\nbase -> gadget 1.0.0")
            .as_deref(),
        Some(
            "gadget is in the graph at 1.0.0 and not only at 2.0.0: \
              base 0.1.0, plug 3.0.0 asks for it"
        )
    );
    assert_eq!(
        fault_of("app -> gadget 2.0.0\napp -> gadget-io 2.0.1").as_deref(),
        Some("gadget-io is in the graph at 2.0.1 and not only at 2.0.0: app 0.1.0 asks for it")
    );
}

#[test]
fn another_version_that_is_not_built_is_no_fault() {
    assert_eq!(fault_of("app -> gadget 2.0.0\ngadget 1.0.0: unused"), None);
}

#[test]
fn a_published_pin_comes_from_a_registry() {
    for source in ["git", "path"] {
        let fault = fault_of(&format!("app -> gadget 2.0.0\ngadget 2.0.0: {source}"));
        assert_eq!(
            fault.as_deref(),
            Some("gadget comes from /w/gadget/Cargo.toml, not from a registry")
        );
    }
}

#[test]
fn an_unreleased_pin_does_not_come_from_a_registry() {
    for pin in [git(), folder()] {
        assert_eq!(
            fault_at("app -> gadget 2.1.0\ngadget 2.1.0: git", &pin),
            None
        );
        assert_eq!(
            fault_at("app -> gadget 2.1.0\ngadget 2.1.0: path", &pin),
            None
        );
        let fault = fault_at(
            "app -> gadget 2.1.0\napp -> plug 1.0.0 -> gadget 2.0.0\ngadget 2.1.0: git",
            &pin,
        );
        let expected = format!(
            "gadget is in the graph at 2.0.0 and not only at {pin}: plug 1.0.0 asks for it"
        );
        assert_eq!(fault, Some(expected));
    }
}

#[test]
fn a_family_that_nothing_brings_in_is_a_fault_with_a_reason() {
    let why = |text: &str| {
        let fault = fault_of(text).expect("a fault");
        let why = fault.strip_prefix("gadget is not in the graph: ");
        why.expect("a reason").to_owned()
    };
    assert_eq!(
        why("app -> relay 1.0.0"),
        "the features that are on leave it out"
    );
    assert_eq!(
        why("app -> relay 1.0.0\napp: optional gadget"),
        "no feature of app that is on asks for it"
    );
    assert_eq!(
        why(
            "app -> relay 1.0.0\nbase -> relay 1.0.0\napp: elsewhere gadget\nbase: optional gadget"
        ),
        "app requires it for cfg(windows) only; no feature of base that is on asks for it"
    );
    assert_eq!(
        why("app -> relay 1.0.0\ngadget 2.0.0: unused"),
        "the features that are on leave it out"
    );
}
