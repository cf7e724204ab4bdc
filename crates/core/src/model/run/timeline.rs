//! Where the time of a run went: what each lane did when.

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;
use crate::model::outcome::Phase;

/// One phase of one cell, on the lane that worked on it. Between two spans a lane is idle, or does
/// what takes no time worth telling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneSpan {
    /// The cell.
    pub cell: CellId,
    /// The lane, from 0.
    pub lane: usize,
    /// The phase.
    pub phase: Phase,
    /// When it began, in seconds since the run did.
    pub start: f64,
    /// Wall time in seconds, waiting included.
    pub seconds: f64,
    /// How much of that it waited: for the one resolver, for a lane that compiles the same, or for
    /// a job of the budget.
    pub waited: f64,
}
