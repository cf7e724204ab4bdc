//! One matrix on several machines: shards and rounds come to what a single run comes to.

use std::process::Stdio;
use std::time::{Duration, Instant};

use pinmatrix_core::model::run::State;

use crate::harness::{Fixture, text};
use crate::machines::Machines;

const STABLE: [&str; 3] = ["--toolchain", "stable", "--full"];

fn shard(machines: &Machines, machine: &str, shard: &str) {
    machines.run(machine, &[&STABLE[..], &["--shard", shard]].concat());
}

#[test]
fn four_shards_come_to_what_a_single_run_comes_to() {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml");
    fixture.write(
        "matrix.toml",
        &(config + "\n[run]\nbaseline = \"../expected.json\"\n"),
    );
    let machines = Machines::of(fixture);
    machines.run("single", &STABLE);
    let names = ["one", "two", "three", "four"];
    for (name, number) in names.iter().zip(1..) {
        if number != 2 {
            shard(&machines, name, &format!("{number}/4"));
        }
    }
    kill_after_a_cell(&machines, "two", "2/4");

    // Without what the one that died did not come to.
    let (code, printed) = machines.merge("partial", &names);
    assert_eq!(code, 3, "{printed}");
    assert!(
        printed.contains("two did not end; what it had by then is taken"),
        "{printed}"
    );
    let missing = "1 missing, since no results answer them: stable@gadget-2.0.0";
    assert!(printed.contains(missing), "{printed}");
    let summary = std::fs::read_to_string(machines.out("partial").join("summary.md"));
    let summary = summary.expect("a summary");
    assert!(
        summary.contains("## Missing\n\nNo results answer"),
        "{summary}"
    );

    // It is run again on another machine; in whatever order, with the dead one's too.
    shard(&machines, "again", "2/4");
    for (out, parts) in [
        ("merged", &["one", "again", "three", "four"][..]),
        ("turned", &["four", "two", "three", "again", "one"]),
    ] {
        let (code, printed) = machines.merge(out, parts);
        assert_eq!(code, 1, "{printed}");
        machines.agree("single", out);
    }

    // What is expected is told of the whole as of a single run, and not of a part.
    let blessed = machines.call("single", &["bless"]);
    assert!(blessed.status.success(), "{}", text(&blessed.stderr));
    let (code, printed) = machines.merge("judged", &["four", "three", "again", "one"]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("verdict: as expected"), "{printed}");
    let (code, printed) = machines.merge("alone", &["single"]);
    assert_eq!(code, 0, "{printed}");
    machines.agree("alone", "judged");
    let (code, printed) = machines.merge("judged", &["four", "two", "one"]);
    assert_eq!(code, 3, "{printed}");
    assert!(printed.contains("verdict: inconclusive"), "{printed}");
    let blessed = text(&machines.call("one", &["bless"]).stdout);
    assert!(
        blessed.contains("does not tell of it as a whole; its lines stay"),
        "{blessed}"
    );
}

/// Begins a shard, and kills it when its first cell has ended.
fn kill_after_a_cell(machines: &Machines, machine: &str, shard: &str) {
    let args = [&["run"], &STABLE[..], &["--shard", shard]].concat();
    let mut child = machines
        .command(machine, &args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let began = Instant::now();
    let file = machines.out(machine).join("run.json");
    loop {
        let run = std::fs::read(&file).ok();
        let run = run.and_then(|text| serde_json::from_slice(&text).ok());
        let has_ended = |run: &pinmatrix_core::model::run::Run| {
            let mut cells = run.cells.iter();
            cells.any(|record| matches!(record.state, State::Ended { .. }))
        };
        if run.as_ref().is_some_and(has_ended) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "no cell ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("killed");
    child.wait().expect("it ended");
    let run = machines.known(machine);
    assert!(!run.finished);
    assert!(
        run.cells
            .iter()
            .any(|record| record.state == State::Pending)
    );
}

#[test]
fn rounds_come_to_what_a_single_run_comes_to() {
    let machines = Machines::of(Fixture::in_place("history"));
    let rows = ["--toolchain", "stable", "--toolchain", "absent"];
    machines.run("single", &rows);
    let mut results: Vec<String> = Vec::new();
    for n in 0.. {
        let mut plan = machines.command("planner", &[&["plan", "--round"], &rows[..]].concat());
        if !results.is_empty() {
            plan.arg("--results")
                .args(results.iter().map(|name| machines.out(name)));
        }
        let output = plan.output().expect("the program starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let stdout = text(&output.stdout);
        let cells: Vec<&str> = stdout.lines().collect();
        if cells.is_empty() {
            assert!(text(&output.stderr).contains("nothing is left to run"));
            break;
        }
        assert!(n < 10, "rounds without an end");
        // One machine has every other cell, and another the rest.
        for (machine, first) in [("a", 0), ("b", 1)] {
            let own: Vec<&str> = cells.iter().skip(first).step_by(2).copied().collect();
            let named: Vec<&str> = own.iter().flat_map(|cell| ["--cell", cell]).collect();
            if own.is_empty() {
                continue;
            }
            let name = format!("{machine}{n}");
            let args = [&["run"], &rows[..], &named].concat();
            let output = machines.call(&name, &args);
            // A toolchain that is missing is no answer.
            let is_absent = own.iter().all(|cell| cell.starts_with("absent"));
            let is_ok = matches!(
                (output.status.code(), is_absent),
                (Some(0 | 1), _) | (Some(3), true)
            );
            assert!(is_ok, "{}", text(&output.stderr));
            results.push(name);
        }
    }
    let parts: Vec<&str> = results.iter().map(String::as_str).rev().collect();
    let (code, printed) = machines.merge("merged", &parts);
    assert_eq!(code, 1, "{printed}");
    assert!(
        printed.contains("2 inferred") || printed.contains("1 inferred"),
        "{printed}"
    );
    machines.agree("single", "merged");
}

#[test]
fn a_plan_shows_what_is_in_each_shard() {
    let machines = Machines::of(Fixture::in_place("history"));
    let all = [
        "plan",
        "--full",
        "--toolchain",
        "stable",
        "--toolchain",
        "absent",
    ];
    let plan = |more: &[&str]| {
        let output = machines.call("planner", &[&all[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let printed = plan(&["--shards", "3"]);
    // A row that this machine cannot run is another's all the same.
    assert!(
        printed.starts_with("1/3  5 cells\n  stable@gadget-1.0.0\n"),
        "{printed}"
    );
    assert!(
        printed.contains("3/3  6 cells\n  absent@gadget-2.0.0\n"),
        "{printed}"
    );

    // With times, the long cells stand alone; without a cell, a shard is left out.
    machines.run(
        "timed",
        &["--full", "--pin", "1.0.0", "--toolchain", "stable"],
    );
    machines.forge("times", "timed", |run| {
        for cell in run["cells"].as_array_mut().expect("cells") {
            if let Some(phases) = cell["outcome"]["phases"].as_array_mut() {
                phases
                    .iter_mut()
                    .for_each(|phase| phase["seconds"] = 0.into());
                phases[0]["seconds"] = 100.into();
            }
        }
    });
    let times = machines.out("times").join("run.json");
    let times = times.to_str().expect("text");
    let printed = plan(&["--shards", "20", "--times", times, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let shards = json["shards"].as_array().expect("shards");
    assert_eq!(shards.len(), 16);
    assert_eq!(shards[0]["shard"], "1/20");
    assert_eq!(shards[0]["seconds"], 100.0);
    let cells = shards
        .iter()
        .flat_map(|shard| shard["cells"].as_array().expect("cells"));
    assert_eq!(cells.count(), 16);

    // A machine with nothing to do has done it.
    let empty = machines.call(
        "empty",
        &["run", "--full", "--toolchain", "stable", "--shard", "20/20"],
    );
    assert_eq!(empty.status.code(), Some(0), "{}", text(&empty.stdout));
    let stdout = text(&empty.stdout);
    assert!(stdout.contains("8 skipped (in another shard)"), "{stdout}");
}

#[test]
fn shards_that_cannot_be_are_refused() {
    let (fixture, exact) = (
        Fixture::in_place("history"),
        Fixture::in_place("long_history"),
    );
    let refused_by = |fixture: &Fixture, args: &[&str], words: &str| {
        let output = fixture.call(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(words), "{words} is not in\n{stderr}");
        assert!(!fixture.out().exists(), "something ran");
    };
    let refused = |args: &[&str], words: &str| refused_by(&fixture, args, words);
    let between = ["run", "--full", "--shard", "1/4"];
    refused_by(&exact, &between, "leave out --exact, and `exact` in [run]");
    for written in ["0/4", "5/4"] {
        refused(
            &["run", "--full", "--shard", written],
            "counted from 1: 1/4 to 4/4",
        );
    }
    refused(
        &["run", "--full", "--shard", "x"],
        "NUMBER/COUNT, for example 3/8",
    );
    refused(
        &["run", "--full", "--shard", "1/0"],
        "from 1 to 10000 shards",
    );
    refused(&["plan", "--full", "--shards", "0"], "from 1 to 10000");
    refused(
        &["run", "--shard", "1/4"],
        "add --full or --ends, or go in rounds",
    );
    refused(&["run", "--full", "--times", "x"], "--shard <NUMBER/COUNT>");
    let nowhere = ["run", "--full", "--shard", "1/4", "--times", "nowhere.json"];
    refused(&nowhere, "cannot read nowhere.json");
    refused(&["plan", "--results", "x"], "--round");
    refused(
        &["plan", "--round", "--results", "nowhere"],
        "cannot read nowhere/run.json",
    );
}
