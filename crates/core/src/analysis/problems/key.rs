//! The identity of a problem: which occurrences belong to it, and its fingerprint.

use std::collections::BTreeMap;

use crate::analysis::blame::Blame;
use crate::analysis::problems::{Check, Problem, SourcePlace};
use crate::model::outcome::TargetId;

/// What occurrences of the same problem in several cells have in common. The field order decides
/// how otherwise identical problems are numbered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::analysis) struct ProblemKey {
    pub(super) family: String,
    pub(super) check: Check,
    /// `None` if the blame or the place is more specific, since many targets can show one error.
    pub(super) target: Option<TargetId>,
    pub(super) case: Option<String>,
    pub(super) code: Option<String>,
    pub(super) blame: Option<Blame>,
    pub(super) place: Option<SourcePlace>,
    /// The part of the message that is the same wherever the cause is.
    pub(super) gist: String,
}

impl ProblemKey {
    /// The cause, regardless of the case that shows it: cases that fail at the same place, or in
    /// the same target if no place is known, are assumed to fail for the same reason.
    pub(in crate::analysis) fn cause(mut self) -> Self {
        if self.case.take().is_some() && self.place.is_some() {
            self.target = None;
        }
        self
    }

    /// The parts that stay the same when lines move and messages change.
    fn lasting(&self) -> Self {
        let mut lasting = self.clone();
        lasting.gist.clear();
        if let Some(place) = &mut lasting.place {
            place.line = 0;
        }
        lasting
    }
}

/// Computes the fingerprints from the lasting parts of the keys; problems with the same lasting
/// parts are numbered by line and message.
pub(super) fn tell_apart(problems: &mut [(ProblemKey, Problem)]) {
    let mut order: Vec<usize> = (0..problems.len()).collect();
    order.sort_by(|a, b| problems[*a].0.cmp(&problems[*b].0));
    let mut n_seen: BTreeMap<ProblemKey, usize> = BTreeMap::new();
    for index in order {
        let (thing, problem) = &mut problems[index];
        let lasting = thing.lasting();
        let n = n_seen.entry(lasting.clone()).or_default();
        let mut hasher = blake3::Hasher::new();
        let target = lasting.target.map(|target| target.to_string());
        // The output of a case can be cut, and its location with it.
        let is_of_case = lasting.case.is_some();
        let file = lasting.place.map(|place| place.file);
        let file = file.filter(|_| !is_of_case);
        let blame = lasting.blame.map(|blame| blame.to_string());
        let parts = [target, lasting.case, lasting.code, file];
        let parts = parts
            .map(Option::unwrap_or_default)
            .into_iter()
            .chain(blame);
        let check = lasting.check.to_string();
        for part in [lasting.family, check, n.to_string()]
            .into_iter()
            .chain(parts)
        {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        problem.fingerprint = hasher.finalize().to_hex()[..32].to_owned();
        *n += 1;
    }
}
