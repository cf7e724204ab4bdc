//! Measures a phase, and records how it ends.

use std::time::{Duration, Instant};

use pinmatrix_core::model::cell::Cell;
use pinmatrix_core::model::outcome::{Phase, PhaseRecord};
use pinmatrix_process::ProcessResult;
use pinmatrix_process::child::Exit;
use tracing::span::EnteredSpan;

/// The time that a phase takes, and how its last command ended.
pub struct PhaseTimer {
    phase: Phase,
    started: Instant,
    /// The CPU time so far.
    pub cpu: Duration,
    /// The time spent waiting for others so far.
    pub waited: Duration,
    /// How it has ended so far.
    pub exit: Exit,
    /// Its span in the log of the tool, until it ends.
    span: Option<EnteredSpan>,
}

/// The timing of a finished phase.
#[derive(Clone, Copy, Debug)]
pub struct PhaseTiming {
    /// The phase.
    pub phase: Phase,
    /// When it began.
    pub started: Instant,
    /// How long it took, including waiting.
    pub took: Duration,
    /// How much of that it waited for others.
    pub waited: Duration,
}

/// The finished phases of a cell.
#[derive(Debug, Default)]
pub struct Phases {
    /// The records of the phases for reports.
    pub records: Vec<PhaseRecord>,
    /// The timings of the phases.
    pub timings: Vec<PhaseTiming>,
}

impl Phases {
    /// Ends a phase and adds it.
    pub fn end(&mut self, clock: &mut PhaseTimer, cell: &Cell) {
        clock.span = None;
        self.records.push(clock.record(cell));
        self.timings.push(clock.timing());
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
            span: Some(tracing::info_span!("phase", name = %phase).entered()),
        }
    }

    /// Adds the resources of a command. If a command does not end well, the phase takes over its
    /// exit.
    pub fn add(&mut self, ended: &ProcessResult) {
        self.cpu += ended.cpu;
        self.waited += ended.waited;
        if !ended.exit.is_success() {
            self.exit = ended.exit.clone();
        }
    }

    /// Runs `wait`, and counts its duration as waiting.
    pub fn wait<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let came = wait();
        self.waited += started.elapsed();
        came
    }

    /// Returns the timing of the phase so far.
    #[must_use]
    pub fn timing(&self) -> PhaseTiming {
        PhaseTiming {
            phase: self.phase,
            started: self.started,
            took: self.started.elapsed(),
            waited: self.waited,
        }
    }

    /// Returns the record of the phase for reports.
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

/// Formats a timeout with its key in `matrix.toml`: ``20min (`target` under `[timeouts]`)``.
#[must_use]
pub fn limit_in_words(limit: Duration, key: &str) -> String {
    format!(
        "{} (`{key}` under `[timeouts]`)",
        humantime::format_duration(limit)
    )
}
