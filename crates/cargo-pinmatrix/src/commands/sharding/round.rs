//! Rounds: decides which cells can run now, on any machine, given the results from all machines so
//! far.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use pinmatrix::Matrix;
use pinmatrix_core::error::UserError;
use pinmatrix_core::merge::{check_matrix, merge};
use pinmatrix_core::model::cell::{Cell, CellId};
use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::run::{CellRecord, Run, SCHEMA, State};
use pinmatrix_core::model::status::SkipReason;
use pinmatrix_core::search::plan::{PlanContext, plan};
use pinmatrix_core::search::state::round;
use serde::Serialize;

use crate::args::flags::{OutputFormat, PlanFlags};
use crate::commands::merge as parts;
use crate::output::{progress, stdout};
use crate::select;

/// Shows the next round, one cell per line; prints nothing if nothing is left to run.
///
/// # Errors
///
/// Returns a user error if results cannot be read, or belong to something else.
pub fn show(matrix: &Matrix, flags: &PlanFlags) -> Result<()> {
    let run = gather(matrix, flags)?;
    let strategy = matrix.config.run.strategy;
    let (cells, selection) = select(matrix, &flags.selecting, strategy)?;
    let plan = plan(&cells, &selection, &Gathered::new(matrix, run.as_ref()));
    let cells = round(&plan, matrix.config.run.probes);
    let cells: Vec<&CellId> = cells.iter().map(|planned| &planned.id).collect();
    match flags.format {
        OutputFormat::Text => {
            if cells.is_empty() {
                progress::say("nothing is left to run; `merge` tells what came of it");
            }
            let lines = cells.iter().map(|cell| format!("{cell}\n"));
            stdout::write(&lines.collect::<String>())
        }
        OutputFormat::Json => {
            let schema = SCHEMA;
            let json = serde_json::to_string_pretty(&Round { schema, cells });
            stdout::write_json(&format!("{}\n", json.context("write the round")?))
        }
    }
}

#[derive(Serialize)]
struct Round<'a> {
    schema: u32,
    cells: Vec<&'a CellId>,
}

/// Merges all results; `None` before the first round.
fn gather(matrix: &Matrix, flags: &PlanFlags) -> Result<Option<Run>, UserError> {
    if flags.sharding.results.is_empty() {
        return Ok(None);
    }
    let parts = parts::read(&flags.sharding.results)?;
    let run = merge(parts, &matrix.config)?.run;
    check_matrix(&run, &matrix.source_records(), &matrix.family_records())?;
    Ok(Some(run))
}

/// What all machines know together. What this machine has and knows does not count, except for what
/// only a toolchain can tell.
struct Gathered<'a> {
    matrix: &'a Matrix,
    run: Option<&'a Run>,
    cells: BTreeMap<&'a CellId, &'a CellRecord>,
    /// Toolchains that were looked for and that no machine had.
    missing: BTreeSet<&'a str>,
}

impl<'a> Gathered<'a> {
    fn new(matrix: &'a Matrix, run: Option<&'a Run>) -> Self {
        let cells = || run.into_iter().flat_map(|run| &run.cells);
        let missing = State::Skipped {
            reason: SkipReason::ToolchainMissing,
        };
        let missing = cells().filter(|record| record.state == missing);
        Self {
            matrix,
            run,
            missing: missing.map(|r| r.cell.row.toolchain.as_str()).collect(),
            cells: cells().map(|record| (&record.id, record)).collect(),
        }
    }
}

impl PlanContext for Gathered<'_> {
    fn left_out(&self, cell: &Cell) -> Option<SkipReason> {
        self.matrix.config.left_out(cell)
    }

    fn has_toolchain(&self, cell: &Cell) -> bool {
        !self.missing.contains(cell.row.toolchain.as_str())
    }

    fn outcome(&self, cell: &Cell) -> Option<Outcome> {
        self.cells.get(&cell.id())?.outcome().cloned()
    }

    fn forecast(&self, cell: &Cell) -> Option<String> {
        match self.run.filter(|run| run.rustc(&cell.row).is_some()) {
            Some(run) => run
                .too_new(cell)
                .map(|rustc| format!("it needs rustc {rustc}")),
            None => self.matrix.forecast(cell),
        }
    }
}
