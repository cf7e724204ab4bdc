//! The frontier: every change point of a run, per target and case, and how exactly each is known.
//!
//! A function of a run. Only verdicts count: what was skipped or is in doubt lies between two
//! points as an untested version does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::cell::{CellId, PinSource, Row};
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
    /// The target; none where it is about whether any target can be built at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetId>,
    /// The cases it is about; none where it is about the target and all its cases alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<String>,
    /// What kind of change.
    pub change: ChangeKind,
    /// The last pin before it, and what that showed.
    pub before: ChangeSide,
    /// The first pin after it, and what that showed.
    pub after: ChangeSide,
    /// What is published between its sides.
    pub between: Between,
    /// True where this is not the only change between passing and not passing along the ladder.
    pub is_island: bool,
}

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It passed, and passes no more.
    Break,
    /// It failed, and fails no more.
    Fix,
    /// It fails in another way.
    Shift,
}

/// One side of a change point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSide {
    /// The pin.
    #[serde(flatten)]
    pub at: PinSource,
    /// What it showed.
    #[serde(flatten)]
    pub status: Status,
    /// The cell.
    pub cell: CellId,
    /// The status with the code of the first error, which change points do not tell apart.
    #[serde(skip)]
    pub shown: String,
    /// What a person says where the status is not what tests showed: whether anything of a cell can be
    /// built, or that a target compiles and all its tests are ignored.
    #[serde(skip)]
    pub of_whole: Option<String>,
    /// The first error, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The log of the phase that tells, relative to the results folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// True where it passed only after it had failed: the change point rests on a flaky case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_flaky: bool,
    /// True where both sides are what tests did when they ran, and a single run tells of this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_seen_once: bool,
    /// How many runs tell of it, where tests ran: nothing is run again that does not compile.
    #[serde(skip)]
    pub n_seen: Option<usize>,
}

impl ChangeSide {
    /// What it showed, in words: `failed(compile)`, or `needs rustc 1.80.0`.
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
    /// True when nothing that is published lies between its sides.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.between.is_exact()
    }

    /// What it is about, in words: the target, or the cell as a whole.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.target {
            Some(target) => target.to_string(),
            None => "all targets".to_owned(),
        }
    }
}

/// One row's verdicts on one thing, in the order of the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<'a> {
    /// The row.
    pub row: &'a Row,
    /// The family.
    pub family: &'a FamilyRecord,
    /// The target; none for whether any target can be built at all.
    pub target: Option<&'a TargetId>,
    /// The cases that went this way, where those of the target went several; none for the target.
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
                let of_target = telling(reached.iter().filter_map(ReachedTarget::of_target));
                let ways = ways(&reached, &of_target).into_iter();
                histories.push(of_row(Some(target), Vec::new(), of_target));
                histories.extend(ways.map(|(way, cases)| of_row(Some(target), cases, way)));
            }
        }
    }
    histories
}

/// All change points of a run, in the order of its families and rows, then of targets and pins.
/// Where cases of a target went several ways, those are told and not what the target made of them.
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
        let told = alike
            .get(1..)
            .filter(|ways| !ways.is_empty())
            .unwrap_or(alike);
        let mut of_thing: Vec<ChangePoint> = told.iter().flat_map(History::points).collect();
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

/// The ways that cases of a target went, those alike together; none where all went the way of the
/// target itself.
fn ways(reached: &[ReachedTarget<'_>], of_target: &[ChangeSide]) -> Vec<(Verdicts, Vec<String>)> {
    let cases = reached.iter().flat_map(|reached| &reached.target.cases);
    let names: BTreeSet<&str> = cases.map(|case| case.name.as_str()).collect();
    let mut ways: Vec<(Verdicts, Vec<String>)> = Vec::new();
    for name in names {
        let way = telling(reached.iter().filter_map(|r| r.of_case(name)));
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

/// What is said of a target in which no test runs.
const ONLY_COMPILES: &str = "compiles with all its tests ignored";

/// The verdicts of a target or a case. That a target compiles with all its tests ignored is one where
/// it compiles no more next, and had not failed before: whether those tests pass is not known.
fn telling(sides: impl Iterator<Item = ChangeSide>) -> Verdicts {
    let all: Vec<ChangeSide> = sides.collect();
    let only_compiles = |side: &ChangeSide| side.of_whole.is_some();
    let mut telling = Verdicts::new();
    for (at, side) in all.iter().enumerate() {
        let mut later = all[at..].iter().filter(|side| !only_compiles(side));
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

/// A cell that reached a target.
struct ReachedTarget<'a> {
    record: &'a CellRecord,
    outcome: &'a Outcome,
    target: &'a TargetOutcome,
}

/// The targets at the pins of a row that reached them.
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

/// Whether a cell got as far as its targets.
fn whole(record: &CellRecord) -> Option<ChangeSide> {
    let outcome = record.outcome()?;
    let status = match outcome.targets.is_empty() {
        true => outcome.status.clone(),
        false => Status::Passed,
    };
    let error = outcome.errors.first().map(ToString::to_string);
    let words = in_words(&status, outcome);
    let side = verdict(record, outcome, status, error, Phase::Resolve)?;
    Some(ChangeSide {
        of_whole: Some(words),
        ..side
    })
}

/// Whether anything of a cell can be built, or why not.
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
        if self.target.only_compiles() {
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
        // What failed rests on the cases that failed, and those are not flaky.
        let is_flaky = side.status == Status::Passed
            && self.target.cases.iter().any(|case| case.flaky.is_some());
        let shown = self.target.shown();
        // It rests on the cases that went its way; one that has none hit a time limit, if anything.
        let cases = self.target.cases.iter();
        let cases = cases
            .filter(|c| can_be_luck(&c.status) && c.status.is_failed() == side.status.is_failed());
        let is_timeout = side.status == Status::failed(FailureKind::Timeout);
        let n_seen = cases.map(|case| case.n_seen).min();
        Some(ChangeSide {
            is_flaky,
            n_seen: n_seen.or(is_timeout.then_some(1)),
            shown,
            ..side
        })
    }

    /// A case's verdict: where its target did not get as far as running it, the target's own.
    fn of_case(&self, name: &str) -> Option<ChangeSide> {
        let case = self.target.cases.iter().find(|case| case.name == name);
        match case {
            Some(_) if self.target.only_compiles() => self.of_target(),
            Some(case) => {
                let error = case.said().map(str::to_owned);
                let side = verdict(
                    self.record,
                    self.outcome,
                    case.status.clone(),
                    error,
                    Phase::Test,
                )?;
                let is_flaky = case.flaky.is_some();
                let n_seen = can_be_luck(&case.status).then_some(case.n_seen);
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
        match self.target.cases.is_empty() {
            true => Phase::Build,
            false => Phase::Test,
        }
    }
}

/// True for what a test shows by running, which another run may not show.
fn can_be_luck(status: &Status) -> bool {
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
        .filter(|(a, b)| a.status != b.status)
        .map(move |(before, after)| (before, after, is_island))
}

/// Whether two went the same way, whatever was said on it.
fn is_alike(one: &[ChangeSide], other: &[ChangeSide]) -> bool {
    let way = |sides: &[ChangeSide]| -> Vec<(PinSource, Status)> {
        let way = sides
            .iter()
            .map(|side| (side.at.clone(), side.status.clone()));
        way.collect()
    };
    way(one) == way(other)
}

#[cfg(test)]
mod tests;
