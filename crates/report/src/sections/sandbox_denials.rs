//! Failures whose messages suggest that the sandbox caused them, and how to find out; and the
//! sandbox guarantees that were not enforced.

use std::collections::BTreeSet;

use pinmatrix_core::model::command::reproduce;
use pinmatrix_core::model::outcome::enforced::Enforced;
use pinmatrix_core::model::outcome::{Outcome, TargetOutcome};
use pinmatrix_core::model::run::Run;

/// The messages of programs that were denied access.
const WORDS: &[&str] = &[
    "Permission denied",
    "PermissionDenied",
    "os error 13)",
    "Read-only file system",
    "ReadOnlyFilesystem",
    "os error 30)",
    "Network is unreachable",
    "NetworkUnreachable",
    "failed to lookup address information",
    "Could not resolve host",
    "Temporary failure in name resolution",
];

/// A line on the first target that the sandbox may have denied something, if there is one.
#[must_use]
pub fn line(run: &Run) -> Option<String> {
    let ended = run.cells.iter().filter_map(|c| Some((&c.id, c.outcome()?)));
    let denied = |outcome: &Outcome| {
        let is_bounded = outcome.sandbox != Enforced::default();
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

/// What builds and tests could do in this run because the system could not prevent it, in one
/// sentence, if there is anything.
#[must_use]
pub fn unbounded(run: &Run) -> Option<String> {
    let outcomes = run.cells.iter().filter_map(|cell| cell.outcome());
    let ran = outcomes.filter(|outcome| !outcome.targets.is_empty());
    let kinds: BTreeSet<Enforced> = ran.map(|outcome| outcome.sandbox).collect();
    let mut gaps = Vec::new();
    for gap in kinds.into_iter().flat_map(Enforced::gaps) {
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
    let list = gaps.join("; ");
    (!gaps.is_empty())
        .then(|| format!("Builds and tests are not bounded in all on this system: {list}."))
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
