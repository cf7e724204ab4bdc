//! The frontier: all change points of a run, per target and case, and how exactly each is located.
//!
//! A pure function of a run. Only verdicts count: a skipped or inconclusive cell between two points
//! is treated like an untested version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::cell::{CellId, PinnedAt, Row};
use crate::model::outcome::{Outcome, Phase, TargetId, TargetOutcome};
use crate::model::run::between::Between;
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::{FailureKind, Status};

/// Two neighbouring verdicts of one row that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// The row.
    #[serde(flatten)]
    pub row: Row,
    /// The family's name.
    pub family: String,
    /// The target; `None` for whether any target can be built at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetId>,
    /// The affected cases; empty for the target with all its cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<String>,
    /// The kind of change.
    pub change: ChangeKind,
    /// The last pin before the change, with its result.
    pub before: ChangeSide,
    /// The first pin after the change, with its result.
    pub after: ChangeSide,
    /// What is published between the two pins.
    pub between: Between,
    /// True if this is not the only change between passing and not passing along the ladder.
    pub is_island: bool,
}

/// The kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It passed and no longer does.
    Break,
    /// It failed and no longer does.
    Fix,
    /// It fails in a different way.
    Shift,
}

/// One side of a change point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSide {
    /// The pin.
    #[serde(flatten)]
    pub at: PinnedAt,
    /// The result.
    #[serde(flatten)]
    pub status: Status,
    /// The cell.
    pub cell: CellId,
    /// The status with the code of the first error. A difference in the code alone is not a change
    /// point.
    #[serde(skip)]
    pub shown: String,
    /// A description to use instead of the status if that is not a test result: whether anything in
    /// the cell can be built, or that a target compiles with all its tests ignored.
    #[serde(skip)]
    pub of_whole: Option<String>,
    /// The first error, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The log of the decisive phase, relative to the results folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// True if it passed only after a failed attempt: the change point rests on a flaky case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_flaky: bool,
    /// True if both sides are results of running tests, and this one rests on a single test run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_seen_once: bool,
    /// The number of test runs behind the result, if tests ran. What does not compile is not
    /// retried.
    #[serde(skip)]
    pub n_seen: Option<usize>,
}

impl ChangeSide {
    /// The result as text: `failed(compile)`, or `needs rustc 1.80.0`.
    #[must_use]
    pub fn words(&self) -> String {
        self.of_whole.clone().unwrap_or(self.status.to_string())
    }
}

/// `2.0.0 passed`, or `2.0.0 passed (flaky)`, or `2.0.0 passed (seen once)`.
impl fmt::Display for ChangeSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match (self.is_flaky, self.is_seen_once) {
            (true, _) => " (flaky)",
            (false, true) => " (seen once)",
            (false, false) => "",
        };
        write!(f, "{} {}{mark}", self.at, self.words())
    }
}

impl ChangePoint {
    /// True if nothing that is published lies between the two pins.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.between.is_exact()
    }

    /// What the change concerns, as text: the target, or all targets.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.target {
            Some(target) => target.to_string(),
            None => "all targets".to_owned(),
        }
    }
}

/// The verdicts of one row on a target or its cases, in ladder order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<'a> {
    /// The row.
    pub row: &'a Row,
    /// The family.
    pub family: &'a FamilyRecord,
    /// The target; `None` for whether any target can be built at all.
    pub target: Option<&'a TargetId>,
    /// The cases that share this history, if the cases of the target differ; empty for the target
    /// as a whole.
    pub cases: Vec<String>,
    /// The verdicts.
    pub sides: Verdicts,
}

type Verdicts = Vec<ChangeSide>;

/// All histories of a run, in the order of its families and rows, then of targets.
#[must_use]
pub fn histories(run: &Run) -> Vec<History<'_>> {
    let mut histories = Vec::new();
    for family in &run.families {
        for cells in run.rows(family) {
            let Some(first) = cells.first() else { continue };
            let of_row = |target, cases, sides| History {
                row: &first.cell.row,
                family,
                target,
                cases,
                sides,
            };
            let whole: Verdicts = cells.iter().filter_map(|record| whole(record)).collect();
            histories.push(of_row(None, Vec::new(), whole));
            for (target, reached) in targets(&cells) {
                let of_target =
                    relevant_verdicts(reached.iter().filter_map(ReachedTarget::of_target));
                let ways = case_histories(&reached, &of_target).into_iter();
                histories.push(of_row(Some(target), Vec::new(), of_target));
                histories.extend(ways.map(|(way, cases)| of_row(Some(target), cases, way)));
            }
        }
    }
    histories
}

/// All change points of a run, in the order of its families and rows, then of targets and pins. If
/// the cases of a target changed differently, their change points are listed instead of the
/// target's.
#[must_use]
pub fn frontier(run: &Run) -> Vec<ChangePoint> {
    let histories = histories(run);
    let mut points: Vec<ChangePoint> = Vec::new();
    let thing = |history: &History<'_>| {
        (
            history.family.name.clone(),
            history.row.clone(),
            history.target.cloned(),
        )
    };
    for alike in histories.chunk_by(|a, b| thing(a) == thing(b)) {
        let shown = alike
            .get(1..)
            .filter(|ways| !ways.is_empty())
            .unwrap_or(alike);
        let mut of_thing: Vec<ChangePoint> = shown.iter().flat_map(History::points).collect();
        of_thing.sort_by(|a, b| (&a.after.at, &a.cases).cmp(&(&b.after.at, &b.cases)));
        points.extend(of_thing);
    }
    points
}

impl History<'_> {
    fn points(&self) -> Vec<ChangePoint> {
        let changes = changes(&self.sides);
        changes
            .map(|(before, after, is_island)| self.point(before, after, is_island))
            .collect()
    }

    fn point(&self, before: &ChangeSide, after: &ChangeSide, is_island: bool) -> ChangePoint {
        let change = match (before.status.is_failed(), after.status.is_failed()) {
            (false, true) => ChangeKind::Break,
            (true, false) => ChangeKind::Fix,
            (true, true) | (false, false) => ChangeKind::Shift,
        };
        let side = |of: &ChangeSide, other: &ChangeSide| ChangeSide {
            is_seen_once: of.n_seen == Some(1) && other.n_seen.is_some() && !of.is_flaky,
            ..of.clone()
        };
        ChangePoint {
            row: self.row.clone(),
            family: self.family.name.clone(),
            target: self.target.cloned(),
            cases: self.cases.clone(),
            change,
            before: side(before, after),
            after: side(after, before),
            between: Between::of(self.family, &before.at, &after.at),
            is_island: is_island && change != ChangeKind::Shift,
        }
    }
}

/// The distinct histories of a target's cases, each with the cases that share it; empty if all
/// cases follow the target.
fn case_histories(
    reached: &[ReachedTarget<'_>],
    of_target: &[ChangeSide],
) -> Vec<(Verdicts, Vec<String>)> {
    let cases = reached.iter().flat_map(|reached| &reached.target.cases);
    let names: BTreeSet<&str> = cases.map(|case| case.name.as_str()).collect();
    let mut ways: Vec<(Verdicts, Vec<String>)> = Vec::new();
    for name in names {
        let way = relevant_verdicts(reached.iter().filter_map(|r| r.of_case(name)));
        match ways.iter_mut().find(|(known, _)| is_alike(known, &way)) {
            Some((known, names)) => {
                names.push(name.to_owned());
                for (side, other) in known.iter_mut().zip(&way) {
                    side.is_flaky |= other.is_flaky;
                    side.n_seen = side.n_seen.min(other.n_seen);
                }
            }
            None => ways.push((way, vec![name.to_owned()])),
        }
    }
    ways.retain(|(way, _)| !way.is_empty());
    if ways.iter().all(|(way, _)| is_alike(way, of_target)) {
        ways.clear();
    }
    ways
}

/// The description of a target that compiles but runs no test.
const ONLY_COMPILES: &str = "compiles with all its tests ignored";

/// Selects the verdicts of a target or a case. "Compiles with all tests ignored" only counts if the
/// target stops compiling at the next verdict and had not failed before: whether its tests pass is
/// unknown.
fn relevant_verdicts(sides: impl Iterator<Item = ChangeSide>) -> Verdicts {
    let all: Vec<ChangeSide> = sides.collect();
    let only_compiles = |side: &ChangeSide| side.of_whole.is_some();
    let mut telling = Verdicts::new();
    for (index, side) in all.iter().enumerate() {
        let mut later = all[index..].iter().filter(|side| !only_compiles(side));
        let breaks_next = later.next().is_some_and(|next| match next.status {
            Status::Failed { class } => !class.arises_while_running(),
            Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => false,
        });
        let has_failed = telling
            .last()
            .is_some_and(|last: &ChangeSide| last.status.is_failed());
        if !only_compiles(side) || (breaks_next && !has_failed) {
            telling.push(side.clone());
        }
    }
    telling
}

/// A target as seen in one cell that reached it.
struct ReachedTarget<'a> {
    record: &'a CellRecord,
    outcome: &'a Outcome,
    target: &'a TargetOutcome,
}

/// The targets of a row, each with the cells that reached it.
fn targets<'a>(row: &[&'a CellRecord]) -> BTreeMap<&'a TargetId, Vec<ReachedTarget<'a>>> {
    let mut targets: BTreeMap<&TargetId, Vec<ReachedTarget<'_>>> = BTreeMap::new();
    for record in row {
        let Some(outcome) = record.outcome() else {
            continue;
        };
        for target in &outcome.targets {
            targets.entry(&target.id).or_default().push(ReachedTarget {
                record,
                outcome,
                target,
            });
        }
    }
    targets
}

/// The verdict on whether a cell reached its targets.
fn whole(record: &CellRecord) -> Option<ChangeSide> {
    let outcome = record.outcome()?;
    let status = if outcome.targets.is_empty() {
        outcome.status.clone()
    } else {
        Status::Passed
    };
    let error = outcome.errors.first().map(ToString::to_string);
    let words = in_words(&status, outcome);
    let side = verdict(record, outcome, status, error, Phase::Resolve)?;
    Some(ChangeSide {
        of_whole: Some(words),
        ..side
    })
}

/// Describes whether anything in a cell can be built, or why not.
fn in_words(status: &Status, outcome: &Outcome) -> String {
    match status {
        Status::Passed => "can be built".to_owned(),
        Status::Failed {
            class: FailureKind::Msrv,
        } => {
            let need = outcome.needs.as_ref().and_then(|needs| needs.lock.as_ref());
            match need {
                Some(need) => format!("needs rustc {}", need.rustc),
                None => "needs a newer rustc".to_owned(),
            }
        }
        Status::Failed {
            class: FailureKind::Resolve,
        } => "cannot be resolved".to_owned(),
        Status::Failed { .. } | Status::Skipped { .. } | Status::Inconclusive { .. } => {
            status.to_string()
        }
    }
}

fn verdict(
    record: &CellRecord,
    outcome: &Outcome,
    status: Status,
    error: Option<String>,
    phase: Phase,
) -> Option<ChangeSide> {
    let phases = outcome.phases.iter();
    let log = phases.rev().find(|record| record.phase <= phase);
    status.is_verdict().then(|| ChangeSide {
        at: record.cell.pin.at.clone(),
        cell: record.id.clone(),
        error: error.filter(|_| status.is_failed()),
        log: log.map(|phase| phase.log.clone()),
        is_flaky: false,
        is_seen_once: false,
        n_seen: None,
        shown: status.to_string(),
        of_whole: None,
        status,
    })
}

impl ReachedTarget<'_> {
    fn of_target(&self) -> Option<ChangeSide> {
        let error = Some(self.target.first_error());
        if self.target.only_compiles() && !self.target.status.is_built() {
            let side = verdict(
                self.record,
                self.outcome,
                Status::Passed,
                error,
                Phase::Build,
            )?;
            return Some(ChangeSide {
                of_whole: Some(ONLY_COMPILES.to_owned()),
                ..side
            });
        }
        let side = verdict(
            self.record,
            self.outcome,
            self.target.status.clone(),
            error,
            self.phase(),
        )?;
        // A failure rests on the cases that failed, and those are not flaky.
        let is_flaky = side.status == Status::Passed
            && self.target.cases.iter().any(|case| case.flaky.is_some());
        let shown = self.target.shown();
        // The result rests on the cases that agree with it; a failed target without such cases can
        // at most have hit a time limit.
        let cases = self.target.cases.iter();
        let cases = cases
            .filter(|c| may_be_flaky(&c.status) && c.status.is_failed() == side.status.is_failed());
        let is_timeout = side.status == Status::failed(FailureKind::Timeout);
        let n_seen = cases.map(|case| case.n_seen).min();
        Some(ChangeSide {
            is_flaky,
            n_seen: n_seen.or(is_timeout.then_some(1)),
            shown,
            ..side
        })
    }

    /// The verdict on a case: the target's own verdict if the target did not get to run it.
    fn of_case(&self, name: &str) -> Option<ChangeSide> {
        let case = self.target.cases.iter().find(|case| case.name == name);
        match case {
            Some(_) if self.target.only_compiles() => self.of_target(),
            Some(case) => {
                let error = case.message().map(str::to_owned);
                let side = verdict(
                    self.record,
                    self.outcome,
                    case.status.clone(),
                    error,
                    Phase::Test,
                )?;
                let is_flaky = case.flaky.is_some();
                let n_seen = may_be_flaky(&case.status).then_some(case.n_seen);
                Some(ChangeSide {
                    is_flaky,
                    n_seen,
                    ..side
                })
            }
            None if self.target.cases.is_empty() => self.of_target(),
            None => None,
        }
    }

    fn phase(&self) -> Phase {
        if self.target.cases.is_empty() {
            Phase::Build
        } else {
            Phase::Test
        }
    }
}

/// True for the result of a test run, which another run may not repeat.
fn may_be_flaky(status: &Status) -> bool {
    match status {
        Status::Passed => true,
        Status::Failed { class } => class.arises_while_running(),
        Status::Skipped { .. } | Status::Inconclusive { .. } => false,
    }
}

/// Neighbouring verdicts that differ, with whether the row changes between passing and not passing
/// more than once.
fn changes(verdicts: &[ChangeSide]) -> impl Iterator<Item = (&ChangeSide, &ChangeSide, bool)> {
    let turns = |(a, b): &(&ChangeSide, &ChangeSide)| a.status.is_failed() != b.status.is_failed();
    let pairs = || verdicts.iter().zip(verdicts.iter().skip(1));
    let is_island = pairs().filter(turns).count() > 1;
    pairs()
        .filter(|(a, b)| a.status != b.status && !is_half_known(&a.status, &b.status))
        .map(move |(before, after)| (before, after, is_island))
}

/// Whether one side was only built and the other ran, on a machine that can run it: what the first would
/// have come to is not known.
fn is_half_known(one: &Status, other: &Status) -> bool {
    let has_run = |status: &Status| match status {
        Status::Passed => true,
        Status::Failed { class } => class.arises_while_running(),
        Status::Skipped { .. } | Status::Inconclusive { .. } => false,
    };
    one.is_built() && has_run(other) || other.is_built() && has_run(one)
}

/// Whether two histories have the same statuses, regardless of their messages.
fn is_alike(one: &[ChangeSide], other: &[ChangeSide]) -> bool {
    let way = |sides: &[ChangeSide]| -> Vec<(PinnedAt, Status)> {
        let way = sides
            .iter()
            .map(|side| (side.at.clone(), side.status.clone()));
        way.collect()
    };
    way(one) == way(other)
}

#[cfg(test)]
mod tests;
