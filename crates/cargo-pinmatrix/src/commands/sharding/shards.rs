//! Shards on the command line: the one that runs here, and the list of all.

use std::fmt::Write;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix::results::untrusted_input;
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::run::SCHEMA;
use pinmatrix_core::model::run::shard::Shard;
use pinmatrix_core::search::plan::Plan;
use pinmatrix_core::search::shard::{KnownDurations, ShardCells, shares};
use serde::Serialize;

use crate::args::flags::OutputFormat;
use crate::output::stdout;
use crate::output::stdout::{BOLD, RESET};

/// Returns the durations by which shards are balanced: those of an earlier run, if one is given.
///
/// # Errors
///
/// Returns a user error if the file is not a run.
pub fn times(file: Option<&Utf8Path>) -> Result<KnownDurations, UserError> {
    let run = file.map(untrusted_input::read_file).transpose()?;
    Ok(run.map_or_else(KnownDurations::default, |run| KnownDurations::of(&run)))
}

/// Shows the shards of a plan, except empty ones.
///
/// # Errors
///
/// Returns a user error if the plan cannot be divided in advance.
pub fn show(
    plan: &Plan,
    n_shards: usize,
    file: Option<&Utf8Path>,
    format: OutputFormat,
) -> Result<()> {
    let shares = shares(plan, n_shards, &times(file)?)?;
    let shares = shares.iter().filter(|share| !share.cells.is_empty());
    let shown = |share: &ShardCells| ShardJson {
        shard: share.shard,
        // Without measurements, no duration is shown.
        seconds: file.map(|_| share.weight as f64 / 1000.0),
        cells: share
            .cells
            .iter()
            .map(|index| &plan.cells[*index].id)
            .collect(),
    };
    let shards: Vec<ShardJson<'_>> = shares.map(shown).collect();
    match format {
        OutputFormat::Text => stdout::write(&text(&shards)),
        OutputFormat::Json => {
            let all = ShardsJson {
                schema: SCHEMA,
                shards,
            };
            let json = serde_json::to_string_pretty(&all).context("write the shards")?;
            stdout::write_json(&format!("{json}\n"))
        }
    }
}

#[derive(Serialize)]
struct ShardsJson<'a> {
    schema: u32,
    shards: Vec<ShardJson<'a>>,
}

#[derive(Serialize)]
struct ShardJson<'a> {
    shard: Shard,
    /// The expected duration of all its cells together.
    seconds: Option<f64>,
    cells: Vec<&'a CellId>,
}

fn text(shards: &[ShardJson<'_>]) -> String {
    let mut page = String::new();
    for ShardJson {
        shard,
        seconds,
        cells,
    } in shards
    {
        let n = cells.len();
        let seconds = seconds.map(|seconds| format!(", {seconds:.1} s"));
        // Writing into a String cannot fail.
        let _ = writeln!(
            page,
            "{BOLD}{shard}{RESET}  {n} cells{}",
            seconds.unwrap_or_default()
        );
        for cell in cells {
            let _ = writeln!(page, "  {cell}");
        }
    }
    page
}
