//! The result of a run compared with today's version of the subject, if no baseline defines the
//! expectations.

use super::upgrade::{PinFate, fate, passes};
use crate::model::cell::CellId;
use crate::model::outcome::Outcome;
use crate::model::run::verdict::Judgement;
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::Status;

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunResult {
    /// Nothing passes today, so a pin cannot break anything.
    Nothing,
    /// Nothing that passes today fails at a pin that ran.
    Passed,
    /// Something has no verdict, and nothing that passes today fails.
    Unsure,
    /// Something that passes today fails at a pin that ran.
    Failed,
}

/// Compares each row with its own cell of today; a row without such a cell is judged by its cells
/// alone. What already fails today does not count as a failure of a pin.
#[must_use]
pub fn run_result(run: &Run) -> RunResult {
    let rows = rows(run, |_| true).map(|(_, held)| held);
    rows.max().unwrap_or(RunResult::Nothing)
}

/// The judgement on a run that has a baseline. Rows that the baseline does not know are judged as
/// they would be without one.
#[must_use]
pub fn judgement(run: &Run) -> Option<Judgement> {
    let verdict = run.findings.verdict.as_ref()?;
    let unknown = rows(run, |cell| verdict.is_of_unknown_row(cell));
    let unknown = unknown.map(|(_, held)| held).max();
    let knows_none = verdict.n_expected == 0 && verdict.n_inconclusive == 0;
    Some(match (verdict.judgement(), unknown) {
        (Judgement::Regressed, _) | (_, Some(RunResult::Failed)) => Judgement::Regressed,
        (Judgement::Fixed, _) => Judgement::Fixed,
        // If nothing passes today, there is nothing to break.
        (Judgement::AsExpected, None | Some(RunResult::Passed | RunResult::Nothing)) => {
            Judgement::AsExpected
        }
        (Judgement::Inconclusive, Some(RunResult::Passed)) if knows_none => Judgement::AsExpected,
        (Judgement::AsExpected | Judgement::Inconclusive, _) => Judgement::Inconclusive,
    })
}

/// The rows that the baseline does not know and that fail on their own: `gadget on old`.
#[must_use]
pub fn unknown_failing(run: &Run) -> Vec<String> {
    let Some(verdict) = &run.findings.verdict else {
        return Vec::new();
    };
    let rows = rows(run, |cell| verdict.is_of_unknown_row(cell));
    let failing = rows.filter(|(_, held)| *held == RunResult::Failed);
    failing.map(|(name, _)| name).collect()
}

/// The names and results of the rows in which at least one cell is selected.
fn rows(
    run: &Run,
    is_meant: impl Fn(&CellId) -> bool,
) -> impl Iterator<Item = (String, RunResult)> {
    let families = run.families.iter();
    let rows =
        families.flat_map(|family| run.rows(family).into_iter().map(move |row| (family, row)));
    let meant = rows.filter(move |(_, row)| row.iter().any(|record| is_meant(&record.id)));
    meant.filter_map(|(family, row)| {
        let name = format!("{} on {}", family.name, row.first()?.cell.row);
        Some((name, of_row(family, &row)?))
    })
}

/// The result of a row; `None` if none of its cells ran.
fn of_row(family: &FamilyRecord, row: &[&CellRecord]) -> Option<RunResult> {
    let is_today = |record: &&&CellRecord| family.is_today(&record.cell);
    let ended = row.iter().filter(|record| record.outcome().is_some());
    let today = ended.clone().find(is_today);
    let others = ended.clone().filter(|record| !is_today(record));
    let Some((today, outcome)) = today.and_then(|record| Some((record, record.outcome()?))) else {
        return ended.map(|record| by_itself(record)).max();
    };
    if others.clone().next().is_none() {
        return Some(by_itself(today));
    }
    if outcome.has_doubt() {
        return Some(RunResult::Unsure);
    }
    // A cell that the machine left inconclusive stays open, whatever passed in it.
    let mut outcomes = ended.filter_map(|record| record.outcome());
    let is_open = outcomes
        .any(Outcome::has_doubt)
        .then_some(RunResult::Unsure);
    if !passes(today) {
        let held = if outcome.status.is_verdict() {
            RunResult::Nothing
        } else {
            RunResult::Unsure
        };
        return is_open.max(Some(held));
    }
    let fates = others.map(|record| match fate(outcome, record) {
        PinFate::Works | PinFate::Untested => RunResult::Passed,
        PinFate::Unsure => RunResult::Unsure,
        PinFate::Breaks => RunResult::Failed,
    });
    fates.max().max(is_open)
}

/// The result of a cell that is not compared with another.
fn by_itself(record: &CellRecord) -> RunResult {
    match record.outcome().map(|outcome| &outcome.status) {
        Some(Status::Passed) => RunResult::Passed,
        Some(Status::Failed { .. }) => RunResult::Failed,
        Some(built @ Status::Skipped { .. }) if built.is_built() => RunResult::Passed,
        Some(Status::Skipped { .. }) | None => RunResult::Nothing,
        Some(Status::Inconclusive { .. }) => RunResult::Unsure,
    }
}
