//! The schedule of a run: which cell a lane takes next, by what the rows have shown so far.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::Strategy;
use crate::exec::process::Interrupt;
use crate::model::cell::CellId;
use crate::model::outcome::{Outcome, Signature};
use crate::plan::{Fate, Plan, Planned, row_of};
use crate::strategy::{Place, depth, frontier, full, inferred};

/// How often an interrupt is looked for while a lane waits for what another one finds.
const TICK: Duration = Duration::from_millis(200);

/// The schedule.
pub struct Schedule<'a> {
    plan: &'a Plan,
    strategy: Strategy,
    n_probes: usize,
    /// Of each row, where its cells stand in the plan.
    rows: Vec<Vec<usize>>,
    board: Mutex<Board>,
    changed: Condvar,
}

/// What is known of every cell.
struct Board {
    /// In the order of the plan; signatures go by their number.
    places: Vec<Place<usize>>,
    /// All signatures that were seen.
    signatures: Vec<Signature>,
}

impl Board {
    fn shown(&mut self, outcome: &Outcome) -> Place<usize> {
        let Some(signature) = outcome.signature() else {
            return Place::Barred;
        };
        let known = self.signatures.iter().position(|seen| *seen == signature);
        Place::Shown(known.unwrap_or_else(|| {
            self.signatures.push(signature);
            self.signatures.len() - 1
        }))
    }

    fn row(&self, row: &[usize]) -> Vec<Place<usize>> {
        row.iter().map(|at| self.places[*at].clone()).collect()
    }
}

impl<'a> Schedule<'a> {
    /// The schedule of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan, strategy: Strategy, n_probes: usize) -> Self {
        let mut rows: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut in_rows: Vec<Vec<usize>> = Vec::new();
        for (at, planned) in plan.cells.iter().enumerate() {
            let row = *rows.entry(row_of(&planned.cell)).or_insert_with(|| {
                in_rows.push(Vec::new());
                in_rows.len() - 1
            });
            in_rows[row].push(at);
        }
        let mut board = Board {
            places: Vec::new(),
            signatures: Vec::new(),
        };
        for planned in &plan.cells {
            let place = match &planned.fate {
                Fate::Run { .. } => Place::Open,
                Fate::Known(outcome) => board.shown(outcome),
                Fate::Skip(_) => Place::Barred,
            };
            board.places.push(place);
        }
        Self {
            plan,
            strategy,
            n_probes,
            rows: in_rows,
            board: Mutex::new(board),
            changed: Condvar::new(),
        }
    }

    /// The next cell for a lane: among those that tell most, one of the toolchain it just used.
    /// Waits while it takes another lane's answer to know; `None` once nothing is left.
    pub fn take(&self, last: Option<&str>, interrupt: &Interrupt) -> Option<&'a Planned> {
        let mut board = self.board();
        loop {
            if interrupt.is_asked() {
                return None;
            }
            if let Some(at) = self.best(&board, last) {
                board.places[at] = Place::Running;
                return self.plan.cells.get(at);
            }
            if !board.places.contains(&Place::Running) {
                return None;
            }
            let waited = self.changed.wait_timeout(board, TICK);
            board = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes note of what a cell showed.
    pub fn note(&self, id: &CellId, outcome: &Outcome) {
        let at = self.plan.cells.iter().position(|planned| planned.id == *id);
        if let Some(at) = at {
            let mut board = self.board();
            board.places[at] = board.shown(outcome);
        }
        self.changed.notify_all();
    }

    /// The cells that strategy `frontier` did not run, since their neighbours agree.
    #[must_use]
    pub fn inferred(&self) -> Vec<&'a CellId> {
        if self.strategy != Strategy::Frontier {
            return Vec::new();
        }
        let board = self.board();
        let of_row = |row: &Vec<usize>| -> Vec<usize> {
            let places = inferred(&board.row(row));
            places.into_iter().map(|n| row[n]).collect()
        };
        let all = self.rows.iter().flat_map(of_row);
        all.filter_map(|at| Some(&self.plan.cells.get(at)?.id))
            .collect()
    }

    fn best(&self, board: &Board, last: Option<&str>) -> Option<usize> {
        let mut best: Option<((u32, bool), usize)> = None;
        for row in &self.rows {
            let places = board.row(row);
            let next = match self.strategy {
                Strategy::Full | Strategy::Ends => full(&places),
                Strategy::Frontier => frontier(&places, self.n_probes),
            };
            let Some(first) = next.first() else { continue };
            let at = row[*first];
            let is_other = Some(self.plan.cells[at].cell.toolchain.as_str()) != last;
            let rank = (depth(*first, row.len()), is_other);
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, at));
            }
        }
        best.map(|(_, at)| at)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
