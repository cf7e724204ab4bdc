//! The frontier: every change point of a run, per target and case, and how exactly each is known.
//!
//! A function of a run. Only verdicts count: what was skipped or is in doubt lies between two
//! points as an untested version does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::cell::{At, CellId, Row};
use crate::model::outcome::{Outcome, Phase, TargetId, TargetOutcome};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::Status;

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
    pub change: Change,
    /// The last pin before it, and what that showed.
    pub before: Side,
    /// The first pin after it, and what that showed.
    pub after: Side,
    /// How many versions lie between that are published, not yanked, and not tested. With none,
    /// the change point is exact.
    pub n_untested: usize,
    /// True where this is not the only change between passing and not passing along the ladder.
    pub is_island: bool,
}

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It passed, and passes no more.
    Break,
    /// It failed, and fails no more.
    Fix,
    /// It fails in another way.
    Shift,
}

/// One side of a change point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The pin.
    #[serde(flatten)]
    pub at: At,
    /// What it showed.
    #[serde(flatten)]
    pub status: Status,
    /// The cell.
    pub cell: CellId,
    /// The first error, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The log of the phase that tells, relative to the results folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// True where it passed only after it had failed: the change point rests on a flaky case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_flaky: bool,
}

/// `2.0.0 passed`, or `2.0.0 passed (flaky)`.
impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flaky = if self.is_flaky { " (flaky)" } else { "" };
        write!(f, "{} {}{flaky}", self.at, self.status)
    }
}

impl ChangePoint {
    /// True when nothing that is published lies between its sides.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.n_untested == 0
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
type Verdicts = Vec<Side>;

/// All change points of a run, in the order of its families and rows, then of targets and pins.
#[must_use]
pub fn frontier(run: &Run) -> Vec<ChangePoint> {
    let mut points = Vec::new();
    for family in &run.families {
        for cells in run.rows(family) {
            let Some(first) = cells.first() else { continue };
            let place = Place {
                row: &first.cell.row,
                family,
            };
            let whole: Verdicts = cells.iter().filter_map(|record| whole(record)).collect();
            points.extend(changes(&whole).map(|change| place.point(None, &[], change)));
            for (target, history) in targets(&cells) {
                points.extend(place.of_target(target, &history));
            }
        }
    }
    points
}

/// A cell that reached a target.
struct Reached<'a> {
    record: &'a CellRecord,
    outcome: &'a Outcome,
    target: &'a TargetOutcome,
}

/// A target at the pins of a row that reached it.
type History<'a> = Vec<Reached<'a>>;

fn targets<'a>(row: &[&'a CellRecord]) -> BTreeMap<&'a TargetId, History<'a>> {
    let mut targets: BTreeMap<&TargetId, History<'_>> = BTreeMap::new();
    for record in row {
        let Some(outcome) = record.outcome() else {
            continue;
        };
        for target in &outcome.targets {
            targets.entry(&target.id).or_default().push(Reached {
                record,
                outcome,
                target,
            });
        }
    }
    targets
}

/// Whether a cell got as far as its targets.
fn whole(record: &CellRecord) -> Option<Side> {
    let outcome = record.outcome()?;
    let status = match outcome.targets.is_empty() {
        true => outcome.status.clone(),
        false => Status::Passed,
    };
    let error = outcome.errors.first().map(ToString::to_string);
    verdict(record, outcome, status, error, Phase::Resolve)
}

fn verdict(
    record: &CellRecord,
    outcome: &Outcome,
    status: Status,
    error: Option<String>,
    phase: Phase,
) -> Option<Side> {
    let phases = outcome.phases.iter();
    let log = phases.rev().find(|record| record.phase <= phase);
    status.is_verdict().then(|| Side {
        at: record.cell.pin.at.clone(),
        cell: record.id.clone(),
        error: error.filter(|_| status.is_failed()),
        log: log.map(|phase| phase.log.clone()),
        is_flaky: false,
        status,
    })
}

impl Reached<'_> {
    fn of_target(&self) -> Option<Side> {
        let phase = self.phase();
        let error = Some(self.target.first_error());
        let side = verdict(
            self.record,
            self.outcome,
            self.target.status.clone(),
            error,
            phase,
        )?;
        // What failed rests on the cases that failed, and those are not flaky.
        let is_flaky = side.status == Status::Passed
            && self.target.cases.iter().any(|case| case.flaky.is_some());
        Some(Side { is_flaky, ..side })
    }

    /// A case's verdict: where its target did not get as far as running it, the target's own.
    fn of_case(&self, name: &str) -> Option<Side> {
        let case = self.target.cases.iter().find(|case| case.name == name);
        match case {
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
                Some(Side { is_flaky, ..side })
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

/// Neighbouring verdicts that differ, with whether the row changes between passing and not passing
/// more than once.
fn changes(verdicts: &[Side]) -> impl Iterator<Item = (&Side, &Side, bool)> {
    let turns = |(a, b): &(&Side, &Side)| a.status.is_failed() != b.status.is_failed();
    let pairs = || verdicts.iter().zip(verdicts.iter().skip(1));
    let is_island = pairs().filter(turns).count() > 1;
    pairs()
        .filter(|(a, b)| a.status != b.status)
        .map(move |(before, after)| (before, after, is_island))
}

/// Where change points are looked for.
struct Place<'a> {
    row: &'a Row,
    family: &'a FamilyRecord,
}

impl Place<'_> {
    fn of_target(&self, target: &TargetId, history: &History<'_>) -> Vec<ChangePoint> {
        let cases = history.iter().flat_map(|reached| &reached.target.cases);
        let names: BTreeSet<&str> = cases.map(|case| case.name.as_str()).collect();
        // Cases that went the same way are told together.
        let mut ways: Vec<(Verdicts, Vec<String>)> = Vec::new();
        for name in names {
            let way: Verdicts = history.iter().filter_map(|r| r.of_case(name)).collect();
            match ways.iter_mut().find(|(known, _)| is_alike(known, &way)) {
                Some((known, names)) => {
                    names.push(name.to_owned());
                    for (side, other) in known.iter_mut().zip(&way) {
                        side.is_flaky |= other.is_flaky;
                    }
                }
                None => ways.push((way, vec![name.to_owned()])),
            }
        }
        if ways.len() <= 1 {
            let whole: Verdicts = history.iter().filter_map(Reached::of_target).collect();
            ways = vec![(whole, Vec::new())];
        }
        let mut points = Vec::new();
        for (way, cases) in &ways {
            let of_way = changes(way).map(|change| self.point(Some(target), cases, change));
            points.extend(of_way);
        }
        points.sort_by(|a, b| (&a.after.at, &a.cases).cmp(&(&b.after.at, &b.cases)));
        points
    }

    fn point(
        &self,
        target: Option<&TargetId>,
        cases: &[String],
        (before, after, is_island): (&Side, &Side, bool),
    ) -> ChangePoint {
        let change = match (before.status.is_failed(), after.status.is_failed()) {
            (false, true) => Change::Break,
            (true, false) => Change::Fix,
            (true, true) | (false, false) => Change::Shift,
        };
        ChangePoint {
            row: self.row.clone(),
            family: self.family.name.clone(),
            target: target.cloned(),
            cases: cases.to_vec(),
            change,
            before: before.clone(),
            after: after.clone(),
            n_untested: n_between(self.family, &before.at, &after.at),
            is_island: is_island && change != Change::Shift,
        }
    }
}

/// How many published versions lie between two pins.
#[must_use]
pub fn n_between(family: &FamilyRecord, before: &At, after: &At) -> usize {
    let at = |version: &Version| At::from(version.clone());
    let is_between = |version: &&Version| *before < at(version) && at(version) < *after;
    family.published.iter().filter(is_between).count()
}

/// Whether two went the same way, whatever was said on it.
fn is_alike(one: &[Side], other: &[Side]) -> bool {
    let way = |sides: &[Side]| -> Vec<(At, Status)> {
        let way = sides
            .iter()
            .map(|side| (side.at.clone(), side.status.clone()));
        way.collect()
    };
    way(one) == way(other)
}

#[cfg(test)]
mod tests;
