//! What fails and then passes, and what only seems to.

use pinmatrix_core::model::run::Run;

use crate::facts;
use crate::harness::{Fixture, text};
use crate::verdicts::{holds, with_test};

const AT_2: [&str; 2] = ["--cell", "stable@gadget-2.0.0"];

#[test]
fn without_retries_a_flaky_case_has_failed_and_retries_are_part_of_the_key() {
    let fixture = Fixture::copied("flaky");
    fixture.change("matrix.toml", "retries = 2", "retries = 0");
    let (code, run) = fixture.run(&AT_2);
    assert_eq!(code, 1);
    let facts = facts::of(&run);
    let unsteady = |case: &str, status: &str| {
        format!("stable@gadget-2.0.0 flaky test:unsteady {case} {status}")
    };
    assert!(facts.contains(&unsteady("fails_once", "failed(test)")));
    assert!(facts.contains(&unsteady("hangs_once", "failed(timeout)")));
    assert!(facts.contains("stable@gadget-2.0.0 flaky test:program program failed(test)"));
    assert_eq!(run.counts().flaky, 0);

    fixture.change("matrix.toml", "retries = 0", "retries = 2");
    let output = fixture.call(&[&["run"][..], &AT_2].concat());
    assert_eq!(output.status.code(), Some(0));
    let stdout = text(&output.stdout);
    let line = "stable@gadget-2.0.0 flaky test:unsteady fails_twice: flaky: failed 2 of 3 attempts";
    assert!(stdout.contains(line), "{stdout}");
    assert!(stdout.contains("cells: 1 passed, 0 failed, "), "{stdout}");
    assert!(stdout.contains("; 5 flaky cases"), "{stdout}");
}

/// A test that passes at 1.0.0 and fails at 5.0.0, and one that passes there by luck: once.
fn with_luck() -> Fixture {
    let fixture = with_test(
        "#[test] fn steady() { assert_eq!(gadget::ratio(7, 2), 3); }
         #[test] fn lucky() {
            assert_eq!(gadget::ratio(7, 2), 3);
            let seen = std::path::Path::new(env!(\"STATE\")).join(gadget::VERSION);
            std::fs::OpenOptions::new().write(true).create_new(true).open(seen).unwrap(); }",
    );
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"5.0.0\"]");
    fixture.write("../state/key", "");
    let state = fixture.subject().join("../state");
    let state = state.canonicalize().expect("a folder");
    let state = state.display();
    let may =
        format!("\n[env]\nset = {{ STATE = \"{state}\" }}\n[sandbox]\nwrite = [\"{state}\"]\n");
    let config = fixture.read("matrix.toml") + &may;
    fixture.write("matrix.toml", &config);
    fixture
}

#[test]
fn a_pass_that_differs_from_its_neighbour_is_seen_twice() {
    let fixture = with_luck();
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes lucky passed (flaky)",
    );
    let n_seen = |run: &Run| -> Vec<(String, usize)> {
        let targets = run.cells.iter().filter_map(|cell| cell.outcome());
        let cases = targets.flat_map(|outcome| &outcome.targets[1].cases);
        cases.map(|case| (case.name.clone(), case.n_seen)).collect()
    };
    let expected = [("lucky", 1), ("steady", 2), ("lucky", 2), ("steady", 2)];
    assert_eq!(
        n_seen(&run),
        expected.map(|(name, n)| (name.to_owned(), n)),
        "{:#?}",
        facts::of(&run)
    );
    let summary = std::fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert!(summary.contains("1.0.0 passed (flaky) |"), "{summary}");
    assert!(!summary.contains("seen once"), "{summary}");
    // What was found out is kept, and nothing runs again.
    let (_, again) = fixture.run(&[]);
    assert_eq!(again.counts().reused, 2);
    assert_eq!(n_seen(&again), n_seen(&run));
    assert!(again.timeline.is_empty());
}

#[test]
fn a_pass_that_relies_on_other_targets_is_no_luck() {
    let fixture = with_test(
        "#[test] fn finds() {
            assert_eq!(gadget::ratio(7, 2), 3);
            assert!(std::path::Path::new(\"left-behind\").exists()); }",
    );
    fixture.write(
        "tests/before.rs",
        "#[test] fn leaves() { std::fs::write(\"left-behind\", \"\").unwrap(); }",
    );
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"5.0.0\"]");
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    holds(
        &run,
        "stable@gadget-1.0.0 fails-test test:outcomes finds passed",
    );
    let targets = run.cells[0].outcome().expect("it ran").targets.iter();
    let cases = targets.flat_map(|target| &target.cases);
    let seen: Vec<(&str, usize)> = cases.map(|case| (&*case.name, case.n_seen)).collect();
    assert_eq!(seen, [("leaves", 1), ("finds", 2)]);
}

#[test]
fn a_change_that_one_run_showed_says_that_it_was_seen_once() {
    let fixture = with_luck();
    let config = fixture.read("matrix.toml") + "\n[run]\nretries = 0\n";
    fixture.write("matrix.toml", &config);
    fixture.run(&[]);
    let read = |name: &str| std::fs::read_to_string(fixture.out().join(name)).expect("a report");
    let summary = read("summary.md");
    let point = "1.0.0 passed (seen once) | 5.0.0 failed(test) (seen once)";
    assert!(summary.contains(point), "{summary}");
    let n_marks = read("frontier.json")
        .matches("\"is_seen_once\": true")
        .count();
    assert_eq!(n_marks, 2);
}

#[test]
fn a_doc_test_that_fails_and_then_passes_is_flaky() {
    let fixture = with_test("");
    fixture.write(
        "src/lib.rs",
        "/// ```\n/// let seen = std::env::temp_dir().join(\"seen\");\n\
         /// std::fs::create_dir(seen).unwrap_err();\n/// ```\npub fn once() {}\n\
         /// ```\n/// panic!();\n/// ```\npub fn never() {}\n",
    );
    let (_, run) = fixture.run(&[]);
    let doc = "stable@gadget-1.0.0 fails-test doc:fails_test src/lib.rs";
    holds(&run, &format!("{doc} - once (line 1) passed (flaky)"));
    holds(&run, &format!("{doc} - never (line 6) failed(test)"));
}

#[test]
fn a_test_that_hangs_once_within_its_targets_time_is_flaky() {
    let fixture = with_test(
        "#[test] fn a_hangs() {
            let seen = std::path::Path::new(env!(\"CARGO_TARGET_TMPDIR\")).join(\"seen\");
            if std::fs::create_dir(seen).is_ok() {
                std::thread::sleep(std::time::Duration::from_secs(1000)); } }
         #[test] fn b_quick() {}",
    );
    let limits = "\n[timeouts]\ntarget = \"3s\"\n[env]\nset = { RUST_TEST_THREADS = \"1\" }\n";
    let config = fixture.read("matrix.toml") + limits;
    fixture.write("matrix.toml", &config);
    let (code, run) = fixture.run(&[]);
    let outcomes = "stable@gadget-1.0.0 fails-test test:outcomes";
    holds(&run, &format!("{outcomes} a_hangs passed (flaky)"));
    holds(&run, &format!("{outcomes} b_quick passed"));
    assert_eq!(code, 0);
    let stdout = text(&fixture.call(&["run"]).stdout);
    assert!(stdout.contains("(`target` under `[timeouts]`)"), "{stdout}");
}
