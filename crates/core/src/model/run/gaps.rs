//! What is left open where the results of several machines are put together.

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;

/// What is left open in a merged run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeGaps {
    /// Cells that were to run and that no part answers, in plan order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<CellId>,
    /// Cells of which parts say different things, in plan order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
}

impl MergeGaps {
    /// True where nothing is left open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.conflicts.is_empty()
    }
}

/// A cell of which parts say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The cell.
    pub cell: CellId,
    /// What was said of it, and by whom.
    pub sides: Vec<ConflictSide>,
}

/// One of the things that were said of a cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConflictSide {
    /// The part, as it was named to the merge.
    pub part: String,
    /// What it shows, in words, with the first thing that others do not show.
    pub shown: String,
}
