//! `run.json`: a run, written down while it goes on and read again for every report.

use anyhow::{Context, Result};
use camino::Utf8Path;

use crate::config::mistake::Mistake;
use crate::files::write_whole;
use crate::model::run::{Run, SCHEMA};

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

/// Reads the run in a results folder.
///
/// # Errors
///
/// A [`Mistake`] when there is none, or when it is of a form this version does not read.
pub fn read(out: &Utf8Path) -> Result<Run> {
    let path = out.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Mistake::new(format!("cannot read {path}: {e}")).help("run the matrix first")
    })?;
    #[derive(serde::Deserialize)]
    struct Head {
        schema: u32,
    }
    let head: Head = serde_json::from_str(&text)
        .map_err(|e| Mistake::new(format!("{path} is no run of a matrix: {e}")))?;
    if head.schema != SCHEMA {
        let message = format!(
            "{path} has schema {}, and this version reads {SCHEMA}",
            head.schema
        );
        return Err(Mistake::new(message)
            .help("run the matrix again with this version")
            .into());
    }
    let run = serde_json::from_str(&text)
        .map_err(|e| Mistake::new(format!("{path} is no run of a matrix: {e}")))?;
    Ok(run)
}
