//! Progress without a terminal: a line for each phase of a cell, and one line a minute about the
//! current step.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::HumanDuration;
use pinmatrix_core::text;

/// How long a phase may be silent.
const QUIET: Duration = Duration::from_secs(60);

/// The cells in progress.
#[derive(Debug, Default)]
pub struct ProgressLines(BTreeMap<String, CellPhase>);

/// The phase that a cell is in.
#[derive(Debug)]
struct CellPhase {
    name: String,
    since: Instant,
    /// When the last line about it was printed.
    message: Instant,
    n_steps: usize,
}

impl ProgressLines {
    /// Records that a cell enters a phase, and returns the line to print.
    pub fn enter(&mut self, cell: &str, phase: &str, now: Instant) -> String {
        let entered = CellPhase {
            name: phase.to_owned(),
            since: now,
            message: now,
            n_steps: 0,
        };
        match self.0.insert(cell.to_owned(), entered) {
            Some(CellPhase { name, since, .. }) => {
                let took = HumanDuration(now.duration_since(since));
                format!("{cell}: {phase} ({name} took {took:#})")
            }
            None => format!("{cell}: {phase}"),
        }
    }

    /// Records a step, and returns a line to print if there was none for a minute.
    pub fn step(&mut self, cell: &str, what: &str, now: Instant) -> Option<String> {
        let phase = self.0.get_mut(cell)?;
        phase.n_steps += 1;
        if now.duration_since(phase.message) < QUIET {
            return None;
        }
        phase.message = now;
        let (what, name, n) = (text::one_line(what), &phase.name, phase.n_steps);
        let so_far = HumanDuration(now.duration_since(phase.since));
        Some(format!("{cell}: {name} {n}: {what} ({so_far:#} so far)"))
    }

    /// Records that a cell ended.
    pub fn leave(&mut self, cell: &str) {
        self.0.remove(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_tells_what_the_last_took_and_each_minute_what_it_is_at() {
        let mut lines = ProgressLines::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(lines.enter("c", "resolve", at(0)), "c: resolve");
        assert_eq!(
            lines.enter("c", "build", at(2)),
            "c: build (resolve took 2s)"
        );
        assert_eq!(lines.step("c", "serde", at(61)), None);
        let message = lines.step("c", "wasmtime", at(65));
        assert_eq!(
            message.as_deref(),
            Some("c: build 2: wasmtime (63s so far)")
        );
        assert_eq!(lines.step("c", "wiggle", at(124)), None);
        assert!(lines.step("c", "wiggle", at(126)).is_some());
        lines.leave("c");
        assert_eq!(lines.step("c", "late", at(999)), None);
    }
}
