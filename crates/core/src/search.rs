//! The search over all rows: which cells are worth running next, by what every row has shown.
//!
//! The first row with a source and a feature set *leads*; rows of other toolchains with the same
//! follow it, and begin with the places where it changed. A row that follows waits until the one
//! that leads is settled, so that what is run does not depend on which lane was quicker.

pub mod strategy;
pub mod plan;
pub mod shard;
pub mod state;
pub mod bisect;

use std::cmp::Reverse;

use crate::config::Strategy;
use crate::search::strategy::{ChangeHint, Slot, SlotRow};

/// What is known of every row.
#[derive(Clone, Debug)]
pub struct Search<S> {
    strategy: Strategy,
    n_probes: usize,
    rows: Vec<SearchRow<S>>,
    /// Of each row, what to run of it next, the first first; `None` where that is to be found out
    /// anew. Finding it out for all rows whenever one changes would cost more with every row.
    next: Vec<Option<Vec<RankedSlot>>>,
    n_running: usize,
}

/// One row.
#[derive(Clone, Debug)]
pub struct SearchRow<S> {
    /// What is known of its places.
    pub places: Vec<Slot<S>>,
    /// Which of them are rungs of the ladder.
    pub rungs: Vec<bool>,
    /// Of which of them it is declared that its toolchain is too old.
    pub predicted_msrv: Vec<bool>,
    /// Which of them the subject is on today.
    pub today: Option<usize>,
    /// The row that it follows, which stands before it.
    pub leader: Option<usize>,
}

/// A place: its row, and its number there.
pub type SlotIndex = (usize, usize);

/// A place by how much it tells: after how many halvings, of which row, and which place.
type RankedSlot = (u32, usize, usize);

impl<S: PartialEq> Search<S> {
    /// A search that begins with what is known already.
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

    /// Says what is known of a place.
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
            // Whatever a rung shows, the others are run all the same.
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

    /// The place to run next. Ends come before all else; then places that are preferred, then those
    /// that tell most, and among those that tell as much the one that is worth most. `worth` says
    /// of a place whether it is preferred, and what it is worth.
    pub fn best<W: Ord>(&mut self, worth: impl Fn(SlotIndex) -> (bool, W)) -> Option<SlotIndex> {
        self.find_out();
        let firsts = self.next.iter().flatten().filter_map(|next| next.first());
        let best = firsts.min_by_key(|(depth, row, place)| {
            let (is_preferred, worth) = worth((*row, *place));
            (*depth > 0, !is_preferred, *depth, Reverse(worth), *row)
        });
        best.map(|(_, row, place)| (*row, *place))
    }

    /// The places that can be run now, side by side, row by row.
    pub fn ready(&mut self) -> Vec<SlotIndex> {
        self.find_out();
        let next = self.next.iter().flatten().flatten();
        let mut ready: Vec<SlotIndex> = next.map(|(_, row, place)| (*row, *place)).collect();
        ready.sort_unstable();
        ready
    }

    /// Finds out what to run next of the rows of which that is not known.
    fn find_out(&mut self) {
        for row in 0..self.rows.len() {
            if self.next[row].is_none() {
                self.next[row] = Some(self.ranked(row));
            }
        }
    }

    /// What to run next of a row. Strategy `full` halves all rows together; `frontier` looks at the
    /// ends of all, and then settles one row after the other.
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

    /// How many places may still be run: all that are open, but for those between two that agree
    /// where that is enough.
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

    /// True where a place ran and showed something.
    #[must_use]
    pub fn is_shown(&self, (row, place): SlotIndex) -> bool {
        let place = self.rows.get(row).and_then(|row| row.places.get(place));
        matches!(place, Some(Slot::Shown(_)))
    }

    /// True while a lane is at a place.
    #[must_use]
    pub fn is_running(&self, (row, place): SlotIndex) -> bool {
        let place = self.rows.get(row).and_then(|row| row.places.get(place));
        matches!(place, Some(Slot::Running))
    }

    /// True while a lane is at any place.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.n_running > 0
    }

    /// The rungs that were not run, since their neighbours agree.
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
                    // Its ends are run whatever the other row shows.
                    let view = row.view();
                    let is_end = |place: &usize| view.depth(*place) == 0;
                    return view.full().into_iter().filter(is_end).collect();
                }
                // Where its own toolchain is declared too old, what the other row shows is no hint.
                let predicted_msrv =
                    |at: usize| row.predicted_msrv.get(at).copied().unwrap_or(false);
                let is_worth = |(a, b): &ChangeHint| !(predicted_msrv(*a) && predicted_msrv(*b));
                let of_leader = leader.map(|leader| leader.view().changes());
                let of_leader = of_leader.into_iter().flatten().filter(is_worth);
                let hints = of_leader.chain(row.view().edges()).collect();
                row.view().frontier(self.n_probes, &hints)
            }
        }
    }

    /// True when a row that leads has nothing left to run.
    fn is_settled(&self, row: &SearchRow<S>) -> bool {
        let is_running = row.places.contains(&Slot::Running);
        let hints = row.view().edges();
        !is_running && row.view().frontier(self.n_probes, &hints).is_empty()
    }
}

impl<S> SearchRow<S> {
    /// The row as a strategy sees it.
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
