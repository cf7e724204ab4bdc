//! `run.json`: a run, written down while it goes on and read again for every report.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};
use camino::Utf8Path;

use crate::config::mistake::Mistake;
use crate::files::write_whole;
use crate::model::cell::CellId;
use crate::model::outcome::PhaseRecord;
use crate::model::run::{Run, SCHEMA};
use crate::text::{self, named};

/// The file's name in the results folder.
pub const FILE: &str = "run.json";

/// Writes a run into the results folder.
///
/// # Errors
///
/// When the file cannot be written; the one that was there before is then still whole.
pub fn write(run: &Run, out: &Utf8Path) -> Result<()> {
    let mut text = serde_json::to_string_pretty(run).context("write a run")?;
    text.push('\n');
    write_whole(&out.join(FILE), text.as_bytes())
}

/// The largest file that is read, in bytes: more than a million cases with all that they said.
const MOST: u64 = 1 << 30;

/// Reads the run in a results folder, or in a file of any name.
///
/// # Errors
///
/// A [`Mistake`] when there is none, or when it is of a form this version does not read.
pub fn read(place: &Utf8Path) -> Result<Run, Mistake> {
    let path = match place.is_file() {
        true => place.to_owned(),
        false => place.join(FILE),
    };
    parse(&text(&path)?).map_err(|fault| fault.of(&path))
}

fn text(path: &Utf8Path) -> Result<String, Mistake> {
    let fault = |why: &str| Mistake::new(format!("cannot read {path}: {why}"));
    let not_there = |e: std::io::Error| {
        fault(&e.to_string())
            .help("run the matrix first, or name its results: a folder, or the run.json in it")
    };
    let metadata = path.metadata().map_err(not_there)?;
    if !metadata.is_file() {
        return Err(fault("it is no file").help("name a results folder or its run.json"));
    }
    if metadata.len() > MOST {
        let most = MOST >> 20;
        return Err(fault(&format!("it has more than {most} MiB")).help("this is no run.json"));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(not_there)?;
    // The file can grow while it is read.
    let read = file.take(MOST).read_to_string(&mut text);
    read.map_err(|e| fault(&e.to_string()).help("is it a run.json?"))?;
    Ok(text)
}

/// Why a text is no run.
enum Fault {
    /// It is none, or a part of one.
    Form(serde_json::Error),
    /// It is one of another version.
    Schema(u32),
    /// It says what no run can say.
    Content(String),
}

impl Fault {
    fn of(self, path: &Utf8Path) -> Mistake {
        match self {
            Self::Form(e) if e.is_eof() => Mistake::new(format!(
                "{path} is cut off: {}",
                text::one_line(&e.to_string())
            ))
            .help("copy it again, or run the matrix again"),
            Self::Form(e) => {
                let why = text::ellipsis(&text::one_line(&e.to_string()), 300);
                Mistake::new(format!("{path} is no run of a matrix: {why}"))
                    .help("name a results folder or its run.json")
            }
            Self::Schema(schema) => Mistake::new(format!(
                "{path} has schema {schema}, and this version reads {SCHEMA}"
            ))
            .help("run the matrix again with this version"),
            Self::Content(why) => Mistake::new(format!("{path} is no run of a matrix: {why}"))
                .help("only a file that this tool wrote is read"),
        }
    }
}

fn parse(text: &str) -> Result<Run, Fault> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: u32,
    }
    let head: Head = serde_json::from_str(text).map_err(Fault::Form)?;
    if head.schema != SCHEMA {
        return Err(Fault::Schema(head.schema));
    }
    let run: Run = serde_json::from_str(text).map_err(Fault::Form)?;
    match contradiction(&run) {
        Some(why) => Err(Fault::Content(why)),
        None => Ok(run),
    }
}

/// The last second of the year 9999, after which no report can write a time.
const END_OF_TIME: u64 = 253_402_300_799;
/// The longest time that a run can have taken, in seconds: a hundred years.
const LONGEST: f64 = 3.2e9;
/// The longest name of a cell: it is a folder's.
const LONGEST_NAME: usize = 240;

/// What a run says that no run can say. Names of cells and paths of logs go into reports as links
/// and commands, and name files.
fn contradiction(run: &Run) -> Option<String> {
    if run.started > END_OF_TIME || !(0.0..LONGEST).contains(&run.seconds) {
        return Some("it has times that cannot be".to_owned());
    }
    let mut there = BTreeSet::new();
    run.cells.iter().find_map(|record| {
        let shown = named(record.id.as_str());
        if !is_plain(&record.id) || record.id != record.cell.id() {
            return Some(format!("a cell cannot be called `{shown}`"));
        }
        if !there.insert(&record.id) {
            return Some(format!("the cell `{shown}` is there twice"));
        }
        let mut phases = record.outcome().into_iter().flat_map(|o| &o.phases);
        let strange = phases.find(|p| p.log != PhaseRecord::log_of(&record.id, p.phase))?;
        let log = named(&strange.log);
        Some(format!("the log of {shown} cannot be `{log}`"))
    })
}

/// Whether a name can stand in a path.
fn is_plain(id: &CellId) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@~+".contains(c);
    let name = id.as_str();
    name.chars().all(fits) && !name.starts_with('.') && name.len() <= LONGEST_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: &str = r#"{"id": "a@g-1.0.0", "toolchain": "a",
        "pin": {"family": "g", "version": "1.0.0"}, "state": "pending"}"#;

    fn run(cell: &str) -> String {
        format!(
            r#"{{"schema": {SCHEMA}, "started": 1, "seconds": 1.0, "finished": true,
                "command": "c", "out": "o", "sources": [], "resolver": "r", "toolchains": [],
                "families": [], "cells": [{cell}]}}"#
        )
    }

    fn refused(text: &str) -> String {
        let fault = parse(text).expect_err("no run");
        fault.of("results/run.json".into()).message().to_owned()
    }

    #[test]
    fn a_run_is_read() {
        let read = parse(&run(CELL)).map_err(|fault| fault.of("run.json".into()));
        assert_eq!(read.expect("a run").cells.len(), 1);
    }

    #[test]
    fn what_is_no_run_is_named_and_refused() {
        let whole = run(CELL);
        let refusals = [
            (
                whole[..whole.len() - 9].to_owned(),
                "results/run.json is cut off: ",
            ),
            ("[]".to_owned(), "results/run.json is no run of a matrix: "),
            (
                whole.replacen('2', "1", 1),
                "results/run.json has schema 1, and this version",
            ),
            (
                whole.replace("a@g-1.0.0", "a@g-2.0.0"),
                "a cell cannot be called `a@g-2.0.0`",
            ),
            (
                whole
                    .replace("a@g-1.0.0", "$(x)@g-1.0.0")
                    .replace("\"a\"", "\"$(x)\""),
                "a cell cannot be called `$(x)@g-1.0.0`",
            ),
            (
                whole.replacen("\"started\": 1", "\"started\": 999999999999", 1),
                "it has times that cannot be",
            ),
            (
                whole.replacen("\"seconds\": 1.0", "\"seconds\": -1.0", 1),
                "it has times that cannot be",
            ),
            (
                whole.replacen("\"seconds\": 1.0", "\"seconds\": 1e300", 1),
                "it has times that cannot be",
            ),
            (
                run(&format!("{CELL}, {CELL}")),
                "the cell `a@g-1.0.0` is there twice",
            ),
        ];
        for (text, why) in refusals {
            let said = refused(&text);
            assert!(said.contains(why), "{why} is not in {said}");
        }
    }

    #[test]
    fn a_cell_whose_name_can_be_no_path_is_refused() {
        for label in [
            "../../x",
            "/etc/x",
            "a\u{202e}b",
            "a\nb",
            ".a",
            &"a".repeat(300),
        ] {
            let quoted = serde_json::to_string(label).expect("JSON");
            let quoted = quoted.trim_matches('"');
            let cell = CELL.replace("a@g", &format!("{quoted}@g"));
            let cell = cell.replace("\"a\"", &format!("\"{quoted}\""));
            let said = refused(&run(&cell));
            assert!(said.contains("a cell cannot be called"), "{said}");
            assert!(!said.contains('\u{202e}') && !said.contains('\n'), "{said}");
            assert!(said.len() < 400, "{said}");
        }
    }

    #[test]
    fn no_part_of_a_run_is_a_run() {
        let whole = run(CELL);
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{}", &whole[..end]);
        }
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let file = File::create(folder.join(FILE)).expect("created");
        file.set_len(MOST + 1).expect("a sparse file");
        let error = read(folder).expect_err("too large").to_string();
        assert!(error.contains("it has more than 1024 MiB"), "{error}");
    }
}
