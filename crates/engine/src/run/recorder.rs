//! Records a run: lanes report the cells that ended, and `run.json` is updated soon after.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::Utf8Path;
use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::run::findings::Findings;
use pinmatrix_core::model::run::timeline::LaneSpan;
use pinmatrix_core::model::run::{Run, State};
use pinmatrix_core::model::status::SkipReason;

use crate::fs_ext::{CACHEDIR_TAG, write_whole};
use crate::phase::timer::PhaseTiming;
use crate::results;

/// The minimum time between two writes of `run.json` while the run lasts.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);
/// Writing takes at most about one part in this many of a run's time.
const SHARE_OF_WRITES: u32 = 50;

/// The result of one cell.
pub struct EndedCellRecord<'a> {
    /// The id of the cell.
    pub id: &'a CellId,
    /// The lane that it ran on.
    pub lane: usize,
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether the outcome comes from an earlier run.
    pub reused: bool,
    /// When each phase ran, and for how long.
    pub timings: Vec<PhaseTiming>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// Every cell that had to run did.
    Whole,
    /// It was interrupted, or it failed.
    CutShort,
}

/// Records the results of a run.
pub struct RunRecorder<'a> {
    out: &'a Utf8Path,
    started: Instant,
    places: HashMap<CellId, usize>,
    state: Mutex<RecorderState>,
}

struct RecorderState {
    run: Run,
    due: Instant,
}

impl<'a> RunRecorder<'a> {
    /// Creates a recorder that starts with what is already known, and writes that.
    ///
    /// # Errors
    ///
    /// Returns an error if the results cannot be written.
    pub fn new(run: Run, out: &'a Utf8Path) -> Result<Self> {
        // A results folder inside a subject is not part of the subject.
        write_whole(&out.join("CACHEDIR.TAG"), CACHEDIR_TAG.as_bytes())?;
        results::write(&run, out)?;
        let cells = run.cells.iter().enumerate();
        let started = Instant::now();
        Ok(Self {
            out,
            started,
            places: cells
                .map(|(index, cell)| (cell.id.clone(), index))
                .collect(),
            state: Mutex::new(RecorderState { run, due: started }),
        })
    }

    /// Records a cell that ended, and writes `run.json` if a write is due.
    ///
    /// # Errors
    ///
    /// Returns an error if the results cannot be written.
    pub fn record(&self, ended: EndedCellRecord<'_>) -> Result<()> {
        let mut state = self.state();
        let spans = ended.timings.iter().map(|timing| LaneSpan {
            cell: ended.id.clone(),
            lane: ended.lane,
            phase: timing.phase,
            start: (timing.started - self.started).as_secs_f64(),
            seconds: timing.took.as_secs_f64(),
            waited: timing.waited.as_secs_f64(),
        });
        state.run.timeline.extend(spans);
        let place = self.places.get(ended.id);
        if let Some(record) = place.and_then(|index| state.run.cells.get_mut(*index)) {
            record.state = State::Ended {
                reused: ended.reused,
                outcome: Box::new(ended.outcome),
            };
        }
        state.run.seconds = self.started.elapsed().as_secs_f64();
        let begun = Instant::now();
        if begun >= state.due {
            results::write(&state.run, self.out)?;
            // The file grows with the run, and so does the time between two writes.
            let pause = begun.elapsed() * SHARE_OF_WRITES;
            state.due = Instant::now() + pause.max(BETWEEN_WRITES);
        }
        Ok(())
    }

    /// Returns the run as it is known so far.
    #[must_use]
    pub fn so_far(&self) -> Run {
        self.state().run.clone()
    }

    /// Writes the run for the last time, with its findings.
    ///
    /// # Errors
    ///
    /// Returns an error if the results cannot be written.
    pub fn finish(
        self,
        inferred: &BTreeSet<&CellId>,
        end: RunEnd,
        findings: impl FnOnce(&Run) -> Findings,
    ) -> Result<Run> {
        let state = self.state.into_inner();
        let mut run = state.unwrap_or_else(PoisonError::into_inner).run;
        for record in &mut run.cells {
            if inferred.contains(&record.id) {
                record.state = State::Skipped {
                    reason: SkipReason::Inferred,
                };
            }
        }
        run.drop_unused_pins();
        let order = |a: &LaneSpan, b: &LaneSpan| (a.lane, a.start).partial_cmp(&(b.lane, b.start));
        let order = |a: &LaneSpan, b: &LaneSpan| order(a, b).unwrap_or(std::cmp::Ordering::Equal);
        run.timeline.sort_by(order);
        run.finished = end == RunEnd::Whole;
        run.seconds = self.started.elapsed().as_secs_f64();
        run.findings = findings(&run);
        results::write(&run, self.out)?;
        Ok(run)
    }

    fn state(&self) -> MutexGuard<'_, RecorderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
