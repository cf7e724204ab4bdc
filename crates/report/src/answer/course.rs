//! What changes more than once along the ladder: every turn, in order.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::analysis::frontier::ChangeKind;
use pinmatrix_core::analysis::{Course, CourseTurn};
use pinmatrix_core::model::cell::{PinnedAt, Row};
use pinmatrix_core::model::outcome::TargetId;

use crate::answer::sentence::{Sentence, listed};
use crate::answer::{FamilyView, MOST_NAMES};

/// A target, and the affected cases.
type TargetCases<'a> = (&'a TargetId, &'a [String]);

/// A sequence of turns, and what makes them.
type TurnSequence<'a> = (&'a [CourseTurn], TargetCases<'a>);

impl FamilyView<'_> {
    /// Targets that turn more than once, grouped by turns and rows. Errors are left out if other
    /// sentences mention them.
    pub(super) fn turning(&self, courses: &[&Course], with_error: bool) -> Vec<Sentence> {
        let mut ways: BTreeMap<TurnSequence<'_>, (BTreeSet<&Row>, Option<&str>)> = BTreeMap::new();
        for course in courses.iter().filter(|course| course.turns.len() > 1) {
            let Some(target) = &course.target else {
                continue;
            };
            let way = ways.entry((&course.turns, (target, &course.cases)));
            let (rows, error) = way.or_default();
            rows.insert(&course.row);
            *error = error.or(course.error.as_deref());
        }
        let mut groups: Vec<CourseGroup<'_>> = Vec::new();
        for ((turns, thing), (rows, error)) in ways {
            let is_alike =
                |group: &&mut CourseGroup<'_>| group.turns == turns && group.rows == rows;
            match groups.iter_mut().find(is_alike) {
                Some(group) => group.things.push(thing),
                None => groups.push(CourseGroup {
                    turns,
                    rows,
                    things: vec![thing],
                    error,
                }),
            }
        }
        let sentences = groups.iter().take(MOST_TURNING);
        let sentences = sentences.map(|group| {
            let error = group.error.filter(|_| with_error);
            self.turns(group).ends_with(error)
        });
        let rest = groups.iter().skip(MOST_TURNING);
        let rest: usize = rest.map(|group| group.things.len()).sum();
        let rest = match rest {
            0 => None,
            1 => Some(self.opening("One more turns more than once.")),
            n => Some(self.opening(&format!("{n} more turn more than once."))),
        };
        sentences.chain(rest).collect()
    }

    /// Lists all turns of a group, without the end of the sentence.
    fn turns(&self, group: &CourseGroup<'_>) -> Sentence {
        let n = group.things.len();
        let sentence = match group.things.as_slice() {
            [(target, cases)] => named(self.opening(""), target, cases),
            [(target, cases), ..] => {
                named(self.opening(""), target, cases).say(format!(" and {} more", n - 1))
            }
            [] => Sentence::default(),
        };
        let is_one = n == 1 && group.things[0].1.len() < 2;
        let list: Vec<String> = turns(group.turns, is_one);
        let first = group
            .turns
            .first()
            .map(|turn| self.on(&group.rows, &turn.at));
        let on = first.unwrap_or_default();
        sentence.say(format!(" {}, {on}", listed(&list)))
    }

    /// Rows in which nothing can be built at some pins.
    pub(super) fn unbuilt(&self, courses: &[&Course]) -> Vec<Sentence> {
        let whole = courses.iter().filter(|course| course.target.is_none());
        let whole: Vec<_> = whole.collect();
        let sentences = whole.iter().take(MOST_NAMES).map(|course| {
            let stretches = unbuilt(&course.turns);
            self.opening(&format!(
                "On {} nothing builds {}",
                course.row,
                listed(&stretches)
            ))
            .ends_with(course.error.as_deref())
        });
        let rest = match whole.len().saturating_sub(MOST_NAMES) {
            0 => None,
            1 => Some("On one more row nothing builds at some pins.".to_owned()),
            n => Some(format!("On {n} more rows nothing builds at some pins.")),
        };
        sentences
            .chain(rest.map(|rest| self.opening(&rest)))
            .collect()
    }
}

/// Where nothing builds: `before 2.0.0`, `from 3.0.0 until 5.0.0`, `from 6.0.0 on`.
fn unbuilt(turns: &[CourseTurn]) -> Vec<String> {
    let mut stretches = Vec::new();
    let mut since: Option<&PinnedAt> = None;
    for CourseTurn { at, change, .. } in turns {
        match change {
            ChangeKind::Break | ChangeKind::Shift => since = Some(at),
            ChangeKind::Fix => stretches.push(match since.take() {
                Some(since) => format!("from {since} until {at}"),
                None => format!("before {at}"),
            }),
        }
    }
    stretches.extend(since.map(|since| format!("from {since} on")));
    stretches
}

/// The maximum number of groups of targets with several turns.
const MOST_TURNING: usize = 6;

/// Targets that turn in the same way, on the same rows.
struct CourseGroup<'a> {
    turns: &'a [CourseTurn],
    rows: BTreeSet<&'a Row>,
    things: Vec<TargetCases<'a>>,
    error: Option<&'a str>,
}

fn named(sentence: Sentence, target: &TargetId, cases: &[String]) -> Sentence {
    match cases {
        [] => sentence.name(target),
        [case] => sentence.name(case).say(" of ").name(target),
        cases => sentence
            .say(format!("{} cases of ", cases.len()))
            .name(target),
    }
}

/// Describes every turn: `breaks at 33.0.0`, `passes again from 36.0.0`, `breaks again at 37.0.0`.
fn turns(turns: &[CourseTurn], is_one: bool) -> Vec<String> {
    let verb = |one: &'static str, many: &'static str| if is_one { one } else { many };
    let mut n_breaks = 0;
    let phrases = turns.iter().enumerate().map(
        |(
            n,
            CourseTurn {
                at,
                change,
                is_built,
            },
        )| {
            let again = if n_breaks > 0 { " again" } else { "" };
            match change {
                ChangeKind::Fix if n == 0 => {
                    let pass = if *is_built { "build" } else { "pass" };
                    format!("{} to {pass} at {at}", verb("begins", "begin"))
                }
                ChangeKind::Fix if *is_built => {
                    format!("{} again from {at}", verb("builds", "build"))
                }
                ChangeKind::Fix => format!("{} again from {at}", verb("passes", "pass")),
                ChangeKind::Break | ChangeKind::Shift => {
                    n_breaks += 1;
                    format!("{}{again} at {at}", verb("breaks", "break"))
                }
            }
        },
    );
    phrases.collect()
}
