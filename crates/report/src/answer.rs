//! The answer: what breaks and where, in a few sentences.

mod unchanged;

mod breaks;
mod course;
pub(crate) mod sentence;
pub mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::analysis::frontier::{ChangeKind, ChangePoint};
use pinmatrix_core::analysis::{Analysis, Course, Tally, judgement, unknown_failing};
use pinmatrix_core::model::cell::{PinnedAt, Row};
use pinmatrix_core::model::outcome::moved::MoveReason;
use pinmatrix_core::model::outcome::{Outcome, TargetId};
use pinmatrix_core::model::run::verdict::{DeviationKind, Judgement};
use pinmatrix_core::model::run::{CellRecord, FamilyRecord, Run};
use pinmatrix_core::model::status::Status;
use pinmatrix_core::text;

use crate::answer::breaks::known;
use crate::answer::sentence::{LONGEST, listed};
pub use crate::answer::sentence::{Sentence, SentencePart};
use crate::answer::upgrade::{off_the_ladder, upgrades};
use crate::sections::verdict;

/// The maximum number of names in a sentence.
const MOST_NAMES: usize = 4;

/// The answer of a run, the most important sentences first. Never empty.
#[must_use]
pub fn answer(analysis: &Analysis<'_>) -> Vec<Sentence> {
    let run = analysis.run;
    let mut answer = Vec::new();
    answer.extend(regressed(run));
    let ended: Vec<&Outcome> = run.cells.iter().filter_map(CellRecord::outcome).collect();
    if !ended.iter().any(|outcome| outcome.status.is_verdict()) {
        answer.push(nothing_known(run, &ended));
    }
    for (record, tally) in run.families.iter().zip(&analysis.tallies) {
        let family = FamilyView::new(run, record);
        if family.has_verdicts() {
            answer.extend(upgrades(analysis, &record.name));
            answer.extend(off_the_ladder(record));
            answer.extend(family.answer(analysis, tally));
        }
    }
    if answer.is_empty() {
        answer.push(Sentence::new(
            "Some targets pass at some pins and fail at others, and no case of theirs ran at both.",
        ));
    }
    answer.extend(old_lock(run));
    answer.extend(expected(run));
    if !run.finished {
        answer.push(Sentence::new(
            "The run did not end; this is what was known by then.",
        ));
    }
    answer
}

/// What regressed; this outweighs everything else.
fn regressed(run: &Run) -> Option<Sentence> {
    let verdict = run.findings.verdict.as_ref()?;
    let Some(first) = verdict::sorted(verdict).first().copied() else {
        return unknown(run);
    };
    let is_fixed = |kind: DeviationKind| kind == DeviationKind::Fixed;
    let n = verdict.deviations.iter();
    let n = n
        .filter(|d| is_fixed(d.kind) == is_fixed(first.kind))
        .count();
    let (n, which) = match (is_fixed(first.kind), n) {
        (true, 1) => ("One thing passes that should fail".to_owned(), ""),
        (true, n) => (format!("{n} things pass that should fail"), "the first "),
        (false, 1) => ("One thing is worse than expected".to_owned(), ""),
        (false, n) => (format!("{n} things are worse than expected"), "the first "),
    };
    let thing = [&first.target, &first.case].into_iter().flatten();
    let thing: Vec<&str> = thing.map(String::as_str).collect();
    let mut sentence = Sentence::new(format!("{n}, {which}on {}: ", first.cell));
    if !thing.is_empty() {
        sentence = sentence.name(thing.join(" ")).say(", ");
    }
    let found = text::ellipsis(&text::one_line(&first.found), LONGEST);
    let expected = text::ellipsis(&text::one_line(&first.expected), LONGEST);
    Some(sentence.say(format!("expected {expected}, found {found}.")))
}

/// Failures in rows that the baseline does not know.
fn unknown(run: &Run) -> Option<Sentence> {
    let failing = unknown_failing(run);
    let are = if failing.len() == 1 { "is" } else { "are" };
    let rows = text::ellipsis(&text::one_line(&listed(&failing)), LONGEST);
    (!failing.is_empty()).then(|| {
        Sentence::new(format!(
            "{rows} {are} not in the baseline, and something fails there."
        ))
    })
}

/// The packages that had to move because the lock was too old.
fn old_lock(run: &Run) -> Option<Sentence> {
    let moved = |outcome: &&Outcome| outcome.moved.iter().any(|m| m.fault == MoveReason::TooOld);
    let outcomes = run.cells.iter().filter_map(CellRecord::outcome);
    let cells: Vec<&Outcome> = outcomes.filter(moved).collect();
    let all = cells.iter().flat_map(|outcome| &outcome.moved);
    let all: BTreeSet<String> = all
        .filter(|moved| moved.fault == MoveReason::TooOld)
        .map(ToString::to_string)
        .collect();
    let mut packages: Vec<String> = all.iter().take(MOST_NAMES).cloned().collect();
    match all.len() - packages.len() {
        0 => {}
        n => packages.push(format!("{n} more")),
    }
    let packages = text::ellipsis(&text::one_line(&listed(&packages)), LONGEST);
    Some(match cells.len() {
        0 => return None,
        1 => Sentence::new(format!(
            "One cell does not build with your lock as it is, and ran with packages moved from it: {packages}."
        )),
        n => Sentence::new(format!(
            "{n} cells do not build with your lock as it is, and ran with packages moved from it: {packages}."
        )),
    })
}

/// The rest of the comparison with the baseline.
fn expected(run: &Run) -> Option<Sentence> {
    let verdict = run.findings.verdict.as_ref()?;
    match judgement(run)? {
        Judgement::AsExpected if verdict.unknown_rows.is_empty() => {
            Some(Sentence::new("All of that is as expected."))
        }
        // If the baseline knows no row, nothing is expected.
        Judgement::AsExpected if verdict.n_expected > 0 => Some(Sentence::new(
            "All of that is as expected, where the baseline knows the row.",
        )),
        Judgement::AsExpected
        | Judgement::Regressed
        | Judgement::Fixed
        | Judgement::Inconclusive => None,
    }
}

fn nothing_known(run: &Run, ended: &[&Outcome]) -> Sentence {
    let why: BTreeSet<String> = if ended.is_empty() {
        run.cells.iter().map(why_not).collect()
    } else {
        ended.iter().map(|o| o.status.to_string()).collect()
    };
    let why: Vec<String> = why.into_iter().collect();
    let why = text::ellipsis(&text::one_line(&listed(&why)), LONGEST);
    Sentence::new(match (ended.len(), run.cells.len()) {
        (_, 0) => "Nothing was tested: the matrix has no cells.".to_owned(),
        (0, _) => format!("Nothing was tested: {why}."),
        (1, _) => format!("Nothing can be said about the code: the one cell that ran is {why}."),
        (n, _) => format!("Nothing can be said about the code: the {n} cells that ran are {why}."),
    })
}

fn why_not(record: &CellRecord) -> String {
    match record.status() {
        Status::Skipped { reason } => reason.to_string(),
        Status::Inconclusive { doubt } => doubt.to_string(),
        Status::Passed | Status::Failed { .. } => String::new(),
    }
}

/// A family with its rows.
struct FamilyView<'a> {
    record: &'a FamilyRecord,
    /// Whether the run has other families.
    is_one_of_several: bool,
    rows: Vec<Vec<&'a CellRecord>>,
}

/// Breaks that are the same to a reader: at one version, on the same rows.
struct Break<'a> {
    point: &'a ChangePoint,
    rows: BTreeSet<&'a Row>,
    /// Whether the pin before the break is the same on all of them.
    is_alike: bool,
}

impl<'a> FamilyView<'a> {
    fn new(run: &'a Run, record: &'a FamilyRecord) -> Self {
        let rows = run.rows(record);
        Self {
            record,
            is_one_of_several: run.families.len() > 1,
            rows,
        }
    }

    /// Starts a sentence with some words, and with the family if there are several.
    fn opening(&self, words: &str) -> Sentence {
        let mut letters = words.chars();
        match letters.next() {
            _ if !self.is_one_of_several => Sentence::new(words),
            Some(first) => {
                let words = first.to_lowercase().chain(letters);
                let name = &self.record.name;
                Sentence::new(format!("With {name}, {}", words.collect::<String>()))
            }
            None => Sentence::new(format!("With {}, ", self.record.name)),
        }
    }

    fn outcomes(&self) -> impl Iterator<Item = (&'a CellRecord, &'a Outcome)> {
        let cells = self.rows.iter().flatten();
        cells.filter_map(|record| Some((*record, record.outcome()?)))
    }

    fn has_verdicts(&self) -> bool {
        self.outcomes().any(|(_, o)| o.status.is_verdict())
    }

    fn answer(&self, analysis: &Analysis<'_>, tally: &Tally<'_>) -> Vec<Sentence> {
        let points = analysis.points.iter();
        let points = points.filter(|p| p.family == self.record.name && p.target.is_some());
        let points: Vec<&ChangePoint> = points.collect();
        let courses = analysis.courses.iter();
        let courses: Vec<&Course> = courses.filter(|c| c.family == self.record.name).collect();
        // What had passed before does not begin to pass, and what turns more than once is covered
        // turn by turn.
        let once = courses.iter().filter(|course| course.turns.len() == 1);
        let firsts = once.filter_map(|course| Some((course, course.turns.first()?)));
        let firsts: BTreeMap<_, &PinnedAt> = firsts.map(|(c, turn)| (key(c), &turn.at)).collect();
        let is_first = |point: &&&ChangePoint| {
            let of_point = (&point.row, point.target.as_ref(), point.cases.as_slice());
            firsts.get(&of_point) == Some(&&point.after.at)
        };
        let of = |change: ChangeKind| self.first_of_each(&points, change);
        let (breaks, shifts) = (of(ChangeKind::Break), of(ChangeKind::Shift));
        let first: Vec<&ChangePoint> = points.iter().filter(is_first).copied().collect();
        let fixes = self.first_of_each(&first, ChangeKind::Fix);
        let turning = self.turning(&courses, breaks.len() == 1);
        let mut answer = match (breaks.as_slice(), turning.as_slice()) {
            // One sentence covers the break on all rows, with everything that follows.
            ([only], [turn]) if tells_all(&courses, only.point) => {
                vec![turn.clone(), known(only)]
            }
            _ => {
                let breaks = self.breaks(&breaks, &points).into_iter();
                breaks.chain(turning).collect()
            }
        };
        answer.extend(self.shifts(&shifts));
        answer.extend(self.fixes(&fixes, breaks.is_empty()));
        answer.extend(self.unbuilt(&courses));
        answer.extend(self.differing(&points));
        answer.extend(self.unchanged(tally));
        answer
    }

    /// For each target, the first change of a kind, with all rows that share it, in ladder order.
    /// Rows on which other cases of the target change there are listed separately.
    fn first_of_each(&self, points: &[&'a ChangePoint], change: ChangeKind) -> Vec<Break<'a>> {
        let points = points.iter().copied().filter(|p| p.change == change);
        let mut first: BTreeMap<Option<&TargetId>, &PinnedAt> = BTreeMap::new();
        for point in points.clone() {
            let at = first
                .entry(point.target.as_ref())
                .or_insert(&point.after.at);
            *at = (*at).min(&point.after.at);
        }
        let mut breaks: Vec<Break<'a>> = Vec::new();
        for point in points.filter(|p| first.get(&p.target.as_ref()) == Some(&&p.after.at)) {
            let is_of_target = |known: &&mut Break<'a>| known.point.target == point.target;
            let mut alike: Vec<_> = breaks.iter_mut().filter(is_of_target).collect();
            if alike.iter().any(|known| known.rows.contains(&point.row)) {
                continue;
            }
            let same = alike
                .iter_mut()
                .find(|known| known.point.cases == point.cases);
            match same {
                Some(known) => {
                    known.rows.insert(&point.row);
                    known.is_alike &= known.point.before.at == point.before.at;
                }
                None => breaks.push(Break {
                    point,
                    rows: BTreeSet::from([&point.row]),
                    is_alike: true,
                }),
            }
        }
        breaks.sort_by(|a, b| a.point.after.at.cmp(&b.point.after.at));
        breaks
    }

    fn shifts(&self, shifts: &[Break<'_>]) -> Option<Sentence> {
        let point = shifts.first()?.point;
        let after = &point.after;
        let more = match n_targets(shifts) - 1 {
            0 => String::new(),
            1 => ", and so does another target".to_owned(),
            n => format!(", and so do {n} other targets"),
        };
        let sentence = what(self.opening(&format!("From {} on, ", after.at)), point)
            .say(format!(
                " {} at {}, and no longer at {}{more}",
                verb(point, "fails", "fail"),
                class(&after.status),
                class(&point.before.status),
            ))
            .ends_with(after.error.as_deref());
        Some(sentence)
    }

    fn fixes(&self, fixes: &[Break<'_>], is_first: bool) -> Vec<Sentence> {
        let Some(first) = fixes.first() else {
            return Vec::new();
        };
        let family = if is_first || self.is_one_of_several {
            format!("{} ", self.record.name)
        } else {
            String::new()
        };
        let at = |Break { point, rows, .. }: &Break<'_>| {
            let pin = &point.after.at;
            format!("at {family}{pin}, {}", self.on(rows, pin))
        };
        match n_targets(fixes) {
            1 => {
                let each = fixes.iter().take(MOST_NAMES);
                let each = each.map(|fix| {
                    let begins = verb(fix.point, "begins", "begin");
                    let sentence = what(Sentence::default(), fix.point);
                    sentence.say(format!(" {begins} to pass {}.", at(fix)))
                });
                each.collect()
            }
            n => {
                let words = format!("{n} targets begin to pass on the way, the first ");
                let sentence = self.opening(&words);
                vec![what(sentence, first.point).say(format!(" {}.", at(first)))]
            }
        }
    }

    /// The rows, as a phrase.
    fn on(&self, rows: &BTreeSet<&Row>, at: &PinnedAt) -> String {
        let names = |keep: &dyn Fn(&CellRecord, &Outcome) -> bool| -> BTreeSet<&Row> {
            let kept = self
                .outcomes()
                .filter(|(record, outcome)| keep(record, outcome));
            kept.map(|(record, _)| &*record.cell.row).collect()
        };
        let all = self.rows.iter().filter_map(|row| row.first());
        let all: BTreeSet<&Row> = all.map(|record| &*record.cell.row).collect();
        let ran = names(&|_, outcome| outcome.status.is_verdict());
        let reached = names(&|record, outcome| {
            record.cell.pin.at >= *at && outcome.targets.iter().any(|t| t.status.is_verdict())
        });
        let has_axes = all
            .iter()
            .any(|row| row.source.is_some() || row.features.is_some());
        let row = if has_axes { "row" } else { "toolchain" };
        if rows.len() > 1 && *rows == all {
            format!("on every {row}")
        } else if rows.len() > 1 && *rows == ran {
            format!("on every {row} that ran")
        } else if rows.len() > 1 && reached.is_subset(rows) {
            format!("on every {row} that gets there")
        } else if rows.len() <= MOST_NAMES {
            let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
            format!("on {}", listed(&rows))
        } else {
            format!("on {} of {} {row}s", rows.len(), all.len())
        }
    }
}

fn n_targets(changes: &[Break<'_>]) -> usize {
    let targets = changes.iter().map(|change| change.point.target.as_ref());
    targets.collect::<BTreeSet<_>>().len()
}

/// What a course is about, within its family.
fn key(course: &Course) -> (&Row, Option<&TargetId>, &[String]) {
    (&course.row, course.target.as_ref(), &course.cases)
}

/// Whether the target of a change point turns more than once, and in the same way on each row.
fn tells_all(courses: &[&Course], point: &ChangePoint) -> bool {
    let of_target: Vec<_> = courses
        .iter()
        .filter(|c| c.target == point.target)
        .collect();
    let first = of_target.first().map(|course| &course.turns);
    let is_alike = |course: &Course| course.cases == point.cases && Some(&course.turns) == first;
    first.is_some_and(|first| first.len() > 1) && of_target.iter().all(|course| is_alike(course))
}

/// Names what a change point is about.
fn what(sentence: Sentence, point: &ChangePoint) -> Sentence {
    match point.cases.as_slice() {
        [] => sentence.name(point.subject()),
        [case] => sentence.name(case).say(" of ").name(point.subject()),
        cases => sentence
            .say(format!("{} cases of ", cases.len()))
            .name(point.subject()),
    }
}

/// The failure kind of a status, as text.
fn class(status: &Status) -> String {
    match status {
        Status::Failed { class } => class.to_string(),
        Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => status.to_string(),
    }
}

fn verb<'a>(point: &ChangePoint, one: &'a str, many: &'a str) -> &'a str {
    if point.cases.len() > 1 { many } else { one }
}

#[cfg(test)]
mod tests;
