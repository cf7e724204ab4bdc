//! What a run tells while it runs. The engine emits events and never prints; showing them is the
//! business of whoever listens.

use camino::Utf8Path;

use crate::model::cell::CellId;
use crate::model::outcome::{Outcome, Phase, TargetId};

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The plan is made: so many cells will run, so many are known already.
    Planned {
        /// Cells that will run.
        n_run: usize,
        /// Cells whose outcome is known.
        n_known: usize,
        /// True where not all of them have to run.
        is_most: bool,
    },
    /// A cell entered a phase.
    Entered {
        /// The cell.
        cell: &'a CellId,
        /// The phase.
        phase: Phase,
    },
    /// Within a phase something was done: a unit compiled, a target tested.
    Step {
        /// The cell.
        cell: &'a CellId,
        /// What was done, in a few words.
        what: &'a str,
    },
    /// A target has a test executable.
    Made {
        /// The cell.
        cell: &'a CellId,
        /// The target.
        target: &'a TargetId,
        /// Where it lies.
        executable: &'a Utf8Path,
    },
    /// A cell ended.
    Ended {
        /// The cell.
        cell: &'a CellId,
        /// What it showed.
        outcome: &'a Outcome,
        /// Wall time in seconds.
        seconds: f64,
    },
    /// How long the rest of the run takes at the most, as far as earlier cells tell.
    Expected {
        /// Wall time in seconds.
        seconds: f64,
    },
    /// Something a person should know that does not stop the run.
    Noted(&'a str),
}

/// Whoever listens to a run; called from every lane.
pub trait Listener: Sync {
    /// Takes one event.
    fn on_event(&self, event: Event<'_>);
}

impl<F: Fn(Event<'_>) + Sync> Listener for F {
    fn on_event(&self, event: Event<'_>) {
        self(event);
    }
}
