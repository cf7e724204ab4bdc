//! Results that are read as text, since the tests could notice what unlocks libtest's JSON.

use std::collections::BTreeSet;

use crate::facts;
use crate::harness::Fixture;
use crate::verdicts::with_test;

/// Tests that end in every way, beside two that look at the variable.
const TESTS: &str = r##"
use std::env::var_os;
use std::io::Write;

#[test]
fn a_is_not_unlocked() { assert!(var_os("RUSTC_BOOTSTRAP").is_none()); }

#[test]
fn b_insists_on_it() { assert!(var_os("RUSTC_BOOTSTRAP").is_some(), "it is not set"); }

#[test]
fn c_has_as_many_threads_as_it_likes() { assert!(var_os("RUST_TEST_THREADS").is_none()); }

#[test]
#[should_panic]
fn d_panics() { panic!("on purpose"); }

#[test]
#[should_panic]
fn e_does_not_panic() {}

#[test]
#[ignore = "test data is missing"]
fn f_is_ignored() {}

#[test]
fn g_writes_past_the_capture() {
    let mut out = std::io::stdout();
    out.write_all(b"test of_another ... FAILED\nand no newline").unwrap();
    out.flush().unwrap();
}

#[test]
fn h_aborts() { std::process::abort(); }

#[test]
fn i_passes() {}
"##;

/// What cargo says of each test by hand; it is asked for each alone, because one ends the process.
fn by_hand(fixture: &Fixture) -> BTreeSet<String> {
    let names = TESTS.lines().filter_map(|line| line.strip_prefix("fn "));
    let names = names.filter_map(|line| line.split_once("()"));
    let status = |(name, _): (&str, &str)| {
        let args = ["test", "--test", "outcomes", "--", "--exact", name];
        let mut cargo = fixture.cargo(&args[..3]);
        let output = cargo.args(&args[3..]).output().expect("cargo");
        let printed = String::from_utf8_lossy(&output.stdout);
        let status = match printed.contains("1 ignored") {
            true => "skipped(ignored)",
            false if output.status.success() => "passed",
            false if printed.contains("test result: FAILED") => "failed(test)",
            false => "failed(crash)",
        };
        format!("{name} {status}")
    };
    names.map(status).collect()
}

fn by_the_tool(fixture: &Fixture, args: &[&str]) -> BTreeSet<String> {
    let (code, run) = fixture.run(args);
    assert_eq!(code, 1);
    let of_cases = |fact: String| {
        let (_, case) = fact.split_once("fails-test test:outcomes ")?;
        let mut words = case.split(' ');
        let (name, status) = (words.next()?, words.next()?);
        name.contains('_').then(|| format!("{name} {status}"))
    };
    facts::of(&run).into_iter().filter_map(of_cases).collect()
}

#[test]
fn tests_that_name_the_unlocking_variable_end_as_by_hand() {
    let fixture = with_test(TESTS);
    let expected = by_hand(&fixture);
    assert_eq!(expected.len(), 9);
    assert_eq!(by_the_tool(&fixture, &[]), expected);
    let limits = "\n[timeouts]\ncase = \"60s\"\n[env]\nset = { RUST_TEST_NOCAPTURE = \"1\" }\n";
    fixture.write("matrix.toml", &(fixture.read("matrix.toml") + limits));
    assert_eq!(by_the_tool(&fixture, &["--jobs", "1"]), expected);
}

#[test]
fn a_test_that_hangs_is_told_from_those_beside_it() {
    let fixture = with_test(
        "#[test] fn hangs() { if std::env::var_os(\"RUSTC_BOOTSTRAP\").is_none() { loop {} } }
         #[test] fn passes() {}",
    );
    let limits = "\n[timeouts]\ntarget = \"3s\"\n";
    fixture.write("matrix.toml", &(fixture.read("matrix.toml") + limits));
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    let facts = facts::of(&run);
    for case in ["hangs failed(timeout)", "passes passed"] {
        let fact = format!("stable@gadget-1.0.0 fails-test test:outcomes {case}");
        assert!(facts.iter().any(|f| f.starts_with(&fact)), "{facts:#?}");
    }
}

/// Tests that write past the capture, and that start the same executable.
const NESTED: &str = r##"
use std::io::Write;
use std::process::Command;

// Under plain cargo, nothing sets RUSTC_BOOTSTRAP.
fn itself(test: &str) -> std::process::ExitStatus {
    let mut itself = Command::new(std::env::current_exe().unwrap());
    itself.args(["--exact", test]).env("NESTED", "1").status().unwrap()
}

#[test]
fn a_writes() { let _ = std::io::stdout().write_all(b"no newline"); }

#[test]
fn b_passes() { let _ = std::io::stdout().write_all(b"failures:\ntest d_passes ... FAILED\n"); }

#[test]
fn c_expects_a_failure() { assert!(!itself("e_fails_if_nested").success()); }

#[test]
fn d_passes() {}

#[test]
fn e_fails_if_nested() { assert!(std::env::var_os("NESTED").is_none()); }
"##;

#[test]
fn what_tests_write_and_start_changes_no_result() {
    let fixture = with_test(NESTED);
    assert!(
        fixture
            .cargo(&["test", "-q"])
            .status()
            .expect("cargo")
            .success()
    );
    for args in [&[][..], &["--jobs", "1", "--fresh"]] {
        let (code, run) = fixture.run(args);
        assert_eq!(code, 0, "{:#?}", facts::of(&run));
        assert!(!facts::of(&run).iter().any(|fact| fact.contains("(flaky)")));
    }
}
