//! How far a row can upgrade without a code change: the fate, at each later pin, of everything that
//! passes today, or at the first pin where something passes.

use std::collections::BTreeMap;

use semver::Version;

use crate::model::cell::{PinnedAt, Row};
use crate::model::outcome::{Outcome, TargetId, TargetOutcome};
use crate::model::run::{CellRecord, FamilyRecord, Run, State};
use crate::model::status::{SkipReason, Status};

/// The pins of one row, compared with a reference pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade<'a> {
    /// The family's name.
    pub family: &'a str,
    /// The row.
    pub row: &'a Row,
    /// The reference pin: the one that the subject is on today, or else the first of the row at
    /// which something passes.
    pub from: &'a PinnedAt,
    /// Whether the reference is the pin that the subject is on today.
    pub is_today: bool,
    /// The later pins of the ladder, and the versions in between that were tested, in order.
    pub steps: Vec<UpgradeStep<'a>>,
    /// The number of published versions among these that are neither pins nor tested.
    pub n_between: usize,
    /// Whether an untested version is published between the newest pin that works and the next one.
    pub is_newest_open: bool,
    /// Whether there are later pins that nobody ran but a run of all cells would.
    pub has_more: bool,
    /// Whether nothing of the reference ran, because nothing here runs the row's platform.
    pub is_built: bool,
    /// Whether every later pin was tested and shows the same as `from` in each target and case.
    pub is_constant: bool,
}

/// A later pin, with the fate of what passes at the reference pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeStep<'a> {
    /// The pin.
    pub at: &'a PinnedAt,
    /// The fate there of what passes at the reference pin.
    pub fate: PinFate,
}

/// The fate, at a later pin, of what passes at the reference pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PinFate {
    /// It was tested, and nothing of it fails.
    Works,
    /// Some of it is inconclusive, and nothing fails.
    Unsure,
    /// It was tested, and some of it fails.
    Breaks,
    /// Nobody ran it.
    Untested,
}

impl Upgrade<'_> {
    /// The newest tested pin that works.
    #[must_use]
    pub fn newest(&self) -> Option<&PinnedAt> {
        let works = |step: &&UpgradeStep<'_>| step.fate == PinFate::Works;
        self.steps.iter().rev().find(works).map(|step| step.at)
    }

    /// The number of later pins that were tested.
    #[must_use]
    pub fn n_tested(&self) -> usize {
        let tested = self
            .steps
            .iter()
            .filter(|step| step.fate != PinFate::Untested);
        tested.count()
    }
}

/// The upgrades of a run's rows.
pub fn upgrades(run: &Run) -> Vec<Upgrade<'_>> {
    let families = run.families.iter();
    let rows =
        families.flat_map(|family| run.rows(family).into_iter().map(move |row| (family, row)));
    rows.filter_map(|(family, row)| of_row(family, &row))
        .collect()
}

fn of_row<'a>(family: &'a FamilyRecord, row: &[&'a CellRecord]) -> Option<Upgrade<'a>> {
    let mut cells = row.iter();
    let today = cells.position(|record| family.is_today(&record.cell));
    let first = today.filter(|index| passes(row[*index]));
    let first = first.or_else(|| row.iter().position(|record| passes(record)))?;
    let (from, later) = (row[first], &row[first + 1..]);
    let reference = from.outcome()?;
    let steps = later.iter().filter(|record| !lies_between(record));
    let steps: Vec<UpgradeStep<'a>> = steps
        .map(|record| UpgradeStep {
            at: &record.cell.pin.at,
            fate: fate(reference, record),
        })
        .collect();
    let is_step = |version: &Version| steps.iter().any(|step| step.at.version() == Some(version));
    let ends = (
        from.cell.pin.at.version(),
        steps.last().and_then(|last| last.at.version()),
    );
    let lies_inside = |version: &&Version| ends.0 < Some(*version) && Some(*version) < ends.1;
    let inside = family.published.iter().filter(lies_inside);
    let n_between = inside.filter(|version| !is_step(version)).count();
    let outcomes = later.iter().filter_map(|record| record.outcome());
    let mut shown = outcomes.map(Outcome::signature);
    let expected = reference.signature();
    let mut untested = later.iter().filter(|record| record.outcome().is_none());
    let has_untested = untested.clone().any(|record| !lies_between(record));
    let has_more = has_untested && untested.all(|record| lies_between(record) || is_open(record));
    let is_tested = steps.iter().all(|step| step.fate == PinFate::Works);
    Some(Upgrade {
        family: &family.name,
        row: &from.cell.row,
        from: &from.cell.pin.at,
        is_today: today == Some(first),
        n_between,
        is_newest_open: is_newest_open(family, &steps),
        has_more,
        is_built: reference
            .targets
            .iter()
            .any(|target| target.status.is_built()),
        is_constant: is_tested && expected.is_some() && shown.all(|shown| shown == expected),
        steps,
    })
}

/// Whether a version that is not a step is published between the newest step that works and the
/// next one.
fn is_newest_open(family: &FamilyRecord, steps: &[UpgradeStep<'_>]) -> bool {
    let works = |step: &UpgradeStep<'_>| step.fate == PinFate::Works;
    let newest = steps.iter().rposition(works);
    let next = newest.and_then(|newest| Some((steps[newest].at, steps.get(newest + 1)?.at)));
    next.is_some_and(|(newest, next)| {
        let mut published = family.published.iter();
        published.any(|version| newest.version() < Some(version) && Some(version) < next.version())
    })
}

/// Whether anything in a cell passes.
pub(super) fn passes(record: &CellRecord) -> bool {
    let targets = record
        .outcome()
        .into_iter()
        .flat_map(|outcome| &outcome.targets);
    let mut targets = targets.filter(|target| !passing(target).is_empty());
    targets.next().is_some()
}

/// Whether only a strategy or a selection kept a pin from being tested.
fn is_open(record: &CellRecord) -> bool {
    match &record.state {
        State::Skipped { reason } => {
            reason.is_open() || matches!(reason, SkipReason::NotAnEnd | SkipReason::NotSelected(_))
        }
        State::Pending | State::Ended { .. } => false,
    }
}

/// Whether the cell is at a version that is not a pin of the ladder and that nobody requested.
fn lies_between(record: &CellRecord) -> bool {
    match &record.state {
        State::Skipped { reason } => *reason == SkipReason::BetweenRungs,
        State::Pending | State::Ended { .. } => false,
    }
}

/// What passes in a target: the target itself (`None`) if it passes or all its tests are ignored,
/// and the cases that pass.
pub(super) fn passing(target: &TargetOutcome) -> Vec<Option<&str>> {
    let cases = target.cases.iter();
    let passed = cases.filter(|case| case.status == Status::Passed);
    let passed = passed.map(|case| Some(case.name.as_str()));
    let compiles = target.status == Status::Passed || target.only_compiles();
    let itself = compiles.then_some(None);
    itself.into_iter().chain(passed).collect()
}

/// The fate, in a cell, of what passes in the reference.
pub(super) fn fate(reference: &Outcome, record: &CellRecord) -> PinFate {
    let Some(outcome) = record.outcome() else {
        return PinFate::Untested;
    };
    if outcome.targets.is_empty() {
        return of_status(&outcome.status);
    }
    let targets = outcome.targets.iter().map(|target| (&target.id, target));
    let targets: BTreeMap<&TargetId, &TargetOutcome> = targets.collect();
    let pairs = reference.targets.iter();
    let pairs = pairs.filter_map(|before| Some((before, *targets.get(&before.id)?)));
    let fates = pairs.flat_map(|(before, after)| {
        let cases = after
            .cases
            .iter()
            .map(|case| (case.name.as_str(), &case.status));
        let cases: BTreeMap<&str, &Status> = cases.collect();
        let passing = passing(before).into_iter();
        // What those tests showed before is unknown.
        let is_unknown = before.only_compiles() && after.has_run();
        passing.map(move |case| {
            if is_unknown {
                PinFate::Works
            } else {
                of_thing(case, after, &cases)
            }
        })
    });
    fates.max().unwrap_or(PinFate::Works)
}

/// The fate of a case, or of the target itself. One that no longer exists, or is skipped, does not
/// fail.
fn of_thing(case: Option<&str>, after: &TargetOutcome, cases: &BTreeMap<&str, &Status>) -> PinFate {
    match case.map(|name| cases.get(name)) {
        Some(Some(status)) => of_status(status),
        // The target was not built, or reached none of its cases.
        Some(None) if cases.is_empty() => of_status(&after.status),
        Some(None) => PinFate::Works,
        None => of_status(&after.status),
    }
}

fn of_status(status: &Status) -> PinFate {
    match status {
        Status::Skipped {
            reason: SkipReason::NotReached,
        } => PinFate::Unsure,
        Status::Passed | Status::Skipped { .. } => PinFate::Works,
        Status::Failed { .. } if status.is_verdict() => PinFate::Breaks,
        Status::Failed { .. } | Status::Inconclusive { .. } => PinFate::Unsure,
    }
}
