//! Where a failure is worded as one that the sandbox leads to, and how to learn whether it was.

use crate::model::outcome::{Outcome, TargetOutcome};
use crate::model::run::Run;
use crate::report::reproduce;

/// What programs say of what they may not do.
const WORDS: &[&str] = &[
    "Permission denied",
    "PermissionDenied",
    "os error 13)",
    "Network is unreachable",
    "NetworkUnreachable",
    "failed to lookup address information",
    "Could not resolve host",
    "Temporary failure in name resolution",
];

/// A line on the first target that may have been kept from something, if there is one.
#[must_use]
pub fn line(run: &Run) -> Option<String> {
    let ended = run.cells.iter().filter_map(|c| Some((&c.id, c.outcome()?)));
    let denied = |outcome: &Outcome| {
        let is_bounded = outcome.sandbox.files || outcome.sandbox.network;
        let mut targets = outcome.targets.iter().filter(|t| is_bounded && says_so(t));
        targets.next().map(|target| target.id.to_string())
    };
    let mut found = ended.filter_map(|(cell, outcome)| Some((cell, denied(outcome)?)));
    let (cell, target) = found.next()?;
    let again = reproduce(run, cell);
    Some(format!(
        "{cell} {target} was denied something; `{again} --sandbox off` tells whether the sandbox was \
         in the way, and `[[sandbox.allow]]` lets it through"
    ))
}

fn says_so(target: &TargetOutcome) -> bool {
    let errors = target.errors.iter();
    let errors = errors.flat_map(|e| [Some(e.message.as_str()), e.rendered.as_deref()]);
    let cases = target.cases.iter().map(|case| case.output.as_deref());
    let texts = errors.chain(cases).flatten();
    texts
        .into_iter()
        .any(|text| WORDS.iter().any(|word| text.contains(word)))
}
