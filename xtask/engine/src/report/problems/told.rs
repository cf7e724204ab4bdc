//! What is told of a problem: what fails, at which pins of which rows, and what changed there.

use std::collections::BTreeSet;

use crate::frontier::ChangePoint;
use crate::model::cell::{At, Row};
use crate::model::diagnostic::Diagnostic;
use crate::model::run::Run;
use crate::model::status::{Class, Status};
use crate::model::verdict::{Deviation, Kind};
use crate::report::points::{Alike, alike};
use crate::report::problems::Sighting;
use crate::report::{findings, old_lock};
use crate::text;

/// The targets that show it, and the case where it is one of a single target.
pub(super) fn what(alike: &[&Sighting<'_>], first: &Sighting<'_>) -> (String, Option<String>) {
    let targets = distinct(alike.iter().filter_map(|s| s.target.clone()));
    match targets.as_slice() {
        [] => (first.thing.family.clone(), None),
        [target] => (target.clone(), first.case.clone()),
        [target, rest @ ..] => (format!("{target} and {} more", rest.len()), None),
    }
}

/// How a baseline puts what it did not expect.
pub(super) fn expected(deviation: &Deviation) -> String {
    let Deviation { kind, expected, .. } = deviation;
    match kind {
        Kind::New => format!("{kind}: {expected}"),
        Kind::Regressed | Kind::Gone | Kind::Fixed => format!("{kind}: expected {expected}"),
    }
}

/// What else has to be known of a failure: what moved in the lock of its cell, who is to blame, and what
/// lets it compile.
pub(super) fn notes(run: &Run, sighting: &Sighting<'_>) -> Vec<String> {
    let record = sighting.record;
    let old_lock = record.outcome().map(old_lock::lines).unwrap_or_default();
    let undeclared = run.findings.undeclared.iter();
    let undeclared = undeclared.filter(|found| found.cells.contains(&record.id));
    let is_lint = sighting.status == Status::failed(Class::Lint).to_string();
    let lines = old_lock
        .into_iter()
        .chain(undeclared.map(findings::undeclared))
        .chain(is_lint.then(|| CAP_LINTS.to_owned()));
    lines
        .map(|line| text::ellipsis(&text::one_line(&line), LONGEST_NOTE))
        .collect()
}

/// How code compiles that denies what a compiler warns of.
const CAP_LINTS: &str = "nothing but lints that the code denies stops it: `cap-lints = \"warn\"` under [build] lets it compile";

/// The longest note, in characters.
const LONGEST_NOTE: usize = 400;

/// An error without the place that stands beside it.
pub(super) fn in_words(error: &Diagnostic, is_placed: bool) -> String {
    match (&error.code, is_placed) {
        (Some(code), true) => format!("{code} {}", error.words()),
        (None, true) => error.words(),
        (_, false) => error.to_string(),
    }
}

/// How many different sets of pins are told apart by row.
const MOST_SETS: usize = 3;

/// `gadget 2.0.0 on stable, old`; rows that differ in their pins are told apart while they are few.
pub(super) fn place_of(family: &str, alike: &[&Sighting<'_>]) -> String {
    let mut rows: Vec<(&Row, BTreeSet<&At>)> = Vec::new();
    for record in alike.iter().map(|sighting| sighting.record) {
        let (row, at) = (&*record.cell.row, &record.cell.pin.at);
        match rows.iter_mut().find(|(known, _)| *known == row) {
            Some((_, pins)) => _ = pins.insert(at),
            None => rows.push((row, BTreeSet::from([at]))),
        }
    }
    let mut sets: Vec<(BTreeSet<&At>, Vec<String>)> = Vec::new();
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
    let told = sets
        .iter()
        .map(|(pins, names)| format!("{} on {}", listed(pins), few(names)));
    format!("{family} {}", told.collect::<Vec<_>>().join("; "))
}

fn listed(pins: &BTreeSet<&At>) -> String {
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

/// `2.0.0 passed → 3.0.0 failed(compile): nothing published lies between`; of a cell as a whole,
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

/// How many changes are told of one problem.
const MOST_CHANGES: usize = 3;

/// The changes, those of several rows together; of which rows is said where there are several.
pub(super) fn changes(points: Vec<ChangePoint>) -> Vec<String> {
    let groups = alike(&points);
    let mut told: Vec<String> = groups
        .iter()
        .take(MOST_CHANGES)
        .map(|Alike { point, rows }| {
            let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
            let on = match groups.len() {
                1 => String::new(),
                _ => format!("on {}: ", few(&rows)),
            };
            text::one_line(&format!("{on}{}", change(point)))
        })
        .collect();
    if let Some(rest) = groups.get(MOST_CHANGES..).filter(|rest| !rest.is_empty()) {
        told.push(format!("and {}", text::count(rest.len(), "more change")));
    }
    told
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
