//! What fails and then passes, and what only seems to.

use pinmatrix::model::run::State;
use pinmatrix::model::status::Status;

use crate::facts;
use crate::harness::{Fixture, text};

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
    let said = text(&output.stdout);
    let line = "stable@gadget-2.0.0 flaky test:unsteady fails_twice: flaky: failed 2 of 3 attempts";
    assert!(said.contains(line), "{said}");
    assert!(said.contains("cells: 1 passed, 0 failed, "), "{said}");
    assert!(said.contains("; 5 flaky cases"), "{said}");
}

#[test]
fn a_case_that_fails_more_often_than_it_is_tried_has_failed() {
    let fixture = Fixture::copied("flaky");
    fixture.change("matrix.toml", "retries = 2", "retries = 1");
    let (code, run) = fixture.run(&AT_2);
    assert_eq!(code, 1);
    let ended = run.cells.iter().find_map(|cell| match &cell.state {
        State::Ended { outcome, .. } => Some(outcome),
        State::Pending | State::Skipped { .. } => None,
    });
    let targets = ended.expect("a cell that ran").targets.iter();
    let cases = targets.flat_map(|target| &target.cases);
    let failed: Vec<&str> = cases
        .filter(|case| case.status != Status::Passed)
        .map(|case| case.name.as_str())
        .collect();
    assert_eq!(failed, ["fails_twice"]);
}
