//! Problems: what a run shows that the user should know. Each problem has one cause and is listed
//! once, however many targets and cells show it, with its location in the subject's repository if
//! known.

mod key;
pub(super) mod occurrences;
mod points;
mod place;
pub mod causes;
mod describe;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::causes::causes;
use self::describe::{changes, notes, place_of, places, what};
use self::key::{ProblemKey, tell_apart};
use self::occurrences::{Occurrence, occurrences};
pub use self::place::{SourcePlace, place_of_all};
use self::points::Points;
use crate::analysis::frontier::ChangePoint;
use crate::analysis::passing::Passing;
use crate::model::cell::Row;
use crate::model::command::reproduce;
use crate::model::run::{FamilyRecord, Run};
use crate::model::status::FailureKind;
use crate::text;

/// A problem. Its texts are sanitized and limited in length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How important it is.
    pub severity: Severity,
    /// The kind of problem.
    pub check: Check,
    /// What fails: a target, the first of several, or the family if no target is known.
    pub thing: String,
    /// The case, if the problem concerns one.
    pub case: Option<String>,
    /// The status that it shows.
    pub status: String,
    /// Where it occurs: the family, its pins, and the rows.
    pub seen: String,
    /// The first error, without its location.
    pub error: String,
    /// The baseline's view of it: `regressed: expected passed`.
    pub expected: Option<String>,
    /// The changes along the ladder that go with it.
    pub changes: Vec<String>,
    /// Additional notes: other locations, packages that moved in the lock of its cell, and whose
    /// fault it is.
    pub notes: Vec<String>,
    /// The command that reproduces it.
    pub command: String,
    /// The location in the repository.
    pub place: Option<SourcePlace>,
    /// An identifier that is the same in every run with this problem, even if the line or the
    /// message changes, except that problems that are otherwise identical are numbered. No two
    /// problems of a run share it.
    pub fingerprint: String,
}

impl Problem {
    /// What fails and where, on one line:
    /// `app test:ratio odd_ratio: failed(test) at gadget 2.0.0 on stable, old`.
    #[must_use]
    pub fn title(&self) -> String {
        let case = self.case.iter().map(|case| format!(" {case}"));
        let Self {
            thing,
            status,
            seen,
            ..
        } = self;
        format!("{thing}{}: {status} at {seen}", case.collect::<String>())
    }

    /// The first error, the expectation, the changes, and the command that reproduces it, one per
    /// line.
    #[must_use]
    pub fn message(&self) -> String {
        let mut lines = vec![self.error.clone()];
        lines.extend(self.background());
        lines.push(format!("reproduce: {}", self.command));
        lines.join("\n")
    }

    /// The expectation, the changes, and the notes, one per line.
    #[must_use]
    pub fn background(&self) -> Vec<String> {
        let expected = self.expected.iter();
        let background = expected.chain(&self.changes).chain(&self.notes);
        background.cloned().collect()
    }
}

/// The kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// It fails.
    Failed(FailureKind),
    /// It is inconclusive because of the machine.
    Inconclusive,
    /// It should fail but passes.
    Fixed,
    /// It should exist but does not.
    Gone,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(class) => class.fmt(f),
            Self::Inconclusive => f.write_str("inconclusive"),
            Self::Fixed => f.write_str("fixed"),
            Self::Gone => f.write_str("gone"),
        }
    }
}

/// The importance of a problem, most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No baseline expects it, and it does not already fail today.
    New,
    /// It should fail but passes: the baseline has to be updated.
    Fixed,
    /// It says nothing about the pin: an inconclusive result, or drift.
    Unsure,
    /// The baseline expects it; or, if no baseline covers its row, it already fails today.
    Known,
}

/// All problems of a run, the most important first: ordered by severity, then with change points
/// before others, then in the order of the run.
pub(super) fn problems(run: &Run, points: &[ChangePoint]) -> Vec<Problem> {
    let mut groups: Vec<OccurrenceGroup<'_>> = Vec::new();
    let mut known: BTreeMap<ProblemKey, usize> = BTreeMap::new();
    let todays = todays(run);
    for record in &run.cells {
        let today = todays.get(&(record.cell.pin.family.as_str(), &*record.cell.row));
        for occurrence in occurrences(run, record, today) {
            let index = *known.entry(occurrence.key.clone()).or_insert(groups.len());
            match groups.get_mut(index) {
                Some(group) => group.occurrences.push(occurrence),
                None => groups.push(OccurrenceGroup {
                    occurrences: vec![occurrence],
                }),
            }
        }
    }
    let points = Points::of(points);
    let mut problems: Vec<(ProblemKey, Problem)> = Vec::new();
    for group in &groups {
        problems.extend(group.problem(run, &points));
    }
    tell_apart(&mut problems);
    // The sort is stable, so the order of the run is kept.
    problems.sort_by_key(|(_, problem)| (problem.severity, problem.changes.is_empty()));
    problems.into_iter().map(|(_, problem)| problem).collect()
}

/// For each row of each family, what passes today, if that is known and there is another cell to
/// compare.
fn todays(run: &Run) -> BTreeMap<(&str, &Row), Passing<'_>> {
    let families = run.families.iter();
    let families: BTreeMap<&str, &FamilyRecord> = families
        .map(|family| (family.name.as_str(), family))
        .collect();
    let (mut todays, mut has_others) = (BTreeMap::new(), BTreeSet::new());
    for record in &run.cells {
        let family = record.cell.pin.family.as_str();
        let place = (family, &*record.cell.row);
        let Some(outcome) = record.outcome() else {
            continue;
        };
        let family = families.get(family);
        if !family.is_some_and(|family| family.is_today(&record.cell)) {
            has_others.insert(place);
        } else if !outcome.has_doubt() {
            todays.insert(place, Passing::of(outcome));
        }
    }
    todays.retain(|place, _| has_others.contains(place));
    todays
}

/// The maximum length of an error, in characters.
const LONGEST_ERROR: usize = 1000;

/// The maximum length of the name of a target, a case or a status in a title, in characters.
const LONGEST_NAME: usize = 120;

/// All occurrences of the same problem.
struct OccurrenceGroup<'a> {
    occurrences: Vec<Occurrence<'a>>,
}

impl OccurrenceGroup<'_> {
    fn problem(&self, run: &Run, points: &Points) -> Option<(ProblemKey, Problem)> {
        let severity = self.occurrences.iter().map(|seen| seen.severity).min()?;
        let alike = self.occurrences.iter();
        let alike: Vec<&Occurrence<'_>> = alike.filter(|s| s.severity == severity).collect();
        let first = alike.first()?;
        let points: Vec<&ChangePoint> = alike.iter().filter_map(|s| points.at(s)).collect();
        let is_name = |name: String| text::ellipsis(&text::one_line(&name), LONGEST_NAME);
        let (thing, case) = what(&alike, first);
        let problem = Problem {
            severity,
            check: first.key.check,
            thing: is_name(thing),
            case: case.map(is_name),
            status: first.status.clone(),
            seen: text::one_line(&place_of(&first.key.family, &alike)),
            error: text::ellipsis(&text::one_line(&first.error), LONGEST_ERROR),
            expected: first.expected.as_deref().map(text::one_line),
            changes: changes(&points)
                .into_iter()
                .chain(causes(run, &points, &first.error))
                .collect(),
            notes: places(&alike)
                .into_iter()
                .chain(notes(run, first))
                .collect(),
            command: text::one_line(&reproduce(run, &first.record.id)),
            place: first.place.clone(),
            fingerprint: String::new(),
        };
        Some((first.key.clone(), problem))
    }
}

#[cfg(test)]
mod tests;
