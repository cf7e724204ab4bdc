//! Tests that cargo-nextest runs, held against what it says itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use pinmatrix_core::model::run::Run;

use crate::facts;
use crate::harness::{Fixture, text};
use crate::verdicts::holds;

/// What only nextest does: a process for each test, retries and time limits of a profile. A build
/// script and a binary are there for the tests to find.
const TESTS: &str = r##"
use std::sync::atomic::{AtomicU32, Ordering};

static SEEN: AtomicU32 = AtomicU32::new(0);

fn is_alone() {
    assert_eq!(std::env::var("NEXTEST").as_deref(), Ok("1"));
    assert_eq!(SEEN.fetch_add(1, Ordering::SeqCst), 0);
}

#[test]
fn alone() { is_alone() }

#[test]
fn alone_too() { is_alone() }

#[test]
fn finds_what_cargo_shows() {
    let out = std::env::var("OUT_DIR").unwrap();
    assert_eq!(std::fs::read_to_string(format!("{out}/made")).unwrap(), "made");
    assert!(std::path::Path::new("Cargo.toml").exists());
    let program = std::env::var("CARGO_BIN_EXE_app").unwrap();
    assert!(std::process::Command::new(program).status().unwrap().success());
}

#[test]
fn flaky() {
    assert_ne!(std::env::var("NEXTEST_ATTEMPT").as_deref(), Ok("1"), "<&> the first time");
}

#[test]
fn fails() { panic!("<&> {}", gadget::turn(1)); }

#[test]
fn aborts() { std::process::abort() }

#[test]
fn hangs() { std::thread::sleep(std::time::Duration::from_secs(60)); }

#[test]
#[ignore]
fn ignored() {}
"##;

const PROFILE: &str = "[profile.patient]\nretries = 1\n\
                       slow-timeout = { period = \"1s\", terminate-after = 2 }\n";

fn subject() -> Fixture {
    let fixture = Fixture::copied("fails_test");
    for path in ["tests", "examples", "benches"] {
        let _ = fs::remove_dir_all(fixture.subject().join(path));
    }
    let manifest = fixture.read("Cargo.toml").replace("fails-test", "app");
    fixture.write("Cargo.toml", &manifest);
    fixture.write(
        "Cargo.lock",
        &fixture.read("Cargo.lock").replace("fails-test", "app"),
    );
    let make = "fn main() { std::fs::write(std::env::var(\"OUT_DIR\").unwrap() + \"/made\", \"made\").unwrap(); }";
    fixture.write("build.rs", make);
    fixture.write("src/main.rs", "fn main() {}\n");
    fixture.write(
        "src/lib.rs",
        "/// ```\n/// assert!(true);\n/// ```\npub fn documented() {}\n",
    );
    fixture.write("tests/all.rs", TESTS);
    fixture.write(".config/nextest.toml", PROFILE);
    let config = fixture.read("matrix.toml");
    fixture.write(
        "matrix.toml",
        &format!("{config}\n[run]\nrunner = \"nextest\"\nnextest-profile = \"patient\"\n"),
    );
    fixture
}

/// What nextest says of each test, by the lines of its summary.
fn by_nextest(fixture: &Fixture) -> String {
    let output = Command::new("cargo")
        .args([
            "nextest",
            "run",
            "--profile=patient",
            "--no-fail-fast",
            "--offline",
            "--color=never",
        ])
        .args(["--status-level=none", "--final-status-level=all"])
        .env("CARGO_TARGET_DIR", fixture.cache().join("by-nextest"))
        .current_dir(fixture.subject())
        .output()
        .expect("nextest starts");
    text(&output.stderr)
}

fn of_all(run: &Run) -> Vec<String> {
    let facts = facts::of(run).into_iter();
    let of_all = facts.filter_map(|fact| Some(fact.split_once("app test:all ")?.1.to_owned()));
    of_all.collect()
}

#[test]
fn nextest_runs_the_tests_with_the_profile_of_the_subject() {
    let fixture = subject();
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    assert_eq!(
        of_all(&run),
        [
            "aborts failed(crash)",
            "alone passed",
            "alone_too passed",
            "built",
            "fails failed(test)",
            "finds_what_cargo_shows passed",
            "flaky passed (flaky)",
            "hangs failed(timeout)",
        ]
    );
    holds(
        &run,
        "stable@gadget-1.0.0 app doc:app src/lib.rs - documented (line 1) passed",
    );
    let said = by_nextest(&fixture);
    for words in [
        "FLAKY 2/2",
        "ABRT",
        "FAIL",
        "TMT",
        "1 skipped",
        "4 passed (1 flaky)",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    let targets = &run.cells[0].outcome().expect("an outcome").targets;
    let cases = targets.iter().flat_map(|target| &target.cases);
    let failed = cases
        .filter(|case| case.name == "fails")
        .flat_map(|case| &case.output);
    let output: String = failed.cloned().collect();
    assert!(
        output.contains("<&> 2") && !output.contains("/checkout"),
        "{output}"
    );
    // A person repeats it with nextest, too.
    let repro = fixture.call(&["repro", "stable@gadget-1.0.0", "--print"]);
    let script = text(&repro.stdout);
    let step = "cell nextest run --no-fail-fast --no-tests=pass --profile=patient --workspace --test all --frozen --cargo-profile=test";
    assert!(script.contains(step), "{script}");
}

#[test]
fn a_run_that_nextest_fails_without_a_failed_test_is_no_pass() {
    let fixture = subject();
    let strict = "[profile.patient]\nretries = 1\nflaky-result = \"fail\"\n\
                  [profile.patient.junit]\npath = \"own.xml\"\nflaky-fail-status = \"success\"\n";
    fixture.write(".config/nextest.toml", strict);
    let flaky = "#[test]\nfn flaky() { assert_ne!(std::env::var(\"NEXTEST_ATTEMPT\").as_deref(), Ok(\"1\")); }\n";
    fixture.write("tests/all.rs", flaky);
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    let targets = &run.cells[0].outcome().expect("an outcome").targets;
    let all = targets
        .iter()
        .find(|target| target.id.to_string() == "app test:all");
    let all = all.expect("the target");
    assert_eq!(all.status.to_string(), "failed(test)");
    let words = "the run failed, and its report has no failed test";
    assert!(
        all.errors[0].to_string().contains(words),
        "{:?}",
        all.errors
    );
}

/// A stub in the place of cargo-nextest, which says of itself what it is told to.
fn stub(folder: &Path, says: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(folder).expect("a folder");
    let path = folder.join("cargo-nextest");
    fs::write(&path, format!("#!/bin/sh\n{says}\n")).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn a_nextest_that_cannot_be_used_is_a_user_error() {
    let fixture = subject();
    let folder = fixture.cache().join("stub");
    let path = std::env::var("PATH").expect("a path");
    let refused = |says: &str, words: [&str; 2]| {
        stub(&folder, says);
        let mut plan = fixture.command(&["plan"]);
        plan.env("PATH", format!("{}:{path}", folder.display()));
        let output = plan.output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    };
    refused(
        "echo one two three",
        ["does not say its version: `one two three`", "reinstall"],
    );
    refused(
        "echo cargo-nextest 0.9.20",
        ["cargo-nextest 0.9.20 is too old", "install 0.9.75 or newer"],
    );
    refused(
        "exit 3",
        ["cargo-nextest cannot be started", "leave `runner` out"],
    );
    fixture.change("matrix.toml", "\"patient\"", "\"patent\"");
    let message = text(&fixture.call(&["plan"]).stderr);
    let unknown = ".config/nextest.toml of the subject has no profile `patent`";
    assert!(
        message.contains(unknown) && message.contains("did you mean `patient`?"),
        "{message}"
    );
    fixture.change("matrix.toml", "runner = \"nextest\"\n", "");
    let output = fixture.call(&["plan"]);
    let message = text(&output.stderr);
    assert!(message.contains("add `runner = \"nextest\"`"), "{message}");
}
