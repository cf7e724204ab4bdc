//! Locks that were too old for their contents: what fails with the lock as it is, what moved, and
//! what newer packages do not fix.

use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::run::{CellRecord, Run};

/// The lines of all cells of a run, in plan order.
pub fn all(run: &Run) -> impl Iterator<Item = String> {
    let of = |record: &CellRecord| {
        let lines = record.outcome().map(Outcome::of_old_lock);
        let lines = lines.unwrap_or_default();
        let id = record.id.clone();
        lines.into_iter().map(move |line| format!("{id}: {line}"))
    };
    run.cells.iter().flat_map(of)
}
