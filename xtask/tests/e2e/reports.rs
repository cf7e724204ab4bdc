//! JUnit and Markdown say what `run.json` says, and hold as JUnit and Markdown.

use std::path::Path;
use std::process::Command;

use pinmatrix::model::run::Run;
use pinmatrix::model::status::Status;
use pinmatrix::report::flaky::flaky;

use crate::harness::{Fixture, root, text};

/// Holds `junit.xml` and `summary.md` in a results folder against a run.
pub fn agree_with(out: &Path, run: &Run) {
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("a report");
    let (junit, summary) = (read("junit.xml"), read("summary.md"));
    let (mut n_failures, mut n_errors, mut n_skipped) = (0, 0, 0);
    for record in &run.cells {
        assert!(
            junit.contains(&format!("name=\"{}\"", record.id)),
            "{} has no suite",
            record.id
        );
        let Some(outcome) = record.outcome() else {
            n_skipped += 1;
            continue;
        };
        let is_named = summary.contains(&format!("### {}: ", record.id));
        assert_eq!(
            is_named,
            !matches!(outcome.status, Status::Passed),
            "{}",
            record.id
        );
        n_errors += usize::from(!outcome.errors.is_empty());
        for target in &outcome.targets {
            n_errors += usize::from(!target.errors.is_empty());
            n_skipped += usize::from(
                target.cases.is_empty() && matches!(target.status, Status::Skipped { .. }),
            );
            for case in &target.cases {
                match (&case.status, &case.output) {
                    (Status::Failed { .. }, Some(_)) => n_failures += 1,
                    (Status::Failed { .. } | Status::Inconclusive { .. }, _) => n_errors += 1,
                    (Status::Skipped { .. }, _) => n_skipped += 1,
                    (Status::Passed, _) => {}
                }
            }
        }
    }
    agree_on_flaky(&read, run);
    let said = check(&out.join("junit.xml"));
    let counts = format!("{n_failures} failures, {n_errors} errors, {n_skipped} skipped");
    assert!(
        said.contains(&counts),
        "expected {counts}, and the second parser says {said}"
    );
}

/// A flaky case stands in every format, and nowhere is a case called so that is not.
fn agree_on_flaky(read: &dyn Fn(&str) -> String, run: &Run) {
    let cases = flaky(run);
    let (junit, summary) = (read("junit.xml"), read("summary.md"));
    assert_eq!(junit.matches("[flaky: failed ").count(), cases.len());
    assert_eq!(summary.contains("## Flaky"), !cases.is_empty());
    assert_eq!(summary.matches(": flaky: failed ").count(), cases.len());
    let counted = run.counts().flaky;
    assert_eq!(counted, cases.len());
    if counted > 1 {
        assert!(summary.contains(&format!("; {counted} flaky cases")));
    }
    let points = pinmatrix::frontier::frontier(run);
    let sides = points.iter().flat_map(|p| [&p.before, &p.after]);
    let n_flaky = sides.filter(|side| side.is_flaky).count();
    let marks = read("frontier.json").matches("\"is_flaky\": true").count();
    assert_eq!(marks, n_flaky);
    assert_eq!(summary.matches("passed (flaky)").count(), n_flaky);
}

/// Has a second parser and a schema judge a JUnit file, and returns what they counted.
pub fn check(junit: &Path) -> String {
    let python = Command::new(root().join("ci/python"))
        .output()
        .expect("ci/python starts");
    assert!(python.status.success(), "{}", text(&python.stderr));
    let output = Command::new(text(&python.stdout).trim())
        .arg(root().join("ci/junit/check"))
        .arg(junit)
        .output()
        .expect("ci/junit/check starts");
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[test]
fn two_runs_differ_in_nothing_but_times() {
    let of = |fixture: &Fixture| {
        let (_, run) = fixture.run(&["--toolchain", "stable"]);
        without_times(serde_json::to_value(run).expect("JSON"))
    };
    let (one, other) = (
        Fixture::in_place("fails_test"),
        Fixture::in_place("fails_test"),
    );
    assert_eq!(of(&one), of(&other));
}

fn without_times(mut value: serde_json::Value) -> serde_json::Value {
    match &mut value {
        serde_json::Value::Object(fields) => {
            fields.retain(|name, _| {
                let times = [
                    "started",
                    "seconds",
                    "cpu_seconds",
                    "start",
                    "waited",
                    "out",
                ];
                !times.contains(&name.as_str())
            });
            for field in fields.values_mut() {
                *field = without_times(field.take());
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                *item = without_times(item.take());
            }
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
    value
}
