//! Which cells of one row are worth running next: a function of what the row has shown so far.
//!
//! The search knows signatures only, not what they mean: two cells that show the same need nothing
//! between them, and two that differ are split until they are neighbours.

use std::collections::BTreeSet;

/// What is known of one place of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot<S> {
    /// Nothing yet.
    Open,
    /// A lane is at it.
    Running,
    /// It gave no verdict, or will not be run; the search passes over it.
    Barred,
    /// It ran and showed this.
    Shown(S),
}

/// Two places between which a change is to be expected.
pub type ChangeHint = (usize, usize);

/// One row as the search sees it.
#[derive(Clone, Debug)]
pub struct SlotRow<'a, S> {
    /// What is known of its places, in the order of the ladder.
    pub places: &'a [Slot<S>],
    /// Which of them are rungs of the ladder. The others are looked at only between two rungs that
    /// differ.
    pub rungs: &'a [bool],
    /// Of which of them it is declared that the toolchain is too old. Only what it is declared not
    /// to be too old for is worth a probe.
    pub predicted_msrv: &'a [bool],
    /// Which of them the subject is on today: it is run as an end is.
    pub today: Option<usize>,
}

impl<S: PartialEq> SlotRow<'_, S> {
    /// The places to run next by strategy `full`: all rungs, those that tell most first, and then
    /// what splits two neighbouring rungs that differ.
    #[must_use]
    pub fn full(&self) -> Vec<usize> {
        let rungs = (0..self.places.len()).filter(|n| self.is_rung(*n));
        let mut open = self.open(rungs);
        open.sort_by_key(|place| self.depth(*place));
        let stretches = self.intervals().into_iter();
        let splits = stretches
            .filter(|s| s.rungs.is_empty())
            .filter_map(|s| s.split());
        open.extend(splits);
        open
    }

    /// The places to run next by strategy `frontier`, one step after the other: the ends;
    /// `n_probes` places inside, since a break that was mended later hides between ends that agree;
    /// and then what splits each stretch whose two ends differ, at a hint if one lies within and
    /// else in the middle, and what a hint says of a stretch whose ends agree.
    ///
    /// A step begins when the one before it has ended, so that it makes no difference which of its
    /// places is known first. Nothing is left to run when no place is returned and none is running.
    #[must_use]
    pub fn frontier(&self, n_probes: usize, hints: &BTreeSet<ChangeHint>) -> Vec<usize> {
        let is_usable = |n: &usize| self.is_rung(*n) && self.places[*n] != Slot::Barred;
        let usable: Vec<usize> = (0..self.places.len()).filter(is_usable).collect();
        let today = usable.iter().find(|place| Some(**place) == self.today);
        let ends: BTreeSet<usize> = [usable.first(), usable.last(), today]
            .into_iter()
            .flatten()
            .copied()
            .collect();
        if !self.is_known(&ends) {
            return self.open(ends);
        }
        let is_worth =
            |n: &usize| self.is_rung(*n) && !self.predicted_msrv.get(*n).copied().unwrap_or(false);
        let worth: Vec<usize> = (0..self.places.len()).filter(is_worth).collect();
        let probes: BTreeSet<usize> = probes(worth.len(), n_probes).map(|n| worth[n]).collect();
        if !self.is_known(&probes) {
            return self.open(probes);
        }
        let stretches = self.intervals();
        let next = stretches.iter().flat_map(|s| self.within(s, hints));
        let mut next: Vec<usize> = next.collect();
        next.sort_by_key(|place| (self.depth(*place), *place));
        next
    }

    /// After how many halvings a place is reached.
    #[must_use]
    pub fn depth(&self, place: usize) -> u32 {
        match self.today == Some(place) {
            true => 0,
            false => depth(place, self.places.len()),
        }
    }

    /// The rungs that no one ran and whose nearest neighbours that ran agree.
    #[must_use]
    pub fn inferred(&self) -> Vec<usize> {
        let stretches = self.intervals().into_iter();
        let alike = stretches.filter(|stretch| !stretch.differs);
        alike.flat_map(|stretch| stretch.rungs).collect()
    }

    /// Between which places it is declared that the toolchain becomes too old.
    #[must_use]
    pub fn edges(&self) -> BTreeSet<ChangeHint> {
        let pairs = self.predicted_msrv.windows(2).enumerate();
        let turns = pairs.filter(|(_, pair)| pair[0] != pair[1]);
        turns.map(|(at, _)| (at, at + 1)).collect()
    }

    /// Neighbouring places that ran and differ, with nothing left to run between.
    #[must_use]
    pub fn changes(&self) -> BTreeSet<ChangeHint> {
        let stretches = self.intervals().into_iter();
        stretches
            .filter(|s| s.differs)
            .map(|s| (s.low, s.high))
            .collect()
    }

    /// What to run of a stretch.
    fn within(&self, stretch: &Interval, hints: &BTreeSet<ChangeHint>) -> Vec<usize> {
        let inside = |place: usize| {
            let is_inside = stretch.low < place && place < stretch.high;
            (is_inside && self.places[place] == Slot::Open).then_some(place)
        };
        if stretch.is_under_way {
            return Vec::new();
        }
        let within = hints
            .iter()
            .filter(|(a, b)| stretch.low <= *a && *b <= stretch.high);
        if !stretch.differs {
            // A change that another row has is looked for, one side at a time.
            return within
                .filter_map(|(a, b)| inside(*b).or_else(|| inside(*a)))
                .take(1)
                .collect();
        }
        let middle = stretch.low.midpoint(stretch.high);
        let open = within.filter(|(a, b)| inside(*a).is_some() || inside(*b).is_some());
        match open.min_by_key(|(a, _)| a.abs_diff(middle)) {
            Some((a, b)) => [inside(*a), inside(*b)].into_iter().flatten().collect(),
            None => stretch.split().into_iter().collect(),
        }
    }

    fn intervals(&self) -> Vec<Interval> {
        let shown: Vec<(usize, &S)> = self
            .places
            .iter()
            .enumerate()
            .filter_map(|(n, place)| match place {
                Slot::Shown(signature) => Some((n, signature)),
                Slot::Open | Slot::Running | Slot::Barred => None,
            })
            .collect();
        let stretch = |pair: &[(usize, &S)]| {
            let (low, high) = (pair[0].0, pair[1].0);
            let inside = self.open(low + 1..high).into_iter();
            let (rungs, between) = inside.partition(|n| self.is_rung(*n));
            Interval {
                low,
                high,
                differs: pair[0].1 != pair[1].1,
                is_under_way: (low + 1..high).any(|n| self.places[n] == Slot::Running),
                rungs,
                between,
            }
        };
        shown.windows(2).map(stretch).collect()
    }

    fn open(&self, places: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let places = places.into_iter();
        places.filter(|n| self.places[*n] == Slot::Open).collect()
    }

    fn is_known(&self, places: &BTreeSet<usize>) -> bool {
        let is_known = |n: &usize| match self.places[*n] {
            Slot::Shown(_) | Slot::Barred => true,
            Slot::Open | Slot::Running => false,
        };
        places.iter().all(is_known)
    }

    fn is_rung(&self, place: usize) -> bool {
        self.rungs.get(place).copied().unwrap_or(true)
    }
}

/// What lies between two neighbouring places that ran.
struct Interval {
    low: usize,
    high: usize,
    differs: bool,
    is_under_way: bool,
    /// Open rungs inside.
    rungs: Vec<usize>,
    /// Open places inside that are no rungs.
    between: Vec<usize>,
}

impl Interval {
    /// The place that halves it, where its ends differ: a rung as long as there is one.
    fn split(&self) -> Option<usize> {
        let open = if self.rungs.is_empty() {
            &self.between
        } else {
            &self.rungs
        };
        let is_ready = self.differs && !self.is_under_way;
        open.get(open.len() / 2).filter(|_| is_ready).copied()
    }
}

/// `n` places evenly inside a row of `length`, its ends left out.
fn probes(length: usize, n: usize) -> impl Iterator<Item = usize> {
    let n = n.min(length.saturating_sub(2));
    (1..=n)
        .map(move |k| k * (length - 1) / (n + 1))
        .filter(|place| *place > 0)
}

/// After how many halvings a place of a ladder is reached; its ends are reached at once.
#[must_use]
pub fn depth(place: usize, length: usize) -> u32 {
    let (mut low, mut high) = (0, length.saturating_sub(1));
    if place == low || place >= high {
        return 0;
    }
    let mut depth = 1;
    loop {
        let middle = low.midpoint(high);
        match place.cmp(&middle) {
            std::cmp::Ordering::Equal => return depth,
            std::cmp::Ordering::Less => high = middle,
            std::cmp::Ordering::Greater => low = middle,
        }
        depth += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_place_is_reached_within_the_logarithm(length in 1usize..500) {
            let bound = usize::BITS - length.leading_zeros() + 1;
            for place in 0..length {
                prop_assert!(depth(place, length) <= bound);
            }
        }

        #[test]
        fn probes_lie_inside(length in 0usize..50, n in 0usize..60) {
            let inside: Vec<usize> = probes(length, n).collect();
            prop_assert!(inside.iter().all(|at| 0 < *at && at + 1 < length));
            prop_assert_eq!(inside.len(), n.min(length.saturating_sub(2)));
        }
    }
}
