//! The minimum toolchain of each pin, declared and measured, and the newest passing pin of each
//! row.

use semver::Version;

use crate::model::cell::Row;
use crate::model::failure_kind::SaidBy;
use crate::model::outcome::{Needs, Outcome};
use crate::model::run::findings::{LeastToolchain, NewestPassing};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::{FailureKind, Status};

/// The minimum toolchain of each tested pin.
#[must_use]
pub fn min_toolchains(run: &Run) -> Vec<LeastToolchain> {
    let mut least = Vec::new();
    for family in &run.families {
        let rows = run.rows(family);
        for record in rows.first().into_iter().flatten() {
            let pin = &record.cell.pin.at;
            let at_pin = rows
                .iter()
                .flatten()
                .filter(|other| other.cell.pin.at == *pin);
            // Revisions and feature sets can have different targets; compare only those of the
            // first row.
            let is_alike = |other: &&&CellRecord| {
                let (row, of) = (&other.cell.row, &record.cell.row);
                let is_platform = run.platform(row) == run.platform(of);
                is_platform && (&row.source, &row.features) == (&of.source, &of.features)
            };
            let at_pin = at_pin.filter(is_alike).copied().collect();
            least.extend(of_pin(run, family, pin.to_string(), at_pin));
        }
    }
    least
}

fn of_pin(
    run: &Run,
    family: &FamilyRecord,
    pin: String,
    cells: Vec<&CellRecord>,
) -> Option<LeastToolchain> {
    let mut tested: Vec<(Version, &CellRecord, &Outcome)> = Vec::new();
    for record in cells {
        if let (Some(rustc), Some(outcome)) = (run.rustc(&record.cell.row), record.outcome()) {
            tested.push((rustc, record, outcome));
        }
    }
    tested.sort_by(|a, b| a.0.cmp(&b.0));
    // The lock for an older toolchain was adapted to it; the lock of the newest one shows what is
    // really needed.
    let declared: Option<&Needs> = tested.iter().rev().find_map(|(_, _, o)| o.needs.as_ref());
    let most = tested
        .iter()
        .map(|(_, _, outcome)| n_passed(outcome))
        .max()?;
    let is_least =
        |outcome: &Outcome| most > 0 && !is_refused(outcome) && n_passed(outcome) == most;
    let measured = tested.iter().find(|(_, _, outcome)| is_least(outcome));
    Some(LeastToolchain {
        family: family.name.clone(),
        pin,
        declared: declared.and_then(|needs| needs.family.clone()),
        lock: declared.and_then(|needs| needs.lock.clone()),
        measured: measured.map(|(_, record, _)| record.cell.row.toolchain.clone()),
    })
}

/// The newest passing pin of each row, among its tested pins.
#[must_use]
pub fn newest_passing(run: &Run) -> Vec<NewestPassing> {
    let mut reach = Vec::new();
    for family in &run.families {
        for row in run.rows(family) {
            let newest = |wanted: &dyn Fn(&Outcome) -> bool| {
                let mut tested = row.iter().rev();
                let found = tested.find(|record| record.outcome().is_some_and(wanted));
                found.map(|record| record.cell.pin.at.to_string())
            };
            if newest(&|_| true).is_none() {
                continue;
            }
            reach.extend(row.first().map(|record| NewestPassing {
                row: Row::clone(&record.cell.row),
                family: family.name.clone(),
                newest: newest(&|outcome| !is_refused(outcome)),
                newest_passed: newest(&|outcome| outcome.status == Status::Passed),
            }));
        }
    }
    reach
}

/// Whether a cell failed before it reached its targets.
#[must_use]
pub fn is_refused(outcome: &Outcome) -> bool {
    match &outcome.status {
        Status::Failed { class } => match class.said_by() {
            SaidBy::Cargo => true,
            SaidBy::Compiler => *class == FailureKind::Drift && outcome.targets.is_empty(),
            SaidBy::System | SaidBy::Run => false,
        },
        Status::Inconclusive { .. } => true,
        Status::Passed | Status::Skipped { .. } => false,
    }
}

fn n_passed(outcome: &Outcome) -> usize {
    let passed = outcome
        .targets
        .iter()
        .filter(|target| target.status == Status::Passed);
    passed.count()
}
