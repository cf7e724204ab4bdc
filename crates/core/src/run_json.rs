//! `run.json`: a run, written while it is in progress and read again for every report.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::error::UserError;
use crate::model::cell::CellId;
use crate::model::outcome::PhaseRecord;
use crate::model::run::{Run, SCHEMA};
use crate::text;
use crate::text::named;

/// The file's name in the results folder.
pub const FILE: &str = "run.json";

/// Serializes a run.
///
/// # Errors
///
/// If a value has no JSON form; all values have one.
pub fn text(run: &Run) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(run)?;
    text.push('\n');
    Ok(text)
}

/// Parses the text of the file at `path`.
///
/// # Errors
///
/// A [`UserError`] if this version cannot read it.
pub fn parse(text: &str, path: &Utf8Path) -> Result<Run, UserError> {
    parsed(text).map_err(|fault| fault.of(path))
}

/// The reason why a text is not a run.
enum ParseFault {
    /// It is not a run, or only a part of one.
    Form(serde_json::Error),
    /// It has a different schema version.
    Schema(u32),
    /// Its content is impossible for a run.
    Content(String),
}

impl ParseFault {
    fn of(self, path: &Utf8Path) -> UserError {
        match self {
            Self::Form(e) if e.is_eof() => UserError::new(format!(
                "{path} is cut off: {}",
                text::one_line(&e.to_string())
            ))
            .help("copy it again, or run the matrix again"),
            Self::Form(e) => {
                let why = text::ellipsis(&text::one_line(&e.to_string()), 300);
                UserError::new(format!("{path} is not a run of a matrix: {why}"))
                    .help("name a results folder or its run.json")
            }
            Self::Schema(schema) => UserError::new(format!(
                "{path} has schema {schema}, and this version reads {SCHEMA}"
            ))
            .help("run the matrix again with this version"),
            Self::Content(why) => UserError::new(format!("{path} is not a run of a matrix: {why}"))
                .help("only a file that this tool wrote is read"),
        }
    }
}

fn parsed(text: &str) -> Result<Run, ParseFault> {
    #[derive(serde::Deserialize)]
    struct RunHead {
        schema: u32,
    }
    let run = match serde_json::from_str::<Run>(text) {
        Ok(run) if run.schema == SCHEMA => run,
        // Another version's run may have another form; its schema says so better.
        other => {
            let head: RunHead = serde_json::from_str(text).map_err(ParseFault::Form)?;
            if head.schema != SCHEMA {
                return Err(ParseFault::Schema(head.schema));
            }
            other.map_err(ParseFault::Form)?
        }
    };
    match contradiction(&run) {
        Some(why) => Err(ParseFault::Content(why)),
        None => Ok(run),
    }
}

/// The last second of the year 9999: reports cannot write later times.
const END_OF_TIME: u64 = 253_402_300_799;
/// The maximum duration of a run, in seconds: a hundred years.
const LONGEST: f64 = 3.2e9;
/// The maximum length of a cell's name, which is used as a folder name.
const LONGEST_NAME: usize = 240;

/// Returns what makes the content impossible. Reports use names of cells and paths of logs in links
/// and commands, and the names are used as file names.
fn contradiction(run: &Run) -> Option<String> {
    if run.started > END_OF_TIME || !(0.0..LONGEST).contains(&run.seconds) {
        return Some("it has times that cannot be".to_owned());
    }
    let mut ids = BTreeSet::new();
    run.cells.iter().find_map(|record| {
        let shown = named(record.id.as_str());
        if !is_plain(&record.id) || record.id != record.cell.id() {
            return Some(format!("a cell cannot be called `{shown}`"));
        }
        if !ids.insert(&record.id) {
            return Some(format!("the cell `{shown}` is there twice"));
        }
        let mut phases = record.outcome().into_iter().flat_map(|o| &o.phases);
        let strange = phases.find(|p| p.log != PhaseRecord::log_of(&record.id, p.phase))?;
        let log = named(&strange.log);
        Some(format!("the log of {shown} cannot be `{log}`"))
    })
}

/// Whether a name is safe in a path.
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
        let refused = parse(text, "results/run.json".into()).expect_err("no run");
        refused.message().to_owned()
    }

    #[test]
    fn a_run_is_read() {
        let read = parse(&run(CELL), "run.json".into());
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
            (
                "[]".to_owned(),
                "results/run.json is not a run of a matrix: ",
            ),
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
            let error = refused(&text);
            assert!(error.contains(why), "{why} is not in {error}");
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
            let error = refused(&run(&cell));
            assert!(error.contains("a cell cannot be called"), "{error}");
            assert!(
                !error.contains('\u{202e}') && !error.contains('\n'),
                "{error}"
            );
            assert!(error.len() < 400, "{error}");
        }
    }

    #[test]
    fn no_part_of_a_run_is_a_run() {
        let whole = run(CELL);
        for end in 0..whole.len() {
            assert!(parsed(&whole[..end]).is_err(), "{}", &whole[..end]);
        }
    }
}
