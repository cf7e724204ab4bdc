//! The frontier: every change point of a run, per target and case, and how exactly each is known.
//!
//! A function of a run. Only verdicts count: what was skipped or is in doubt lies between two
//! points as an untested version does.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::outcome::{TargetId, TargetOutcome};
use crate::model::run::{FamilyRecord, Run};
use crate::model::status::Status;

/// Two neighbouring verdicts on one toolchain that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// The toolchain's label.
    pub toolchain: String,
    /// The family's name.
    pub family: String,
    /// The target.
    pub target: TargetId,
    /// The cases it is about; none where it is about the target and all its cases alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<String>,
    /// What kind of change.
    pub change: Change,
    /// The last version before it, and what that showed.
    pub before: Side,
    /// The first version after it, and what that showed.
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
    /// The pin's version.
    pub version: Version,
    /// What it showed.
    #[serde(flatten)]
    pub status: Status,
}

impl ChangePoint {
    /// True when nothing that is published lies between its sides.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.n_untested == 0
    }
}

/// One row's verdicts on one thing, in the order of the ladder.
type Verdicts = Vec<Side>;

/// All change points of a run, in the order of its families and toolchains, then of targets and
/// versions.
#[must_use]
pub fn frontier(run: &Run) -> Vec<ChangePoint> {
    let mut points = Vec::new();
    for family in &run.families {
        for toolchain in &run.toolchains {
            let row = row(run, family, &toolchain.label);
            for (target, history) in row {
                points.extend(of_target(&toolchain.label, family, target, &history));
            }
        }
    }
    points
}

/// A target at the pins of a row that reached it.
type History<'a> = Vec<(&'a Version, &'a TargetOutcome)>;

fn row<'a>(
    run: &'a Run,
    family: &FamilyRecord,
    toolchain: &str,
) -> BTreeMap<&'a TargetId, History<'a>> {
    let mut row: BTreeMap<&TargetId, History<'_>> = BTreeMap::new();
    let cells = run.cells.iter().filter(|c| c.cell.toolchain == toolchain);
    for record in cells.filter(|c| c.cell.pin.family == family.name) {
        for target in record.outcome().into_iter().flat_map(|o| &o.targets) {
            row.entry(&target.id)
                .or_default()
                .push((&record.cell.pin.version, target));
        }
    }
    row
}

fn of_target(
    toolchain: &str,
    family: &FamilyRecord,
    target: &TargetId,
    history: &History<'_>,
) -> Vec<ChangePoint> {
    let names: BTreeSet<&str> = history
        .iter()
        .flat_map(|(_, t)| &t.cases)
        .map(|c| c.name.as_str())
        .collect();
    // Cases that went the same way are told together.
    let mut ways: BTreeMap<Vec<(Version, Status)>, Vec<String>> = BTreeMap::new();
    for name in &names {
        let verdicts = of_case(history, name);
        let way = verdicts
            .into_iter()
            .map(|s| (s.version, s.status))
            .collect();
        ways.entry(way).or_default().push((*name).to_owned());
    }
    let whole = verdicts(history, |t| Some(&t.status));
    let is_alike = ways.len() <= 1;
    let mut points = Vec::new();
    if is_alike {
        points.extend(changes(&whole).map(|change| point(toolchain, family, target, &[], change)));
    }
    for (way, cases) in ways.iter().filter(|_| !is_alike) {
        let way: Verdicts = way
            .iter()
            .map(|(version, status)| Side {
                version: version.clone(),
                status: status.clone(),
            })
            .collect();
        points.extend(changes(&way).map(|change| point(toolchain, family, target, cases, change)));
    }
    points.sort_by(|a, b| (&a.after.version, &a.cases).cmp(&(&b.after.version, &b.cases)));
    points
}

/// A case's verdicts: where its target did not get as far as running it, the target's own.
fn of_case(history: &History<'_>, name: &str) -> Verdicts {
    verdicts(history, |target| {
        let case = target
            .cases
            .iter()
            .find(|c| c.name == name)
            .map(|c| &c.status);
        case.or_else(|| target.cases.is_empty().then_some(&target.status))
    })
}

fn verdicts<'a>(
    history: &History<'a>,
    status: impl Fn(&'a TargetOutcome) -> Option<&'a Status>,
) -> Verdicts {
    let verdict = |(version, target): &(&Version, &'a TargetOutcome)| match status(target)? {
        status @ (Status::Passed | Status::Failed { .. }) => Some(Side {
            version: (*version).clone(),
            status: status.clone(),
        }),
        Status::Skipped { .. } | Status::Inconclusive { .. } => None,
    };
    history.iter().filter_map(verdict).collect()
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

fn point(
    toolchain: &str,
    family: &FamilyRecord,
    target: &TargetId,
    cases: &[String],
    (before, after, is_island): (&Side, &Side, bool),
) -> ChangePoint {
    let change = match (before.status.is_failed(), after.status.is_failed()) {
        (false, true) => Change::Break,
        (true, false) => Change::Fix,
        (true, true) | (false, false) => Change::Shift,
    };
    let is_between = |version: &&Version| before.version < **version && **version < after.version;
    ChangePoint {
        toolchain: toolchain.to_owned(),
        family: family.name.clone(),
        target: target.clone(),
        cases: cases.to_vec(),
        change,
        before: before.clone(),
        after: after.clone(),
        n_untested: family.published.iter().filter(is_between).count(),
        is_island: is_island && change != Change::Shift,
    }
}

#[cfg(test)]
mod tests;
