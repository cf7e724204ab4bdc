//! The schedule of a run: which cell a lane takes next, by what the rows have shown so far.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::exec::process::Interrupt;
use crate::exec::times::Times;
use crate::model::cell::{CellId, Row};
use crate::model::outcome::{Outcome, Signature};
use crate::plan::{Fate, Plan, Planned};
use crate::search::{At, Search, SearchRow};
use crate::strategy::Place;

/// How often an interrupt is looked for while a lane waits for what another one finds.
const TICK: Duration = Duration::from_millis(200);
/// How often it is said how long the rest takes.
const BETWEEN_ESTIMATES: Duration = Duration::from_millis(500);

/// The schedule.
pub struct Schedule<'a> {
    plan: &'a Plan,
    /// Of each row, where its cells stand in the plan.
    rows: Vec<Vec<usize>>,
    places: HashMap<&'a CellId, At>,
    n_lanes: usize,
    board: Mutex<Board>,
    changed: Condvar,
}

/// What is known of every cell.
struct Board {
    /// Signatures go by their number.
    search: Search<usize>,
    /// All signatures that were seen, numbered.
    signatures: HashMap<Signature, usize>,
    /// How long cells take.
    times: Times,
    /// When to say again how long the rest will take.
    due: Instant,
}

fn shown(signatures: &mut HashMap<Signature, usize>, outcome: &Outcome) -> Place<usize> {
    let Some(signature) = outcome.signature() else {
        return Place::Barred;
    };
    let next = signatures.len();
    Place::Shown(*signatures.entry(signature).or_insert(next))
}

impl<'a> Schedule<'a> {
    /// The schedule of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan, n_probes: usize, n_lanes: usize, times: Times) -> Self {
        let mut signatures = HashMap::new();
        let mut rows: Vec<Vec<usize>> = Vec::new();
        let mut known: Vec<SearchRow<usize>> = Vec::new();
        for (cells, leader) in plan.rows() {
            let planned = || cells.iter().filter_map(|at| plan.cells.get(*at));
            known.push(SearchRow {
                places: planned()
                    .map(|planned| match &planned.fate {
                        Fate::Run { .. } => Place::Open,
                        Fate::Known(outcome) => shown(&mut signatures, outcome),
                        Fate::Skip(_) => Place::Barred,
                    })
                    .collect(),
                rungs: planned().map(|planned| planned.is_rung).collect(),
                foreseen: planned()
                    .map(|planned| planned.forecast.is_some())
                    .collect(),
                leader,
            });
            rows.push(cells);
        }
        let places = rows.iter().enumerate().flat_map(|(row, cells)| {
            let cells = cells.iter().enumerate();
            cells.filter_map(move |(place, at)| Some((&plan.cells.get(*at)?.id, (row, place))))
        });
        Self {
            plan,
            places: places.collect(),
            rows,
            n_lanes,
            board: Mutex::new(Board {
                search: Search::new(plan.strategy, n_probes, known),
                signatures,
                times,
                due: Instant::now(),
            }),
            changed: Condvar::new(),
        }
    }

    /// The next cell for a lane: among those that tell most, one of the row it just worked on.
    /// Waits while it takes another lane's answer to know; `None` once nothing is left.
    pub fn take(&self, last: Option<&Row>, interrupt: &Interrupt) -> Option<&'a Planned> {
        let mut board = self.board();
        loop {
            if interrupt.is_asked() {
                return None;
            }
            if let Some(at) = self.best(&mut board, last) {
                board.search.set(at, Place::Running);
                return self.planned(at);
            }
            if !board.search.is_under_way() {
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
            let shown = shown(&mut board.signatures, outcome);
            board.search.set(*at, shown);
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
    fn left(&self, board: &Board) -> Option<f64> {
        let may_run = board.search.may_run();
        let seconds = may_run.iter().map(|at| {
            let planned = self.planned(*at)?;
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
        let may_run = board.search.may_run().into_iter();
        let mut rows = may_run.filter_map(|at| Some(&self.planned(at)?.cell.row));
        rows.any(|row| row.toolchain == toolchain) || {
            let is_of_toolchain = |at: &&At| {
                let planned = self.planned(**at);
                planned.is_some_and(|planned| planned.cell.row.toolchain == toolchain)
            };
            self.places
                .values()
                .filter(is_of_toolchain)
                .any(|at| board.search.is_running(*at))
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
        let inferred = self.board().search.inferred().into_iter();
        inferred
            .filter_map(|at| Some(&self.planned(at)?.id))
            .collect()
    }

    /// Of the places that tell as much, one of the toolchain that the lane just worked with, whose
    /// folders are warm; and where several lanes are at work, the one that takes longest, so that
    /// none is left alone with it at the end.
    fn best(&self, board: &mut Board, last: Option<&Row>) -> Option<At> {
        let times = &board.times;
        board.search.best(|at| {
            let planned = self.planned(at);
            let is_warm = planned
                .zip(last)
                .is_some_and(|(planned, last)| planned.cell.row.toolchain == last.toolchain);
            let planned = planned.filter(|_| self.n_lanes > 1);
            let seconds = planned.and_then(|p| times.expected(&p.id, &p.cell));
            // Differences of less than a second are none.
            (is_warm, seconds.unwrap_or_default() as u64)
        })
    }

    fn planned(&self, (row, place): At) -> Option<&'a Planned> {
        self.plan.cells.get(*self.rows.get(row)?.get(place)?)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
