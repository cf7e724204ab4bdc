//! Shows a plan: for every cell, whether it runs and in which order, or why not.

use std::collections::BTreeMap;
use std::io;
use std::io::{BufWriter, Write};

use anyhow::{Context, Result};
use pinmatrix::{Matrix, ToolchainLookup};
use pinmatrix_core::config::Strategy;
use pinmatrix_core::model::cell::{CellId, Pin, Row};
use pinmatrix_core::model::run::version_set::VersionSet;
use pinmatrix_core::model::run::{SCHEMA, ToolchainRecord};
use pinmatrix_core::model::status::Status;
use pinmatrix_core::search::plan::{CellFate, Plan, Planned};
use pinmatrix_report::sections::packages::{selection, version_sets};
use serde::{Serialize, Serializer};

use crate::args::flags::OutputFormat;
use crate::output::stdout::{BOLD, DIM, RESET, mark};

/// Prints a plan to standard output, one cell at a time, since a plan can be long.
///
/// # Errors
///
/// Returns an error if it cannot be written.
pub fn show(matrix: &Matrix, plan: &Plan, format: OutputFormat) -> Result<()> {
    let mut out = BufWriter::new(anstream::stdout().lock());
    let written = match format {
        OutputFormat::Json => {
            let json = serde_json::to_writer_pretty(&mut out, &PlanJson::of(matrix, plan));
            json.map_err(io::Error::from).and_then(|()| writeln!(out))
        }
        OutputFormat::Text => write(&mut out, matrix, plan),
    };
    let written = written.and_then(|()| out.flush());
    written.context("write to standard output")
}

/// Returns the positions of cells in the queue, starting at 1, in the order of the plan.
fn places(plan: &Plan) -> Vec<Option<usize>> {
    let mut places = vec![None; plan.cells.len()];
    for (place, index) in plan.queue().into_iter().enumerate() {
        places[index] = Some(place + 1);
    }
    places
}

/// Returns true if a cell only runs if the results of others require it.
fn is_conditional(plan: &Plan, planned: &Planned) -> bool {
    match (&planned.fate, plan.strategy) {
        (CellFate::Run { depth }, Strategy::Frontier) => *depth > 0,
        (CellFate::Run { .. }, Strategy::Full | Strategy::Ends) => !planned.is_rung,
        (CellFate::Known(_) | CellFate::Skip(_), _) => false,
    }
}

fn write(out: &mut impl Write, matrix: &Matrix, plan: &Plan) -> io::Result<()> {
    let names = plan.cells.iter().map(|planned| planned.id.as_str().len());
    let width = names.max().unwrap_or_default();
    let (n_run, n_known, n_skip) = plan.counts();
    let mut n_conditional = 0;
    for (planned, place) in plan.cells.iter().zip(places(plan)) {
        write!(out, "{:width$}  ", planned.id.as_str())?;
        match &planned.fate {
            CellFate::Run { .. } => {
                if is_conditional(plan, planned) {
                    n_conditional += 1;
                    write!(out, "run, if what others show asks for it")?;
                } else {
                    write!(out, "run, {} of {n_run}", place.unwrap_or_default())?
                }
                if planned.is_today {
                    write!(out, "; what the subject is on today")?;
                }
                if let Some(forecast) = &planned.forecast {
                    write!(out, "; predicted: failed(msrv), {forecast}")?;
                }
                writeln!(out)?;
            }
            CellFate::Known(outcome) => {
                writeln!(out, "known: {} {}", mark(&outcome.status), outcome.status)?;
            }
            CellFate::Skip(reason) => writeln!(out, "{DIM}skip: {reason}{RESET}")?,
        }
    }
    let families = matrix.family_records();
    let packages = selection::not_built(&families);
    for line in version_sets::lines(&families).into_iter().chain(packages) {
        writeln!(out, "{line}")?;
    }
    let least = n_run - n_conditional;
    let n_run = match n_conditional {
        0 => format!("{n_run} to run"),
        _ => format!("{least} to run and up to {n_run}"),
    };
    writeln!(
        out,
        "\n{BOLD}{n_run}, {n_known} known, {n_skip} skipped{RESET}"
    )
}

/// The JSON form of a plan.
#[derive(Serialize)]
struct PlanJson<'a> {
    schema: u32,
    toolchains: Vec<ToolchainRecord>,
    /// The versions of followers, by family.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sets: BTreeMap<String, Vec<VersionSet>>,
    #[serde(serialize_with = "one_by_one")]
    cells: &'a Plan,
}

#[derive(Serialize)]
struct PlannedCellJson<'a> {
    id: &'a CellId,
    row: &'a Row,
    pin: &'a Pin,
    #[serde(flatten)]
    fate: CellFateJson<'a>,
}

#[derive(Serialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
enum CellFateJson<'a> {
    Run {
        place: Option<usize>,
        conditional: bool,
        forecast: Option<&'a str>,
    },
    Known {
        outcome: &'a Status,
    },
    Skip {
        reason: String,
    },
}

impl<'a> PlanJson<'a> {
    fn of(matrix: &Matrix, plan: &'a Plan) -> Self {
        Self {
            schema: SCHEMA,
            toolchains: matrix
                .toolchains
                .iter()
                .map(ToolchainLookup::record)
                .collect(),
            sets: matrix
                .family_records()
                .into_iter()
                .filter(|family| !family.sets.is_empty())
                .map(|family| (family.name, family.sets))
                .collect(),
            cells: plan,
        }
    }
}

fn one_by_one<S: Serializer>(plan: &&Plan, serializer: S) -> Result<S::Ok, S::Error> {
    let cells = plan.cells.iter().zip(places(plan));
    serializer.collect_seq(cells.map(|(planned, place)| PlannedCellJson {
        id: &planned.id,
        row: &planned.cell.row,
        pin: &planned.cell.pin,
        fate: match &planned.fate {
            CellFate::Run { .. } => CellFateJson::Run {
                place,
                conditional: is_conditional(plan, planned),
                forecast: planned.forecast.as_deref(),
            },
            CellFate::Known(outcome) => CellFateJson::Known {
                outcome: &outcome.status,
            },
            CellFate::Skip(reason) => CellFateJson::Skip {
                reason: reason.to_string(),
            },
        },
    }))
}
