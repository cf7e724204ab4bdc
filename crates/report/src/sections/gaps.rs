//! The gaps in results that were merged from several machines.

use std::fmt::Write;

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::gaps::{Conflict, ConflictSide};

use crate::{escaped, line};

/// The maximum number of cells to name on a line.
const MOST_NAMES: usize = 10;

/// One line for missing cells, and one for contradicted ones.
#[must_use]
pub fn lines(run: &Run) -> Vec<String> {
    let gaps = &run.findings.gaps;
    let missing = gaps.missing.iter().map(ToString::to_string).collect();
    let conflicts = gaps
        .conflicts
        .iter()
        .map(|conflict| conflict.cell.to_string());
    let lists: [(&str, Vec<String>); 2] = [
        ("missing, since no results answer them", missing),
        (
            "contradicted, since results say different things",
            conflicts.collect(),
        ),
    ];
    let lists = lists.iter().filter(|(_, names)| !names.is_empty());
    let lines = lists.map(|(what, names)| {
        let rest = match names.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        let n = names.len();
        let names: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
        format!("{n} {what}: {}{rest}", names.join(", "))
    });
    lines.collect()
}

/// Writes the sections of a summary.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write(out: &mut String, run: &Run) -> std::fmt::Result {
    let gaps = &run.findings.gaps;
    if !gaps.missing.is_empty() {
        writeln!(out, "## Missing\n")?;
        writeln!(
            out,
            "No results answer these cells, so nothing is known about them.\n"
        )?;
        for cell in &gaps.missing {
            writeln!(out, "- {}", escaped(cell.as_str()))?;
        }
        writeln!(out)?;
    }
    if gaps.conflicts.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Contradicted\n")?;
    for Conflict { cell, sides } in &gaps.conflicts {
        writeln!(out, "- {}", escaped(cell.as_str()))?;
        for ConflictSide { part, shown } in sides {
            writeln!(out, "  - {}", line(&format!("{part} says {shown}")))?;
        }
    }
    writeln!(out)
}
