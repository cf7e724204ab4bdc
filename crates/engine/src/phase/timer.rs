//! The clock of a phase: what it takes, and how it ends.

use std::time::{Duration, Instant};

use pinmatrix_core::model::cell::Cell;
use pinmatrix_core::model::outcome::{Phase, PhaseRecord};
use pinmatrix_process::ProcessResult;
use pinmatrix_process::child::Exit;

/// The time a phase takes, and how its last command ended.
pub struct PhaseTimer {
    phase: Phase,
    started: Instant,
    /// CPU time so far.
    pub cpu: Duration,
    /// Time spent waiting for others so far.
    pub waited: Duration,
    /// How it ended so far.
    pub exit: Exit,
}

/// A phase that is over, in time.
#[derive(Clone, Copy, Debug)]
pub struct PhaseLap {
    /// The phase.
    pub phase: Phase,
    /// When it began.
    pub started: Instant,
    /// How long it took, waiting included.
    pub took: Duration,
    /// How long of that it waited for others.
    pub waited: Duration,
}

/// The phases of a cell that are over.
#[derive(Debug, Default)]
pub struct Phases {
    /// What reports keep of each.
    pub records: Vec<PhaseRecord>,
    /// Each in time.
    pub laps: Vec<PhaseLap>,
}

impl Phases {
    /// Ends a phase.
    pub fn end(&mut self, clock: &PhaseTimer, cell: &Cell) {
        self.records.push(clock.record(cell));
        self.laps.push(clock.lap());
    }
}

impl PhaseTimer {
    /// Starts a phase.
    #[must_use]
    pub fn start(phase: Phase) -> Self {
        Self {
            phase,
            started: Instant::now(),
            cpu: Duration::ZERO,
            waited: Duration::ZERO,
            exit: Exit::Code(0),
        }
    }

    /// Adds what a command took; a phase that had one that did not end well ended as that did.
    pub fn add(&mut self, ended: &ProcessResult) {
        self.cpu += ended.cpu;
        self.waited += ended.waited;
        if !ended.exit.is_success() {
            self.exit = ended.exit.clone();
        }
    }

    /// Waits for something.
    pub fn wait<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let came = wait();
        self.waited += started.elapsed();
        came
    }

    /// The phase so far.
    #[must_use]
    pub fn lap(&self) -> PhaseLap {
        PhaseLap {
            phase: self.phase,
            started: self.started,
            took: self.started.elapsed(),
            waited: self.waited,
        }
    }

    /// What reports keep of the phase.
    #[must_use]
    pub fn record(&self, cell: &Cell) -> PhaseRecord {
        PhaseRecord {
            phase: self.phase,
            exit: self.exit.to_string(),
            seconds: self
                .started
                .elapsed()
                .saturating_sub(self.waited)
                .as_secs_f64(),
            cpu_seconds: self.cpu.as_secs_f64(),
            log: PhaseRecord::log_of(&cell.id(), self.phase),
        }
    }
}

/// A time limit with its key in `matrix.toml`: ``20min (`target` under `[timeouts]`)``.
#[must_use]
pub fn limit_in_words(limit: Duration, key: &str) -> String {
    format!(
        "{} (`{key}` under `[timeouts]`)",
        humantime::format_duration(limit)
    )
}
