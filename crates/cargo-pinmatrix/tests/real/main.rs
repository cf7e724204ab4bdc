//! Real cells of this repository's own matrix, held against the table that was measured.
//!
//! `tests/migration-measured.tsv` has a line a target and case of each toolchain and a column a
//! pin. `PINMATRIX_BLESS=target/matrix/run.json` writes the lines of the toolchains of a run anew.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use pinmatrix_core::model::forecast::{Forecast, StepForecast};
use pinmatrix_core::model::outcome::TargetOutcome;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::status::{FailureKind, Status};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the repository")
        .to_owned()
}

/// Toolchain, target and case, to what each pin showed.
type Table = BTreeMap<(String, String, String), BTreeMap<String, String>>;

fn table(run: &Run) -> Table {
    let mut table = Table::new();
    for record in &run.cells {
        let Some(outcome) = record.outcome() else {
            continue;
        };
        let pin = record.cell.pin.at.to_string();
        let mut put = |target: &str, case: &str, value: String| {
            let line = (
                record.cell.row.to_string(),
                target.to_owned(),
                case.to_owned(),
            );
            table.entry(line).or_default().insert(pin.clone(), value);
        };
        let whole = match outcome.errors.first() {
            Some(error) => format!("{}: {error}", short(&outcome.status)),
            None => short(&outcome.status),
        };
        // What the cell's own rustc is depends on the machine; what is asked for does not.
        let whole = whole
            .split(", and this is ")
            .next()
            .unwrap_or_default()
            .to_owned();
        put("-", "-", whole);
        for target in &outcome.targets {
            let id = target.id.to_string();
            put(&id, "-", of_target(target));
            for case in &target.cases {
                put(&id, &case.name, short(&case.status));
            }
        }
    }
    table
}

fn of_target(target: &TargetOutcome) -> String {
    let code = target.errors.first().and_then(|e| e.code.as_deref());
    match (code, target.errors.is_empty()) {
        (Some(code), _) => code.to_owned(),
        (None, true) => "built".to_owned(),
        (None, false) => short(&target.status),
    }
}

fn short(status: &Status) -> String {
    match status {
        Status::Passed => "passed".to_owned(),
        Status::Failed {
            class: FailureKind::Test,
        } => "failed".to_owned(),
        Status::Failed { .. } | Status::Skipped { .. } | Status::Inconclusive { .. } => {
            status.to_string()
        }
    }
}

fn path() -> PathBuf {
    root().join("tests/migration-measured.tsv")
}

fn write(table: &Table, pins: &[String]) {
    let mut text = format!("toolchain\ttarget\tcase\t{}\n", pins.join("\t"));
    for ((toolchain, target, case), values) in table {
        let values = pins
            .iter()
            .map(|pin| values.get(pin).map_or("", String::as_str));
        let values = values.collect::<Vec<_>>().join("\t");
        text.push_str(&format!("{toolchain}\t{target}\t{case}\t{values}\n"));
    }
    std::fs::write(path(), text).expect("written");
}

fn measured() -> Table {
    let text = std::fs::read_to_string(path()).expect("the measured table");
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let pins: Vec<String> = lines.next().expect("a heading").skip(3).collect();
    let line = |mut line: Box<dyn Iterator<Item = String>>| {
        let mut next = || line.next().expect("a field");
        let place = (next(), next(), next());
        (place, pins.iter().cloned().zip(line).collect())
    };
    lines
        .map(|fields| line(Box::new(fields.collect::<Vec<_>>().into_iter())))
        .collect()
}

/// Writes the lines of the toolchains anew that a run tells of at every pin; the others stay.
fn bless(run: &Run) {
    let pins = run.families.iter().flat_map(|family| &family.pins);
    let pins: Vec<String> = pins.map(|pin| pin.at.to_string()).collect();
    let mut all = measured();
    let known = all.values().next().expect("a measured line").keys();
    let is_known = |pin: &String| known.clone().any(|known| known == pin);
    assert!(
        pins.iter().all(is_known),
        "another ladder: measure every toolchain"
    );
    let is_whole = |toolchain: &str| {
        let mut cells = run
            .cells
            .iter()
            .filter(|c| c.cell.row.toolchain == toolchain);
        cells.all(|record| record.outcome().is_some())
    };
    let found = table(run)
        .into_iter()
        .filter(|((toolchain, ..), _)| is_whole(toolchain));
    let found: Table = found.collect();
    assert!(!found.is_empty(), "no toolchain ran at every pin");
    let is_found = |toolchain: &str| found.keys().any(|(known, ..)| known == toolchain);
    all.retain(|(toolchain, ..), _| !is_found(toolchain));
    all.extend(found);
    write(&all, &pins);
}

/// The cells that a test of the whole runs: both ends on the default toolchain, and one answer
/// that an older toolchain gives without compiling.
const CELLS: [&str; 3] = [
    "stable@wasmtime-24.0.5",
    "stable@wasmtime-36.0.3",
    "1.78@wasmtime-36.0.3",
];

#[test]
fn real_cells_show_what_was_measured() {
    if let Some(run) = std::env::var_os("PINMATRIX_BLESS") {
        let text = std::fs::read_to_string(root().join(run)).expect("a run");
        let run: Run = serde_json::from_str(&text).expect("a run");
        bless(&run);
        return;
    }
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let out = work.path().join("out");
    let program = |subcommand: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"));
        let config = root().join("matrix.toml");
        command
            .args(["pinmatrix", subcommand, "--config"])
            .arg(config);
        command.arg("--out").arg(&out);
        command.env("PINMATRIX_CACHE", work.path().join("cache"));
        command
    };
    let mut command = program("run");
    command.args(CELLS.iter().flat_map(|cell| ["--cell", cell]));
    let status = command.status().expect("the program starts");
    assert_eq!(
        status.code(),
        Some(0),
        "what fails is what ci/baseline.json expects"
    );

    let text = std::fs::read_to_string(out.join("run.json")).expect("run.json");
    let run: Run = serde_json::from_str(&text).expect("a run");
    let ended: Vec<_> = run.cells.iter().filter(|c| c.outcome().is_some()).collect();
    assert_eq!(ended.len(), CELLS.len(), "every one of the cells ended");
    let measured = measured();
    let mut n_compared = 0;
    for (line, values) in table(&run) {
        for (pin, value) in values {
            let expected = measured.get(&line).and_then(|values| values.get(&pin));
            assert_eq!(Some(&value), expected, "{line:?} at {pin}");
            n_compared += 1;
        }
    }
    assert!(n_compared > 100, "only {n_compared} facts were compared");

    // The header check as migrated works from exactly 36.0.0 on, before which only 35.0.0 is
    // published.
    let output = program("bisect")
        .args(["--target", "wasi-http-headers test:after"])
        .args(["--toolchain", "stable", "--pins", "35.0.0..36.0.0"])
        .output()
        .expect("the program starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    for part in [
        "✘ bad   35.0.0  failed(compile)",
        "✔ good  36.0.0  passed",
        "exact: nothing that is published and not yanked lies between",
        "asked 2 of 2 points",
    ] {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
    }
}

/// How many of the touched steps of the forecast of this repository's own matrix show another result in
/// the table, at least: what else changes there is said, and does no harm.
const LEAST_PRECISION: f64 = 0.45;

#[test]
fn every_compile_break_that_was_measured_is_foretold() {
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"))
        .args(["pinmatrix", "forecast", "--format", "json", "--config"])
        .arg(root().join("matrix.toml"))
        .env("PINMATRIX_CACHE", work.path())
        .output()
        .expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    let forecasts: Vec<Forecast> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {errors}"));
    let [forecast] = forecasts.as_slice() else {
        panic!("{} families", forecasts.len())
    };
    assert!(forecast.unread.is_empty(), "{:?}", forecast.unread);
    let (mut n_breaks, mut n_touched, mut n_changes) = (0, 0, 0);
    for ((toolchain, target, case), values) in measured() {
        if toolchain != "stable" || case != "-" || target == "-" {
            continue;
        }
        let of_target = forecast.targets.iter();
        let of_target = of_target.clone().find(|of| of.target.to_string() == target);
        for (from, to) in forecast.versions.iter().zip(&forecast.versions[1..]) {
            let (was, is) = (&values[&from.to_string()], &values[&to.to_string()]);
            let step = of_target.and_then(|of| of.step(to));
            let is_touched = step.is_some_and(StepForecast::is_touched);
            if was == "built" && is != "built" {
                n_breaks += 1;
                assert!(is_touched, "{target} breaks at {to} ({is}): {step:#?}");
            }
            n_touched += usize::from(is_touched);
            n_changes += usize::from(is_touched && was != is);
        }
    }
    assert!(n_breaks >= 15, "only {n_breaks} breaks were measured");
    let precision = n_changes as f64 / n_touched as f64;
    println!("{n_breaks} breaks, {n_changes} of {n_touched} touched steps change");
    assert!(precision >= LEAST_PRECISION, "{n_changes} of {n_touched}");
}

/// The versions that README's example names are published, whoever types it in.
#[test]
fn what_the_readme_shows_for_another_workspace_can_be_planned() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let after = readme.split_once("```toml\n").expect("an example").1;
    let config = after.split_once("```").expect("its end").0;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write("matrix.toml", config);
    let package =
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    let requirements =
        "[dependencies]\ntonic = \"0.11\"\n[build-dependencies]\ntonic-build = \"0.11\"\n";
    write("Cargo.toml", &(package.to_owned() + requirements));
    std::fs::create_dir(folder.path().join("src")).expect("a folder");
    write("src/lib.rs", "");
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"))
        .args(["pinmatrix", "plan", "--config"])
        .arg(folder.path().join("matrix.toml"))
        .env("PINMATRIX_CACHE", folder.path().join("cache"))
        .output()
        .expect("the program starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for cell in ["stable@tonic-0.11.0", "stable@tonic-0.12.3"] {
        assert!(stdout.contains(cell), "{stdout}");
    }
}
