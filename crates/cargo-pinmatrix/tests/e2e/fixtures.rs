//! Every fixture gives the facts that are written down for it, in every format.

use std::collections::BTreeSet;
use std::fs;

use crate::facts;
use crate::harness::{Fixture, root};

/// Runs a fixture and holds all its results against what is written down. Set `PINMATRIX_BLESS`
/// to write down what came out instead, and read the difference before committing it.
fn gives_what_is_expected(name: &str, exit: i32) {
    let fixture = Fixture::in_place(name);
    let (code, run) = fixture.run(&["--full"]);
    let facts = facts::of(&run);
    let path = root()
        .join("tests/fixtures/expected")
        .join(format!("{name}.txt"));
    if std::env::var_os("PINMATRIX_BLESS").is_some() {
        let text: String = facts.iter().map(|fact| format!("{fact}\n")).collect();
        fs::write(&path, text).expect("written");
    }
    let expected: BTreeSet<String> = fs::read_to_string(&path)
        .expect("expected facts")
        .lines()
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = expected.difference(&facts).collect();
    let surplus: Vec<_> = facts.difference(&expected).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{name}: expected and not found: {missing:#?}\nfound and not expected: {surplus:#?}"
    );
    assert_eq!(code, exit, "exit code of {name}");
    crate::reports::agree_with(&fixture.out(), &run);
}

macro_rules! fixtures {
    ($($test:ident: $name:literal exits $exit:literal;)*) => {
        $(#[test] fn $test() { gives_what_is_expected($name, $exit); })*
    };
}

fixtures! {
    history_of_a_family: "history" exits 1;
    targets_that_do_not_build_hide_no_others: "fails_build" exits 1;
    link_errors_are_a_class_of_their_own: "link_error" exits 1;
    failing_tests_are_reported_one_by_one: "fails_test" exits 1;
    hanging_tests_time_out_alone: "hangs" exits 1;
    crashing_tests_crash_alone: "crashes" exits 1;
    garbage_in_output_changes_no_status: "garbage" exits 1;
    targets_without_harness_are_one_case: "custom_harness" exits 1;
    doc_tests_are_cases: "doc_tests" exits 1;
    doc_tests_see_the_features_of_the_whole_workspace: "doc_features" exits 1;
    tests_see_what_cargo_sets: "build_script" exits 1;
    targets_without_their_features_are_skipped: "required_features" exits 0;
    drift_is_repaired: "drift" exits 0;
    a_case_that_fails_and_then_passes_is_flaky: "flaky" exits 1;
    what_no_lock_repairs_is_drift: "drift_lock" exits 1;
    what_does_not_build_outside_the_family_is_drift: "drift_build" exits 1;
    what_the_pin_brings_in_is_no_drift: "drift_pin" exits 1;
    an_old_lock_is_told_apart: "old_lock" exits 1;
    copies_that_others_bring_are_told: "copies" exits 1;
    followers_go_with_the_pin_or_block_it: "followers" exits 0;
    what_is_reached_by_a_path_moves_with_the_family: "two_versions" exits 0;
    every_version_that_cargo_can_use_is_a_rung: "odd_index" exits 1;
}

/// A fixture on the oldest toolchain, whose cargo does not openly keep going after an error and whose
/// rustc is older than it, gives the facts that are written down for stable.
fn is_the_same_on_1_63(name: &str) {
    let fixture = Fixture::copied(name);
    let config = fixture.read("matrix.toml");
    // Stable stays in the matrix, since its cargo resolves.
    let row = "[[toolchain]]\nlabel = \"oldest\"\nrustup = \"debian-1.63\"\n\n[[toolchain]]";
    let config = config.replacen("[[toolchain]]", row, 1);
    fs::write(fixture.subject().join("matrix.toml"), config).expect("written");
    let (_, run) = fixture.run(&["--full", "--toolchain", "oldest"]);
    let facts: BTreeSet<String> = facts::of(&run)
        .into_iter()
        .filter_map(|fact| Some(format!("stable@{}", fact.strip_prefix("oldest@")?)))
        .collect();
    let path = root()
        .join("tests/fixtures/expected")
        .join(format!("{name}.txt"));
    let expected: BTreeSet<String> = fs::read_to_string(&path)
        .expect("expected facts")
        .lines()
        .filter(|fact| fact.starts_with("stable@"))
        .map(str::to_owned)
        .collect();
    assert_eq!(facts, expected, "{name} on 1.63");
}

macro_rules! on_1_63 {
    ($($test:ident: $name:literal;)*) => {
        $(#[test] fn $test() { is_the_same_on_1_63($name); })*
    };
}

on_1_63! {
    oldest_cargo_keeps_going: "fails_build";
    oldest_libtest_is_understood: "fails_test";
    oldest_libtest_crashes_are_told_apart: "crashes";
    oldest_cargo_sets_the_same: "build_script";
    oldest_doc_tests_are_read: "doc_tests";
    oldest_custom_harnesses_are_run: "custom_harness";
}
