//! Two runs held against each other, and a run against the baseline.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Fixture, text};

fn compare(args: &[&Path], flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"))
        .args(["pinmatrix", "compare"])
        .args(args)
        .args(flags)
        .env("NO_COLOR", "1")
        .output()
        .expect("the program starts")
}

/// What it said, which ended so.
fn printed_by(args: &[&Path], flags: &[&str], code: i32) -> String {
    let output = compare(args, flags);
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    printed
}

#[test]
fn what_a_change_of_the_subject_breaks_and_mends_is_reported() {
    let fixture = Fixture::copied("history");
    fixture.run(&["--cell", "stable@gadget-[13].0.0"]);
    let before = fixture.cache().with_extension("before");
    std::fs::rename(fixture.out(), &before).expect("moved");
    fixture.change("app/tests/turning.rs", "gadget::turn(", "gadget::rotate(");
    fixture.run(&["--cell", "stable@gadget-[13].0.0"]);
    let after = fixture.out().join("run.json");

    let words = printed_by(&[&before, &after], &[], 1);
    for line in [
        "app test:turning: passed → failed(compile) E0425",
        "app test:turning: failed(compile) E0425 → passed (at stable@gadget-3.0.0)",
        // On a busy machine one may also be slower.
        "1 broke, 1 fixed",
        "2 cells compared",
        "subject .: no revision (files ",
    ] {
        assert!(words.contains(line), "{line} is not in\n{words}");
    }
    let json = printed_by(&[&before, &after], &["--format", "json"], 1);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["changes"][0]["kind"], "broke");
    assert_eq!(json["changes"][0]["cells"][0], "stable@gadget-1.0.0");
    let markdown = printed_by(&[&before, &after], &["--format", "markdown"], 1);
    assert!(markdown.contains("\n## Broke\n"), "{markdown}");
    assert!(printed_by(&[&after, &after], &[], 0).contains("nothing changed; 2 cells compared"));
}

#[test]
fn runs_that_have_no_cell_in_common_are_inconclusive() {
    let fixture = Fixture::in_place("history");
    fixture.run(&["--cell", "stable@gadget-1.0.0"]);
    let before = fixture.cache().with_extension("before");
    std::fs::rename(fixture.out(), &before).expect("moved");
    fixture.run(&["--cell", "stable@gadget-2.0.0"]);
    let words = printed_by(&[&before, &fixture.out()], &[], 3);
    assert!(words.contains("0 cells compared, 2 not"), "{words}");
}

#[test]
fn a_run_is_compared_with_what_the_baseline_expects() {
    let fixture = Fixture::copied("fails_test");
    let config = fixture.read("matrix.toml") + "\n[run]\nbaseline = \"baseline.json\"\n";
    fixture.write("matrix.toml", &config);
    let config = fixture.subject().join("matrix.toml").display().to_string();
    let with_baseline = ["--baseline", "--config", &config];
    fixture.run(&["--toolchain", "stable"]);
    let out = fixture.out();
    let words = printed_by(&[&out], &with_baseline, 2);
    assert!(words.contains("baseline.json is not there"), "{words}");
    let blessed = fixture.call(&["bless"]);
    assert!(blessed.status.success(), "{}", text(&blessed.stderr));
    assert!(printed_by(&[&out], &with_baseline, 0).contains("nothing changed"));
    fixture.change(
        "baseline.json",
        "\"expect\":\"failed(test)\"",
        "\"expect\":\"passed\"",
    );
    let words = printed_by(&[&out], &with_baseline, 1);
    assert!(words.contains("\nBroke\n"), "{words}");
}

#[test]
fn what_cannot_be_compared_is_a_user_error() {
    let nowhere = Path::new("nowhere");
    for (args, flags, words) in [
        (vec![nowhere], vec![], "which two runs?"),
        (
            vec![nowhere, nowhere],
            vec![],
            "cannot read nowhere/run.json",
        ),
        (vec![nowhere, nowhere], vec!["--baseline"], "here are two"),
    ] {
        let printed = printed_by(&args, &flags, 2);
        assert!(printed.contains(words), "{printed}");
    }
}
