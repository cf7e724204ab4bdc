//! The schedule of a run: which cell a lane takes next, by what the rows have shown so far.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::exec::process::Interrupt;
use crate::model::cell::{CellId, Row};
use crate::model::outcome::{Outcome, Signature};
use crate::plan::{Fate, Plan, Planned};
use crate::search::{At, Search, SearchRow};
use crate::strategy::Place;

/// How often an interrupt is looked for while a lane waits for what another one finds.
const TICK: Duration = Duration::from_millis(200);

/// The schedule.
pub struct Schedule<'a> {
    plan: &'a Plan,
    /// Of each row, where its cells stand in the plan.
    rows: Vec<Vec<usize>>,
    places: BTreeMap<&'a CellId, At>,
    board: Mutex<Board>,
    changed: Condvar,
}

/// What is known of every cell.
struct Board {
    /// Signatures go by their number.
    search: Search<usize>,
    /// All signatures that were seen.
    signatures: Vec<Signature>,
}

fn shown(signatures: &mut Vec<Signature>, outcome: &Outcome) -> Place<usize> {
    let Some(signature) = outcome.signature() else {
        return Place::Barred;
    };
    let known = signatures.iter().position(|seen| *seen == signature);
    Place::Shown(known.unwrap_or_else(|| {
        signatures.push(signature);
        signatures.len() - 1
    }))
}

impl<'a> Schedule<'a> {
    /// The schedule of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan, n_probes: usize) -> Self {
        let mut signatures = Vec::new();
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
            board: Mutex::new(Board {
                search: Search::new(plan.strategy, n_probes, known),
                signatures,
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
            if let Some(at) = self.best(&board, last) {
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

    /// Takes note of what a cell showed.
    pub fn note(&self, id: &CellId, outcome: &Outcome) {
        if let Some(at) = self.places.get(id) {
            let board = &mut *self.board();
            let shown = shown(&mut board.signatures, outcome);
            board.search.set(*at, shown);
        }
        self.changed.notify_all();
    }

    /// The cells that strategy `frontier` did not run, since their neighbours agree.
    #[must_use]
    pub fn inferred(&self) -> BTreeSet<&'a CellId> {
        let inferred = self.board().search.inferred().into_iter();
        inferred
            .filter_map(|at| Some(&self.planned(at)?.id))
            .collect()
    }

    /// Of the places that rank alike, one of the last row or of its toolchain: its target folder
    /// is warm.
    fn best(&self, board: &Board, last: Option<&Row>) -> Option<At> {
        let next = board.search.next();
        let is_end = |at: &At| self.is_end(*at);
        let first_is_end = next.first().is_some_and(is_end);
        let alike = next.iter().filter(|at| is_end(at) == first_is_end);
        let row = |at: &At| Some(&self.planned(*at)?.cell.row);
        let warm = |at: &&At| match (row(at), last) {
            (Some(row), Some(last)) => row.toolchain == last.toolchain,
            (_, _) => false,
        };
        let mut alike = alike.peekable();
        let first = alike.peek().map(|at| **at);
        alike.find(warm).copied().or(first)
    }

    fn is_end(&self, (row, place): At) -> bool {
        let length = self.rows.get(row).map_or(0, Vec::len);
        place == 0 || place + 1 == length
    }

    fn planned(&self, (row, place): At) -> Option<&'a Planned> {
        self.plan.cells.get(*self.rows.get(row)?.get(place)?)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
