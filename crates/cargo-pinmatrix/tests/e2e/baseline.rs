//! A run judged against what was blessed, and cells that are left out for a reason.

use crate::harness::{Fixture, text};

/// The history on stable, at versions that pass, do not build, and fail a test.
fn with_baseline() -> Fixture {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml");
    let config = config.replace(
        "\"1.1.0\", \"2.0.0\", \"3.0.0\", \"4.0.0\", \"5.0.0\", \"6.0.0\", \"7.0.0\"",
        "\"3.0.0\", \"5.0.0\"",
    );
    fixture.write(
        "matrix.toml",
        &(config + "\n[run]\nbaseline = \"baseline.json\"\nstrategy = \"full\"\n"),
    );
    fixture
}

const STABLE: [&str; 3] = ["run", "--toolchain", "stable"];

fn printed_by(fixture: &Fixture, args: &[&str], code: i32) -> String {
    let output = fixture.call(args);
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    printed
}

#[test]
fn a_run_is_judged_against_what_was_blessed() {
    let fixture = with_baseline();
    // Nothing is expected yet, so the cells speak for themselves.
    let words = printed_by(&fixture, &STABLE, 1);
    assert!(
        words.contains("is not there, so nothing is expected"),
        "{words}"
    );
    fixture.run(&["--pin", "1.0.0"]);
    assert!(printed_by(&fixture, &["bless"], 2).contains("tells nothing that could be expected"));
    fixture.run(&[]);
    let words = printed_by(&fixture, &["bless"], 0);
    assert!(words.contains("expectations,"), "{words}");
    let baseline = fixture.read("baseline.json");
    assert!(
        baseline.contains(
            r#"{"row":"stable","family":"gadget","target":"app test:turning","after":"1.0.0","from":"3.0.0","expect":"failed(compile) E0425"},"#
        ),
        "{baseline}"
    );

    // As expected, though cells fail; and JUnit tells what is known from what is new.
    let words = printed_by(&fixture, &STABLE, 0);
    assert!(words.contains("verdict: as expected"), "{words}");
    let xml = std::fs::read_to_string(fixture.out().join("junit.xml")).expect("JUnit");
    assert!(
        xml.contains("known to fail: failed(compile): E0425"),
        "{xml}"
    );
    assert!(
        !xml.contains("<error") && !xml.contains("<failure"),
        "{xml}"
    );

    // Something breaks, and something is mended.
    let ratio = fixture.read("app/tests/ratio.rs");
    fixture.write(
        "app/tests/ratio.rs",
        &ratio.replace("(6, 2), 3", "(6, 2), 4"),
    );
    let turning = fixture.read("app/tests/turning.rs");
    fixture.write(
        "app/tests/turning.rs",
        "#[test]\nfn a_turn_adds_one() {}\n#[test]\nfn a_turn_follows_a_read() {}\n",
    );
    let words = printed_by(&fixture, &STABLE, 1);
    for part in [
        "✘ app test:ratio even_ratio_is_exact: failed(test) at gadget 1.0.0, 3.0.0, 5.0.0 on stable",
        "  regressed: expected passed\n",
        "fixed: stable@gadget-3.0.0 app test:turning: expected failed(compile) E0425, found passed",
        "verdict: regressed",
    ] {
        assert!(words.contains(part), "{part} is not in\n{words}");
    }
    let xml = std::fs::read_to_string(fixture.out().join("junit.xml")).expect("JUnit");
    assert!(
        xml.contains("type=\"fixed\"") && xml.contains("<failure type=\"test\""),
        "{xml}"
    );

    // Only mended is a failure of the run as well, until it is blessed.
    fixture.write("app/tests/ratio.rs", &ratio);
    assert!(printed_by(&fixture, &STABLE, 1).contains("verdict: fixed"));
    printed_by(
        &fixture,
        &["run", "--toolchain", "stable", "--no-baseline"],
        1,
    );
    fixture.run(&[]);
    assert!(printed_by(&fixture, &["bless"], 0).contains("gone"));
    assert!(printed_by(&fixture, &STABLE, 0).contains("verdict: as expected"));

    // A test that vanishes is missed.
    fixture.write("app/tests/turning.rs", &turning);
    std::fs::remove_file(fixture.subject().join("app/tests/banner.rs")).expect("removed");
    let words = printed_by(&fixture, &STABLE, 1);
    assert!(
        words.contains("gone: stable@gadget-1.0.0 app test:banner"),
        "{words}"
    );
}

#[test]
fn a_baseline_for_something_else_is_refused_and_kept() {
    let fixture = with_baseline();
    fixture.run(&[]);
    printed_by(&fixture, &["bless"], 0);
    let baseline = fixture.read("baseline.json");
    let refused = |words: &str| {
        let before = fixture.read("baseline.json");
        let printed = printed_by(&fixture, &STABLE, 2);
        assert!(printed.contains(words), "{printed}");
        assert_eq!(fixture.read("baseline.json"), before);
    };
    fixture.write(
        "baseline.json",
        &baseline.replace("\"schema\": 1", "\"schema\": 7"),
    );
    refused("has schema 7, and this version reads 1");
    assert!(printed_by(&fixture, &["bless"], 2).contains("has schema 7"));
    fixture.write("baseline.json", "{");
    refused("is not a valid baseline");
    fixture.write("baseline.json", &baseline);
    fixture.change("matrix.toml", "\"3.0.0\"", "\"2.0.0\", \"3.0.0\"");
    refused("is for another ladder: of gadget it has 3.0.0, and the matrix 2.0.0");
    fixture.change("matrix.toml", "baseline = \"baseline.json\"\n", "");
    assert!(printed_by(&fixture, &["bless"], 2).contains("names no baseline"));
}

#[test]
fn cells_are_excluded_with_a_reason_and_taken_back_in() {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml");
    let rules = "\n[[exclude]]\ntoolchain = \"old\"\nreason = \"nobody builds on it\"\n\n\
                 [[include]]\ntoolchain = \"old\"\npins = \"=5.0.0\"\n\n\
                 [[exclude]]\npins = \">=6\"\nreason = \"not yet\"\n";
    fixture.write("matrix.toml", &(config.clone() + rules));
    let plan = printed_by(&fixture, &["plan", "--full"], 0);
    for part in [
        "old@gadget-1.0.0     skip: excluded: nobody builds on it",
        "stable@gadget-6.0.0  skip: excluded: not yet",
        "old@gadget-5.0.0     run, ",
    ] {
        assert!(plan.contains(part), "{part} is not in\n{plan}");
    }
    for (rule, words) in [
        ("[[exclude]]\npins = \">=6\"\n", "missing field `reason`"),
        (
            "[[exclude]]\nreason = \"x\"\n",
            "every cell of the matrix is meant",
        ),
        (
            "[[exclude]]\ntoolchain = \"stabel\"\nreason = \"x\"\n",
            "did you mean `stable`?",
        ),
        (
            "[[exclude]]\ntoolchian = \"old\"\nreason = \"x\"\n",
            "unknown field",
        ),
        (
            "[[exclude]]\npins = \"new\"\nreason = \"x\"\n",
            "is not a valid range of versions",
        ),
        ("[[include]]\n", "every cell of the matrix is meant"),
    ] {
        fixture.write("matrix.toml", &format!("{config}\n{rule}"));
        let printed = printed_by(&fixture, &["plan"], 2);
        assert!(
            printed.contains(words) && printed.contains("matrix.toml"),
            "{printed}"
        );
    }
}
