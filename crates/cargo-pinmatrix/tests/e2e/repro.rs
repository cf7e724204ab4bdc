//! A cell in the open, and the script that does it with cargo alone: both show what the run showed.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::status::Status;

use crate::harness::{Fixture, text};
use crate::verdicts::with_test;

/// What a cell shows that plain cargo shows too: each case by its target, and each target that does
/// not build.
fn of_run(run: &Run, cell: &str) -> BTreeSet<String> {
    let mut records = run.cells.iter();
    let record = records.find(|record| record.id.as_str() == cell);
    let outcome: &Outcome = record.and_then(|r| r.outcome()).expect("an outcome");
    let mut facts = BTreeSet::new();
    for target in &outcome.targets {
        if !target.errors.is_empty() {
            facts.insert(format!("{} does not build", target.id));
        }
        for case in &target.cases {
            let shown = match case.status {
                Status::Passed => "ok",
                Status::Failed { .. } => "FAILED",
                Status::Skipped { .. } => "ignored",
                Status::Inconclusive { .. } => "in doubt",
            };
            facts.insert(format!("{} {} {shown}", target.id, case.name));
        }
    }
    facts
}

/// The same, from what a shell and its cargos say: the commands as `start` marks them, and libtest's
/// lines after each.
fn of_cargo(run: &Run, output: &str, start: &str) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let mut target = None;
    for line in output.lines() {
        if let Some(command) = line.strip_prefix(start) {
            target = target_of(run, command);
        }
        let Some(target) = &target else { continue };
        let case = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "));
        if let Some((case, shown)) = case {
            facts.insert(format!("{target} {case} {shown}"));
        }
        if line.starts_with("error: could not compile") {
            facts.insert(format!("{target} does not build"));
        }
    }
    facts
}

/// `test --package app@0.1.0 --test ratio` is of `app test:ratio`, and so is
/// `test --workspace --test ratio` where there is no other.
fn target_of(run: &Run, command: &str) -> Option<String> {
    let words: Vec<&str> = command.split(' ').collect();
    let (package, kind, name) = match words.as_slice() {
        ["test", "--package", spec, kind, name, ..] => (spec.split_once('@')?.0, kind, name),
        ["test", "--workspace", kind, name, ..] => ("", kind, name),
        _ => return None,
    };
    let kind = kind.trim_start_matches('-');
    let has_name = kind != "lib" && kind != "doc";
    let outcomes = run.cells.iter().filter_map(|record| record.outcome());
    let ids = outcomes.flat_map(|outcome| &outcome.targets).map(|t| &t.id);
    let mut ids = ids.filter(|id| package.is_empty() || id.package == package);
    let id = ids.find(|id| id.kind.to_string() == kind && (!has_name || id.name == *name))?;
    Some(id.to_string())
}

const CELLS: [&str; 3] = [
    "stable@gadget-1.0.0",
    "stable@gadget-3.0.0",
    "stable@gadget-5.0.0",
];

#[test]
fn the_printed_script_shows_what_the_run_showed() {
    let fixture = Fixture::copied("history");
    let (_, run) = fixture.run(&["--cell", "stable@gadget-[135].0.0"]);
    for cell in CELLS {
        let printed = fixture.call(&["repro", cell, "--print"]);
        assert!(printed.status.success(), "{}", text(&printed.stderr));
        let script = text(&printed.stdout);
        assert!(
            !script.contains("pinmatrix "),
            "the script needs nothing of the tool"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let (file, copy) = (folder.path().join("it.sh"), folder.path().join("copy"));
        std::fs::write(&file, script).expect("written");
        // Both streams in one, in their order, and each command as the shell runs it.
        let output = Command::new("sh")
            .args(["-c", "exec sh -x \"$@\" 2>&1", "sh"])
            .args([file.as_path(), fixture.subject(), &copy])
            .env("RUSTFLAGS", "--this-is-not-for-cells")
            .output()
            .expect("a shell");
        let stdout = text(&output.stdout);
        let expected = of_run(&run, cell);
        assert!(expected.len() > 5, "{expected:?}");
        assert_eq!(of_cargo(&run, &stdout, "+ cell "), expected, "{stdout}");
        let passes = cell == CELLS[0];
        assert_eq!(output.status.code(), Some(i32::from(!passes)), "{stdout}");
        let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a lock");
        let lock = fixture.out().join("locks").join(format!("{cell}.lock"));
        assert_eq!(read(&copy.join("checkout/Cargo.lock")), read(&lock));
    }
}

#[test]
fn a_cell_in_the_open_shows_what_the_run_showed_and_stays() {
    let fixture = Fixture::copied("history");
    let (_, run) = fixture.run(&["--cell", "stable@gadget-[135].0.0"]);
    for cell in CELLS {
        let output = fixture.call(&["repro", cell]);
        // Streams are one on the terminal; here libtest's lines and cargo's are told one by one.
        let stderr = text(&output.stderr);
        assert_eq!(
            of_cargo(&run, &stderr, "$ cargo "),
            of_run(&run, cell),
            "{stderr}"
        );
        let passes = cell == CELLS[0];
        assert_eq!(output.status.code(), Some(i32::from(!passes)), "{stderr}");
        let page = text(&output.stdout);
        let (_, folder) = page.trim().split_once(" is in ").expect("a folder");
        let subject = std::path::Path::new(folder).join("checkout");
        let manifest = std::fs::read_to_string(subject.join("Cargo.toml")).expect("a manifest");
        let (_, version) = cell.split_once('-').expect("a pin");
        assert!(manifest.contains(&format!("\"={version}\"")), "{manifest}");
    }
}

#[test]
fn a_cell_that_was_refused_without_compiling_says_why() {
    let fixture = Fixture::in_place("history");
    let cell = "stable@gadget-7.0.0";
    let open = fixture.call(&["repro", cell]);
    assert_eq!(open.status.code(), Some(1));
    let stdout = text(&open.stdout);
    assert!(
        stdout.contains("failed(msrv): gadget 7.0.0 needs rustc 1.999.0"),
        "{stdout}"
    );
    let script = text(&fixture.call(&["repro", cell, "--print"]).stdout);
    assert!(
        script.contains("# What stands against it: gadget 7.0.0 needs rustc 1.999.0"),
        "{script}"
    );
}

#[test]
fn an_unknown_cell_is_a_user_error_with_the_nearest_name() {
    let fixture = Fixture::in_place("history");
    let user_errors = [
        ("stable@gadget-9.0.0", "did you mean `stable@gadget-1.0.0`?"),
        (
            "absent@gadget-1.0.0",
            "toolchain `absent` is not on this machine",
        ),
    ];
    for (cell, words) in user_errors {
        let output = fixture.call(&["repro", cell]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}

#[test]
fn a_script_is_printed_while_a_run_is_at_work() {
    let fixture = with_test(
        "#[test] fn hangs() { std::thread::sleep(std::time::Duration::from_secs(600)); }",
    );
    let mut run = fixture.command(&["run"]);
    let mut run = run
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a run");
    let test_log = fixture.out().join("logs/stable@gadget-1.0.0/test.log");
    let until = Instant::now() + Duration::from_secs(120);
    while !test_log.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let printed = fixture.call(&["repro", "stable@gadget-1.0.0", "--print"]);
    let is_at_work = run.try_wait().expect("a state").is_none();
    run.kill().expect("ended");
    run.wait().expect("ended");
    assert!(is_at_work, "the run had ended before");
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    assert!(text(&printed.stdout).contains("--test outcomes"));
    assert!(!text(&printed.stderr).contains("waiting"));
}
