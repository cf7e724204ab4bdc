//! A run held against what the subject is on today, where no baseline says what is expected of it.

use super::upgrade::{PinFate, fate, passes};
use crate::model::cell::CellId;
use crate::model::outcome::Outcome;
use crate::model::run::verdict::Judgement;
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::Status;

/// What a run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunResult {
    /// Nothing passes today, so there is nothing that a pin could break.
    Nothing,
    /// Nothing that passes today fails at a pin that ran.
    Passed,
    /// Something has no verdict, and nothing that passes today fails.
    Unsure,
    /// Something that passes today fails at a pin that ran.
    Failed,
}

/// Holds each row against its own cell of today, and one without such a cell by its cells alone. What
/// fails today and at a pin alike is no failure of that pin.
#[must_use]
pub fn run_result(run: &Run) -> RunResult {
    let rows = rows(run, |_| true).map(|(_, held)| held);
    rows.max().unwrap_or(RunResult::Nothing)
}

/// What a run comes to where it was held against a baseline: rows that the baseline does not know are held
/// as they would be without one.
#[must_use]
pub fn judgement(run: &Run) -> Option<Judgement> {
    let verdict = run.findings.verdict.as_ref()?;
    let unknown = rows(run, |cell| verdict.is_of_unknown_row(cell));
    let unknown = unknown.map(|(_, held)| held).max();
    let knows_none = verdict.n_expected == 0 && verdict.n_inconclusive == 0;
    Some(match (verdict.judgement(), unknown) {
        (Judgement::Regressed, _) | (_, Some(RunResult::Failed)) => Judgement::Regressed,
        (Judgement::Fixed, _) => Judgement::Fixed,
        // Where nothing passes today, there is nothing to break.
        (Judgement::AsExpected, None | Some(RunResult::Passed | RunResult::Nothing)) => {
            Judgement::AsExpected
        }
        (Judgement::Inconclusive, Some(RunResult::Passed)) if knows_none => Judgement::AsExpected,
        (Judgement::AsExpected | Judgement::Inconclusive, _) => Judgement::Inconclusive,
    })
}

/// The rows that a baseline does not know and that fail by themselves: `gadget on old`.
#[must_use]
pub fn unknown_failing(run: &Run) -> Vec<String> {
    let Some(verdict) = &run.findings.verdict else {
        return Vec::new();
    };
    let rows = rows(run, |cell| verdict.is_of_unknown_row(cell));
    let failing = rows.filter(|(_, held)| *held == RunResult::Failed);
    failing.map(|(name, _)| name).collect()
}

/// What each row comes to of which some cell is meant, with its name.
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

/// What a row comes to; `None` where nothing of it ran.
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
    // What the machine kept from an answer is open, whatever had passed.
    let mut outcomes = ended.filter_map(|record| record.outcome());
    let is_open = outcomes
        .any(Outcome::has_doubt)
        .then_some(RunResult::Unsure);
    if !passes(today) {
        let held = match outcome.status.is_verdict() {
            true => RunResult::Nothing,
            false => RunResult::Unsure,
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

/// What a cell comes to where it is held against nothing.
fn by_itself(record: &CellRecord) -> RunResult {
    match record.outcome().map(|outcome| &outcome.status) {
        Some(Status::Passed) => RunResult::Passed,
        Some(Status::Failed { .. }) => RunResult::Failed,
        Some(Status::Skipped { .. }) | None => RunResult::Nothing,
        Some(Status::Inconclusive { .. }) => RunResult::Unsure,
    }
}
