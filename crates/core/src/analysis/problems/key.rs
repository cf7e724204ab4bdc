//! What makes two occurrences one problem, and what tells problems apart in every run.

use std::collections::BTreeMap;

use crate::analysis::blame::Blame;
use crate::analysis::problems::{Check, Problem, SourcePlace};
use crate::model::outcome::TargetId;

/// What several cells can show alike. The order of its lines numbers what is otherwise the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::analysis) struct ProblemKey {
    pub(super) family: String,
    pub(super) check: Check,
    /// None where its blame or its place says more, since many targets can show one error.
    pub(super) target: Option<TargetId>,
    pub(super) case: Option<String>,
    pub(super) code: Option<String>,
    pub(super) blame: Option<Blame>,
    pub(super) place: Option<SourcePlace>,
    /// What was said, as far as it is the same wherever the cause is.
    pub(super) gist: String,
}

impl ProblemKey {
    /// What stands behind it, whichever case shows it: cases that fail at one place, or in one target where
    /// no place is known, fail for one reason.
    pub(in crate::analysis) fn cause(mut self) -> Self {
        if self.case.take().is_some() && self.place.is_some() {
            self.target = None;
        }
        self
    }

    /// All of it that stays when lines move and words change.
    fn lasting(&self) -> Self {
        let mut lasting = self.clone();
        lasting.gist.clear();
        if let Some(place) = &mut lasting.place {
            place.line = 0;
        }
        lasting
    }
}

/// Fingerprints, from all that lasts; what is the same in that is numbered by its lines and words.
pub(super) fn tell_apart(problems: &mut [(bool, ProblemKey, Problem)]) {
    let mut order: Vec<usize> = (0..problems.len()).collect();
    order.sort_by(|a, b| problems[*a].1.cmp(&problems[*b].1));
    let mut n_seen: BTreeMap<ProblemKey, usize> = BTreeMap::new();
    for at in order {
        let (_, thing, problem) = &mut problems[at];
        let lasting = thing.lasting();
        let n = n_seen.entry(lasting.clone()).or_default();
        let mut hasher = blake3::Hasher::new();
        let target = lasting.target.map(|target| target.to_string());
        // What a case printed can be cut, and its place with it.
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
