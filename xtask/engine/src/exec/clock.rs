//! The clock of a phase: what it takes, and how it ends.

use std::time::{Duration, Instant};

use crate::exec::process::{Ended, Exit};
use crate::model::cell::Cell;
use crate::model::outcome::{Phase, PhaseRecord};

/// The time a phase takes, and how its last command ended.
pub struct Clock {
    phase: Phase,
    started: Instant,
    /// CPU time so far.
    pub cpu: Duration,
    /// How it ended so far.
    pub exit: Exit,
}

impl Clock {
    /// Starts a phase.
    #[must_use]
    pub fn start(phase: Phase) -> Self {
        Self {
            phase,
            started: Instant::now(),
            cpu: Duration::ZERO,
            exit: Exit::Code(0),
        }
    }

    /// Adds what a command took; a phase that had one that did not end well ended as that did.
    pub fn add(&mut self, ended: &Ended) {
        self.cpu += ended.cpu;
        if !ended.exit.is_success() {
            self.exit = ended.exit.clone();
        }
    }

    /// Ends the phase.
    #[must_use]
    pub fn stop(self, cell: &Cell) -> PhaseRecord {
        PhaseRecord {
            phase: self.phase,
            exit: self.exit.to_string(),
            seconds: self.started.elapsed().as_secs_f64(),
            cpu_seconds: self.cpu.as_secs_f64(),
            log: format!("logs/{}/{}.log", cell.id(), self.phase),
        }
    }
}
