//! The search over all rows: which cells are worth running next, given what every row has shown.
//!
//! The first row with a given source and feature set is the *leader*. Rows of other toolchains with
//! the same source and feature set follow it and first check the places where the leader changed. A
//! follower waits until its leader is settled, so that the set of cells that run does not depend on
//! which lane was faster.

pub mod strategy;
pub mod plan;
pub mod shard;
pub mod state;
pub mod bisect;

use std::cmp::Reverse;

use crate::config::Strategy;
use crate::search::strategy::{ChangeHint, Slot, SlotRow};

/// The state of all rows.
#[derive(Clone, Debug)]
pub struct Search<S> {
    strategy: Strategy,
    n_probes: usize,
    rows: Vec<SearchRow<S>>,
    /// For each row, the slots to run next, in order; `None` if they have to be recomputed.
    /// Recomputing all rows after every change would get more expensive with every row.
    next: Vec<Option<Vec<RankedSlot>>>,
    n_running: usize,
}

/// How much a slot is wanted, among those that show equally much.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotRank<W> {
    /// Whether it comes before all that are not preferred, and even before more informative ones.
    pub is_preferred: bool,
    /// What it is worth; more comes first.
    pub worth: W,
}

/// The state of one row.
#[derive(Clone, Debug)]
pub struct SearchRow<S> {
    /// The state of its slots.
    pub places: Vec<Slot<S>>,
    /// Which slots are rungs of the ladder.
    pub rungs: Vec<bool>,
    /// Which slots have crates that declare a newer rustc than the row's.
    pub predicted_msrv: Vec<bool>,
    /// The slot of the version that the subject is on today.
    pub today: Option<usize>,
    /// The row that this row follows; it comes earlier.
    pub leader: Option<usize>,
}

/// A slot: the index of its row, and its index within the row.
pub type SlotIndex = (usize, usize);

/// A slot with its rank: the number of halvings that reach it, its row, and its index.
type RankedSlot = (u32, usize, usize);

impl<S: PartialEq> Search<S> {
    /// Creates a search from the initial state of the rows.
    #[must_use]
    pub fn new(strategy: Strategy, n_probes: usize, rows: Vec<SearchRow<S>>) -> Self {
        let is_running = |place: &&Slot<S>| **place == Slot::Running;
        let places = rows.iter().flat_map(|row| &row.places);
        Self {
            strategy,
            n_probes,
            n_running: places.filter(is_running).count(),
            next: rows.iter().map(|_| None).collect(),
            rows,
        }
    }

    /// Sets the state of a slot.
    pub fn set(&mut self, (row, place): SlotIndex, known: Slot<S>) {
        let of_row = self.rows.get_mut(row);
        let Some(at) = of_row.and_then(|row| row.places.get_mut(place)) else {
            return;
        };
        let is_running = |place: &Slot<S>| usize::from(*place == Slot::Running);
        self.n_running += is_running(&known);
        self.n_running -= is_running(at);
        *at = known;
        let is_whole = self.rows[row].rungs.iter().all(|is_rung| *is_rung);
        match (self.strategy, &mut self.next[row]) {
            // All other rungs run regardless of the result of this one.
            (Strategy::Full | Strategy::Ends, Some(next)) if is_whole => {
                next.retain(|(_, _, other)| *other != place);
            }
            (Strategy::Full | Strategy::Ends | Strategy::Frontier, next) => *next = None,
        }
        let followers = self.rows.iter().zip(&mut self.next);
        let followers = followers.filter(|(other, _)| other.leader == Some(row));
        if self.strategy == Strategy::Frontier {
            followers.for_each(|(_, next)| *next = None);
        }
    }

    /// Returns the slot to run next. Ends come first; then preferred slots, then the most
    /// informative ones, and among equally informative ones the one with the highest worth.
    pub fn best<W: Ord>(&mut self, rank: impl Fn(SlotIndex) -> SlotRank<W>) -> Option<SlotIndex> {
        self.refresh_next();
        let firsts = self.next.iter().flatten().filter_map(|next| next.first());
        let best = firsts.min_by_key(|(depth, row, place)| {
            let rank = rank((*row, *place));
            (
                *depth > 0,
                !rank.is_preferred,
                *depth,
                Reverse(rank.worth),
                *row,
            )
        });
        best.map(|(_, row, place)| (*row, *place))
    }

    /// All slots that can run now, concurrently, row by row.
    pub fn ready(&mut self) -> Vec<SlotIndex> {
        self.refresh_next();
        let next = self.next.iter().flatten().flatten();
        let mut ready: Vec<SlotIndex> = next.map(|(_, row, place)| (*row, *place)).collect();
        ready.sort_unstable();
        ready
    }

    /// Recomputes the next slots of the rows that need it.
    fn refresh_next(&mut self) {
        for row in 0..self.rows.len() {
            if self.next[row].is_none() {
                self.next[row] = Some(self.ranked(row));
            }
        }
    }

    /// Returns the ranked slots to run next in a row. Strategy `full` halves all rows together;
    /// `frontier` runs the ends of all rows first and then settles one row after another.
    fn ranked(&self, row: usize) -> Vec<RankedSlot> {
        let known = &self.rows[row];
        let rank = |place| {
            let depth = known.view().depth(place);
            match self.strategy {
                Strategy::Full | Strategy::Ends => depth,
                Strategy::Frontier => depth.min(1),
            }
        };
        let next = self.of_row(known).into_iter();
        let mut ranked: Vec<RankedSlot> = next.map(|place| (rank(place), row, place)).collect();
        ranked.sort_by_key(|(depth, _, _)| *depth);
        ranked
    }

    /// All rungs that may still run: the open ones, except for those that strategy `frontier`
    /// infers because their neighbours agree.
    #[must_use]
    pub fn may_run(&self) -> Vec<SlotIndex> {
        let rows = self.rows.iter().enumerate();
        let places = rows.flat_map(|(row, known)| {
            let inferred = match self.strategy {
                Strategy::Full | Strategy::Ends => Vec::new(),
                Strategy::Frontier => known.view().inferred(),
            };
            let is_open = move |place: &usize| {
                known.places[*place] == Slot::Open
                    && known.rungs[*place]
                    && inferred.binary_search(place).is_err()
            };
            let open = (0..known.places.len()).filter(is_open);
            open.map(move |place| (row, place))
        });
        places.collect()
    }

    /// True if the slot ran and has a result.
    #[must_use]
    pub fn is_shown(&self, (row, place): SlotIndex) -> bool {
        let place = self.rows.get(row).and_then(|row| row.places.get(place));
        matches!(place, Some(Slot::Observed(_)))
    }

    /// True while a lane runs the slot.
    #[must_use]
    pub fn is_running(&self, (row, place): SlotIndex) -> bool {
        let place = self.rows.get(row).and_then(|row| row.places.get(place));
        matches!(place, Some(Slot::Running))
    }

    /// True while any lane runs a slot.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.n_running > 0
    }

    /// The rungs that did not run because their neighbours agree.
    #[must_use]
    pub fn inferred(&self) -> Vec<SlotIndex> {
        let rows = self.rows.iter().enumerate();
        let rows = rows.filter(|_| self.strategy == Strategy::Frontier);
        let inferred = rows.flat_map(|(row, known)| {
            known
                .view()
                .inferred()
                .into_iter()
                .map(move |place| (row, place))
        });
        inferred.collect()
    }

    fn of_row(&self, row: &SearchRow<S>) -> Vec<usize> {
        match self.strategy {
            Strategy::Full | Strategy::Ends => row.view().full(),
            Strategy::Frontier => {
                let leader = row.leader.and_then(|leader| self.rows.get(leader));
                if leader.is_some_and(|leader| !self.is_settled(leader)) {
                    // Its ends run regardless of the leader's results.
                    let view = row.view();
                    let is_end = |place: &usize| view.depth(*place) == 0;
                    return view.full().into_iter().filter(is_end).collect();
                }
                // The leader's changes are no hint where this row's own toolchain is declared too
                // old.
                let predicted_msrv =
                    |index: usize| row.predicted_msrv.get(index).copied().unwrap_or(false);
                let is_worth = |(a, b): &ChangeHint| !(predicted_msrv(*a) && predicted_msrv(*b));
                let of_leader = leader.map(|leader| leader.view().changes());
                let of_leader = of_leader.into_iter().flatten().filter(is_worth);
                let hints = of_leader.chain(row.view().msrv_boundaries()).collect();
                row.view().frontier(self.n_probes, &hints)
            }
        }
    }

    /// True if a leader has nothing left to run.
    fn is_settled(&self, row: &SearchRow<S>) -> bool {
        let is_running = row.places.contains(&Slot::Running);
        let hints = row.view().msrv_boundaries();
        !is_running && row.view().frontier(self.n_probes, &hints).is_empty()
    }
}

impl<S> SearchRow<S> {
    /// The row as the strategy sees it.
    fn view(&self) -> SlotRow<'_, S> {
        SlotRow {
            places: &self.places,
            rungs: &self.rungs,
            predicted_msrv: &self.predicted_msrv,
            today: self.today,
        }
    }
}

#[cfg(test)]
mod tests;
