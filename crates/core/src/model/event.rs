//! Events of a run. The engine emits events and never prints; listeners show them.

use camino::Utf8Path;

use crate::model::cell::CellId;
use crate::model::outcome::{Outcome, Phase, TargetId};

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The plan is ready.
    Planned {
        /// Cells that will run.
        n_run: usize,
        /// Cells with a cached outcome.
        n_known: usize,
        /// True if `n_run` is an upper bound: not all of these cells have to run.
        is_most: bool,
    },
    /// A cell entered a phase.
    Entered {
        /// The cell.
        cell: &'a CellId,
        /// The phase.
        phase: Phase,
    },
    /// Progress within a phase: a unit compiled or a target tested.
    Step {
        /// The cell.
        cell: &'a CellId,
        /// What was done, in a few words.
        what: &'a str,
    },
    /// A target's test executable was built.
    Made {
        /// The cell.
        cell: &'a CellId,
        /// The target.
        target: &'a TargetId,
        /// The path of the executable.
        executable: &'a Utf8Path,
    },
    /// A cell ended.
    Ended {
        /// The cell.
        cell: &'a CellId,
        /// The cell's outcome.
        outcome: &'a Outcome,
        /// Wall time in seconds.
        seconds: f64,
    },
    /// An upper bound on the remaining time of the run, estimated from earlier cells.
    Expected {
        /// Wall time in seconds.
        seconds: f64,
    },
    /// A note for the user that does not stop the run.
    Noted(&'a str),
}

/// A listener for the events of a run; called from every lane.
pub trait Listener: Sync {
    /// Handles one event.
    fn on_event(&self, event: Event<'_>);
}

impl<F: Fn(Event<'_>) + Sync> Listener for F {
    fn on_event(&self, event: Event<'_>) {
        self(event);
    }
}
