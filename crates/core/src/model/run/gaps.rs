//! The gaps in results that were merged from several machines.

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;

/// The gaps in a merged run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeGaps {
    /// Cells that should have run but have no outcome in any part, in plan order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<CellId>,
    /// Cells whose parts disagree, in plan order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
}

impl MergeGaps {
    /// True if there are no gaps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.conflicts.is_empty()
    }
}

/// A cell whose parts disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The cell.
    pub cell: CellId,
    /// The different results, with the parts they come from.
    pub sides: Vec<ConflictSide>,
}

/// One of the results of a cell in conflict.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConflictSide {
    /// The part, as named on the command line of the merge.
    pub part: String,
    /// The result, as text, with the first observation that differs from the others.
    pub shown: String,
}
