//! The search over all rows: which cells are worth running next, by what every row has shown.
//!
//! The first row with a source and a feature set *leads*; rows of other toolchains with the same
//! follow it, and begin with the places where it changed. A row that follows waits until the one
//! that leads is settled, so that what is run does not depend on which lane was quicker.

use crate::config::Strategy;
use crate::strategy::{Hint, Place, Row, depth};

/// What is known of every row.
#[derive(Clone, Debug)]
pub struct Search<S> {
    strategy: Strategy,
    n_probes: usize,
    rows: Vec<SearchRow<S>>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct SearchRow<S> {
    /// What is known of its places.
    pub places: Vec<Place<S>>,
    /// Which of them are rungs of the ladder.
    pub rungs: Vec<bool>,
    /// Of which of them it is declared that its toolchain is too old.
    pub foreseen: Vec<bool>,
    /// The row that it follows, which stands before it.
    pub leader: Option<usize>,
}

/// A place: its row, and its number there.
pub type At = (usize, usize);

impl<S: PartialEq> Search<S> {
    /// A search that begins with what is known already.
    #[must_use]
    pub fn new(strategy: Strategy, n_probes: usize, rows: Vec<SearchRow<S>>) -> Self {
        Self {
            strategy,
            n_probes,
            rows,
        }
    }

    /// Says what is known of a place.
    pub fn set(&mut self, (row, place): At, known: Place<S>) {
        if let Some(at) = self.rows.get_mut(row).and_then(|r| r.places.get_mut(place)) {
            *at = known;
        }
    }

    /// All places to run next, those that tell most first. Strategy `full` halves all rows
    /// together; `frontier` looks at the ends of all, and then settles one row after the other.
    #[must_use]
    pub fn next(&self) -> Vec<At> {
        let mut ranked: Vec<((u32, usize), At)> = Vec::new();
        for (row, known) in self.rows.iter().enumerate() {
            let rank = |place| {
                let depth = depth(place, known.places.len());
                match self.strategy {
                    Strategy::Full | Strategy::Ends => (depth, row),
                    Strategy::Frontier => (depth.min(1), row),
                }
            };
            let next = self.of_row(known).into_iter();
            ranked.extend(next.map(|place| (rank(place), (row, place))));
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, at)| at).collect()
    }

    /// True where a place ran and showed something.
    #[must_use]
    pub fn is_shown(&self, (row, place): At) -> bool {
        let place = self.rows.get(row).and_then(|row| row.places.get(place));
        matches!(place, Some(Place::Shown(_)))
    }

    /// True while a lane is at any place.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.rows
            .iter()
            .any(|row| row.places.contains(&Place::Running))
    }

    /// The rungs that were not run, since their neighbours agree.
    #[must_use]
    pub fn inferred(&self) -> Vec<At> {
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
                    let is_end = |place: &usize| depth(*place, row.places.len()) == 0;
                    return row.view().full().into_iter().filter(is_end).collect();
                }
                // Where its own toolchain is declared too old, what the other row shows is no hint.
                let foreseen = |at: usize| row.foreseen.get(at).copied().unwrap_or(false);
                let is_worth = |(a, b): &Hint| !(foreseen(*a) && foreseen(*b));
                let of_leader = leader.map(|leader| leader.view().changes());
                let of_leader = of_leader.into_iter().flatten().filter(is_worth);
                let hints = of_leader.chain(row.view().edges()).collect();
                row.view().frontier(self.n_probes, &hints)
            }
        }
    }

    /// True when a row that leads has nothing left to run.
    fn is_settled(&self, row: &SearchRow<S>) -> bool {
        let is_running = row.places.contains(&Place::Running);
        let hints = row.view().edges();
        !is_running && row.view().frontier(self.n_probes, &hints).is_empty()
    }
}

impl<S> SearchRow<S> {
    /// The row as a strategy sees it.
    fn view(&self) -> Row<'_, S> {
        Row {
            places: &self.places,
            rungs: &self.rungs,
            foreseen: &self.foreseen,
        }
    }
}

#[cfg(test)]
mod tests;
