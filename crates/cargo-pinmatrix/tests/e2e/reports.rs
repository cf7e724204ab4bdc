//! JUnit and Markdown say what `run.json` says, and hold as JUnit and Markdown.

use std::path::Path;
use std::process::Command;

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::status::Status;
use pinmatrix_report::sections::flaky::flaky;

use crate::harness::{Fixture, root, text};

/// Holds `junit.xml`, `summary.md` and `report.html` in a results folder against a run.
pub fn agree_with(out: &Path, run: &Run) {
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("a report");
    let (junit, summary, page) = (read("junit.xml"), read("summary.md"), read("report.html"));
    let (mut n_failures, mut n_errors, mut n_skipped) = (0, 0, 0);
    for record in &run.cells {
        assert!(
            junit.contains(&format!("name=\"{}\"", record.id)),
            "{} has no suite",
            record.id
        );
        let (row, pin) = (&record.cell.row, &record.cell.pin);
        let place = format!("aria-label=\"{row}, {} {}: ", pin.family, pin.at);
        assert!(page.contains(&place), "{} has no place", record.id);
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
    let printed = check(&out.join("junit.xml"));
    let counts = format!("{n_failures} failures, {n_errors} errors, {n_skipped} skipped");
    assert!(
        printed.contains(&counts),
        "expected {counts}, and the second parser says {printed}"
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
    let points = pinmatrix_core::analysis::frontier::frontier(run);
    let sides = points.iter().flat_map(|p| [&p.before, &p.after]);
    let n_flaky = sides.filter(|side| side.is_flaky).count();
    let marks = read("frontier.json").matches("\"is_flaky\": true").count();
    assert_eq!(marks, n_flaky);
    assert_eq!(summary.matches("passed (flaky)").count(), n_flaky);
}

/// Has a second parser and a schema judge a JUnit file, and returns what they counted.
pub fn check(junit: &Path) -> String {
    judged("ci/junit/check", junit)
}

/// Has a script of `ci` judge a file, and returns what it said.
fn judged(script: &str, file: &Path) -> String {
    let python = Command::new(root().join("ci/python"))
        .output()
        .expect("ci/python starts");
    assert!(python.status.success(), "{}", text(&python.stderr));
    let output = Command::new(text(&python.stdout).trim())
        .arg(root().join(script))
        .arg(file)
        .output()
        .expect("the script starts");
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

/// A run without its times, and without where it stands.
pub fn without_times(mut value: serde_json::Value) -> serde_json::Value {
    match &mut value {
        serde_json::Value::Object(fields) => {
            fields.retain(|name, _| {
                let times = [
                    "started",
                    "seconds",
                    "cpu_seconds",
                    "start",
                    "waited",
                    "timeline",
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

/// A run of one row in the environment of a CI engine.
fn in_ci(fixture: &Fixture, vars: &[(&str, &Path)], args: &[&str]) -> std::process::Output {
    let mut all = vec!["run", "--toolchain", "stable"];
    all.extend(args);
    let mut command = fixture.command(&all);
    command.envs(vars.iter().copied());
    command.output().expect("the program starts")
}

#[test]
fn github_gets_each_problem_once_and_at_its_line() {
    let fixture = Fixture::in_place("fails_build");
    let summary = fixture.cache().with_extension("md");
    std::fs::write(&summary, "# Of another command\n").expect("written");
    let github = [
        ("GITHUB_ACTIONS", Path::new("true")),
        ("GITHUB_STEP_SUMMARY", summary.as_path()),
    ];
    let output = in_ci(&fixture, &github, &[]);
    let stdout = text(&output.stdout);
    let commands: Vec<&str> = stdout.lines().filter(|l| l.starts_with("::")).collect();
    assert!((1..=10).contains(&commands.len()), "{stdout}");
    let folder = "tests/fixtures/subjects/fails_build/";
    for command in &commands {
        assert!(command.starts_with("::error "), "{command}");
        if let Some((_, place)) = command.split_once("file=") {
            let (file, rest) = place.split_once(",line=").expect("a line");
            let (line, _) = rest.split_once(',').expect("a title");
            assert!(file.starts_with(folder), "{file}");
            let text = std::fs::read_to_string(root().join(file)).expect("a file of the subject");
            let line: usize = line.parse().expect("a number");
            assert!((1..=text.lines().count()).contains(&line), "{file}:{line}");
        }
    }
    assert!(commands.iter().any(|command| command.contains("file=")));
    let of_step = std::fs::read_to_string(&summary).expect("a summary");
    let of_run = std::fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert_eq!(of_step, format!("# Of another command\n{of_run}"));
    assert!(!fixture.out().join("gl-code-quality-report.json").exists());
    let quiet = in_ci(&fixture, &github, &["--ci", "none"]);
    assert!(!text(&quiet.stdout).contains("\n::"));
}

#[test]
fn gitlab_gets_a_code_quality_report_without_being_asked() {
    let fixture = Fixture::in_place("fails_test");
    in_ci(&fixture, &[("GITLAB_CI", Path::new("true"))], &[]);
    let json = std::fs::read_to_string(fixture.out().join("gl-code-quality-report.json"));
    let issues: serde_json::Value = serde_json::from_str(&json.expect("a report")).expect("JSON");
    let issues = issues.as_array().expect("a list");
    assert!(!issues.is_empty());
    let mut prints = std::collections::BTreeSet::new();
    for issue in issues {
        let path = issue["location"]["path"].as_str().expect("a path");
        assert!(root().join(path).is_file(), "{path}");
        assert!(issue["location"]["lines"]["begin"].as_u64() > Some(0));
        assert!(issue["check_name"].is_string() && issue["description"].is_string());
        assert_eq!(issue["severity"], "critical");
        assert!(prints.insert(issue["fingerprint"].as_str().expect("text").to_owned()));
    }
    // Without its variable, the next run leaves none of another engine.
    fixture.run(&["--toolchain", "stable"]);
    assert!(!fixture.out().join("gl-code-quality-report.json").exists());
}

/// `report` with arguments, anywhere.
fn report(args: &[&std::ffi::OsStr]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"))
        .args(["pinmatrix", "report"])
        .args(args)
        .env("NO_COLOR", "1")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITLAB_CI")
        .output()
        .expect("the program starts")
}

#[test]
fn every_report_is_made_again_to_the_byte() {
    let fixture = Fixture::in_place("garbage");
    let ran = fixture.call(&["run", "--toolchain", "stable"]);
    let (out, again) = (fixture.out(), fixture.cache().with_extension("again"));
    let names = ["junit.xml", "summary.md", "frontier.json"];
    let read =
        |folder: &Path| names.map(|name| std::fs::read(folder.join(name)).expect("a report"));
    let written = read(&out);
    let made = report(&[out.as_ref(), "--out".as_ref(), again.as_ref()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(read(&again), written);
    // In place, from the file, with all reports gone.
    for name in names {
        std::fs::remove_file(out.join(name)).expect("removed");
    }
    let made = report(&[out.join("run.json").as_ref()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(read(&out), written);
    let page = report(&[out.as_ref(), "--format".as_ref(), "text".as_ref()]);
    assert_eq!(text(&page.stdout), text(&ran.stdout));
    let frontier = report(&[out.as_ref(), "--format".as_ref(), "frontier".as_ref()]);
    assert_eq!(frontier.stdout, written[2]);
}

#[test]
fn what_is_no_run_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (folder, cut) = (folder.path(), folder.path().join("run.json"));
    let whole = std::fs::read_to_string(root().join("fuzz/corpus/run_json/flaky")).expect("a run");
    let refused = |args: &[&std::ffi::OsStr]| {
        let output = report(args);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(std::fs::read_dir(folder).expect("a listing").count(), 1);
        text(&output.stderr)
    };
    std::fs::write(&cut, &whole[..whole.len() / 2]).expect("written");
    assert!(refused(&[folder.as_ref()]).contains("run.json is cut off"));
    std::fs::write(&cut, [0xff, 0xfe]).expect("written");
    assert!(refused(&[folder.as_ref()]).contains("run.json"));
    std::fs::rename(&cut, folder.join("monday.json")).expect("renamed");
    let monday = folder.join("monday.json");
    assert!(refused(&[folder.as_ref()]).contains("run the matrix first"));
    std::fs::write(&monday, &whole).expect("written");
    assert!(refused(&[monday.as_ref()]).contains("--out"));
}

#[test]
fn sarif_is_valid_by_the_published_schema() {
    for run in ["fails_build", "fails_test", "garbage", "flaky"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (json, sarif) = (
            folder.path().join("run.json"),
            folder.path().join("it.sarif"),
        );
        std::fs::copy(root().join("fuzz/corpus/run_json").join(run), &json).expect("copied");
        let made = report(&[json.as_ref(), "--format".as_ref(), "sarif".as_ref()]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        std::fs::write(&sarif, &made.stdout).expect("written");
        let printed = judged("ci/sarif/check", &sarif);
        assert!(
            printed.ends_with(" results\n") && !printed.contains(" 0 results"),
            "{printed}"
        );
    }
}
