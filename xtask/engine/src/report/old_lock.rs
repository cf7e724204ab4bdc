//! Locks that were too old for what they hold, as people read of them: what fails with a lock as it
//! is, what moved, and what no newer package mends.

use crate::model::moved::forward;
use crate::model::outcome::Outcome;
use crate::model::run::{CellRecord, Run};

/// What is said beside the result of a cell: a line for what moving packages mends, and one for what
/// it does not.
#[must_use]
pub fn lines(outcome: &Outcome) -> Vec<String> {
    let Some(old) = &outcome.old_lock else {
        return Vec::new();
    };
    let status = &outcome.status;
    let moved = forward(&outcome.moved);
    let mended = old.as_it_is().zip(moved);
    let mended = mended.map(|(as_it_is, moved)| format!("{as_it_is}; {status} {moved}"));
    mended.into_iter().chain(old.still_broken()).collect()
}

/// The lines of all cells of a run, in plan order.
pub fn all(run: &Run) -> impl Iterator<Item = String> {
    let of = |record: &CellRecord| {
        let lines = record.outcome().map(lines).unwrap_or_default();
        let id = record.id.clone();
        lines.into_iter().map(move |line| format!("{id}: {line}"))
    };
    run.cells.iter().flat_map(of)
}
