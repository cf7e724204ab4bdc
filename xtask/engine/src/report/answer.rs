//! The answer: what breaks where, in the few sentences that a person would say of a run.

mod constant;
mod sentence;

use std::collections::{BTreeMap, BTreeSet};

use crate::frontier::{Change, ChangePoint, frontier};
use crate::model::cell::{At, Row};
use crate::model::outcome::{Outcome, TargetId};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::Status;
use crate::model::verdict::{Judgement, Kind};
use crate::report::answer::sentence::{LONGEST, listed};
use crate::report::verdict;
use crate::text;

pub use crate::report::answer::sentence::{Part, Sentence};

/// How many names a sentence lists.
const MOST_NAMES: usize = 4;

/// What a run answers, the most important first. Never empty.
#[must_use]
pub fn answer(run: &Run) -> Vec<Sentence> {
    answer_from(run, &frontier(run))
}

/// As [`answer`], where the change points of the run are known.
#[must_use]
pub fn answer_from(run: &Run, points: &[ChangePoint]) -> Vec<Sentence> {
    let mut answer = Vec::new();
    answer.extend(regressed(run));
    let ended: Vec<&Outcome> = run.cells.iter().filter_map(CellRecord::outcome).collect();
    if !ended.iter().any(|outcome| outcome.status.is_verdict()) {
        answer.push(nothing_known(run, &ended));
    }
    for family in &run.families {
        let family = Family::new(run, family);
        if family.has_verdicts() {
            answer.extend(family.answer(points));
        }
    }
    if answer.is_empty() {
        answer.push(Sentence::new(
            "Some targets pass at some pins and fail at others, and no case of theirs ran at both.",
        ));
    }
    answer.extend(expected(run));
    if !run.finished {
        answer.push(Sentence::new(
            "The run did not end; this is what was known by then.",
        ));
    }
    answer
}

/// What regressed, which outweighs all else.
fn regressed(run: &Run) -> Option<Sentence> {
    let verdict = run.findings.verdict.as_ref()?;
    let first = *verdict::sorted(verdict).first()?;
    let is_fixed = |kind: Kind| kind == Kind::Fixed;
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

/// What else the baseline says.
fn expected(run: &Run) -> Option<Sentence> {
    let verdict = run.findings.verdict.as_ref()?;
    match verdict.judgement() {
        Judgement::AsExpected => Some(Sentence::new("All of that is as expected.")),
        Judgement::Regressed | Judgement::Fixed | Judgement::Inconclusive => None,
    }
}

fn nothing_known(run: &Run, ended: &[&Outcome]) -> Sentence {
    let why: BTreeSet<String> = match ended.is_empty() {
        true => run.cells.iter().map(why_not).collect(),
        false => ended.iter().map(|o| o.status.to_string()).collect(),
    };
    let why: Vec<String> = why.into_iter().collect();
    let why = text::ellipsis(&text::one_line(&listed(&why)), LONGEST);
    Sentence::new(match (ended.len(), run.cells.len()) {
        (_, 0) => "Nothing was tested: the matrix has no cells.".to_owned(),
        (0, _) => format!("Nothing was tested: {why}."),
        (1, _) => format!("Nothing can be said of the code: the one cell that ran is {why}."),
        (n, _) => format!("Nothing can be said of the code: the {n} cells that ran are {why}."),
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
struct Family<'a> {
    record: &'a FamilyRecord,
    rows: Vec<Vec<&'a CellRecord>>,
}

/// Breaks of several targets that are the same to a reader: at one version, on the same rows.
struct Break<'a> {
    point: &'a ChangePoint,
    rows: BTreeSet<&'a Row>,
}

impl<'a> Family<'a> {
    fn new(run: &'a Run, record: &'a FamilyRecord) -> Self {
        let rows = run.rows(record);
        Self { record, rows }
    }

    fn outcomes(&self) -> impl Iterator<Item = (&'a CellRecord, &'a Outcome)> {
        let cells = self.rows.iter().flatten();
        cells.filter_map(|record| Some((*record, record.outcome()?)))
    }

    fn has_verdicts(&self) -> bool {
        self.outcomes().any(|(_, o)| o.status.is_verdict())
    }

    fn answer(&self, points: &[ChangePoint]) -> Vec<Sentence> {
        let of_family = points.iter().filter(|p| p.family == self.record.name);
        let (whole, of_targets): (Vec<_>, Vec<_>) =
            of_family.partition(|point| point.target.is_none());
        let of = |change: Change| self.first_of_each(&of_targets, change);
        let (breaks, fixes, shifts) = (of(Change::Break), of(Change::Fix), of(Change::Shift));
        let mut answer = self.breaks(&breaks, &of_targets);
        answer.extend(self.shifts(&shifts));
        answer.extend(self.fixes(&fixes, breaks.is_empty()));
        answer.extend(self.too_old(&whole));
        answer.extend(self.differing(&of_targets));
        answer.extend(self.constant());
        answer
    }

    /// Of each target the first change of a kind, with all rows in which it is the same, in the
    /// order of the ladder.
    fn first_of_each(&self, points: &[&'a ChangePoint], change: Change) -> Vec<Break<'a>> {
        let mut first: BTreeMap<Option<&TargetId>, Break<'a>> = BTreeMap::new();
        for point in points.iter().copied().filter(|p| p.change == change) {
            let new = Break {
                point,
                rows: BTreeSet::from([&point.row]),
            };
            match first.get_mut(&point.target.as_ref()) {
                Some(known) if known.point.after.at < point.after.at => {}
                Some(known) if known.point.after.at == point.after.at => {
                    known.rows.insert(&point.row);
                }
                Some(_) | None => {
                    first.insert(point.target.as_ref(), new);
                }
            }
        }
        let mut breaks: Vec<Break<'a>> = first.into_values().collect();
        breaks.sort_by(|a, b| a.point.after.at.cmp(&b.point.after.at));
        breaks
    }

    fn breaks(&self, breaks: &[Break<'_>], points: &[&ChangePoint]) -> Vec<Sentence> {
        let Some(earliest) = breaks.first() else {
            return Vec::new();
        };
        let Break { point, rows } = earliest;
        let how = match breaks.len() {
            1 => format!(" {} at ", verb(point, "breaks", "break")),
            n => format!(
                " {} the first of {n} targets to break, at ",
                verb(point, "is", "are")
            ),
        };
        let on = self.on(rows, &point.after.at);
        let first = what(Sentence::default(), point)
            .say(format!(
                "{how}{} {}, {on}",
                self.record.name, point.after.at
            ))
            .ends_with(point.after.error.as_deref());
        let mut answer = vec![first, known(point)];
        answer.extend(elsewhere(earliest, points));
        answer.extend(followers(&breaks[1..]));
        answer
    }

    fn shifts(&self, shifts: &[Break<'_>]) -> Option<Sentence> {
        let point = shifts.first()?.point;
        let after = &point.after;
        let more = match shifts.len() - 1 {
            0 => String::new(),
            1 => ", and so does another target".to_owned(),
            n => format!(", and so do {n} other targets"),
        };
        let sentence = what(Sentence::new(format!("From {} on, ", after.at)), point)
            .say(format!(
                " {} at {}, and no longer at {}{more}",
                verb(point, "fails", "fail"),
                class(&after.status),
                class(&point.before.status),
            ))
            .ends_with(after.error.as_deref());
        Some(sentence)
    }

    fn fixes(&self, fixes: &[Break<'_>], is_first: bool) -> Option<Sentence> {
        let Break { point, rows } = fixes.first()?;
        let family = match is_first {
            true => format!("{} ", self.record.name),
            false => String::new(),
        };
        let at = format!(
            "at {family}{}, {}",
            point.after.at,
            self.on(rows, &point.after.at)
        );
        Some(match fixes.len() {
            1 => what(Sentence::default(), point)
                .say(format!(" {} to pass {at}.", verb(point, "begins", "begin"))),
            n => what(
                Sentence::new(format!("{n} targets begin to pass on the way, the first ")),
                point,
            )
            .say(format!(" {at}.")),
        })
    }

    /// Rows in which from some pin on nothing can be built.
    fn too_old(&self, whole: &[&ChangePoint]) -> Vec<Sentence> {
        let breaks: Vec<_> = whole.iter().filter(|p| p.change == Change::Break).collect();
        let told = breaks.iter().take(MOST_NAMES).map(|point| {
            let at = &point.after.at;
            Sentence::new(format!("On {} nothing builds from {at} on", point.row))
                .ends_with(point.after.error.as_deref())
        });
        let rest = match breaks.len().saturating_sub(MOST_NAMES) {
            0 => None,
            1 => Some("So it is on one more row.".to_owned()),
            n => Some(format!(
                "So it is on {n} more rows, each from a pin of its own on."
            )),
        };
        told.chain(rest.map(Sentence::new)).collect()
    }

    /// On which rows, as a person says it.
    fn on(&self, rows: &BTreeSet<&Row>, at: &At) -> String {
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

/// Where on its way something failed.
fn class(status: &Status) -> String {
    match status {
        Status::Failed { class } => class.to_string(),
        Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => status.to_string(),
    }
}

fn verb<'a>(point: &ChangePoint, one: &'a str, many: &'a str) -> &'a str {
    if point.cases.len() > 1 { many } else { one }
}

/// How exactly a change point is known.
fn known(point: &ChangePoint) -> Sentence {
    let it = verb(point, "It still passes", "They still pass");
    let at = &point.before.at;
    let between = &point.between;
    Sentence::new(match between.is_exact() {
        true => {
            let remarks = between.remarks().into_iter();
            let remarks: String = remarks.map(|remark| format!("; {remark}")).collect();
            format!("{it} at {at}, and nothing is published between the two{remarks}.")
        }
        false => format!("{it} at {at}; {between}."),
    })
}

/// Where the same breaks on rows on which it breaks later.
fn elsewhere(first: &Break<'_>, points: &[&ChangePoint]) -> Option<Sentence> {
    let is_later = |point: &&&ChangePoint| {
        point.change == Change::Break
            && (&point.target, &point.cases) == (&first.point.target, &first.point.cases)
            && !first.rows.contains(&point.row)
    };
    let later = points.iter().filter(is_later).take(MOST_NAMES);
    let later = later.map(|point| format!("at {} on {}", point.after.at, point.row));
    let later: Vec<String> = later.collect();
    let breaks = verb(first.point, "it breaks", "they break");
    let sentence = || Sentence::new(format!("Elsewhere {breaks} {}.", listed(&later)));
    (!later.is_empty()).then(sentence)
}

/// Where the others break: by name where they are few, else by number.
fn followers(breaks: &[Break<'_>]) -> Option<Sentence> {
    let (first, rest) = breaks.split_first()?;
    if breaks.len() < MOST_NAMES {
        let sentence = what(Sentence::default(), first.point).say(format!(
            " {} at {}",
            verb(first.point, "follows", "follow"),
            first.point.after.at
        ));
        let sentence = rest.iter().fold(sentence, |sentence, follower| {
            what(sentence.say(", "), follower.point).say(format!(" at {}", follower.point.after.at))
        });
        return Some(sentence.say("."));
    }
    let mut at: Vec<(&At, usize)> = Vec::new();
    for follower in breaks {
        match at.last_mut() {
            Some((last, n)) if **last == follower.point.after.at => *n += 1,
            Some(_) | None => at.push((&follower.point.after.at, 1)),
        }
    }
    let most = 3 * MOST_NAMES;
    let told = at.iter().take(most).map(|(at, n)| match n {
        1 => at.to_string(),
        n => format!("{at} ({n})"),
    });
    let mut told: Vec<String> = told.collect();
    if at.len() > most {
        told.push("later".to_owned());
    }
    Some(Sentence::new(format!(
        "The others follow at {}.",
        listed(&told)
    )))
}

#[cfg(test)]
mod tests;
