//! What the subject is on today, which everything else is held against.

use pinmatrix_core::model::run::Run;

use crate::harness::{Fixture, text};
use crate::verdicts::with_test;

/// A test of its own for each way in which something can go; the lock holds gadget 1.0.0.
fn with_pins(pins: &str, body: &str) -> Fixture {
    let fixture = with_test(body);
    fixture.change("matrix.toml", "[\"1.0.0\"]", pins);
    fixture
}

const BREAKS: &str = "#[test] fn breaks() { assert_eq!(gadget::ratio(7, 2), 3); }";
const MENDS: &str = "#[test] fn mends() { assert_ne!(gadget::ratio(7, 2), 3); }";
const FAILS: &str = "#[test] fn fails() { panic!(); }";
const PASSES: &str = "#[test] fn passes() {}";

fn ran(run: &Run) -> Vec<&str> {
    let ended = run.cells.iter().filter(|cell| cell.outcome().is_some());
    ended.map(|cell| cell.id.as_str()).collect()
}

#[test]
fn what_the_lock_holds_is_a_pin_unless_configured_otherwise() {
    let fixture = with_pins("[\"3.0.0\", \"5.0.0\"]", &[PASSES, BREAKS].concat());
    let (now, third, fifth) = (
        "stable@gadget-1.0.0",
        "stable@gadget-3.0.0",
        "stable@gadget-5.0.0",
    );
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!((code, ran(&run)), (1, vec![now, third, fifth]));
    let (_, run) = fixture.run(&["--pin", "5.0.0"]);
    assert_eq!(ran(&run), [now, fifth]);
    let (_, run) = fixture.run(&["--cell", fifth]);
    assert_eq!(ran(&run), [fifth]);

    let output = fixture.call(&["run", "--full", "--no-today"]);
    let stdout = text(&output.stdout);
    assert!(
        stdout.contains("Your lock holds gadget 1.0.0, which is not a pin of this ladder."),
        "{stdout}"
    );
    assert!(!stdout.contains(now), "{stdout}");
    let config = fixture.read("matrix.toml") + "\n[run]\ntoday = false\n";
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&["--full"]);
    assert_eq!(ran(&run), [third, fifth]);
}

#[test]
fn what_fails_today_and_at_a_pin_alike_is_no_failure_of_the_pin() {
    let pins = "[\"1.0.0\", \"5.0.0\"]";
    for (body, expected) in [
        ([PASSES, FAILS].concat(), 0),
        ([PASSES, MENDS].concat(), 0),
        ([PASSES, BREAKS].concat(), 1),
    ] {
        let (code, _) = with_pins(pins, &body).run(&[]);
        assert_eq!(code, expected, "{body}");
    }
    // Where it is held against nothing, what fails has failed.
    let (code, _) = with_pins("[\"1.0.0\"]", &[PASSES, FAILS].concat()).run(&[]);
    assert_eq!(code, 1);
}

#[test]
fn a_row_that_the_baseline_does_not_know_is_held_against_today() {
    for (body, expected) in [(BREAKS, 1), (PASSES, 0)] {
        let fixture = with_pins("[\"1.0.0\", \"5.0.0\"]", body);
        let config = fixture.read("matrix.toml") + "\n[run]\nbaseline = \"baseline.json\"\n";
        fixture.write("matrix.toml", &config);
        fixture.run(&[]);
        assert_eq!(fixture.call(&["bless"]).status.code(), Some(0));
        let (code, _) = fixture.run(&[]);
        assert_eq!(code, 0);
        fixture.change("matrix.toml", "label = \"stable\"", "label = \"renamed\"");
        let output = fixture.call(&["run"]);
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(expected), "{stdout}");
        let sentence =
            "gadget on renamed is not in the baseline and judged without it: `bless` adds it";
        let word = if expected == 0 {
            "as expected"
        } else {
            "regressed"
        };
        assert!(stdout.contains(&format!("verdict: {word} (")), "{stdout}");
        assert!(stdout.replace('\n', " ").contains(sentence), "{stdout}");
    }
}

#[test]
fn a_baseline_holds_whatever_the_subject_is_on() {
    let fixture = with_pins("[\"3.0.0\", \"5.0.0\"]", &[PASSES, BREAKS].concat());
    let config = fixture.read("matrix.toml") + "\n[run]\nbaseline = \"baseline.json\"\n";
    fixture.write("matrix.toml", &config);
    fixture.run(&["--full"]);
    let output = fixture.call(&["bless"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let baseline = fixture.read("baseline.json");
    assert!(
        baseline.contains("\"ladders\": {\"gadget\":[\"3.0.0\",\"5.0.0\"]}"),
        "{baseline}"
    );
    assert_eq!(fixture.run(&["--full"]).0, 0);
    // The subject moves on, and the baseline stays.
    std::fs::remove_file(fixture.subject().join("Cargo.lock")).expect("a lock");
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!((code, run.cells.len()), (0, 3));
}

#[test]
fn without_a_lock_it_is_the_newest_that_all_requirements_take() {
    let fixture = with_pins("[\"3.0.0\", \"5.0.0\"]", PASSES);
    std::fs::remove_file(fixture.subject().join("Cargo.lock")).expect("a lock");
    let (code, run) = fixture.run(&["--full"]);
    let expected = ["1.1.0", "3.0.0", "5.0.0"].map(|pin| format!("stable@gadget-{pin}"));
    assert_eq!(
        (code, ran(&run)),
        (0, expected.iter().map(String::as_str).collect())
    );
    let output = fixture.call(&["run", "--full", "--no-today"]);
    let stdout = text(&output.stdout);
    let sentence = "Without a lock, you are on gadget 1.1.0, which is not a pin of this ladder.";
    assert!(stdout.contains(sentence), "{stdout}");
    // What a fresh lock holds then rests on more than the family.
    fixture.change("Cargo.toml", "resolver = \"2\"", "resolver = \"3\"");
    let (_, run) = fixture.run(&["--full"]);
    assert_eq!(run.cells.len(), 2);
}

#[test]
fn what_is_a_pin_only_today_needs_no_committed_lock() {
    let fixture = with_pins("[\"3.0.0\"]", PASSES);
    fixture.run(&["--full"]);
    std::fs::create_dir(fixture.subject().join("locks")).expect("a folder");
    let lock = "stable@gadget-3.0.0.lock";
    let committed = fixture.subject().join("locks").join(lock);
    std::fs::copy(fixture.out().join("locks").join(lock), committed).expect("copied");
    let config = fixture.read("matrix.toml") + "\n[run]\nlocks = \"locks\"\n";
    fixture.write("matrix.toml", &config);
    let (code, run) = fixture.run(&["--full", "--locked"]);
    let expected = vec!["stable@gadget-1.0.0", "stable@gadget-3.0.0"];
    assert_eq!((code, ran(&run)), (0, expected));
}

#[test]
fn an_adjusted_dependency_keeps_its_version_and_a_family_crate_its_pin() {
    let fixture = with_pins("[\"1.0.0\", \"3.0.0\"]", PASSES);
    let adjust = "\n[[adjust]]\npins = \">=3\"\ndependencies = { gadget = { version = \"1\", optional = false } }\n";
    let config = fixture.read("matrix.toml") + adjust;
    fixture.write("matrix.toml", &config);
    let (code, run) = fixture.run(&["--full"]);
    let expected = vec!["stable@gadget-1.0.0", "stable@gadget-3.0.0"];
    assert_eq!((code, ran(&run)), (0, expected));
}
