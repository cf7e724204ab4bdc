//! The results of a family's targets over all cells: one count for all reports.

use std::collections::BTreeMap;

use crate::model::outcome::{TargetId, TargetOutcome};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::Status;

/// The targets of a family's cells, each in exactly one of these sorted lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally<'a> {
    /// Passed, never failed, and ran a test.
    pub passing: Vec<&'a TargetId>,
    /// Failed, and never passed.
    pub failing: Vec<&'a TargetId>,
    /// Passed, or compiled with all its tests ignored, in one cell, and failed in another.
    pub changing: Vec<&'a TargetId>,
    /// Never failed, and ran no test: it has none, all are ignored, or features are off.
    pub idle: Vec<&'a TargetId>,
    /// Neither passed nor failed, because of drift or inconclusive results.
    pub unknown: Vec<&'a TargetId>,
}

/// The results of a target so far.
#[derive(Default)]
struct TargetTally {
    passes: bool,
    fails: bool,
    has_run: bool,
    is_left_out: bool,
}

impl<'a> Tally<'a> {
    /// Counts the targets of a family.
    #[must_use]
    pub fn of(run: &'a Run, family: &FamilyRecord) -> Self {
        let cells = run.cells.iter();
        let cells = cells.filter(|record| record.cell.pin.family == family.name);
        let outcomes = cells.filter_map(CellRecord::outcome);
        let mut shown: BTreeMap<&TargetId, TargetTally> = BTreeMap::new();
        for target in outcomes.flat_map(|outcome| &outcome.targets) {
            shown.entry(&target.id).or_default().add(target);
        }
        let mut tally = Self::default();
        for (id, shown) in shown {
            let list = match (shown.passes, shown.fails) {
                (true, true) => &mut tally.changing,
                (false, true) => &mut tally.failing,
                (true, false) if shown.has_run => &mut tally.passing,
                (true, false) => &mut tally.idle,
                (false, false) if shown.is_left_out => &mut tally.idle,
                (false, false) => &mut tally.unknown,
            };
            list.push(id);
        }
        tally
    }

    /// The number of targets.
    #[must_use]
    pub fn len(&self) -> usize {
        let Self {
            passing,
            failing,
            changing,
            idle,
            unknown,
        } = self;
        let lists = [passing, failing, changing, idle, unknown];
        lists.map(Vec::len).iter().sum()
    }

    /// Whether no cell reached a target.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl TargetTally {
    fn add(&mut self, target: &TargetOutcome) {
        let mut cases = target.cases.iter();
        self.has_run |= cases.any(|case| case.status == Status::Passed);
        match target.status {
            Status::Passed => self.passes = true,
            Status::Failed { .. } => self.fails |= target.status.is_verdict(),
            Status::Skipped { .. } if target.only_compiles() => self.passes = true,
            Status::Skipped { .. } => self.is_left_out = true,
            Status::Inconclusive { .. } => {}
        }
    }
}
