//! What a family's targets did, wherever they ran: one count for every report.

use std::collections::BTreeMap;

use crate::model::outcome::{TargetId, TargetOutcome};
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::Status;

/// The targets of a family's cells, each in one of these lists; sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally<'a> {
    /// Pass wherever they ran, and ran a test.
    pub passing: Vec<&'a TargetId>,
    /// Fail wherever they ran.
    pub failing: Vec<&'a TargetId>,
    /// Pass at one cell and fail at another.
    pub changing: Vec<&'a TargetId>,
    /// Never failed, and ran no test: none of their own, all ignored, features off, not reached.
    pub idle: Vec<&'a TargetId>,
}

/// What a target showed so far.
#[derive(Default)]
struct Shown {
    passes: bool,
    fails: bool,
}

impl<'a> Tally<'a> {
    /// Counts the targets of a family.
    #[must_use]
    pub fn of(run: &'a Run, family: &FamilyRecord) -> Self {
        let cells = run.cells.iter();
        let cells = cells.filter(|record| record.cell.pin.family == family.name);
        let outcomes = cells.filter_map(CellRecord::outcome);
        let mut shown: BTreeMap<&TargetId, Shown> = BTreeMap::new();
        for target in outcomes.flat_map(|outcome| &outcome.targets) {
            let of_target = shown.entry(&target.id).or_default();
            of_target.passes |= has_passed(target);
            of_target.fails |= target.status.is_verdict() && target.status.is_failed();
        }
        let mut tally = Self::default();
        for (id, Shown { passes, fails }) in shown {
            let list = match (passes, fails) {
                (true, false) => &mut tally.passing,
                (false, true) => &mut tally.failing,
                (true, true) => &mut tally.changing,
                (false, false) => &mut tally.idle,
            };
            list.push(id);
        }
        tally
    }

    /// How many targets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let Self {
            passing,
            failing,
            changing,
            idle,
        } = self;
        [passing, failing, changing, idle]
            .map(Vec::len)
            .iter()
            .sum()
    }

    /// Whether no cell got as far as a target.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether a target passed, by a test that ran.
fn has_passed(target: &TargetOutcome) -> bool {
    let has_run = target
        .cases
        .iter()
        .any(|case| case.status == Status::Passed);
    target.status == Status::Passed && has_run
}
