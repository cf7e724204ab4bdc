//! What stands in the way and is not the pin's doing: drift of packages, and of the compiler.

use std::fs;

use pinmatrix_core::model::run::Run;

use crate::facts;
use crate::harness::{Fixture, text};

fn holds(run: &Run, fact: &str) {
    let facts = facts::of(run);
    assert!(
        facts.iter().any(|f| f.starts_with(fact)),
        "{fact} is not in\n{facts:#?}"
    );
}

fn add(fixture: &Fixture, path: &str, more: &str) {
    let text = fixture.read(path) + more;
    fs::write(fixture.subject().join(path), text).expect("written");
}

#[test]
fn drift_is_called_so_everywhere_and_makes_no_change_point() {
    let fixture = Fixture::in_place("drift_build");
    let output = fixture.call(&["run", "--full"]);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("✘ drift"), "{stdout}");
    assert!(stdout.contains("(1 through drift)"), "{stdout}");
    let read = |name: &str| fs::read_to_string(fixture.out().join(name)).expect("a report");
    let summary = read("summary.md");
    assert!(summary.contains("| stable | ✘ drift |"), "{summary}");
    assert!(
        summary.contains("That says nothing about the pin."),
        "{summary}"
    );
    assert!(
        read("junit.xml").contains("<error type=\"drift\" message=\"brittle-1.0.0/src/lib.rs:4: ")
    );
    let points = read("frontier.json");
    assert!(!points.contains("\"class\": \"drift\""), "{points}");
    assert!(points.contains("\"name\": \"by_pin\""), "{points}");
    assert!(!points.contains("\"name\": \"by_code\""), "{points}");
}

#[test]
fn a_committed_lock_that_is_too_new_has_drifted() {
    let fixture = Fixture::copied("drift");
    let locks = fixture.subject().join("locks");
    fs::create_dir(&locks).expect("a folder");
    let lock = locks.join("old@gadget-1.0.0.lock");
    fs::copy(fixture.subject().join("Cargo.lock"), lock).expect("copied");
    add(&fixture, "matrix.toml", "\n[run]\nlocks = \"locks\"\n");
    let (code, run) = fixture.run(&["--toolchain", "old", "--locked"]);
    assert_eq!(code, 1);
    holds(
        &run,
        "old@gadget-1.0.0 - failed(drift) archive 0.5.1 needs rustc 1.85.0 for its edition (through \
         relay 0.1.26 ← gadget 1.0.0",
    );
    holds(&run, "old@gadget-1.0.0 - failed(drift) tempo 0.2.1");
}

#[test]
fn what_an_old_cargo_cannot_even_read_has_drifted() {
    let fixture = Fixture::copied("drift_lock");
    // It is in the lock, off, and fetched all the same.
    let optional = "archive = { version = \"0.5\", optional = true }";
    fixture.change("Cargo.toml", "modern = \"1.0.0\"", optional);
    fs::write(fixture.subject().join("tests/turning.rs"), "").expect("written");
    let (_, run) = fixture.run(&["--full"]);
    holds(
        &run,
        "old@gadget-1.0.0 - failed(drift) archive 0.5.1 cannot be read by cargo 1.78",
    );
    holds(&run, "stable@gadget-1.0.0 drift_lock test:turning passed");
}

#[test]
fn capped_lints_stop_nothing_and_are_part_of_the_key() {
    let fixture = Fixture::copied("fails_build");
    let lint = "stable@gadget-1.0.0 targets test:lint";
    let (_, run) = fixture.run(&[]);
    holds(&run, &format!("{lint} failed(lint) unused_variables"));
    add(&fixture, "matrix.toml", "\n[build]\ncap-lints = \"warn\"\n");
    let (_, run) = fixture.run(&[]);
    holds(&run, &format!("{lint} has_an_unused_variable passed"));
    holds(
        &run,
        "stable@gadget-1.0.0 targets test:type_error failed(compile)",
    );
}

#[test]
fn capped_lints_would_hide_rustflags_of_a_cargo_config() {
    let fixture = Fixture::copied("fails_build");
    add(&fixture, "matrix.toml", "\n[build]\ncap-lints = \"warn\"\n");
    add(
        &fixture,
        ".cargo/config.toml",
        "\n[build]\nrustflags = [\"--cfg=mine\"]\n",
    );
    let output = fixture.call(&["run"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("`cap-lints` would hide the rustflags of .cargo/config.toml"),
        "{stderr}"
    );
}
