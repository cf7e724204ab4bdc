//! Accidents: a cargo that dies or talks nonsense, a tool that is killed, a subject that changes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pinmatrix_core::model::run::State;
use pinmatrix_core::model::status::{InconclusiveReason, Status};

use crate::harness::{Fixture, text};

/// A folder that looks like a toolchain: rustc is real, and its cargo is a script that is real
/// cargo but for one command, where it does `fault`.
fn toolchain_with_a_fault(fixture: &Fixture, command: &str, fault: &str) -> PathBuf {
    let real = sysroot();
    let folder = fixture.subject().join("../faulty");
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    let link = |name: &str| {
        std::os::unix::fs::symlink(real.join("bin").join(name), bin.join(name)).expect("a link");
    };
    link("rustc");
    link("rustdoc");
    std::os::unix::fs::symlink(real.join("lib"), folder.join("lib")).expect("a link");
    let cargo = real.join("bin/cargo");
    std::os::unix::fs::symlink(&cargo, bin.join("real")).expect("a link");
    let script = format!(
        "#!/bin/sh\n# A fault-injecting cargo.\ncase $1 in {command}) {fault} ;; esac\nexec {} \"$@\"\n",
        cargo.display()
    );
    let path = bin.join("cargo");
    std::fs::write(&path, script).expect("written");
    Command::new("chmod")
        .arg("+x")
        .arg(&path)
        .status()
        .expect("chmod");
    folder
}

fn sysroot() -> PathBuf {
    let output = Command::new("rustup")
        .args(["run", "stable", "rustc", "--print", "sysroot"])
        .output()
        .expect("rustup starts");
    Path::new(text(&output.stdout).trim()).to_owned()
}

/// The statuses of a cell on a cargo whose `build` is faulty, and of its neighbour on the real one.
fn beside_a_fault(fault: &str) -> (Status, Status) {
    let (faulty, stable, fixture) = beside_a_fault_in("build", fault);
    let log = fixture.out().join("logs/faulty@gadget-1.0.0/build.log");
    assert!(log.is_file(), "a cell that went wrong has no log");
    (faulty, stable)
}

fn beside_a_fault_in(command: &str, fault: &str) -> (Status, Status, Fixture) {
    let fixture = Fixture::copied("fails_test");
    toolchain_with_a_fault(&fixture, command, fault);
    let config = fixture.read("matrix.toml");
    let row = "[[toolchain]]\nlabel = \"faulty\"\ndir = \"../faulty\"\n\n[[toolchain]]";
    let config = config.replacen("[[toolchain]]", row, 1);
    std::fs::write(fixture.subject().join("matrix.toml"), config).expect("written");
    let (_, run) = fixture.run(&[]);
    let status = |toolchain: &str| {
        let record = run.cells.iter().find(|c| c.cell.row.toolchain == toolchain);
        record.expect("a cell").status()
    };
    (status("faulty"), status("stable"), fixture)
}

fn assert_inconclusive(status: &Status, words: &str) {
    let Status::Inconclusive {
        doubt: InconclusiveReason::Machine(why),
    } = status
    else {
        panic!("{status} is not inconclusive")
    };
    assert!(why.contains(words), "{why}");
}

#[test]
fn a_cargo_that_dies_is_no_verdict_and_the_rest_goes_on() {
    let (faulty, stable) = beside_a_fault("kill -SEGV $$");
    assert_inconclusive(&faulty, "signal 11");
    assert_eq!(stable.to_string(), "failed(test)");
}

#[test]
fn a_cargo_that_talks_nonsense_is_no_verdict_and_the_rest_goes_on() {
    let (faulty, stable) = beside_a_fault("printf '{\\\"reason\\\": garbage\\n\\377\\376'; exit 0");
    assert_inconclusive(&faulty, "cargo reported nothing");
    assert_eq!(stable.to_string(), "failed(test)");
}

#[test]
fn a_build_that_fails_with_all_targets_made_is_no_verdict() {
    let (faulty, stable, _) = beside_a_fault_in(
        "build",
        "\"$(dirname \"$0\")/real\" \"$@\"; echo 'error: failed to link x' >&2; exit 101",
    );
    assert_inconclusive(&faulty, "all was made");
    assert_eq!(stable.to_string(), "failed(test)");
}

#[test]
fn a_toolchain_that_changes_during_the_run_is_no_verdict() {
    // Not in `build`, which can write nothing there.
    let (faulty, stable, _) = beside_a_fault_in("fetch", "echo '# another one' >> \"$0\"");
    assert_inconclusive(&faulty, "changed during the run");
    assert_eq!(stable.to_string(), "failed(test)");
}

#[test]
fn a_toolchain_that_vanishes_during_the_run_is_no_verdict() {
    let (faulty, stable, _) = beside_a_fault_in("fetch", "rm -r \"$(dirname \"$0\")\"");
    assert_inconclusive(&faulty, "changed during the run");
    assert_eq!(stable.to_string(), "failed(test)");
}

#[test]
fn a_toolchain_that_gives_no_answer_is_no_verdict() {
    let fixture = Fixture::copied("history");
    let bin = toolchain_with_a_fault(&fixture, "none", "").join("bin/cargo");
    let script = "#!/bin/sh\n# A fault-injecting cargo.\necho 'no memory' >&2\nexit 127\n";
    std::fs::write(bin, script).expect("written");
    let row = "[[toolchain]]\nlabel = \"old\"\ndir = \"../faulty\"";
    let old = "[[toolchain]]\nlabel = \"old\"\nrustup = [\"1.78\", \"debian-1.78\"]";
    fixture.change("matrix.toml", old, row);
    let (code, run) = fixture.run(&["--cell", "*@gadget-1.0.0"]);
    assert_eq!(code, 3);
    let record = run.cells.iter().find(|c| c.cell.row.toolchain == "old");
    assert_inconclusive(&record.expect("a cell").status(), "no memory");
    let listed = fixture.call(&["toolchains"]);
    let listed = text(&listed.stdout);
    assert!(listed.contains("old     does not respond: "), "{listed}");
}

#[test]
fn a_full_disk_is_no_verdict() {
    let (faulty, stable) =
        beside_a_fault("echo 'error: No space left on device (os error 28)' >&2; exit 101");
    assert_eq!(
        faulty,
        Status::Inconclusive {
            doubt: InconclusiveReason::OutOfDisk
        }
    );
    assert_eq!(stable.to_string(), "failed(test)");
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let fixture = Fixture::in_place("history");
    let args = ["run", "--full", "--toolchain", "stable"];
    let mut child = fixture
        .command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let ended = || {
        let text = std::fs::read_to_string(fixture.out().join("run.json")).unwrap_or_default();
        text.matches("\"state\": \"ended\"").count()
    };
    let patience = Instant::now() + Duration::from_secs(120);
    while ended() < 2 {
        assert!(Instant::now() < patience, "no cell ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    let (_, run) = fixture.run(&args[1..]);
    let reused = |state: &State| matches!(state, State::Ended { reused: true, .. });
    let n_reused = run.cells.iter().filter(|c| reused(&c.state)).count();
    assert!(n_reused >= 2, "{n_reused} cells were taken over");
    assert_eq!(
        run.cells.iter().filter(|c| c.outcome().is_some()).count(),
        8
    );
}

#[test]
fn uncommitted_changes_are_noted_and_do_not_stop_the_run() {
    let fixture = Fixture::copied("fails_test");
    fixture.git(&["init", "--quiet"]);
    fixture.git(&["add", "."]);
    fixture.git(&["commit", "--quiet", "-m", "all"]);
    let plan = |fixture: &Fixture| text(&fixture.call(&["plan"]).stderr);
    assert!(!plan(&fixture).contains("uncommitted"));
    fixture.change("tests/outcomes.rs", "#[test]", "#[test] ");
    assert!(plan(&fixture).contains("note: the subject has uncommitted changes"));
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    assert!(run.sources[0].subject.dirty);
}

#[test]
fn a_run_whose_time_is_up_ends_in_order_and_is_inconclusive() {
    let fixture = Fixture::copied("hangs");
    fixture.change(
        "matrix.toml",
        "case = \"3s\"",
        "case = \"5min\"\nrun = \"4s\"",
    );
    let output = fixture.call(&["run"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("the run's time is up"), "{stderr}");
    assert!(fixture.out().join("summary.md").is_file());
}
