//! The obstacles on the way to the last pin of a row, by cause rather than by target.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::passing::Passing;
use crate::analysis::problems::occurrences::occurrences;
use crate::analysis::upgrade::{PinFate, Upgrade};
use crate::model::cell::PinnedAt;
use crate::model::run::{CellRecord, Run};

/// Everything that passes at the first pin of an upgrade and fails at the last tested one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacles<'a> {
    /// The upgrade of the row.
    pub upgrade: Upgrade<'a>,
    /// The last tested pin.
    pub at: &'a PinnedAt,
    /// The targets with failures there.
    pub targets: BTreeSet<String>,
    /// The causes; those that affect the most targets come first.
    pub causes: Vec<Obstacle>,
}

/// A cause of failures at the last tested pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The first error; without its location if that is in the repository.
    pub error: String,
    /// The targets that show it.
    pub targets: BTreeSet<String>,
}

/// The obstacles at the last tested pin of a row; `None` if there are none, or if nothing builds
/// there.
pub fn obstacles<'a>(run: &'a Run, upgrade: &Upgrade<'a>) -> Option<Obstacles<'a>> {
    let tested = upgrade.steps.iter().rev();
    let last = tested.clone().find(|step| step.fate != PinFate::Untested)?;
    let pin = Some(last.at).filter(|_| last.fate == PinFate::Breaks)?;
    let of_row = |record: &&CellRecord| {
        let of = &record.cell;
        of.pin.family == upgrade.family && *of.row == *upgrade.row
    };
    let cell = |pin: &PinnedAt| {
        let mut row = run.cells.iter().filter(of_row);
        row.find(|record| record.cell.pin.at == *pin)
    };
    let (reference, record) = (cell(upgrade.from)?.outcome()?, cell(pin)?);
    let passing = Passing::of(reference);
    // A target that did not reach any case has lost everything that passes in it.
    let targets = record.outcome()?.targets.iter();
    let has_cases = targets.filter(|target| !target.cases.is_empty());
    let has_cases: BTreeSet<String> = has_cases.map(|target| target.id.to_string()).collect();
    let has_passed = |target: &str, case: &Option<String>| match case {
        None if !has_cases.contains(target) => passing.has_some_of(target),
        Some(_) | None => passing.has(target, case.as_deref()),
    };
    let mut known = BTreeMap::new();
    let mut causes: Vec<Obstacle> = Vec::new();
    for seen in occurrences(run, record, None) {
        let Some(target) = seen.target.as_ref().filter(|_| seen.is_failure()) else {
            continue;
        };
        if has_passed(target, &seen.case) {
            let number = *known.entry(seen.key.cause()).or_insert(causes.len());
            if number == causes.len() {
                causes.push(Obstacle {
                    error: seen.error,
                    targets: BTreeSet::new(),
                });
            }
            causes[number].targets.insert(target.clone());
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.targets.len()));
    let targets: BTreeSet<String> = causes.iter().flat_map(|c| &c.targets).cloned().collect();
    (!targets.is_empty()).then(|| Obstacles {
        upgrade: upgrade.clone(),
        at: pin,
        targets,
        causes,
    })
}
