//! What changes, from one version of a family to the next, of what a target names.

mod methods;
mod paths;
mod traits;

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::model::forecast::{Change, Finding, Place};

use crate::offer::Offer;
use crate::uses::Uses;

/// What changes for a target from one version to another.
pub struct Changes {
    /// See [`StepForecast::findings`](pinmatrix_core::model::forecast::StepForecast::findings).
    pub findings: Vec<Finding>,
    /// See [`StepForecast::n_unseen`](pinmatrix_core::model::forecast::StepForecast::n_unseen).
    pub n_unseen: usize,
}

/// Foretells one step.
#[must_use]
pub fn step(uses: &Uses, before: &Offer<'_>, after: &Offer<'_>) -> Changes {
    let mut step = Step {
        uses,
        before,
        after,
        findings: BTreeSet::new(),
        n_unseen: 0,
    };
    step.paths();
    step.implemented();
    step.built();
    step.matched();
    step.methods();
    Changes {
        findings: once_each(step.findings),
        n_unseen: step.n_unseen,
    }
}

/// Keeps of each change the most certain finding, and of these the one that is named first.
fn once_each(findings: BTreeSet<Finding>) -> Vec<Finding> {
    let mut by_change: BTreeMap<(String, Change), Finding> = BTreeMap::new();
    for finding in findings {
        let change = (finding.named.clone(), finding.change.clone());
        let known = by_change.get(&change);
        if known.is_none_or(|known| finding.is_strong && !known.is_strong) {
            by_change.insert(change, finding);
        }
    }
    by_change.into_values().collect()
}

/// A step that is being foretold.
struct Step<'s, 'a> {
    uses: &'s Uses,
    before: &'s Offer<'a>,
    after: &'s Offer<'a>,
    findings: BTreeSet<Finding>,
    n_unseen: usize,
}

impl Step<'_, '_> {
    fn add(&mut self, named: String, change: Change, is_strong: bool, place: &Place) {
        self.findings.insert(Finding {
            named,
            change,
            is_strong,
            place: place.clone(),
        });
    }

    /// Adds the difference between signatures, if there is one.
    fn compare(
        &mut self,
        named: &str,
        before: &BTreeSet<impl AsRef<str>>,
        after: &BTreeSet<impl AsRef<str>>,
        is_strong: bool,
        place: &Place,
    ) {
        let text = |signatures: &[&str]| signatures.join(" | ");
        let before: Vec<&str> = before.iter().map(AsRef::as_ref).collect();
        let after: Vec<&str> = after.iter().map(AsRef::as_ref).collect();
        if before != after {
            let change = Change::Changed {
                before: text(&before),
                after: text(&after),
            };
            self.add(named.to_owned(), change, is_strong, place);
        }
    }
}
