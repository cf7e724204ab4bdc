//! What an index holds: nulls, build metadata, lines that cargo passes over, versions that only a
//! part of a family has, pre-releases; and an index that changes during a run.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pinmatrix_core::analysis::frontier::frontier;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::status::Status;

use crate::harness::{Fixture, text};

/// Every change point, with what lies between its sides.
fn points(run: &Run) -> Vec<String> {
    let points = frontier(run).into_iter().map(|point| {
        let exact = if point.is_exact() {
            "exact"
        } else {
            "not exact"
        };
        format!(
            "{}: {} -> {}: {exact}: {}",
            point.subject(),
            point.before,
            point.after,
            point.between
        )
    });
    points.collect()
}

/// The file that a copied fixture's registry holds of a crate.
fn index_of(fixture: &Fixture, krate: &str) -> std::path::PathBuf {
    let place = format!(
        "../../registry/index/{}/{}/{krate}",
        &krate[..2],
        &krate[2..4]
    );
    fixture.subject().join(place)
}

fn pins(fixture: &Fixture, pins: &str) {
    let chosen = "pins = { from = \"1.0.0\", choose = \"all\" }";
    fixture.change("matrix.toml", chosen, &format!("pins = {pins}"));
}

/// The version of a package in the lock that a cell left.
fn locked(fixture: &Fixture, cell: &str, package: &str) -> Option<String> {
    let lock = fixture.out().join(format!("locks/{cell}.lock"));
    let lock = fs::read_to_string(lock).expect("a lock");
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split('"').next()?.to_owned())
}

const UNUSABLE: &str = "nothing that can be tested lies between; \
    valve 5.0.0 cannot be used: valve-io has no 5.0.0; 5.1.0 was yanked";
const UNREADABLE: &str = "nothing that can be tested lies between; valve 8.0.0 cannot be used: \
    valve-io 8.0.0 is of format 3 in the index, and cargo reads up to 2";

#[test]
fn a_change_across_a_version_that_cannot_be_used_is_not_exact() {
    let fixture = Fixture::in_place("odd_index");
    let output = fixture.call(&["run", "--full"]);
    let run = fs::read_to_string(fixture.out().join("run.json")).expect("a run");
    let run: Run = serde_json::from_str(&run).expect("a run");
    let exact = "nothing published lies between";
    assert_eq!(
        points(&run),
        [
            format!("odd-index test:rounding: 3.0.0 passed -> 4.0.0 failed(test): exact: {exact}"),
            format!(
                "odd-index test:rounding: 4.0.0 failed(test) -> 6.0.0 passed: not exact: {UNUSABLE}"
            ),
            format!(
                "odd-index test:turning: 4.0.0 passed -> 6.0.0 failed(compile): not exact: {UNUSABLE}"
            ),
            format!(
                "odd-index test:turning: 6.0.0 failed(compile) -> 7.0.0 passed: exact: {exact}"
            ),
            format!(
                "odd-index test:turning: 7.0.0 passed -> 9.0.0 failed(compile): not exact: {UNREADABLE}"
            ),
        ]
    );
    // Every report says so.
    let read = |name: &str| fs::read_to_string(fixture.out().join(name)).expect("a report");
    let terminal = text(&output.stdout);
    assert!(
        terminal.contains("valve 5.0.0 cannot be used: valve-io has no 5.0.0"),
        "{terminal}"
    );
    assert!(
        terminal.contains("does not build from 6.0.0 (1 untested)"),
        "{terminal}"
    );
    let summary = read("summary.md");
    assert!(
        summary.contains("  - between: valve 5.0.0 cannot be used"),
        "{summary}"
    );
    assert!(
        summary.contains("  - between: 5.1.0 was yanked"),
        "{summary}"
    );
    let page = read("report.html");
    assert!(
        page.contains("1 untested between; valve 5.0.0 cannot be used"),
        "not on the page"
    );
    let points: serde_json::Value = serde_json::from_str(&read("frontier.json")).expect("JSON");
    let broken = &points[2];
    assert_eq!(
        (&broken["exact"], &broken["n_untested"]),
        (&false.into(), &1.into())
    );
    assert_eq!(
        broken["between"]["unusable"][0]["why"],
        "valve-io has no 5.0.0"
    );
    assert_eq!(broken["between"]["yanked"][0], "5.1.0");
    // What cargo passes over is passed over, and named.
    let notes = text(&output.stderr);
    let note = "passed over, as cargo does: valve-io 8.0.0 is of format 3 in the index";
    assert!(notes.contains(note), "{notes}");
}

#[test]
fn build_metadata_of_one_crate_keeps_no_version_off_the_ladder() {
    let fixture = Fixture::in_place("odd_index");
    let (_, run) = fixture.run(&["--cell", "stable@valve-4.0.0"]);
    let cell = "stable@valve-4.0.0";
    let ended: Vec<&str> = ended(&run).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ended, [cell]);
    assert_eq!(
        locked(&fixture, cell, "valve-io").as_deref(),
        Some("4.0.0+up1")
    );
    assert_eq!(locked(&fixture, cell, "valve").as_deref(), Some("4.0.0"));
}

fn ended(run: &Run) -> Vec<(&str, &Status)> {
    let ended = run.cells.iter();
    let ended = ended.filter_map(|c| Some((c.id.as_str(), &c.outcome()?.status)));
    ended.collect()
}

#[test]
fn a_pin_is_one_with_and_without_its_build_metadata() {
    let fixture = Fixture::copied("odd_index");
    pins(&fixture, "[\"3.0.0\", \"4.0.0+up1\"]");
    let (_, run) = fixture.run(&["--pin", "4.0.0", "--no-today"]);
    assert_eq!(ended(&run)[0].0, "stable@valve-4.0.0");
}

#[test]
fn a_pre_release_lies_between_where_the_ladder_holds_one() {
    let fixture = Fixture::copied("odd_index");
    pins(&fixture, "[\"6.0.0\", \"7.0.0-rc.1\", \"7.0.0\"]");
    let (_, run) = fixture.run(&["--full", "--no-today"]);
    let before = "odd-index test:turning: 7.0.0-rc.1 failed(compile) -> 7.0.0 passed";
    let between = "7.0.0-rc.2 lies between and is untested";
    assert_eq!(points(&run), [format!("{before}: not exact: {between}")]);
    let (_, run) = fixture.run(&["--exact", "--no-today"]);
    let before = "odd-index test:turning: 7.0.0-rc.2 failed(compile) -> 7.0.0 passed";
    let between = "nothing published lies between";
    assert_eq!(points(&run), [format!("{before}: exact: {between}")]);
}

#[test]
fn a_bisection_is_as_exact_as_the_index_lets_it_be() {
    let fixture = Fixture::in_place("odd_index");
    let question = ["bisect", "--target", "turning"];
    let asked = |pins: &str| {
        let output = fixture.call(&[&question[..], &["--pins", pins]].concat());
        text(&output.stdout)
    };
    let printed = asked("3.0.0..6.0.0");
    assert!(
        printed.contains(&format!("not exact: {UNUSABLE}")),
        "{printed}"
    );
    let printed = asked("6.0.0..7.0.0");
    let exact = "exact: nothing that is published and not yanked lies between";
    assert!(
        printed.contains(exact) && !printed.contains("not exact"),
        "{printed}"
    );
}

#[test]
fn a_companion_is_held_whatever_is_null_in_its_index() {
    let fixture = Fixture::copied("history");
    let index = fs::read_to_string(index_of(&fixture, "gadget-types")).expect("an index");
    assert!(index.contains("\"yanked\":null"), "{index}");
    let cell = "stable@gadget-2.0.0";
    fixture.run(&["--cell", cell]);
    assert_eq!(
        locked(&fixture, cell, "gadget-types").as_deref(),
        Some("2.0.0")
    );
}

#[test]
fn a_pin_that_cargo_passes_over_is_reported() {
    let fixture = Fixture::copied("odd_index");
    pins(&fixture, "[\"1.0.0\", \"8.0.0\"]");
    let output = fixture.call(&["run"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let message = "valve-io 8.0.0 is of format 3 in the index, and cargo reads up to 2";
    assert!(
        stderr.contains(message) && stderr.contains("matrix.toml:"),
        "{stderr}"
    );
}

#[test]
fn what_cargo_alone_finds_wrong_in_a_line_is_reported_in_its_words() {
    let fixture = Fixture::copied("odd_index");
    let path = index_of(&fixture, "valve");
    let index = fs::read_to_string(&path).expect("an index");
    let (old, new) = ("\"features\":{}", "\"features\":{\"x\":[\"nothing/y\"]}");
    let change = |line: &str| {
        if line.contains("\"vers\":\"3.0.0\"") {
            line.replace(old, new) + "\n"
        } else {
            line.to_owned() + "\n"
        }
    };
    fs::write(&path, index.lines().map(change).collect::<String>()).expect("written");
    let (_, run) = fixture.run(&["--cell", "stable@valve-3.0.0"]);
    let errors = run
        .cells
        .iter()
        .filter_map(|c| c.outcome())
        .flat_map(|o| &o.errors);
    let errors: Vec<&str> = errors.map(|error| error.message.as_str()).collect();
    assert_eq!(
        errors,
        [
            "failed to select a version for the requirement `valve = \"=3.0.0\"`: \
          version 3.0.0's index entry is invalid"
        ]
    );
}

#[test]
fn an_index_that_changes_during_a_run_changes_no_word_of_it() {
    let fixture = Fixture::copied("odd_index");
    let mut command = fixture.command(&["run", "--full", "--lanes", "1"]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    // The first cell is resolved, and the others are not.
    let first = fixture.out().join("locks/stable@valve-1.0.0.lock");
    let begun = Instant::now();
    while !first.exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "no cell was resolved"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let path = index_of(&fixture, "valve");
    let index = fs::read_to_string(&path).expect("an index");
    let change = |line: &str| {
        let is = |version: &str| line.contains(&format!("\"vers\":\"{version}\""));
        match (is("3.0.0"), is("6.0.0")) {
            (true, _) => line.replace("\"yanked\":false", "\"yanked\":true") + "\n",
            (_, true) => String::new(),
            (false, false) => line.to_owned() + "\n",
        }
    };
    fs::write(&path, index.lines().map(change).collect::<String>()).expect("written");
    child.wait().expect("an end");
    let run = fs::read_to_string(fixture.out().join("run.json")).expect("a run");
    let run: Run = serde_json::from_str(&run).expect("a run");
    let status = |cell: &str| {
        let mut cells = ended(&run).into_iter();
        cells
            .find(|(id, _)| *id == cell)
            .expect("it ended")
            .1
            .to_string()
    };
    for version in ["3.0.0", "6.0.0"] {
        let words = format!(
            "inconclusive(the index has changed since it was read: valve {version} could be used, \
             and now it cannot)"
        );
        assert_eq!(status(&format!("stable@valve-{version}")), words);
    }
    assert_eq!(status("stable@valve-4.0.0"), "failed(test)");
    let published = &run.families[0].published;
    let published: Vec<String> = published.iter().map(ToString::to_string).collect();
    let all = [
        "1.0.0", "2.0.0", "3.0.0", "4.0.0", "6.0.0", "7.0.0", "9.0.0",
    ];
    assert_eq!(published, all);
}
