//! Descriptions of a problem: what fails, at which pins of which rows, and what changed there.

use std::collections::BTreeSet;

use crate::analysis::frontier::ChangePoint;
use crate::analysis::problems::{Occurrence, SourcePlace};
use crate::model::cell::{PinnedAt, Row};
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{Outcome, TargetId};
use crate::model::run::Run;
use crate::model::run::verdict::{Deviation, DeviationKind};
use crate::model::status::{FailureKind, Status};
use crate::text;

/// The targets that show it, and the case if it concerns one case of a single target.
pub(super) fn what(alike: &[&Occurrence<'_>], first: &Occurrence<'_>) -> (String, Option<String>) {
    let targets = distinct(alike.iter().filter_map(|s| s.target.clone()));
    match targets.as_slice() {
        [] => (first.key.family.clone(), None),
        [target] => (target.clone(), first.case.clone()),
        [target, rest @ ..] => {
            let rest = text::count(rest.len(), "more target");
            (format!("{target} and {rest}"), None)
        }
    }
}

/// The other locations where it occurs.
pub(super) fn places(alike: &[&Occurrence<'_>]) -> Option<String> {
    let places: BTreeSet<&SourcePlace> = alike.iter().filter_map(|s| s.place.as_ref()).collect();
    let first = alike.first()?.place.as_ref();
    let others = places.into_iter().filter(|place| Some(*place) != first);
    let others: Vec<String> = others.map(ToString::to_string).collect();
    let list = text::one_line(&few(&others));
    (!others.is_empty()).then(|| format!("also at {}", text::ellipsis(&list, LONGEST_NOTE)))
}

/// Describes a deviation from the baseline.
pub(super) fn expected(deviation: &Deviation) -> String {
    let Deviation { kind, expected, .. } = deviation;
    match kind {
        DeviationKind::New => format!("{kind}: {expected}"),
        DeviationKind::Regressed | DeviationKind::Gone | DeviationKind::Fixed => {
            format!("{kind}: expected {expected}")
        }
    }
}

/// Additional notes on a failure: what moved in the lock of its cell, whose fault it is, and what
/// makes it compile.
pub(super) fn notes(run: &Run, occurrence: &Occurrence<'_>) -> Vec<String> {
    let record = occurrence.record;
    let old_lock = record
        .outcome()
        .map(Outcome::of_old_lock)
        .unwrap_or_default();
    let undeclared = run.findings.undeclared.iter();
    let undeclared = undeclared.filter(|found| found.cells.contains(&record.id));
    let is_lint = occurrence.status == Status::failed(FailureKind::Lint).to_string();
    let lines = old_lock
        .into_iter()
        .chain(undeclared.map(ToString::to_string))
        .chain(is_lint.then(|| CAP_LINTS.to_owned()));
    lines
        .map(|line| text::ellipsis(&text::one_line(&line), LONGEST_NOTE))
        .collect()
}

/// A hint on how to compile code that denies warnings.
const CAP_LINTS: &str = "nothing but lints that the code denies stops it: `cap-lints = \"warn\"` under [build] lets it compile";

/// The maximum length of a note, in characters.
const LONGEST_NOTE: usize = 400;

/// The error as text; without its location if that is shown separately.
pub(super) fn in_words(error: &Diagnostic, is_placed: bool) -> String {
    match (&error.code, is_placed) {
        (Some(code), true) => format!("{code} {}", error.words()),
        (None, true) => error.words(),
        (_, false) => error.to_string(),
    }
}

/// The maximum number of different sets of pins to list separately by row.
const MOST_SETS: usize = 3;

/// `gadget 2.0.0 on stable, old`; rows with different pins are listed separately if there are few.
pub(super) fn place_of(family: &str, alike: &[&Occurrence<'_>]) -> String {
    let mut rows: Vec<(&Row, BTreeSet<&PinnedAt>)> = Vec::new();
    for record in alike.iter().map(|occurrence| occurrence.record) {
        let (row, pin) = (&*record.cell.row, &record.cell.pin.at);
        match rows.iter_mut().find(|(known, _)| *known == row) {
            Some((_, pins)) => _ = pins.insert(pin),
            None => rows.push((row, BTreeSet::from([pin]))),
        }
    }
    let mut sets: Vec<(BTreeSet<&PinnedAt>, Vec<String>)> = Vec::new();
    for (row, pins) in &rows {
        match sets.iter_mut().find(|(known, _)| known == pins) {
            Some((_, names)) => names.push(row.to_string()),
            None => sets.push((pins.clone(), vec![row.to_string()])),
        }
    }
    if sets.len() > MOST_SETS {
        let pins = sets.iter().flat_map(|(pins, _)| pins).copied().collect();
        let names = sets.into_iter().flat_map(|(_, names)| names).collect();
        sets = vec![(pins, names)];
    }
    let parts = sets
        .iter()
        .map(|(pins, names)| format!("{} on {}", listed(pins), few(names)));
    format!("{family} {}", parts.collect::<Vec<_>>().join("; "))
}

fn listed(pins: &BTreeSet<&PinnedAt>) -> String {
    match (pins.first(), pins.last()) {
        (Some(first), Some(last)) if pins.len() > 3 => {
            format!("{first} to {last} ({} pins)", pins.len())
        }
        (_, _) => {
            let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
            pins.join(", ")
        }
    }
}

fn few(rows: &[String]) -> String {
    match rows {
        [a, b, c, _, rest @ ..] => format!("{a}, {b}, {c} and {} more", rest.len() + 1),
        few => few.join(", "),
    }
}

/// `2.0.0 passed → 3.0.0 failed(compile): nothing published lies between`; for a cell as a whole,
/// `needs rustc 1.80.0 from 3.0.0 on, and not at 2.0.0; nothing published lies between`.
fn change(point: &ChangePoint) -> String {
    let ChangePoint { before, after, .. } = point;
    let between = &point.between;
    match &point.target {
        Some(_) => format!("{before} → {after}: {between}"),
        None => format!(
            "{} from {} on, and not at {}; {between}",
            after.words(),
            after.at,
            before.at
        ),
    }
}

/// The maximum number of changes to list per problem.
const MOST_CHANGES: usize = 3;

/// A change, with the rows and targets that show it.
struct Transition<'a> {
    change: String,
    rows: BTreeSet<&'a Row>,
    targets: BTreeSet<Option<&'a TargetId>>,
}

/// The distinct changes; rows and targets are listed where the changes differ in them.
pub(super) fn changes(points: &[&ChangePoint]) -> Vec<String> {
    let mut groups: Vec<Transition<'_>> = Vec::new();
    for point in points {
        let (change, target) = (change(point), point.target.as_ref());
        let known = groups.iter_mut().find(|known| known.change == change);
        match known {
            Some(known) => {
                known.rows.insert(&point.row);
                known.targets.insert(target);
            }
            None => groups.push(Transition {
                change,
                rows: BTreeSet::from([&point.row]),
                targets: BTreeSet::from([target]),
            }),
        }
    }
    let is_of_all =
        |group: &Transition<'_>| groups.iter().all(|other| other.targets == group.targets);
    let shown = groups.iter().take(MOST_CHANGES).map(|group| {
        let targets: Vec<String> = group
            .targets
            .iter()
            .flatten()
            .map(|t| t.to_string())
            .collect();
        let rows: Vec<String> = group.rows.iter().map(ToString::to_string).collect();
        let of = if is_of_all(group) {
            String::new()
        } else {
            format!("{} ", few(&targets))
        };
        let on = match groups.len() {
            1 => String::new(),
            _ => format!("{of}on {}: ", few(&rows)),
        };
        text::one_line(&format!("{on}{}", group.change))
    });
    let mut shown: Vec<String> = shown.collect();
    if let Some(rest) = groups.get(MOST_CHANGES..).filter(|rest| !rest.is_empty()) {
        shown.push(format!("and {}", text::count(rest.len(), "more change")));
    }
    shown
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}
