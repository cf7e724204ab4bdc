//! Builds of one small workspace, each with a few messages, and the result of each target.

use super::*;
use crate::cargo::messages::CountedError;
use crate::testing::workspace;

const GRAPH: &str = "app -> gadget 2.0.0 -> relay 1.3.0\napp -> plain 1.0.0\n\
    app -> plug 3.0.0 -> gadget 2.0.0\napp -(dev)-> trace 1.0.0\n\
    app: lib, bin tool, test smoke, test fast needs speed, example demo, tested-example checked";

/// A build with what was said about it.
struct Build {
    account: BuildAccount,
    exit: Exit,
}

fn package(repr: &str) -> PackageId {
    PackageId {
        repr: repr.to_owned(),
    }
}

fn error(message: &str) -> Diagnostic {
    Diagnostic {
        code: message.starts_with("E0").then(|| "E0425".to_owned()),
        ..Diagnostic::from_message(message)
    }
}

impl Build {
    /// A build that failed and said nothing, and that compiled no unit both with and without its
    /// tests.
    fn silent() -> Self {
        Self {
            account: BuildAccount::of_plain(BuildMessages::default()),
            exit: Exit::Code(101),
        }
    }

    /// Adds an error of a unit of a package: of its library, or of `KIND NAME`.
    fn fails(mut self, of: &str, target: &str, message: &str) -> Self {
        let name = of.split(' ').next().unwrap_or_default();
        let (kind, name) = match target.split_once(' ') {
            Some(("bin", name)) => (Some(TargetKind::Bin), name),
            Some(("test", name)) => (Some(TargetKind::Test), name),
            Some(("example", name)) => (Some(TargetKind::Example), name),
            Some(_) => panic!("no kind in {target}"),
            None if target == "script" => (None, "build-script-build"),
            None => (Some(TargetKind::Lib), name),
        };
        let unit = (package(of), kind, name.to_owned());
        let counted = CountedError {
            error: error(message),
            n_times: 1,
        };
        let errors = self.account.messages.errors.entry(unit);
        errors.or_default().push(counted);
        self
    }

    /// Adds a test executable.
    fn makes(mut self, kind: TargetKind, name: &str) -> Self {
        let unit = (package("app"), Some(kind), name.to_owned());
        let executables = &mut self.account.messages.executables;
        executables.insert(unit, format!("/t/{name}").into());
        self
    }

    fn makes_binary(mut self) -> Self {
        let binaries = &mut self.account.messages.binaries;
        binaries.insert((package("app"), "tool".to_owned()), "/t/tool".into());
        self
    }

    fn says(mut self, err: &str) -> Self {
        self.account.messages.err.push_str(err);
        self
    }

    fn ends(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Judges a target, given by the last part of its name.
    fn result(&self, name: &str) -> String {
        self.result_in(GRAPH, name)
    }

    fn result_in(&self, graph: &str, name: &str) -> String {
        let workspace = workspace(graph);
        let judge = self.judge(&workspace);
        let mut targets = workspace.targets.iter();
        let target = targets.find(|target| target.id.name == name);
        shown(&judge.judge(target.expect("a target")))
    }

    fn of_none(&self) -> Option<String> {
        let workspace = workspace(GRAPH);
        let of_none = self.judge(&workspace).of_none();
        of_none.map(|made| shown(&made))
    }

    fn judge<'a>(&'a self, workspace: &'a Workspace) -> TargetJudge<'a> {
        TargetJudge {
            account: &self.account,
            workspace,
            exit: &self.exit,
            limit: Duration::from_secs(60),
        }
    }
}

fn shown(result: &TargetResult) -> String {
    match result {
        TargetResult::Executable(path) => format!("made {path}"),
        TargetResult::Compiled => "made".to_owned(),
        TargetResult::Not(status, errors) => {
            let errors = errors.iter().map(|e| format!(": {}", e.words()));
            format!("{status}{}", errors.collect::<String>())
        }
    }
}

#[test]
fn a_target_that_was_made_is_made() {
    let build = Build::silent()
        .makes_binary()
        .makes(TargetKind::Test, "smoke");
    assert_eq!(build.result("smoke"), "made /t/smoke");
    assert_eq!(
        build.makes(TargetKind::Lib, "app").result("app"),
        "made /t/app"
    );
    let mut build = Build::silent();
    build
        .account
        .messages
        .examples
        .insert((package("app"), "demo".to_owned()));
    assert_eq!(build.result("demo"), "made");
}

#[test]
fn its_own_errors_are_its_result() {
    let build = Build::silent().fails("app", "test smoke", "E0425 cannot find");
    assert_eq!(build.result("smoke"), "failed(compile): E0425 cannot find");
    let build = Build::silent().fails("app", "test smoke", "linking with `cc` failed");
    assert_eq!(
        build.result("smoke"),
        "failed(link): linking with `cc` failed"
    );
}

#[test]
fn errors_of_what_a_target_needs_are_its_result() {
    let build = Build::silent().fails("app", "lib", "E0425 in the library");
    assert_eq!(
        build.result("smoke"),
        "failed(compile): E0425 in the library"
    );
    let build = Build::silent().fails("app", "bin tool", "E0425 in the binary");
    assert_eq!(
        build.result("smoke"),
        "failed(compile): E0425 in the binary"
    );
    // The unit tests of the library do not use the binary.
    let open = build.result("app");
    assert!(open.starts_with("inconclusive"), "{open}");
}

#[test]
fn unit_tests_of_a_library_do_not_use_the_library() {
    let build = Build::silent().fails("app", "lib", "E0425 in the library");
    let open = build.result("app");
    assert!(open.starts_with("inconclusive"), "{open}");
    let user = build.result_in("user -> app\napp: lib\nuser: lib", "user");
    assert_eq!(user, "failed(compile): E0425 in the library");
}

#[test]
fn a_test_that_was_built_without_a_binary_it_can_run_does_not_run() {
    let build = Build::silent().makes(TargetKind::Test, "smoke");
    let failing = build.fails("app", "bin tool", "E0425 in the binary");
    assert_eq!(
        failing.result("smoke"),
        "failed(compile): E0425 in the binary"
    );
    let made = failing.makes_binary();
    assert_eq!(made.result("smoke"), "made /t/smoke");
    // Cargo can leave out a binary whose features are off.
    let left_out = || Build::silent().makes(TargetKind::Test, "smoke");
    assert_eq!(left_out().result("smoke"), "made /t/smoke");
    let stopped = left_out().says("error: could not compile `app` (bin \"tool\")\n");
    assert_eq!(
        stopped.result("smoke"),
        "failed(compile): could not compile `app` (bin \"tool\")"
    );
    let cut_short = left_out().ends(Exit::TimedOut);
    assert!(cut_short.result("smoke").starts_with("failed(timeout)"));
}

#[test]
fn a_package_that_the_pin_cannot_affect_is_drift() {
    let build = Build::silent().fails("plain 1.0.0", "lib", "E0425 cannot find");
    assert_eq!(
        build.result("smoke"),
        "failed(drift): plain 1.0.0 does not build: E0425 cannot find"
    );
    let below_family = Build::silent().fails("relay 1.3.0", "lib", "E0425 cannot find");
    assert!(
        below_family
            .result("smoke")
            .starts_with("failed(drift): relay 1.3.0 does not build")
    );
}

#[test]
fn what_only_tests_of_a_dependency_use_is_in_nobodys_way() {
    let graph = "app -> near -> middle -> far\nnear -(dev)-> aside\napp: lib, test smoke\n\
                 near: lib, test own\nmiddle: lib\nfar: lib\naside: lib";
    let both = || Build::silent().fails("aside", "lib", "E0425 aside");
    let of = |build: &Build, name: &str| build.result_in(graph, name);
    let open = of(&both(), "smoke");
    assert!(open.starts_with("inconclusive"), "{open}");
    assert_eq!(of(&both(), "own"), "failed(compile): E0425 aside");
    let far = both().fails("far", "lib", "E0308 far");
    assert_eq!(of(&far, "smoke"), "failed(compile): E0308 far");
}

#[test]
fn a_package_of_the_family_or_one_that_uses_it_is_no_drift() {
    for of in ["gadget 2.0.0", "plug 3.0.0"] {
        let build = Build::silent().fails(of, "lib", "E0425 cannot find");
        assert_eq!(
            build.result("smoke"),
            "failed(compile): E0425 cannot find",
            "{of}"
        );
    }
}

#[test]
fn drift_counts_only_where_nothing_else_is_in_the_way() {
    for (first, second) in [("plain 1.0.0", "plug 3.0.0"), ("plug 3.0.0", "relay 1.3.0")] {
        let build = Build::silent().fails(first, "lib", "E0425 here");
        let build = build.fails(second, "lib", "E0425 here");
        assert_eq!(build.result("smoke"), "failed(compile): E0425 here");
    }
}

#[test]
fn of_several_packages_that_drifted_the_nearest_is_named() {
    let graph = "app -> near 1.0.0 -> far 1.0.0\napp: lib";
    let build = Build::silent().fails("far 1.0.0", "lib", "E0425 far");
    let build = build.fails("near 1.0.0", "lib", "E0425 near");
    assert_eq!(
        build.result_in(graph, "app"),
        "failed(drift): near 1.0.0 does not build: E0425 near"
    );
}

#[test]
fn a_machine_that_fails_below_a_target_is_neither_drift_nor_a_verdict() {
    for of in ["plain 1.0.0", "gadget 2.0.0"] {
        let build = Build::silent().fails(
            of,
            "lib",
            "failed to write file: No space left on device (os error 28)",
        );
        assert!(
            build
                .result("smoke")
                .starts_with("inconclusive(out of disk)"),
            "{}",
            build.result("smoke")
        );
    }
}

#[test]
fn a_build_script_that_fails_is_found_in_what_cargo_said() {
    let stderr = |package: &str| {
        format!(
            "error: failed to run custom build command for `{package}`\n\nCaused by:\n  process \
             didn't exit successfully\n  --- stderr\n  thread 'main' panicked at build.rs:1:1:\n  no zlib\n"
        )
    };
    let build = Build::silent().says(&stderr("plain v1.0.0"));
    assert_eq!(
        build.result("smoke"),
        "failed(drift): plain 1.0.0 does not build: the build script of plain failed: no zlib"
    );
    let build = Build::silent().says(&stderr("gadget v2.0.0"));
    assert_eq!(
        build.result("smoke"),
        "failed(compile): the build script of gadget failed: no zlib (in gadget 2.0.0, not in the subject's code)"
    );
    let build = Build::silent().says(&stderr("app v0.1.0 (/w/app)"));
    assert_eq!(
        build.result("smoke"),
        "failed(compile): the build script of app failed: no zlib"
    );
    // Another package of that name has not failed.
    let other = Build::silent().says(&stderr("plain v1.0.1"));
    assert!(
        !other.result("smoke").contains("plain 1.0.0"),
        "{}",
        other.result("smoke")
    );
}

#[test]
fn a_build_script_that_does_not_compile_fails_what_needs_its_package() {
    let build = Build::silent().fails("plain 1.0.0", "script", "E0425 cannot find");
    assert!(
        build
            .result("smoke")
            .starts_with("failed(drift): plain 1.0.0")
    );
    let build = Build::silent().fails("app", "script", "E0425 cannot find");
    assert_eq!(build.result("demo"), "failed(compile): E0425 cannot find");
}

#[test]
fn tests_and_examples_of_other_packages_are_in_nobodys_way() {
    let build = Build::silent().makes_binary();
    let build = build
        .fails("app", "example demo", "E0425")
        .fails("app", "test fast", "E0425");
    assert!(
        build.result("smoke").starts_with("inconclusive"),
        "{}",
        build.result("smoke")
    );
}

#[test]
fn a_target_whose_features_are_off_is_skipped_unless_cargo_built_it() {
    assert!(Build::silent().result("fast").starts_with("skipped"));
    let made = Build::silent()
        .makes_binary()
        .makes(TargetKind::Test, "fast");
    assert_eq!(made.result("fast"), "made /t/fast");
    let failed = Build::silent().fails("app", "test fast", "E0425 cannot find");
    assert_eq!(failed.result("fast"), "failed(compile): E0425 cannot find");
}

#[test]
fn where_nothing_is_said_of_a_target_the_end_of_the_build_is_its_result() {
    let result = |exit: Exit, err: &str| Build::silent().says(err).ends(exit).result("smoke");
    assert_eq!(
        result(Exit::TimedOut, ""),
        "failed(timeout): the build did not end within 1m (`build` under `[timeouts]`)"
    );
    assert_eq!(
        result(Exit::Interrupted, ""),
        "inconclusive(interrupted): interrupted"
    );
    let lost = result(Exit::Lost("no such file".to_owned()), "");
    assert_eq!(lost, "inconclusive(no such file): no such file");
    assert!(result(Exit::Signal(9), "").starts_with("inconclusive(out of memory)"));
    let crash = "error: could not compile `app`\n\nCaused by:\n  rustc (signal: 11, SIGSEGV)\n";
    assert!(result(Exit::Code(101), crash).starts_with("failed(crash): "));
    let refused = "error: multiple candidates for `rmeta` dependency\n";
    assert!(result(Exit::Code(101), refused).starts_with("failed(compile): "));
    let nothing = result(Exit::Code(101), "");
    let expected =
        "inconclusive(cargo reported nothing about it and ended: exit 101): cargo printed nothing";
    assert_eq!(nothing, expected);
}

#[test]
fn a_build_that_fails_although_all_was_made_is_no_verdict() {
    let nothing = Build::silent().of_none().expect("a result");
    assert!(
        nothing.contains("all was made, and cargo ended: exit 101"),
        "{nothing}"
    );
    let full = Build::silent().says("error: No space left on device (os error 28)\n");
    assert!(
        full.of_none()
            .expect("a result")
            .starts_with("inconclusive(out of disk)")
    );
}

#[test]
fn an_example_with_tests_may_fail_without_them() {
    let build = Build::silent().fails("app", "example checked", "E0425");
    assert_eq!(build.of_none(), None);
    let build = Build::silent().fails("app", "example demo", "E0425");
    assert!(build.of_none().is_some());
}

#[test]
fn only_what_should_have_been_built_has_failed() {
    let not = |status: Status| TargetResult::Not(status, Vec::new()).has_failed();
    assert!(not(Status::failed(FailureKind::Drift)));
    assert!(not(Status::Inconclusive {
        doubt: InconclusiveReason::Interrupted
    }));
    let reason = SkipReason::RequiredFeatures(vec!["speed".to_owned()]);
    assert!(!not(Status::Skipped { reason }));
    assert!(!TargetResult::Compiled.has_failed());
}

#[test]
fn a_failed_build_script_is_that_of_the_whole_version() {
    let workspace = workspace("app -> plain 0.0.1");
    let metadata = crate::testing::graph("app -> plain 0.0.1");
    let plain = metadata.packages.iter().find(|p| *p.name == "plain");
    let plain = workspace.package(&plain.expect("plain").id).expect("plain");
    let of = |version: &str| {
        format!("error: failed to run custom build command for `plain v{version}`\n")
    };
    assert!(failed_script(&of("0.0.10"), plain).is_none());
    assert!(failed_script(&of("0.0.1"), plain).is_some());
    assert!(failed_script(&(of("0.0.10") + &of("0.0.1 (/x)")), plain).is_some());
}
