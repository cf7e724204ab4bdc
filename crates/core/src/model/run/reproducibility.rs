//! What came of running a cell twice.

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;
use crate::model::outcome::TargetId;

/// A cell that ran twice, in two places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reproducibility {
    /// The cell.
    pub cell: CellId,
    /// False where a run ended in doubt, which says nothing about the cell.
    pub is_certain: bool,
    /// Whether both showed the same, times aside.
    pub same_outcome: bool,
    /// Whether both had the same lock.
    pub same_lock: bool,
    /// Its test executables, sorted.
    pub executables: Vec<ExecutableDifference>,
}

/// A test executable that was built twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutableDifference {
    /// The target.
    pub target: TargetId,
    /// Where the two first differ, in bytes from the beginning; `None` where they are the same.
    pub first_difference: Option<u64>,
    /// Whether one that differs holds the path of the place where it was built.
    pub tells_its_place: bool,
}

impl Reproducibility {
    /// Whether all that is known of the cell was the same both times.
    #[must_use]
    pub fn is_reproduced(&self) -> bool {
        self.is_certain && self.same_outcome && self.same_lock
    }
}
