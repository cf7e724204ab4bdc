//! The comparison of two runs of the same cell.

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;
use crate::model::outcome::TargetId;

/// A cell that ran twice, in two places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reproducibility {
    /// The cell.
    pub cell: CellId,
    /// False if a run was inconclusive, which says nothing about the cell.
    pub is_certain: bool,
    /// Whether both runs had the same outcome, apart from times.
    pub same_outcome: bool,
    /// Whether both runs had the same lock.
    pub same_lock: bool,
    /// Its test executables, sorted.
    pub executables: Vec<ExecutableDifference>,
}

/// A test executable that was built twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutableDifference {
    /// The target.
    pub target: TargetId,
    /// The offset in bytes of the first difference; `None` if the two are identical.
    pub first_difference: Option<u64>,
    /// Whether an executable that differs contains the path where it was built.
    pub tells_its_place: bool,
}

impl Reproducibility {
    /// Whether both runs of the cell agree in everything that was compared.
    #[must_use]
    pub fn is_reproduced(&self) -> bool {
        self.is_certain && self.same_outcome && self.same_lock
    }
}
