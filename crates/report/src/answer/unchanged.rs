//! What does not change along the ladder: what passes or fails wherever it ran, and what depends
//! only on the toolchain.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::analysis::Tally;
use pinmatrix_core::analysis::frontier::ChangePoint;
use pinmatrix_core::model::cell::PinnedAt;
use pinmatrix_core::model::outcome::{Outcome, TargetId, TargetOutcome};
use pinmatrix_core::model::run::CellRecord;
use pinmatrix_core::model::status::Status;
use pinmatrix_core::text::count;

use crate::answer::FamilyView;
use crate::answer::sentence::{Sentence, listed};

impl FamilyView<'_> {
    /// A target that never changes along the ladder, but fails on one row and passes on another.
    pub(super) fn differing(&self, points: &[&ChangePoint]) -> Option<Sentence> {
        let changing: BTreeSet<&TargetId> =
            points.iter().filter_map(|p| p.target.as_ref()).collect();
        let mut passed: BTreeMap<(&TargetId, &PinnedAt), &CellRecord> = BTreeMap::new();
        for (record, outcome) in self.outcomes() {
            for target in &outcome.targets {
                if target.status == Status::Passed {
                    passed.insert((&target.id, &record.cell.pin.at), record);
                }
            }
        }
        let (record, target, other) = self.outcomes().find_map(|(record, outcome)| {
            outcome.targets.iter().find_map(|target| {
                let is_covered = changing.contains(&target.id);
                let is_bad = target.status.is_verdict() && target.status.is_failed();
                let other = passed.get(&(&target.id, &record.cell.pin.at))?;
                (is_bad && !is_covered).then_some((record, target, *other))
            })
        })?;
        let (row, other) = (&record.cell.row, &other.cell.row);
        let sentence = Sentence::default().name(&target.id).say(format!(
            " fails on {row} and passes on {other} at the same pins of {}",
            self.record.name
        ));
        Some(sentence.ends_with(Some(&target.first_error())))
    }

    /// What is the same wherever it ran.
    pub(super) fn unchanged(&self, tally: &Tally<'_>) -> Vec<Sentence> {
        let Tally {
            passing,
            failing,
            idle,
            ..
        } = tally;
        let mut answer = Vec::new();
        if tally.is_empty() {
            answer.push(self.without_targets());
        } else if !passing.is_empty() && passing.len() + idle.len() == tally.len() {
            answer.push(self.all_pass(passing.len(), idle.len()));
        } else if passing.is_empty() && !idle.is_empty() {
            let (n, of_all) = (idle.len(), count(tally.len(), "target"));
            answer.push(self.opening(&format!("{n} of {of_all} never failed and ran no test.")));
        } else if !passing.is_empty() {
            let ran_no_test = match idle.len() {
                0 => String::new(),
                n => format!("; {n} never failed and ran no test"),
            };
            let of_all = count(tally.len(), "target");
            let pass = match passing.len() {
                1 => "passes wherever it ran",
                _ => "pass wherever they ran",
            };
            let n = passing.len();
            answer.push(self.opening(&format!("{n} of {of_all} {pass}{ran_no_test}.")));
        }
        if let Some(first) = failing.first() {
            answer.push(self.all_fail(first, failing.len()));
        }
        answer
    }

    fn all_pass(&self, n_targets: usize, n_idle: usize) -> Sentence {
        let has_run = |t: &TargetOutcome| t.status.is_verdict() && !t.status.is_built();
        let has_targets = |outcome: &Outcome| outcome.targets.iter().any(has_run);
        let n_ran = self.outcomes().filter(|(_, o)| has_targets(o)).count();
        let n_cells: usize = self.rows.iter().map(Vec::len).sum();
        let targets = match n_targets {
            1 => "the one target passes wherever it ran,".to_owned(),
            n => format!("{n} targets pass wherever they ran,"),
        };
        let cells = match n_ran == n_cells {
            true if n_cells == 1 => "in the one cell".to_owned(),
            true => format!("in all {n_cells} cells"),
            false => format!("in {n_ran} of {}", count(n_cells, "cell")),
        };
        let idle = match n_idle {
            0 => String::new(),
            1 => "; one more never failed and ran no test".to_owned(),
            n => format!("; {n} more never failed and ran no test"),
        };
        Sentence::new(format!(
            "With {}, {targets} {cells}{}{idle}.",
            self.record.name,
            self.reach()
        ))
    }

    /// The first and last pin at which any target has a verdict, or else any cell.
    fn reach(&self) -> String {
        let has_targets = |o: &Outcome| o.targets.iter().any(|t| t.status.is_verdict());
        let any_has = self.outcomes().any(|(_, o)| has_targets(o));
        let ran = self.outcomes().filter(|(_, o)| {
            if any_has {
                has_targets(o)
            } else {
                o.status.is_verdict()
            }
        });
        let pins: BTreeSet<&PinnedAt> = ran.map(|(record, _)| &record.cell.pin.at).collect();
        match (pins.first(), pins.last()) {
            (Some(first), Some(last)) if first != last => format!(", from {first} to {last}"),
            (Some(only), _) => format!(", at {only}"),
            (None, _) => String::new(),
        }
    }

    fn all_fail(&self, first: &TargetId, n: usize) -> Sentence {
        let mut targets = self.outcomes().flat_map(|(_, outcome)| &outcome.targets);
        let error = targets.find(|target| target.id == *first && target.status.is_failed());
        let error = error.map(|target| target.first_error());
        let sentence = self.opening("").name(first);
        let sentence = match n {
            1 => sentence.say(" fails wherever it ran"),
            2 => sentence.say(" and another target fail wherever they ran"),
            n => sentence.say(format!(
                " and {} more targets fail wherever they ran",
                n - 1
            )),
        };
        sentence.ends_with(error.as_deref())
    }

    /// The sentence for a family in which no cell reached a target.
    fn without_targets(&self) -> Sentence {
        let (mut statuses, mut error) = (BTreeSet::new(), None);
        for (_, outcome) in self.outcomes().filter(|(_, o)| o.status.is_verdict()) {
            statuses.insert(outcome.status.to_string());
            error = error.or(outcome.errors.first().map(ToString::to_string));
        }
        let statuses: Vec<String> = statuses.into_iter().collect();
        let (name, reach) = (&self.record.name, self.reach());
        let words = format!(
            "No cell of {name} has a test that ran{reach}: {}",
            listed(&statuses)
        );
        match error {
            Some(error) => Sentence::new(words).ends_with(Some(&error)),
            None => Sentence::new(words).say("."),
        }
    }
}
