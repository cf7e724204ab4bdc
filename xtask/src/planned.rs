//! What a plan looks like: of every cell, whether it runs, in which order, or why not.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use pinmatrix::config::Strategy;
use pinmatrix::matrix::Matrix;
use pinmatrix::model::cell::CellId;
use pinmatrix::plan::{Fate, Plan, Planned};
use serde_json::json;

use crate::flags::Format;
use crate::show::{BOLD, DIM, RESET, mark, put};

/// Shows a plan on standard output.
///
/// # Errors
///
/// When it cannot be written.
pub fn show(matrix: &Matrix, plan: &Plan, format: Format) -> Result<()> {
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&as_json(matrix, plan));
            put(&format!("{}\n", text.context("write a plan")?))
        }
        Format::Text => {
            let mut page = String::new();
            // Writing into a String cannot fail.
            let _ = write(&mut page, plan);
            put(&page)
        }
    }
}

/// Where cells stand in the queue, from 1.
fn places(plan: &Plan) -> BTreeMap<&CellId, usize> {
    let queue = plan.queue().into_iter().enumerate();
    queue.map(|(at, planned)| (&planned.id, at + 1)).collect()
}

/// Whether a cell runs only if what others show asks for it.
fn is_conditional(plan: &Plan, planned: &Planned) -> bool {
    match (&planned.fate, plan.strategy) {
        (Fate::Run { depth }, Strategy::Frontier) => *depth > 0,
        (Fate::Run { .. }, Strategy::Full | Strategy::Ends) => !planned.is_rung,
        (Fate::Known(_) | Fate::Skip(_), _) => false,
    }
}

fn write(page: &mut String, plan: &Plan) -> std::fmt::Result {
    let names = plan.cells.iter().map(|planned| planned.id.as_str().len());
    let width = names.max().unwrap_or_default();
    let places = places(plan);
    let mut n_conditional = 0;
    for planned in &plan.cells {
        write!(page, "{:width$}  ", planned.id.as_str())?;
        match &planned.fate {
            Fate::Run { .. } => {
                let place = places.get(&planned.id).copied().unwrap_or_default();
                match is_conditional(plan, planned) {
                    true => {
                        n_conditional += 1;
                        write!(page, "run, if what others show asks for it")?;
                    }
                    false => write!(page, "run, {place} of {}", places.len())?,
                }
                if let Some(forecast) = &planned.forecast {
                    write!(page, "; foreseen: failed(msrv), {forecast}")?;
                }
                writeln!(page)?;
            }
            Fate::Known(outcome) => {
                writeln!(page, "known: {} {}", mark(&outcome.status), outcome.status)?;
            }
            Fate::Skip(reason) => writeln!(page, "{DIM}skip: {reason}{RESET}")?,
        }
    }
    let (n_run, n_known, n_skip) = plan.counts();
    let least = n_run - n_conditional;
    let n_run = match n_conditional {
        0 => format!("{n_run} to run"),
        _ => format!("{least} to run and up to {n_run}"),
    };
    writeln!(
        page,
        "\n{BOLD}{n_run}, {n_known} known, {n_skip} skipped{RESET}"
    )
}

fn as_json(matrix: &Matrix, plan: &Plan) -> serde_json::Value {
    let places = places(plan);
    let cells = plan.cells.iter().map(|planned| {
        let mut cell = json!({
            "id": planned.id,
            "row": planned.cell.row,
            "pin": planned.cell.pin,
        });
        let fate = match &planned.fate {
            Fate::Run { .. } => json!({
                "fate": "run",
                "place": places.get(&planned.id),
                "conditional": is_conditional(plan, planned),
                "forecast": planned.forecast,
            }),
            Fate::Known(outcome) => json!({ "fate": "known", "outcome": outcome.status }),
            Fate::Skip(reason) => json!({ "fate": "skip", "reason": reason.to_string() }),
        };
        if let (Some(cell), serde_json::Value::Object(fate)) = (cell.as_object_mut(), fate) {
            cell.extend(fate);
        }
        cell
    });
    let toolchains = matrix.toolchains.iter();
    let toolchains = toolchains.map(pinmatrix::toolchain::Sought::record);
    json!({
        "schema": pinmatrix::model::run::SCHEMA,
        "toolchains": toolchains.collect::<Vec<_>>(),
        "cells": cells.collect::<Vec<_>>(),
    })
}
