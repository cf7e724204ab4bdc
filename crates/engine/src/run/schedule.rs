//! The schedule of a run: which cell a lane takes next, by what the rows have shown so far.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use pinmatrix_core::model::cell::{CellId, Row};
use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::search::SlotIndex;
use pinmatrix_core::search::plan::{Plan, Planned};
use pinmatrix_core::search::state::SearchState;
use pinmatrix_core::search::strategy::Slot;
use pinmatrix_process::cancel::Cancel;

use crate::cache::durations::Durations;

/// How often an interrupt is looked for while a lane waits for what another one finds.
const TICK: Duration = Duration::from_millis(200);
/// How often it is said how long the rest takes.
const BETWEEN_ESTIMATES: Duration = Duration::from_millis(500);

/// The schedule.
pub struct Schedule<'a> {
    places: HashMap<&'a CellId, SlotIndex>,
    n_lanes: usize,
    board: Mutex<ScheduleState<'a>>,
    changed: Condvar,
}

/// What is known of every cell.
struct ScheduleState<'a> {
    /// What the rows have shown.
    search_state: SearchState<'a>,
    /// How long cells take.
    times: Durations,
    /// When to say again how long the rest will take.
    due: Instant,
}

impl<'a> Schedule<'a> {
    /// The schedule of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan, n_probes: usize, n_lanes: usize, times: Durations) -> Self {
        let search_state = SearchState::new(plan, n_probes);
        let places = search_state.places().map(|(at, planned)| (&planned.id, at));
        Self {
            places: places.collect(),
            n_lanes,
            board: Mutex::new(ScheduleState {
                search_state,
                times,
                due: Instant::now(),
            }),
            changed: Condvar::new(),
        }
    }

    /// The next cell for a lane: among those that tell most, one of the row it just worked on.
    /// Waits while it takes another lane's answer to know; `None` once nothing is left.
    pub fn take(&self, last: Option<&Row>, cancel: &Cancel) -> Option<&'a Planned> {
        let mut board = self.board();
        loop {
            if cancel.is_cancelled() {
                return None;
            }
            if let Some(at) = self.best(&mut board, last) {
                board.search_state.search.set(at, Slot::Running);
                return board.search_state.planned(at);
            }
            if !board.search_state.search.is_under_way() {
                return None;
            }
            let waited = self.changed.wait_timeout(board, TICK);
            board = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes note of what a cell showed, and of what it took where it was run. Returns from time to
    /// time how many seconds the rest takes at the most, as far as can be told.
    pub fn note(&self, planned: &Planned, outcome: &Outcome, took: Option<f64>) -> Option<f64> {
        let mut left = None;
        if let Some(at) = self.places.get(&planned.id) {
            let board = &mut *self.board();
            board.search_state.note(*at, outcome);
            if let Some(seconds) = took {
                board.times.note(&planned.id, &planned.cell, seconds);
            }
            if Instant::now() >= board.due {
                board.due = Instant::now() + BETWEEN_ESTIMATES;
                left = self.left(board);
            }
        }
        self.changed.notify_all();
        left
    }

    /// How many seconds the rest takes at the most; `None` where nothing tells.
    fn left(&self, board: &ScheduleState<'_>) -> Option<f64> {
        let may_run = board.search_state.search.may_run();
        let seconds = may_run.iter().map(|at| {
            let planned = board.search_state.planned(*at)?;
            board.times.expected(&planned.id, &planned.cell)
        });
        let seconds: Option<f64> = seconds.sum();
        // What is under way counts as half done.
        let under_way = self.n_lanes.saturating_sub(1) as f64 / 2.0;
        let mean = seconds? / may_run.len().max(1) as f64;
        Some(seconds? / self.n_lanes as f64 + mean * under_way / self.n_lanes as f64)
    }

    /// Whether any cell on a toolchain may still be run.
    #[must_use]
    pub fn may_need(&self, toolchain: &str) -> bool {
        let board = self.board();
        let may_run = board.search_state.search.may_run().into_iter();
        let mut rows = may_run.filter_map(|at| Some(&board.search_state.planned(at)?.cell.row));
        rows.any(|row| row.toolchain == toolchain) || {
            let is_of_toolchain = |at: &&SlotIndex| {
                let planned = board.search_state.planned(**at);
                planned.is_some_and(|planned| planned.cell.row.toolchain == toolchain)
            };
            self.places
                .values()
                .filter(is_of_toolchain)
                .any(|at| board.search_state.search.is_running(*at))
        }
    }

    /// Keeps the times of cells for later runs.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn keep_times(&self) -> Result<()> {
        self.board().times.keep()
    }

    /// The cells that strategy `frontier` did not run, since their neighbours agree.
    #[must_use]
    pub fn inferred(&self) -> BTreeSet<&'a CellId> {
        let search_state = &self.board().search_state;
        let inferred = search_state.search.inferred().into_iter();
        inferred
            .filter_map(|at| Some(&search_state.planned(at)?.id))
            .collect()
    }

    /// Of the places that tell as much, one of the toolchain that the lane just worked with, whose
    /// folders are warm; and where several lanes are at work, the one that takes longest, so that
    /// none is left alone with it at the end.
    fn best(&self, board: &mut ScheduleState<'_>, last: Option<&Row>) -> Option<SlotIndex> {
        let (times, search_state) = (&board.times, &mut board.search_state);
        search_state.best(|planned| {
            let is_warm = last.is_some_and(|last| planned.cell.row.toolchain == last.toolchain);
            let seconds = match self.n_lanes {
                0 | 1 => None,
                _ => times.expected(&planned.id, &planned.cell),
            };
            // Differences of less than a second are none.
            (is_warm, seconds.unwrap_or_default() as u64)
        })
    }

    fn board(&self) -> MutexGuard<'_, ScheduleState<'a>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
