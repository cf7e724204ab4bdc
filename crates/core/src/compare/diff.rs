//! Collecting the differences between two outcomes of each cell.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{Comparison, Difference, DifferenceKind, DurationChange, FACTOR, SECONDS};
use crate::model::cell::CellId;
use crate::model::outcome::{CaseOutcome, Outcome, TargetOutcome, shown};
use crate::model::status::Status;

/// A difference in one cell.
pub struct CellDifference<'a> {
    /// The kind of difference.
    pub kind: DifferenceKind,
    /// The cell.
    pub cell: &'a CellId,
    /// The target; `None` for the cell as a whole.
    pub target: Option<&'a str>,
    /// The case; `None` for the target as a whole.
    pub case: Option<&'a str>,
    /// The earlier result.
    pub before: String,
    /// The later result.
    pub after: String,
    /// The first error, if it fails now.
    pub error: Option<String>,
}

/// The key that cells with the same difference share.
type DifferenceKey = (
    DifferenceKind,
    Option<String>,
    Option<String>,
    String,
    String,
);

/// A collector for differences.
#[derive(Default)]
pub struct CellDiff {
    changes: Vec<Difference>,
    known: BTreeMap<DifferenceKey, usize>,
    n_seen: usize,
    times: Vec<DurationChange>,
}

impl CellDiff {
    /// Adds a difference in one cell.
    pub fn add(&mut self, seen: CellDifference<'_>) {
        self.n_seen += 1;
        let (target, case) = (seen.target.map(str::to_owned), seen.case.map(str::to_owned));
        let CellDifference {
            kind,
            cell,
            before,
            after,
            error,
            ..
        } = seen;
        let alike = (
            kind,
            target.clone(),
            case.clone(),
            before.clone(),
            after.clone(),
        );
        let index = *self.known.entry(alike).or_insert(self.changes.len());
        match self.changes.get_mut(index) {
            Some(change) => change.cells.push(cell.clone()),
            None => self.changes.push(Difference {
                kind,
                target,
                case,
                before,
                after,
                error,
                cells: vec![cell.clone()],
            }),
        }
    }

    /// Adds the differences between two outcomes of a cell.
    pub fn of_cell(&mut self, cell: &CellId, was: &Outcome, is: &Outcome) {
        let n_before = self.n_seen;
        let (old, new) = (by_name(&was.targets), by_name(&is.targets));
        // A cell that stopped as a whole has no targets that could have vanished.
        let have_both = !old.is_empty() && !new.is_empty();
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names.into_iter().filter(|_| have_both) {
            match (old.get(name), new.get(name)) {
                (Some(was), Some(is)) => self.of_target(cell, name, was, is),
                (None, Some(is)) => self.one_sided(DifferenceKind::Appeared, cell, name, is),
                (Some(was), None) => self.one_sided(DifferenceKind::Vanished, cell, name, was),
                (None, None) => {}
            }
        }
        if self.n_seen == n_before {
            let describe = |outcome: &Outcome| shown(&outcome.status, outcome.errors.first());
            self.statuses(
                CellDifference {
                    kind: DifferenceKind::Shifted,
                    cell,
                    target: None,
                    case: None,
                    before: describe(was),
                    after: describe(is),
                    error: is.errors.first().map(ToString::to_string),
                },
                &was.status,
                &is.status,
            );
        }
    }

    fn of_target(&mut self, cell: &CellId, name: &str, was: &TargetOutcome, is: &TargetOutcome) {
        let case_of = |target: &TargetOutcome| -> BTreeMap<String, CaseOutcome> {
            let cases = target
                .cases
                .iter()
                .map(|case| (case.name.clone(), case.clone()));
            cases.collect()
        };
        let (old, new) = (case_of(was), case_of(is));
        let mut is_reported = false;
        // Cases of a target that does not build on one side have not vanished.
        if !old.is_empty() && !new.is_empty() {
            for (case, is) in &new {
                let Some(was) = old.get(case) else {
                    self.add(CellDifference {
                        kind: DifferenceKind::Appeared,
                        cell,
                        target: Some(name),
                        case: Some(case),
                        before: "not there".to_owned(),
                        after: is.status.to_string(),
                        error: is
                            .message()
                            .filter(|_| is.status.is_failed())
                            .map(str::to_owned),
                    });
                    continue;
                };
                let seen = CellDifference {
                    kind: DifferenceKind::Shifted,
                    cell,
                    target: Some(name),
                    case: Some(case),
                    before: was.status.to_string(),
                    after: is.status.to_string(),
                    error: is.message().map(str::to_owned),
                };
                is_reported |= self.statuses(seen, &was.status, &is.status);
            }
            for (case, was) in old.iter().filter(|(case, _)| !new.contains_key(*case)) {
                self.add(CellDifference {
                    kind: DifferenceKind::Vanished,
                    cell,
                    target: Some(name),
                    case: Some(case),
                    before: was.status.to_string(),
                    after: "not there".to_owned(),
                    error: None,
                });
            }
        }
        if !is_reported {
            let seen = CellDifference {
                kind: DifferenceKind::Shifted,
                cell,
                target: Some(name),
                case: None,
                before: was.shown(),
                after: is.shown(),
                error: Some(is.first_error()),
            };
            self.statuses(seen, &was.status, &is.status);
        }
    }

    fn one_sided(
        &mut self,
        kind: DifferenceKind,
        cell: &CellId,
        name: &str,
        target: &TargetOutcome,
    ) {
        let (status, absent) = (target.shown(), "not there".to_owned());
        let is_new = kind == DifferenceKind::Appeared;
        let error = is_new && target.status.is_failed();
        let (before, after) = if is_new {
            (absent, status)
        } else {
            (status, absent)
        };
        self.add(CellDifference {
            kind,
            cell,
            target: Some(name),
            case: None,
            before,
            after,
            error: error.then(|| target.first_error()),
        });
    }

    /// Adds the difference between two statuses, if any, and returns whether there is one.
    fn statuses(&mut self, seen: CellDifference<'_>, was: &Status, is: &Status) -> bool {
        let kind = match (was, is) {
            (Status::Passed, Status::Failed { .. }) if is.is_verdict() => DifferenceKind::Broke,
            (Status::Failed { .. }, Status::Passed) if was.is_verdict() => DifferenceKind::Fixed,
            // What did not run could have failed.
            (built, Status::Failed { class })
                if built.is_built() && !class.arises_while_running() =>
            {
                match is.is_verdict() {
                    true => DifferenceKind::Broke,
                    false => DifferenceKind::Shifted,
                }
            }
            (Status::Failed { class }, built)
                if built.is_built() && !class.arises_while_running() =>
            {
                match was.is_verdict() {
                    true => DifferenceKind::Fixed,
                    false => DifferenceKind::Shifted,
                }
            }
            // Drift does not mean that the code broke, nor its end that the code was fixed.
            (Status::Failed { .. }, Status::Failed { .. } | Status::Passed)
            | (Status::Passed, Status::Failed { .. }) => DifferenceKind::Shifted,
            // A test that is skipped now was not seen to break, and skipping it may be intended.
            (Status::Skipped { .. }, Status::Passed | Status::Failed { .. }) => {
                DifferenceKind::Appeared
            }
            (Status::Passed | Status::Failed { .. }, Status::Skipped { .. }) => {
                DifferenceKind::Vanished
            }
            (Status::Passed, Status::Passed)
            | (Status::Skipped { .. }, Status::Skipped { .. })
            | (Status::Inconclusive { .. }, _)
            | (_, Status::Inconclusive { .. }) => return false,
        };
        if seen.before == seen.after {
            return false;
        }
        let error = seen.error.clone().filter(|_| is.is_failed());
        self.add(CellDifference {
            kind,
            error,
            ..seen
        });
        true
    }

    /// Adds the differences in durations in a cell.
    pub fn times_of_cell(&mut self, cell: &CellId, was: &Outcome, is: &Outcome) {
        let whole = |outcome: &Outcome| outcome.phases.iter().map(|phase| phase.seconds).sum();
        self.time(cell, None, None, (whole(was), whole(is)));
        let old = by_name(&was.targets);
        for (name, target) in by_name(&is.targets) {
            let Some(was) = old.get(&name) else { continue };
            self.time(cell, Some(&name), None, (was.seconds, target.seconds));
            let cases = was.cases.iter().map(|case| (&case.name, case.seconds));
            let cases: BTreeMap<&String, f64> = cases.collect();
            for case in &target.cases {
                if let Some(was) = cases.get(&case.name) {
                    self.time(cell, Some(&name), Some(&case.name), (*was, case.seconds));
                }
            }
        }
    }

    fn time(
        &mut self,
        cell: &CellId,
        target: Option<&str>,
        case: Option<&str>,
        (before, after): (f64, f64),
    ) {
        let (less, more) = (before.min(after), before.max(after));
        // The durations of tests come from the tests and can be any number. What did not run took
        // no time.
        let is_reported = less > 0.0 && more > less * FACTOR && more - less > SECONDS;
        if is_reported && more.is_finite() {
            self.times.push(DurationChange {
                cell: cell.clone(),
                target: target.map(str::to_owned),
                case: case.map(str::to_owned),
                before,
                after,
            });
        }
    }

    /// Adds all collected differences to the comparison.
    #[must_use]
    pub fn finish(self, comparison: Comparison) -> Comparison {
        let Self {
            mut changes,
            mut times,
            ..
        } = self;
        changes.sort_by_key(|change| change.kind);
        let difference = |time: &DurationChange| (time.after - time.before).abs();
        times.sort_by(|a, b| difference(b).total_cmp(&difference(a)));
        Comparison {
            changes,
            times,
            ..comparison
        }
    }
}

fn by_name(targets: &[TargetOutcome]) -> BTreeMap<String, &TargetOutcome> {
    targets
        .iter()
        .map(|target| (target.id.to_string(), target))
        .collect()
}
