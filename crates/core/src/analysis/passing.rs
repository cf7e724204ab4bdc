//! What passes in a cell, as the reference for another cell.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::upgrade::passing;
use crate::model::outcome::Outcome;

/// For each target, the cases that pass, with `None` for the target itself.
#[derive(Debug, Default)]
pub struct Passing<'a>(BTreeMap<String, BTreeSet<Option<&'a str>>>);

impl<'a> Passing<'a> {
    /// Collects what passes in a cell.
    pub fn of(outcome: &'a Outcome) -> Self {
        let targets = outcome.targets.iter();
        let passing = targets.map(|t| (t.id.to_string(), passing(t).into_iter().collect()));
        Self(passing.collect())
    }

    /// Whether anything passes.
    pub fn has_any(&self) -> bool {
        self.0.values().any(|cases| !cases.is_empty())
    }

    /// Whether anything in a target passes.
    pub fn has_some_of(&self, target: &str) -> bool {
        self.0.get(target).is_some_and(|cases| !cases.is_empty())
    }

    /// Whether a case passes, or the target itself if `case` is `None`.
    pub fn has(&self, target: &str, case: Option<&str>) -> bool {
        let cases = self.0.get(target);
        cases.is_some_and(|cases| cases.contains(&case))
    }
}
