//! How far a row can go without a change of code: what becomes, at each later pin, of all that passes
//! today, or at the first pin that was tested.

use std::collections::BTreeMap;

use semver::Version;

use crate::model::cell::{PinSource, Row};
use crate::model::outcome::{Outcome, TargetId, TargetOutcome};
use crate::model::run::{CellRecord, FamilyRecord, Run, State};
use crate::model::status::{SkipReason, Status};

/// What the pins of one row are, held against the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade<'a> {
    /// The family's name.
    pub family: &'a str,
    /// The row.
    pub row: &'a Row,
    /// What the others are held against: the pin that the subject is on today, or else the first of
    /// the row at which something passes.
    pub from: &'a PinSource,
    /// Whether that is the pin that the subject is on today.
    pub is_today: bool,
    /// The later pins of the ladder, and versions between that were tested, in their order.
    pub steps: Vec<UpgradeStep<'a>>,
    /// How many versions between these are published, are no pins and were not tested.
    pub n_between: usize,
    /// Whether a version that no one tested is published between the newest pin that works and the next.
    pub is_newest_open: bool,
    /// Whether there are later pins that no one ran, and a run of all cells would.
    pub has_more: bool,
    /// Whether every later pin was tested, and shows in each target and case what `from` does.
    pub is_constant: bool,
}

/// One later pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeStep<'a> {
    /// The pin.
    pub at: &'a PinSource,
    /// What becomes there of what passes at the first.
    pub fate: PinFate,
}

/// What becomes, at a later pin, of what passes at the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PinFate {
    /// It was tested, and none of it fails.
    Works,
    /// Some of it is in doubt, and none fails.
    Unsure,
    /// It was tested, and some of it fails.
    Breaks,
    /// No one ran it.
    Untested,
}

impl Upgrade<'_> {
    /// The newest pin that was tested and works.
    #[must_use]
    pub fn newest(&self) -> Option<&PinSource> {
        let works = |step: &&UpgradeStep<'_>| step.fate == PinFate::Works;
        self.steps.iter().rev().find(works).map(|step| step.at)
    }

    /// How many of the later pins were tested.
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
    let first = today.filter(|at| passes(row[*at]));
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
        is_constant: is_tested && expected.is_some() && shown.all(|shown| shown == expected),
        steps,
    })
}

/// Whether a version that is no step is published between the newest step that works and the next.
fn is_newest_open(family: &FamilyRecord, steps: &[UpgradeStep<'_>]) -> bool {
    let works = |step: &UpgradeStep<'_>| step.fate == PinFate::Works;
    let newest = steps.iter().rposition(works);
    let next = newest.and_then(|newest| Some((steps[newest].at, steps.get(newest + 1)?.at)));
    next.is_some_and(|(newest, next)| {
        let mut published = family.published.iter();
        published.any(|version| newest.version() < Some(version) && Some(version) < next.version())
    })
}

/// Whether anything passes in a cell.
pub(super) fn passes(record: &CellRecord) -> bool {
    let targets = record
        .outcome()
        .into_iter()
        .flat_map(|outcome| &outcome.targets);
    let mut targets = targets.filter(|target| !passing(target).is_empty());
    targets.next().is_some()
}

/// Whether only a strategy or a selection keeps a pin from being tested.
fn is_open(record: &CellRecord) -> bool {
    match &record.state {
        State::Skipped { reason } => {
            reason.is_open() || matches!(reason, SkipReason::NotAnEnd | SkipReason::NotSelected(_))
        }
        State::Pending | State::Ended { .. } => false,
    }
}

/// A version that is no pin of the ladder, and that no one asked for.
fn lies_between(record: &CellRecord) -> bool {
    match &record.state {
        State::Skipped { reason } => *reason == SkipReason::BetweenRungs,
        State::Pending | State::Ended { .. } => false,
    }
}

/// What passes in a target: the target itself, where it does or all its tests are ignored, and some of its
/// cases.
pub(super) fn passing(target: &TargetOutcome) -> Vec<Option<&str>> {
    let cases = target.cases.iter();
    let passed = cases.filter(|case| case.status == Status::Passed);
    let passed = passed.map(|case| Some(case.name.as_str()));
    let compiles = target.status == Status::Passed || target.only_compiles();
    let itself = compiles.then_some(None);
    itself.into_iter().chain(passed).collect()
}

/// What becomes in a cell of what passes in another.
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
        // What those tests showed before is not known.
        let is_unknown = before.only_compiles() && after.has_run();
        passing.map(move |case| match is_unknown {
            true => PinFate::Works,
            false => of_thing(case, after, &cases),
        })
    });
    fates.max().unwrap_or(PinFate::Works)
}

/// What became of a case, or of the target itself. One that is not there any more, or is left out, does
/// not fail.
fn of_thing(case: Option<&str>, after: &TargetOutcome, cases: &BTreeMap<&str, &Status>) -> PinFate {
    match case.map(|name| cases.get(name)) {
        Some(Some(status)) => of_status(status),
        // It was not built, or did not come to any.
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
