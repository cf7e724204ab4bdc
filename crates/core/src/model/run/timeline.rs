//! The timeline of a run: what each lane did when.

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;
use crate::model::outcome::Phase;

/// One phase of one cell on the lane that ran it. Between two spans a lane is idle or does
/// something too short to record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneSpan {
    /// The cell.
    pub cell: CellId,
    /// The lane, from 0.
    pub lane: usize,
    /// The phase.
    pub phase: Phase,
    /// When it started, in seconds since the start of the run.
    pub start: f64,
    /// Wall time in seconds, including waiting.
    pub seconds: f64,
    /// How many of these seconds it waited: for the one resolver, for a lane that compiles the same
    /// units, or for a job slot.
    pub waited: f64,
}
