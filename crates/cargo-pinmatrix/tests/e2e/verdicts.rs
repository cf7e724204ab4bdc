//! Verdicts that are easily wrong: each subject is a fixture with one thing changed.

use std::fs;

use pinmatrix_core::model::run::Run;

use crate::facts;
use crate::harness::{Fixture, text};

/// Holds that a run shows a fact, by its first words.
pub fn holds(run: &Run, fact: &str) {
    let facts = facts::of(run);
    assert!(
        facts.iter().any(|f| f.starts_with(fact)),
        "{fact} is not in\n{facts:#?}"
    );
}

/// `fails_test` with nothing but one passing test, whose code is `body`.
pub fn with_test(body: &str) -> Fixture {
    let fixture = Fixture::copied("fails_test");
    fixture.write("src/lib.rs", "");
    fixture.write("tests/outcomes.rs", body);
    fixture
}

#[test]
fn an_edition_that_the_toolchain_cannot_read_is_msrv() {
    let fixture = with_test("");
    fixture.change(
        "Cargo.toml",
        "edition = \"2021\"\nrust-version = \"1.63\"",
        "edition = \"2024\"",
    );
    let row = "[[toolchain]]\nlabel = \"old\"\nrustup = \"debian-1.78\"\n\n[[toolchain]]";
    let config = fixture
        .read("matrix.toml")
        .replacen("[[toolchain]]", row, 1);
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&["--toolchain", "old"]);
    holds(
        &run,
        "old@gadget-1.0.0 - failed(msrv) fails-test 0.1.0 needs rustc 1.85.0 for its edition",
    );
}

#[test]
fn a_family_crate_that_nothing_builds_here_is_reported_and_fails_no_other() {
    let optional = "gadget-io = { version = \"1.0.0\", optional = true }";
    let windows = "[target.'cfg(windows)'.dependencies]\ngadget-io = \"1.0.0\"";
    for (requirement, why) in [
        (
            optional,
            "it is optional in `fails-test`, where no feature that is on by itself asks for it",
        ),
        (windows, "`fails-test` requires it for `cfg(windows)` only"),
    ] {
        let fixture = with_test("#[test] fn passes() {}");
        let manifest = fixture.read("Cargo.toml");
        let own = manifest.replace(
            "gadget = \"1.0.0\"",
            &format!("gadget = \"1.0.0\"\n{requirement}"),
        );
        assert_ne!(own, manifest);
        fixture.write("Cargo.toml", &own);
        fixture.change("matrix.toml", "[\"gadget\"]", "[\"gadget\", \"gadget-io\"]");
        let output = fixture.call(&["plan"]);
        let stderr = text(&output.stderr);
        assert!(
            stderr.contains("`gadget-io` may be in no cell: ") && stderr.contains(why),
            "{stderr}"
        );
        let (code, run) = fixture.run(&[]);
        holds(
            &run,
            "stable@gadget-1.0.0 fails-test test:outcomes passes passed",
        );
        assert_eq!(code, 0);
    }
}

#[test]
fn a_patch_does_not_stand_in_for_the_pin() {
    let fixture = with_test("#[test] fn passes() { assert_eq!(gadget::turn(1), 2); }");
    fixture.write(
        "fork/Cargo.toml",
        "[package]\nname = \"gadget\"\nversion = \"1.0.0\"\n",
    );
    fixture.write("fork/src/lib.rs", "pub fn turn(_: u32) -> u32 { 0 }");
    let config = fixture.read(".cargo/config.toml");
    let patch = "\n[patch.crates-io]\ngadget = { path = \"fork\" }\n";
    fixture.write(".cargo/config.toml", &(config + patch));
    let (code, run) = fixture.run(&[]);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes passes passed",
    );
    assert_eq!(code, 0);
}

#[test]
fn an_unknown_profile_is_a_user_error_and_not_thirteen_failures() {
    let fixture = Fixture::copied("fails_test");
    let config = fixture.read("matrix.toml") + "\n[build]\nprofile = \"fastest\"\n";
    fixture.write("matrix.toml", &config);
    let output = fixture.call(&["run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no profile `fastest`"));
}

#[test]
fn a_crash_is_not_blamed_on_whoever_happens_to_run() {
    let fixture = with_test(
        "#[test] fn a_guilty() { std::thread::spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(500)); std::process::abort() }); }
         #[test] fn b_innocent() { std::thread::sleep(std::time::Duration::from_secs(1)); }",
    );
    let (_, run) = fixture.run(&[]);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes failed(crash) the process ended with 1",
    );
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes b_innocent passed",
    );
}

#[test]
fn tests_that_their_target_had_no_time_for_are_not_judged() {
    let fixture = with_test(
        "#[test] fn a_slow() { std::thread::sleep(std::time::Duration::from_secs(1000)); }
         #[test] fn b_quick() {}",
    );
    let limits = "\n[timeouts]\ntarget = \"2s\"\n[env]\nset = { RUST_TEST_THREADS = \"1\" }\n";
    let config = fixture.read("matrix.toml") + limits;
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&[]);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes failed(timeout)",
    );
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes b_quick skipped(not reached)",
    );
}

#[test]
fn a_binary_that_another_pin_left_is_not_found() {
    let fixture = with_test("");
    // A unit test is no integration test: cargo builds no binary for it, and it finds what is there.
    fixture.write(
        "src/lib.rs",
        "#[test] fn finds() {
            let own = std::env::current_exe().unwrap();
            let folder = own.parent().unwrap().parent().unwrap();
            assert!(folder.join(\"fails-test\").exists(), \"none\"); }",
    );
    fixture.write("src/main.rs", "fn main() { gadget::turn(1); }");
    // The second `1.0.0` finds all of the first fresh.
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"3.0.0\"]");
    for _ in 0..2 {
        let (_, run) = fixture.run(&["--fresh"]);
        let finds = |pin: &str, status: &str| {
            let case = "fails-test lib:fails_test finds";
            holds(&run, &format!("stable@gadget-{pin} {case} {status}"));
        };
        finds("1.0.0", "passed");
        finds("3.0.0", "failed(test)");
    }
}

#[test]
fn an_example_that_another_pin_left_is_not_found() {
    let fixture = with_test(
        "#[test] fn finds() {
            let own = std::env::current_exe().unwrap();
            let folder = own.parent().unwrap().parent().unwrap();
            assert!(folder.join(\"examples/turns\").exists(), \"none\"); }",
    );
    fixture.write("examples/turns.rs", "fn main() { gadget::turn(1); }");
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"3.0.0\"]");
    let (_, run) = fixture.run(&[]);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes finds passed",
    );
    holds(
        &run,
        "stable@gadget-3.0.0 fails-test test:outcomes finds failed(test)",
    );
}

#[test]
fn a_subject_without_tests_has_not_passed() {
    let fixture = with_test("");
    fs::remove_file(fixture.subject().join("tests/outcomes.rs")).expect("removed");
    fixture.change(
        "Cargo.toml",
        "[dependencies]",
        "[lib]\ntest = false\ndoctest = false\n[dependencies]",
    );
    let (code, run) = fixture.run(&[]);
    assert_eq!(
        run.cells[0].status().to_string(),
        "skipped(nothing to test)"
    );
    assert_eq!(code, 3);
}

#[test]
fn what_one_pin_leaves_in_its_folders_does_not_reach_the_next() {
    let fixture = with_test(
        "#[test] fn passes() {
            let tmp = std::path::Path::new(env!(\"CARGO_TARGET_TMPDIR\"));
            std::fs::create_dir(tmp.join(\"mine\")).unwrap();
            std::fs::create_dir(\"mine\").unwrap(); }",
    );
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"2.0.0\"]");
    // The second time all is fresh, and cargo makes no folder.
    for _ in 0..2 {
        let (code, run) = fixture.run(&["--fresh"]);
        assert_eq!(code, 0, "{:#?}", facts::of(&run));
    }
}

#[test]
fn the_frontier_is_found_with_a_part_of_the_cells_and_the_rest_is_inferred() {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml");
    // From 3.0.0 on one target does not build, and nothing mends it before 4.0.0.
    let ladder = config
        .lines()
        .find(|l| l.starts_with("pins"))
        .expect("a ladder")
        .to_owned();
    let config = config.replace(
        &ladder,
        "pins = [\"1.0.0\", \"1.1.0\", \"2.0.0\", \"3.0.0\"]",
    );
    fixture.write(
        "matrix.toml",
        &(config + "\n[run]\nstrategy = \"frontier\"\nprobes = 0\n"),
    );
    let row = ["--toolchain", "stable"];
    let (code, run) = fixture.run(&row);
    let cases: Vec<String> = run
        .cells
        .iter()
        .take(4)
        .map(|c| format!("{} {}", c.cell.pin.at, c.status()))
        .collect();
    assert_eq!(
        cases,
        [
            "1.0.0 passed",
            "1.1.0 skipped(inferred)",
            "2.0.0 passed",
            "3.0.0 failed(compile)"
        ]
    );
    assert_eq!(code, 1);
    let points = pinmatrix_core::analysis::frontier::frontier(&run);
    assert!(points.iter().all(|p| p.is_exact()), "{points:#?}");
    // What was inferred is not called passed anywhere.
    let summary = fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert!(
        summary.contains("| stable | ✔ | ≈ | ✔ | ✘ 1/8 |"),
        "{summary}"
    );
    let junit = fs::read_to_string(fixture.out().join("junit.xml")).expect("JUnit");
    assert!(junit.contains("message=\"inferred\""), "{junit}");
    // And the full run settles it.
    let (_, full) = fixture.run(&[&row[..], &["--full"]].concat());
    assert_eq!(full.cells[1].status().to_string(), "passed");
}
