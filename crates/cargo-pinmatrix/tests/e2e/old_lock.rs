//! A lock that is older than what it holds needs: what moves for it, and what everything that rests on
//! the moved lock shows.

use std::fs;
use std::process::Command;

use pinmatrix_core::model::run::{Run, State};
use pinmatrix_core::run_json::FILE;

use crate::facts;
use crate::harness::{Fixture, text};
use crate::verdicts::holds;

const MOVED: &str =
    "with 2 packages moved from your lock: brittle 3.0.0 → 3.0.1, chuck 1.0.0 → 1.2.0";

fn lock(fixture: &Fixture, cell: &str) -> String {
    let path = fixture.out().join("locks").join(format!("{cell}.lock"));
    fs::read_to_string(path).expect("a lock")
}

fn has(lock: &str, package: &str, version: &str) -> bool {
    lock.contains(&format!("name = \"{package}\"\nversion = \"{version}\"\n"))
}

fn without_times(run: &Run) -> Vec<String> {
    let cells = run.cells.iter();
    let cells = cells.filter_map(|record| Some((&record.id, record.outcome()?)));
    let lines = cells.map(|(id, outcome)| {
        let (moved, old_lock) = (&outcome.moved, &outcome.old_lock);
        format!("{id} {:?} {moved:?} {old_lock:?}", outcome.shows())
    });
    lines.collect()
}

#[test]
fn an_old_lock_is_reported_in_every_report() {
    let fixture = Fixture::in_place("old_lock");
    let output = fixture.call(&["run", "--full", "--pin", "2.0.0", "--pin", "[345].0.0"]);
    let stdout = text(&output.stdout);
    let read = |name: &str| fs::read_to_string(fixture.out().join(name)).expect("a report");
    let as_it_is =
        "failed(old lock) with your lock as it is: brittle 3.0.0, lathe 2.0.0 do not compile";
    let vain = "the error is not in the subject's code: lathe 4.0.0 does not compile";
    let undeclared = "needs a newer rustc, undeclared: lathe 5.0.0 at lathe 5.0.0 does not compile on old \
                      (rustc 1.78.0) and does on stable";
    // Lines are broken on a terminal; here it is none.
    for part in [as_it_is, MOVED, vain, undeclared] {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
    }
    assert!(
        stdout
            .contains("do not build with your lock as it is, and ran with packages moved from it"),
        "{stdout}"
    );
    let plain = |text: String| text.replace('\\', "").replace("&#39;", "'");
    for name in ["summary.md", "junit.xml", "report.html"] {
        let report = plain(read(name));
        for part in [
            "failed(old lock) with your lock as it is",
            "chuck 1.0.0 → 1.2.0",
        ] {
            assert!(report.contains(part), "{part} is not in {name}:\n{report}");
        }
    }
    for name in ["summary.md", "report.html"] {
        let report = plain(read(name));
        assert!(report.contains("needs a newer rustc, undeclared"), "{name}");
    }
    let run: Run = serde_json::from_str(&read(FILE)).expect("a run");
    let found = &run.findings.undeclared;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].error.starts_with("E0658 lathe-5.0.0/src/lib.rs:3"),
        "{found:?}"
    );
    // The error of a package says that it is not the subject's.
    holds(
        &run,
        "old@lathe-4.0.0 app test:turning failed(compile) E0425 lathe-4.0.0",
    );
    let summary = read("summary.md");
    assert!(
        summary.contains("(in lathe 4.0.0, not in the subject's code)"),
        "{summary}"
    );
}

#[test]
fn the_lock_that_is_left_is_the_one_that_the_verdict_rests_on_and_a_second_run_knows_it() {
    let fixture = Fixture::copied("old_lock");
    let cells = [
        "--full",
        "--toolchain",
        "old",
        "--pin",
        "2.0.0",
        "--pin",
        "4.0.0",
    ];
    let (_, first) = fixture.run(&cells);
    let (mended, vain) = ("old@lathe-2.0.0", "old@lathe-4.0.0");
    let holds_it = |package: &str, at: &str, version: &str| {
        assert!(
            has(&lock(&fixture, at), package, version),
            "{package} {version} at {at}"
        );
    };
    let check = || {
        // The newest for this toolchain: 1.2.0 asks for a newer one.
        holds_it("chuck", mended, "1.1.0");
        // What is not in the way keeps its place.
        holds_it("brittle", mended, "3.0.0");
        holds_it("chuck", vain, "1.0.0");
    };
    check();
    fs::remove_dir_all(fixture.out()).expect("removed");
    let (_, second) = fixture.run(&cells);
    check();
    assert_eq!(without_times(&first), without_times(&second));
    for record in &second.cells {
        if let State::Ended { reused, .. } = record.state {
            assert!(reused, "{}", record.id);
        }
    }
    // And what is made anew is the same.
    let (_, third) = fixture.run(&[&cells[..], &["--fresh"]].concat());
    check();
    assert_eq!(without_times(&first), without_times(&third));
}

#[test]
fn a_locked_run_moves_nothing_and_takes_over_nothing_that_moved() {
    let fixture = Fixture::copied("old_lock");
    let config = fixture.read("matrix.toml") + "\n[run]\nlocks = \"locks\"\n";
    fixture.write("matrix.toml", &config);
    // A lock that fits the pin, and is old.
    let cell = "stable@lathe-2.0.0";
    let beside = fixture.read("beside/Cargo.toml");
    fixture.write(
        "beside/Cargo.toml",
        &beside.replace("brittle = \"3.0.0\"", ""),
    );
    fs::write(fixture.subject().join("beside/tests/beside.rs"), "").expect("written");
    fixture.run(&["--cell", cell]);
    let moved = lock(&fixture, cell);
    let old = "name = \"chuck\"\nversion = \"1.0.0\"";
    let index = fs::read_to_string(fixture.subject().join("Cargo.lock")).expect("a lock");
    let checksum = |lock: &str| {
        let (_, rest) = lock.split_once("name = \"chuck\"").expect("chuck");
        let (_, rest) = rest.split_once("checksum = \"").expect("a checksum");
        rest.split('"').next().expect("one").to_owned()
    };
    let as_it_was = moved.replace("name = \"chuck\"\nversion = \"1.2.0\"", old);
    let as_it_was = as_it_was.replace(&checksum(&moved), &checksum(&index));
    fixture.write(&format!("locks/{cell}.lock"), &as_it_was);

    let (_, run) = fixture.run(&["--cell", cell]);
    holds(&run, "stable@lathe-2.0.0 - failed(old lock) lathe 2.0.0");
    holds(&run, "stable@lathe-2.0.0 app test:turning turns passed");
    let (code, run) = fixture.run(&["--cell", cell, "--locked"]);
    assert_eq!(code, 1);
    holds(&run, "stable@lathe-2.0.0 - broken lathe 2.0.0 locked");
    holds(
        &run,
        "stable@lathe-2.0.0 app test:turning failed(compile) E0425 lathe-2.0.0",
    );
    assert!(has(&lock(&fixture, cell), "chuck", "1.0.0"));
    let summary = fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert!(
        summary.contains("and --locked moves no package"),
        "{summary}"
    );
    // The command that it names shows the same.
    let repro = format!("repro {cell} ");
    let command = summary
        .lines()
        .find(|line| line.contains(&repro))
        .expect("a command");
    assert!(command.ends_with(" --locked"), "{command}");
    let open = fixture.call(&["repro", cell, "--locked"]);
    assert_eq!(open.status.code(), Some(1));
    let open = fixture.call(&["repro", cell]);
    assert_eq!(open.status.code(), Some(0), "{}", text(&open.stderr));
    // With the moved lock committed, nothing is to move.
    fixture.write(&format!("locks/{cell}.lock"), &moved);
    let (code, run) = fixture.run(&["--cell", cell, "--locked"]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    assert!(
        run.cells
            .iter()
            .all(|c| c.outcome().is_none_or(|o| o.old_lock.is_none()))
    );
}

#[test]
fn a_cell_in_the_open_and_its_script_rest_on_the_moved_lock() {
    let cell = "stable@lathe-2.0.0";
    let fixture = Fixture::copied("old_lock");
    // No run has looked at it yet.
    let open = fixture.call(&["repro", cell]);
    let (stderr, page) = (text(&open.stderr), text(&open.stdout));
    assert_eq!(open.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("test turns ... ok"), "{stderr}");
    assert!(page.contains(&format!("{cell}: {MOVED}")), "{page}");
    let (_, folder) = page.trim().split_once(" is in ").expect("a folder");
    let copy = std::path::Path::new(folder).join("checkout/Cargo.lock");
    let opened = fs::read_to_string(copy).expect("a lock");
    assert!(has(&opened, "chuck", "1.2.0") && has(&opened, "brittle", "3.0.1"));

    fixture.run(&["--cell", cell]);
    assert_eq!(lock(&fixture, cell), opened);
    let open = fixture.call(&["repro", cell]);
    assert_eq!(open.status.code(), Some(0), "{}", text(&open.stderr));
    let script = text(&fixture.call(&["repro", cell, "--print"]).stdout);
    assert!(
        script.contains(&format!("# It is yours {MOVED}.")),
        "{script}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let (file, copy) = (folder.path().join("it.sh"), folder.path().join("copy"));
    fs::write(&file, script).expect("written");
    let output = Command::new("sh")
        .args([file.as_path(), fixture.subject(), &copy])
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let read = fs::read_to_string(copy.join("checkout/Cargo.lock")).expect("a lock");
    assert_eq!(read, opened);
}

#[test]
fn a_bisection_and_cells_run_twice_rest_on_the_moved_lock() {
    let fixture = Fixture::in_place("old_lock");
    let question = ["--target", "app test:turning", "--pins", "1.0.0..3.0.0"];
    let ask = [&["bisect", "--toolchain", "old"], &question[..]].concat();
    let output = fixture.call(&ask);
    let printed = text(&output.stdout) + &text(&output.stderr);
    // 2.0.0 is good, though it does not compile with the lock as it is.
    assert!(printed.contains("2.0.0: good"), "{printed}");
    let moved = "with 1 package moved from your lock: chuck 1.0.0 → 1.1.0";
    assert!(printed.contains(moved), "{printed}");
    let output = fixture.call(&["verify", "--cell", "old@lathe-2.0.0", "--format", "json"]);
    let json = text(&output.stdout);
    let verified: Vec<pinmatrix_core::model::run::reproducibility::Reproducibility> =
        serde_json::from_str(&json).expect("JSON");
    let [cell] = verified.as_slice() else {
        panic!("{verified:#?}")
    };
    assert!(
        cell.same_outcome && cell.same_lock && cell.is_certain,
        "{cell:#?}"
    );
}

#[test]
fn what_nothing_mends_keeps_nothing_else_from_being_mended() {
    let fixture = Fixture::copied("old_lock");
    let both = "lathe = \"1.0.0\"\nbrittle = \"1.0.0\"";
    fixture.change("app/Cargo.toml", "lathe = \"1.0.0\"", both);
    let (_, run) = fixture.run(&["--cell", "stable@lathe-2.0.0"]);
    holds(&run, "stable@lathe-2.0.0 - broken brittle 1.0.0");
    holds(&run, "stable@lathe-2.0.0 - failed(old lock) brittle 3.0.0");
    holds(&run, "stable@lathe-2.0.0 - failed(old lock) lathe 2.0.0");
    holds(
        &run,
        "stable@lathe-2.0.0 app test:turning failed(drift) brittle 1.0.0",
    );
    holds(&run, "stable@lathe-2.0.0 beside test:beside holds passed");
}

#[test]
fn what_does_not_compile_either_once_something_is_mended_moves_too() {
    let fixture = Fixture::copied("old_lock");
    let jig = |requirement: &str| format!("lathe = \"1.0.0\"\njig = \"{requirement}\"");
    fixture.change("app/Cargo.toml", "lathe = \"1.0.0\"", &jig("=1.0.0"));
    let cell = "old@lathe-2.0.0";
    let (_, run) = fixture.run(&["--full", "--cell", "old@lathe-[12].0.0"]);
    // It is reached once lathe compiles, and nothing mends it.
    holds(&run, "old@lathe-2.0.0 - failed(old lock) lathe 2.0.0");
    holds(&run, "old@lathe-2.0.0 - broken jig 1.0.0 with 1 moved");
    holds(
        &run,
        "old@lathe-2.0.0 app test:turning failed(compile) jig 1.0.0",
    );
    assert!(has(&lock(&fixture, cell), "chuck", "1.1.0"));
    // Where lathe compiles, chuck stays.
    holds(&run, "old@lathe-1.0.0 - broken jig 1.0.0 with 1 moved");
    let kept = lock(&fixture, "old@lathe-1.0.0");
    assert!(has(&kept, "jig", "1.0.0") && has(&kept, "chuck", "1.0.0"));
    fixture.write("Cargo.lock", &kept);
    fixture.change("app/Cargo.toml", "=1.0.0", "1.0.0");
    let (code, run) = fixture.run(&["--cell", cell]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
    holds(&run, "old@lathe-2.0.0 - moved chuck 1.0.0 -> 1.1.0");
    holds(&run, "old@lathe-2.0.0 - moved jig 1.0.0 -> 1.0.1");
    assert!(!has(&lock(&fixture, cell), "brittle", "3.0.1"));
}
