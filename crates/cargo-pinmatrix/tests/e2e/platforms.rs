//! Rows that build for another platform than the host's.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::facts;
use crate::harness::{Fixture, text};
use crate::verdicts::with_test;

const WASI: &str = "wasm32-wasip1";

const TESTS: &str = r#"
#[test]
fn a_is_for_this_platform() { assert!(cfg!(target_os = "wasi")); }

#[test]
fn b_fails() { assert_eq!(gadget::ratio(7, 2), 4, "halves are rounded down"); }

#[test]
#[ignore]
fn c_is_ignored() {}

#[test]
fn d_passes() { println!("seen"); }

#[test]
#[should_panic]
fn e_panics() { panic!("on purpose"); }

#[test]
fn f_exits() { std::process::exit(3); }

#[test]
fn g_passes() {}
"#;

/// A runner for WebAssembly.
const RUNNER: &str = r#"#!/usr/bin/env -S node --no-warnings
import { readFile } from 'node:fs/promises';
import { argv } from 'node:process';
import { WASI } from 'node:wasi';

const wasi = new WASI({ version: 'preview1', args: argv.slice(2), preopens: { '.': '.' } });
const module = await WebAssembly.compile(await readFile(argv[2]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
"#;

/// A subject with a row for WebAssembly.
fn on_wasi(fixture: Fixture) -> Fixture {
    let row = format!(
        "[[toolchain]]\nlabel = \"wasi\"\nrustup = \"stable\"\ntarget = \"{WASI}\"\n\n[[toolchain]]"
    );
    let config = fixture.read("matrix.toml");
    fixture.write("matrix.toml", &config.replacen("[[toolchain]]", &row, 1));
    fixture
}

fn with_runner(fixture: &Fixture) {
    let own = format!("\n[target.{WASI}]\nrunner = \"tools/wasi.mjs\"\n");
    let config = fixture.read(".cargo/config.toml");
    fixture.write(".cargo/config.toml", &(config + &own));
    fixture.write("tools/wasi.mjs", RUNNER);
    let runner = fixture.subject().join("tools/wasi.mjs");
    let made = Command::new("chmod").arg("+x").arg(runner).status();
    assert!(made.expect("chmod").success());
}

/// A runner that takes the executable alone.
const TAKES_NO_FLAGS: &str = r#"#!/bin/sh
[ $# = 1 ] || { echo "one argument" >&2; exit 2; }
exec node --no-warnings "$(dirname "$0")/wasi.mjs" "$1"
"#;

/// Whether the standard library for a platform is here; `ci/setup` gets that of WebAssembly.
fn is_here(triple: &str) -> bool {
    let mut rustc = Command::new("rustc");
    let rustc = rustc.args(["--print=target-libdir", "--target", triple]);
    let printed = rustc.output().expect("rustc").stdout;
    PathBuf::from(text(&printed).trim()).is_dir()
}

fn statuses(facts: BTreeSet<String>, row: &str) -> BTreeSet<String> {
    let start = format!("{row}@gadget-1.0.0 fails-test test:outcomes ");
    let of_cases = |fact: String| {
        let mut words = fact.strip_prefix(&start)?.split(' ');
        let (name, status) = (words.next()?, words.next()?);
        name.contains('_').then(|| format!("{name} {status}"))
    };
    facts.into_iter().filter_map(of_cases).collect()
}

/// What cargo says of each test by hand; it is asked for each alone, because some end the process.
fn by_hand(fixture: &Fixture) -> BTreeSet<String> {
    let names = TESTS.lines().filter_map(|line| line.strip_prefix("fn "));
    let names = names.filter_map(|line| line.split_once("()"));
    let status = |(name, _): (&str, &str)| {
        let mut cargo = fixture.cargo(&["test", "--target", WASI, "--test", "outcomes"]);
        let output = cargo.args(["--", "--exact", "--nocapture", name]).output();
        let output = output.expect("cargo");
        let (printed, errors) = (text(&output.stdout), text(&output.stderr));
        let status = match printed.contains("1 ignored") {
            true => "skipped(ignored)",
            false if output.status.success() => "passed",
            false if errors.contains("panicked at") => "failed(test)",
            false => "failed(crash)",
        };
        format!("{name} {status}")
    };
    names.map(status).collect()
}

#[test]
fn tests_of_another_platform_run_through_its_runner() {
    if !is_here(WASI) {
        return hint_names_the_command();
    }
    let fixture = on_wasi(with_test(TESTS));
    with_runner(&fixture);
    let expected = by_hand(&fixture);
    assert_eq!(expected.len(), 7);
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    assert_eq!(statuses(facts::of(&run), "wasi"), expected);
    let host = statuses(facts::of(&run), "stable");
    assert!(
        host.contains("a_is_for_this_platform failed(test)"),
        "{host:?}"
    );
    let outputs = run.cells.iter().filter_map(|cell| cell.outcome());
    let outputs = outputs.flat_map(|outcome| &outcome.targets[1].cases);
    let mut outputs = outputs.filter(|case| case.name == "b_fails");
    let told = |output: &Option<String>| output.clone().unwrap_or_default();
    assert!(
        outputs.all(|case| told(&case.output).contains("halves are rounded down")),
        "{run:#?}"
    );
}

#[test]
fn a_runner_that_takes_no_flags_runs_a_target_as_one_case() {
    if !is_here(WASI) {
        return hint_names_the_command();
    }
    let fixture = on_wasi(with_test("#[test] fn a() {} #[test] fn b() {}"));
    with_runner(&fixture);
    fixture.change(".cargo/config.toml", "tools/wasi.mjs", "tools/plain");
    fixture.write("tools/plain", TAKES_NO_FLAGS);
    let runner = fixture.subject().join("tools/plain");
    assert!(
        Command::new("chmod")
            .arg("+x")
            .arg(runner)
            .status()
            .expect("chmod")
            .success()
    );
    let (code, run) = fixture.run(&["--toolchain", "wasi"]);
    let facts = facts::of(&run);
    assert_eq!(code, 0, "{facts:#?}");
    let fact = "wasi@gadget-1.0.0 fails-test test:outcomes outcomes passed";
    assert!(facts.contains(fact), "{facts:#?}");
}

#[test]
fn a_runner_that_comes_later_neither_fixes_nor_breaks_anything() {
    if !is_here(WASI) {
        return hint_names_the_command();
    }
    let fixture = on_wasi(with_test(TESTS));
    let config = fixture.read("matrix.toml") + "\n[run]\nbaseline = \"baseline.json\"\n";
    fixture.write("matrix.toml", &config);
    let args = ["--toolchain", "wasi"];
    fixture.run(&args);
    assert!(fixture.call(&["bless"]).status.success());
    assert!(fixture.read("baseline.json").contains("\"built\""));
    with_runner(&fixture);
    let output = fixture.call(&[&["run"][..], &args].concat());
    let printed = text(&output.stdout);
    assert!(printed.contains("verdict: as expected"), "{printed}");
    assert!(
        !printed.contains("regressed") && !printed.contains("fixed"),
        "{printed}"
    );
}

#[test]
fn a_platform_without_a_runner_is_built_and_has_not_passed() {
    if !is_here(WASI) {
        return hint_names_the_command();
    }
    let fixture = on_wasi(with_test(TESTS));
    fixture.change("matrix.toml", "[\"1.0.0\"]", "[\"1.0.0\", \"4.0.0\"]");
    let args = ["--toolchain", "wasi"];
    let (code, run) = fixture.run(&args);
    let output = fixture.call(&[&["run"][..], &args].concat());
    let printed = text(&output.stdout);
    assert_eq!(code, 0, "{printed}");
    let facts = facts::of(&run);
    let fact = "wasi@gadget-1.0.0 fails-test test:outcomes built";
    assert!(facts.contains(fact), "{facts:#?}");
    assert_eq!(statuses(facts, "wasi").len(), 0);
    assert!(
        printed.contains("2 built (nothing here runs wasm32-wasip1)"),
        "{printed}"
    );
}

#[test]
fn what_is_only_built_breaks_and_is_told_as_built() {
    if !is_here(WASI) {
        return hint_names_the_command();
    }
    let fixture = on_wasi(Fixture::copied("history"));
    let output = fixture.call(&["run", "--toolchain", "wasi"]);
    let printed = text(&output.stdout);
    for said in [
        "app test:turning        □≈□b□□□·  does not build from 3.0.0, builds from 4.0.0",
        "2.0.0 built → 3.0.0 failed(compile): nothing published lies between",
        "gadget 6.0.0 is the newest that builds without a change of code on wasi",
        "`app test:turning` breaks at 3.0.0 and builds again from 4.0.0, on wasi",
        "It still builds at 2.0.0",
        "5 of 8 targets never failed and ran no test.",
    ] {
        assert!(printed.contains(said), "{said}\n{printed}");
    }
    assert_eq!(output.status.code(), Some(1));
    let script = fixture.call(&["repro", "--print", "wasi@gadget-2.0.0"]);
    let script = text(&script.stdout);
    let tests = script.lines().filter(|line| line.starts_with("cell test"));
    let is_built = |line: &str| line.ends_with("--target=wasm32-wasip1 --no-run");
    assert!(
        tests.clone().count() == 8 && tests.into_iter().all(is_built),
        "{script}"
    );
}

#[test]
fn a_platform_of_a_cargo_config_is_used_as_cargo_uses_it() {
    if !is_here(WASI) {
        return hint_names_the_command();
    }
    let fixture = with_test(TESTS);
    with_runner(&fixture);
    let config = fixture.read(".cargo/config.toml");
    let config = format!("{config}\n[build]\ntarget = \"{WASI}\"\n");
    fixture.write(".cargo/config.toml", &config);
    let (_, run) = fixture.run(&[]);
    assert_eq!(statuses(facts::of(&run), "stable"), by_hand(&fixture));
}

#[test]
fn the_host_can_be_named_as_a_platform() {
    let fixture = with_test(
        "#[test] fn finds_its_folder() {
            let own = std::env::current_exe().unwrap();
            assert!(own.to_str().unwrap().contains(env!(\"HOST\")), \"{own:?}\"); }",
    );
    let host = Command::new("rustc").arg("-vV").output().expect("rustc");
    let host = text(&host.stdout)
        .lines()
        .find_map(|l| l.strip_prefix("host: ").map(str::to_owned));
    let host = host.expect("a host");
    let config = fixture.read("matrix.toml").replacen(
        "rustup = \"stable\"",
        &format!("rustup = \"stable\"\ntarget = \"{host}\""),
        1,
    );
    fixture.write(
        "matrix.toml",
        &format!("{config}\n[env]\nset = {{ HOST = \"{host}\" }}\n"),
    );
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", facts::of(&run));
}

/// A platform that rustc knows and that no machine of ours has.
fn hint_names_the_command() {
    let fixture = with_test("#[test] fn passes() {}");
    fixture.change(
        "matrix.toml",
        "rustup = \"stable\"",
        "rustup = \"stable\"\ntarget = \"s390x-unknown-linux-gnu\"",
    );
    let output = fixture.call(&["toolchains"]);
    let printed = text(&output.stdout);
    let command = "`rustup target add s390x-unknown-linux-gnu --toolchain stable";
    assert!(printed.contains(command), "{printed}");
    assert_eq!(fixture.call(&["run"]).status.code(), Some(2));
}

#[test]
fn a_missing_standard_library_is_named_with_the_command_that_adds_it() {
    hint_names_the_command();
}

#[test]
fn a_platform_that_does_not_exist_is_refused() {
    for (target, said) in [
        ("wasm32", "`wasm32` is not the name of a platform"),
        (
            "no-such-platform",
            "rustc knows no platform `no-such-platform`",
        ),
    ] {
        let fixture = on_wasi(with_test("#[test] fn passes() {}"));
        fixture.change("matrix.toml", WASI, target);
        let output = fixture.call(&["run"]);
        let stderr = text(&output.stderr);
        assert!(stderr.contains(said), "{stderr}");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_runner_outside_the_subject_is_found_by_tests_and_doc_tests() {
    let fixture = with_test("#[test] fn it() { assert!(std::env::var_os(\"RUN\").is_some()); }");
    let doc = "//! ```\n//! assert!(std::env::var_os(\"RUN\").is_some());\n//! ```\n";
    fixture.write("src/lib.rs", doc);
    let outside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let runner = outside.path().join("run");
    std::fs::write(&runner, "#!/bin/sh\nRUN=1 exec \"$@\"\n").expect("written");
    assert!(
        Command::new("chmod")
            .arg("+x")
            .arg(&runner)
            .status()
            .expect("chmod")
            .success()
    );
    let own = format!(
        "\n[target.'cfg(unix)']\nrunner = {:?}\n",
        runner.display().to_string()
    );
    let config = fixture.read(".cargo/config.toml");
    fixture.write(".cargo/config.toml", &(config + &own));
    let (code, run) = fixture.run(&[]);
    let facts = facts::of(&run);
    assert_eq!(code, 0, "{facts:#?}");
    assert!(
        facts
            .iter()
            .any(|fact| fact.contains("doc:fails_test") && fact.contains("passed"))
    );
}
