//! What people see: plan, toolchains, help, exit codes.

use std::process::Stdio;

use crate::harness::{Fixture, text};

#[test]
fn a_plan_says_what_runs_what_is_predicted_and_why_the_rest_does_not() {
    let fixture = Fixture::in_place("history");
    let output = fixture.call(&["plan", "--ends"]);
    assert_eq!(output.status.code(), Some(0));
    let stdout = text(&output.stdout);
    for line in [
        "stable@gadget-1.0.0  run, 1 of 4",
        "stable@gadget-7.0.0  run, 2 of 4; predicted: failed(msrv), gadget 7.0.0 needs rustc 1.999.0",
        "stable@gadget-3.0.0  skip: not an end of the ladder",
        "absent@gadget-1.0.0  skip: toolchain missing",
        "4 to run, 0 known, 20 skipped",
    ] {
        assert!(stdout.contains(line), "{line} is not in\n{stdout}");
    }
    assert!(!fixture.out().exists(), "a plan writes nothing");
}

#[test]
fn a_plan_knows_what_an_earlier_run_found() {
    let fixture = Fixture::in_place("history");
    fixture.run(&["--cell", "stable@gadget-[15].0.0"]);
    let stdout = text(&fixture.call(&["plan", "--toolchain", "stable"]).stdout);
    assert!(
        stdout.contains("stable@gadget-1.0.0  known: ✔ passed"),
        "{stdout}"
    );
    assert!(
        stdout.contains("stable@gadget-5.0.0  known: ✘ failed(test)"),
        "{stdout}"
    );
    let json = text(&fixture.call(&["plan", "--format", "json"]).stdout);
    let plan: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(plan["cells"][0]["fate"], "known");
    assert_eq!(plan["cells"][0]["outcome"]["status"], "passed");
    assert_eq!(plan["cells"][1]["fate"], "run");
}

#[test]
fn toolchains_are_listed_with_where_they_are_and_what_is_missing() {
    let fixture = Fixture::in_place("history");
    let stdout = text(&fixture.call(&["toolchains"]).stdout);
    assert!(stdout.contains("stable  rustc 1."), "{stdout}");
    assert!(
        stdout.contains("absent  missing: rustup has no no-such-toolchain"),
        "{stdout}"
    );
}

#[test]
fn only_missing_toolchains_is_inconclusive() {
    let fixture = Fixture::in_place("history");
    let (code, _) = fixture.run(&["--toolchain", "absent"]);
    assert_eq!(code, 3);
}

#[test]
fn an_end_of_a_row_is_first_and_last() {
    let fixture = Fixture::in_place("history");
    let (code, run) = fixture.run(&["--ends", "--toolchain", "stable"]);
    let ended: Vec<_> = run
        .cells
        .iter()
        .filter(|c| c.outcome().is_some())
        .map(|c| c.id.to_string())
        .collect();
    assert_eq!(ended, ["stable@gadget-1.0.0", "stable@gadget-7.0.0"]);
    assert_eq!(code, 1);
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_ended_and_the_next_run_goes_on() {
    let fixture = Fixture::in_place("hangs");
    let mut child = fixture
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // The hanging test is reached once its target's log is there.
    let log = fixture.out().join("logs/stable@gadget-1.0.0/test.log");
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !log.is_file() {
        assert!(std::time::Instant::now() < patience, "no test began");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(kill.expect("a signal").success());
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    let json = std::fs::read_to_string(fixture.out().join("run.json")).expect("run.json");
    assert!(json.contains("\"finished\": false"), "{json}");
    assert!(
        fixture.out().join("junit.xml").is_file(),
        "what is known is reported"
    );

    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    assert_eq!(run.cells[0].status().to_string(), "failed(timeout)");
}

#[test]
fn a_run_ends_with_its_answer_and_tells_each_problem_once() {
    let fixture = Fixture::in_place("history");
    let stdout = text(&fixture.call(&["run", "--full"]).stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    let from = |start: &str| lines.iter().position(|line| line.starts_with(start));
    let answer =
        from("`app test:turning` is the first of 2 targets to break, at gadget 3.0.0, on ");
    let results = from("results: ");
    assert!(results.is_some() && results < answer, "{stdout}");
    let last = lines.last().expect("a line");
    assert!(last.starts_with("cells: 9 passed, 7 failed, "), "{stdout}");
    let blocks: Vec<&str> = lines.iter().filter_map(|l| l.strip_prefix("✘ ")).collect();
    let expected = [
        "app test:turning: failed(compile) at gadget 3.0.0 on stable, old",
        "app test:ratio odd_ratio_is_rounded_down: failed(test) at gadget 5.0.0 on stable, old",
        "gadget: failed(msrv) at gadget 7.0.0 on stable; 6.0.0, 7.0.0 on old",
    ];
    assert_eq!(blocks, expected, "{stdout}");
    for line in [
        "  on old: needs rustc 1.80.0 from 6.0.0 on, and not at 5.0.0; nothing published lies between",
        "targets on old: each passes, or does as above",
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{stdout}");
    }
    // What is printed to be copied is what a person can type where they are.
    let command = lines[lines
        .iter()
        .position(|l| l.contains("reproduce: "))
        .expect("one")];
    let words: Vec<&str> = command.split_whitespace().collect();
    let [
        "reproduce:",
        "cargo",
        "pinmatrix",
        "repro",
        "stable@gadget-3.0.0",
        "--config",
        ..,
    ] = words.as_slice()
    else {
        panic!("{command}")
    };
    let shown = std::process::Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"))
        .args(&words[2..])
        .env("PINMATRIX_CACHE", fixture.cache())
        .output()
        .expect("the program starts");
    assert_eq!(shown.status.code(), Some(1));
    assert!(text(&shown.stderr).contains("cannot find function `turn`"));
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_there_are_bars_and_then_results() {
    let fixture = Fixture::in_place("history");
    let command = fixture.command(&["run", "--full", "--toolchain", "stable", "--lanes", "2"]);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    // `script` gives a program a terminal.
    let mut script = std::process::Command::new("script");
    script.args([
        "--quiet",
        "--return",
        "--command",
        &words.join(" "),
        "/dev/null",
    ]);
    for (name, value) in command.get_envs() {
        script.env(name, value.unwrap_or_default());
    }
    let output = script.stdin(Stdio::null()).output().expect("script starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    for part in [
        "/8 cells",
        "stable@gadget-1.0.0: passed",
        "cells: 5 passed, 3 failed",
    ] {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
    }
    assert!(!stdout.contains("panicked"), "{stdout}");
    // NO_COLOR holds for what stands above the bars, too.
    assert!(!stdout.contains("\u{1b}[32m"), "{stdout}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_an_error_and_no_panic() {
    let fixture = Fixture::in_place("fails_test");
    for args in [
        &["toolchains"][..],
        &["plan"],
        &["plan", "--format", "json"],
        &["run"],
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("a device");
        let output = fixture
            .command(args)
            .stdout(full)
            .output()
            .expect("the program starts");
        let stderr = text(&output.stderr);
        assert!(
            stderr.contains("write to standard output"),
            "{args:?}: {stderr}"
        );
        assert_eq!(output.status.code(), Some(3), "{args:?}");
    }
}

#[test]
fn the_log_of_the_tool_tells_cells_phases_and_children_and_nothing_that_they_were_given() {
    let fixture = Fixture::in_place("history");
    let log = fixture.out().with_file_name("tool.log");
    let mut command = fixture.command(&["run", "--toolchain", "stable", "--pin", "2.0.0"]);
    command
        .env("PINMATRIX_LOG", &log)
        .env("API_TOKEN", "s3cr3t-value");
    assert!(
        command
            .output()
            .expect("the program starts")
            .status
            .success()
    );
    let log = std::fs::read_to_string(log).expect("a log");
    for words in [
        "cell{id=stable@gadget-2.0.0}:phase{name=resolve}:child{",
        "cell{id=stable@gadget-2.0.0}:phase{name=build}: close time.busy=",
        "phase{name=test}:child{program=",
        "run{cells=",
    ] {
        assert!(log.contains(words), "{words} is not in {log}");
    }
    for hidden in ["s3cr3t-value", "--frozen", "--exact"] {
        assert!(!log.contains(hidden), "{hidden} is in {log}");
    }
}

#[test]
fn a_log_in_the_tree_is_no_part_of_the_subject() {
    let fixture = Fixture::copied("history");
    let log = fixture.subject().join("tool.log");
    let log = log.to_str().expect("text");
    let flags = [
        "run",
        "--toolchain",
        "stable",
        "--pin",
        "2.0.0",
        "--log",
        log,
    ];
    for reused in [false, true] {
        let output = fixture
            .command(&flags)
            .output()
            .expect("the program starts");
        assert_eq!(output.status.code(), Some(0));
        let stderr = text(&output.stderr);
        assert!(!stderr.contains("files have changed"), "{stderr}");
        let stdout = text(&output.stdout);
        assert_eq!(
            stdout.contains("taken over from earlier runs"),
            reused,
            "{stdout}"
        );
    }
}
