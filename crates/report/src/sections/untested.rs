//! What was not tested: rows, inferred pins, and published versions that are not pins.

use std::collections::BTreeSet;
use std::fmt::Write;

use pinmatrix_core::model::cell::PinnedAt;
use pinmatrix_core::model::run::{CellRecord, FamilyRecord, Run};
use pinmatrix_core::text::count;

use crate::escaped;

/// The maximum number of versions to name; more are counted.
const MOST_NAMED: usize = 6;

/// What nobody ran, one line each.
#[must_use]
pub fn lines(run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    for family in &run.families {
        let rows = run.rows(family);
        for row in &rows {
            lines.extend(of_row(family, row));
        }
        let tested = rows
            .iter()
            .flatten()
            .filter(|record| record.outcome().is_some());
        let tested: BTreeSet<&PinnedAt> = tested.map(|record| &record.cell.pin.at).collect();
        let is_pin = |version: &PinnedAt| family.pins.iter().any(|pin| pin.at == *version);
        let others = family.published.iter().cloned().map(PinnedAt::from);
        let others = others.filter(|version| !tested.contains(version) && !is_pin(version));
        let others: Vec<String> = others.map(|version| version.to_string()).collect();
        if !others.is_empty() {
            lines.push(format!(
                "{} {}: published, and no pins",
                family.name,
                named(&others)
            ));
        }
    }
    lines
}

/// What nobody ran in a row.
fn of_row(family: &FamilyRecord, row: &[&CellRecord]) -> Vec<String> {
    let Some(first) = row.first() else {
        return Vec::new();
    };
    let (name, family) = (&first.cell.row, &family.name);
    let ends: Vec<usize> = (0..row.len())
        .filter(|index| row[*index].outcome().is_some())
        .collect();
    if ends.is_empty() {
        return vec![format!("{family} on {name}: no pin")];
    }
    let stretch = |pair: &[usize]| {
        let inside = row[pair[0]..pair[1]]
            .iter()
            .filter(|record| record.is_inferred());
        let inside: Vec<String> = inside
            .map(|record| record.cell.pin.at.to_string())
            .collect();
        let (after, before) = (&row[pair[0]].cell.pin.at, &row[pair[1]].cell.pin.at);
        (!inside.is_empty()).then(|| {
            format!(
                "{family} {} on {name}: inferred, between {after} and {before}",
                named(&inside)
            )
        })
    };
    ends.windows(2).filter_map(stretch).collect()
}

/// Names the versions if there are few.
fn named(versions: &[String]) -> String {
    match versions.len() {
        n if n > MOST_NAMED => count(n, "version"),
        _ => versions.join(", "),
    }
}

/// Writes the section of a summary.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write(out: &mut String, run: &Run) -> std::fmt::Result {
    let lines = lines(run);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Not tested\n")?;
    writeln!(out, "{WHY}\n")?;
    for line in lines {
        writeln!(out, "- {}", escaped(&line))?;
    }
    writeln!(out)
}

/// What follows from that, and how to test it.
const WHY: &str = "Any of these may differ from what stands around it. `--full` tests all pins, and \
                   `--exact` versions between two pins that differ.";
