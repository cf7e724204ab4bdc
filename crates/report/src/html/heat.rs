//! The grid as a heat map: the appearance of each cell, and its full meaning as text.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::analysis::frontier::ChangePoint;
use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::run::{CellRecord, FamilyRecord, Run, ToolchainRecord};
use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};
use pinmatrix_core::text;

use crate::sections::grid::{GridCell, failing_targets, places};

/// The heat map of one family.
pub struct Heat {
    /// The family's name.
    pub family: String,
    /// The pins.
    pub pins: Vec<String>,
    /// The rows.
    pub rows: Vec<HeatRow>,
}

/// One row of a heat map.
pub struct HeatRow {
    /// Its name.
    pub name: String,
    /// The rustc of its toolchain, or a note that it is missing.
    pub rustc: String,
    /// True if any of its cells reached its targets.
    pub has_targets: bool,
    /// The row's cells.
    pub spots: Vec<HeatCell>,
}

/// One cell of the heat map.
pub struct HeatCell {
    /// Its appearance: names of CSS classes.
    pub look: String,
    /// A word of at most eight characters.
    pub word: String,
    /// Its full meaning.
    pub label: String,
}

/// The heat maps of a run, one per family.
pub fn heats(run: &Run, points: &[ChangePoint]) -> Vec<Heat> {
    let mut changes: BTreeMap<&CellId, Vec<&ChangePoint>> = BTreeMap::new();
    for point in points {
        changes.entry(&point.after.cell).or_default().push(point);
    }
    let verdict = run.findings.verdict.iter();
    let deviating = verdict.flat_map(|verdict| &verdict.deviations);
    let marks = Marks {
        changes,
        deviating: deviating.map(|deviation| &deviation.cell).collect(),
    };
    let families = run.families.iter();
    families.map(|family| heat(run, family, &marks)).collect()
}

/// The cells to mark.
struct Marks<'a> {
    changes: BTreeMap<&'a CellId, Vec<&'a ChangePoint>>,
    deviating: BTreeSet<&'a CellId>,
}

fn heat(run: &Run, family: &FamilyRecord, marks: &Marks<'_>) -> Heat {
    let rows = run.rows(family);
    let pins = rows.first().into_iter().flatten();
    let pins = pins
        .map(|record| text::one_line(&record.cell.pin.at.to_string()))
        .collect();
    let row = |row: &Vec<&CellRecord>| {
        let cell = row.first().map(|record| &record.cell);
        let toolchain = cell.map(|cell| &cell.row.toolchain);
        let found = run.toolchains.iter().find(|t| Some(&t.label) == toolchain);
        let rustc = found.and_then(ToolchainRecord::compiler);
        HeatRow {
            name: cell
                .map(|cell| text::one_line(&cell.row.to_string()))
                .unwrap_or_default(),
            rustc: rustc.map_or("not on this machine".to_owned(), |rustc| {
                text::one_line(&rustc)
            }),
            has_targets: row
                .iter()
                .any(|r| r.outcome().is_some_and(|o| !o.targets.is_empty())),
            spots: row
                .iter()
                .zip(places(row))
                .map(|(record, place)| spot(record, place, marks))
                .collect(),
        }
    };
    Heat {
        family: text::one_line(&family.name),
        pins,
        rows: rows.iter().map(row).collect(),
    }
}

fn spot(record: &CellRecord, place: GridCell, marks: &Marks<'_>) -> HeatCell {
    let failing = failing_targets(record);
    let mut look = kind(&place.status).to_owned();
    if place.status.is_verdict() && place.status.is_failed() {
        look.push_str(heat_of(failing));
    }
    if place.is_among_failing {
        look.push_str(" among-failing");
    }
    let (row, pin) = (&record.cell.row, &record.cell.pin);
    let status = spoken(&place.status);
    let mut label = format!("{row}, {} {}: {status}", pin.family, pin.at);
    // Voice control users say the visible word, so the label contains it.
    let word = place.word.trim_start_matches("✘ ");
    if let Some((n, of)) = failing {
        label.push_str(&format!(", {n}/{of} targets"));
    }
    if place.status.is_failed() && !label.contains(word) {
        label.push_str(&format!(", {word}"));
    }
    if place.is_among_failing {
        label.push_str("; the tested pins around it fail alike");
    }
    let changes = marks.changes.get(&record.id).map_or(&[][..], Vec::as_slice);
    if !changes.is_empty() {
        let is_exact = changes.iter().all(|point| point.is_exact());
        look.push_str(if is_exact { " change exact" } else { " change" });
        label.push_str(&match changes.len() {
            1 => "; one change".to_owned(),
            n => format!("; {n} changes"),
        });
    }
    if marks.deviating.contains(&record.id) {
        look.push_str(" deviates");
        label.push_str("; not as expected");
    }
    HeatCell {
        look,
        word: place.word,
        label: text::one_line(&label),
    }
}

/// A status for screen readers: without brackets.
fn spoken(status: &Status) -> String {
    match status {
        Status::Passed => "passed".to_owned(),
        Status::Failed { class } => format!("failed, {class}"),
        Status::Skipped {
            reason: SkipReason::NotBegun,
        } => "not run".to_owned(),
        Status::Skipped {
            reason: reason @ SkipReason::Built(_),
        } => reason.to_string(),
        Status::Skipped { reason } => format!("not run, {reason}"),
        Status::Inconclusive { doubt } => format!("inconclusive, {doubt}"),
    }
}

/// The kind of a status, as the filter and the style sheet name it.
fn kind(status: &Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed {
            class: FailureKind::Drift,
        } => "drift",
        Status::Failed { .. } => "failed",
        Status::Skipped {
            reason: SkipReason::Inferred,
        } => "inferred",
        Status::Skipped { .. } if status.is_built() => "built",
        Status::Skipped { .. } => "skipped",
        Status::Inconclusive { .. } => "inconclusive",
    }
}

/// The heat class of a failure: by the share of targets that fail, or `whole` if none was reached.
fn heat_of(failing: Option<(usize, usize)>) -> &'static str {
    match failing {
        Some((n, of)) if n * 4 <= of => " h1",
        Some((n, of)) if n * 2 <= of => " h2",
        Some((n, of)) if n * 4 <= of * 3 => " h3",
        Some(_) => " h4",
        None => " whole",
    }
}
