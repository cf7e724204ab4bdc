//! Which cells of one row are worth running next, as a function of what the row has shown so far.
//!
//! The search compares signatures without knowing what they mean: nothing needs to run between two
//! cells with equal signatures, and an interval between two that differ is split until they are
//! neighbours.

use std::collections::BTreeSet;

/// The state of one slot of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot<S> {
    /// Has not run yet.
    Open,
    /// A lane is running it.
    Running,
    /// It gave no verdict or will not run; the search skips it.
    Unavailable,
    /// It ran with this result.
    Observed(S),
}

/// Two slots between which a change is expected.
pub type ChangeHint = (usize, usize);

/// One row as the strategy sees it.
#[derive(Clone, Debug)]
pub struct SlotRow<'a, S> {
    /// The state of its slots, in ladder order.
    pub places: &'a [Slot<S>],
    /// Which slots are rungs of the ladder. The others are looked at only between two rungs that
    /// differ.
    pub rungs: &'a [bool],
    /// Which slots have crates that declare a newer rustc than the row's. Only the others are worth
    /// a probe.
    pub predicted_msrv: &'a [bool],
    /// The slot of the version that the subject is on today; it runs like an end.
    pub today: Option<usize>,
}

impl<S: PartialEq> SlotRow<'_, S> {
    /// The slots to run next with strategy `full`: all rungs, the most informative first, and then
    /// slots that split two neighbouring rungs that differ.
    #[must_use]
    pub fn full(&self) -> Vec<usize> {
        let rungs = (0..self.places.len()).filter(|n| self.is_rung(*n));
        let mut open = self.open(rungs);
        open.sort_by_key(|place| self.depth(*place));
        let intervals = self.intervals().into_iter();
        let splits = intervals
            .filter(|s| s.rungs.is_empty())
            .filter_map(|s| s.split());
        open.extend(splits);
        open
    }

    /// The slots to run next with strategy `frontier`, one step at a time:
    ///
    /// 1. The ends.
    /// 2. `n_probes` slots inside, because a break that was fixed later hides between ends that
    ///    agree.
    /// 3. For each interval whose two ends differ, slots that split it: at a hint if one lies
    ///    inside, otherwise in the middle. For each interval whose ends agree, slots at a hint.
    ///
    /// A step begins when the previous one has ended, so that the order in which its slots finish
    /// makes no difference. The search is complete when no slot is returned and none is running.
    #[must_use]
    pub fn frontier(&self, n_probes: usize, hints: &BTreeSet<ChangeHint>) -> Vec<usize> {
        let is_usable = |n: &usize| self.is_rung(*n) && self.places[*n] != Slot::Unavailable;
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
        let intervals = self.intervals();
        let next = intervals.iter().flat_map(|s| self.within(s, hints));
        let mut next: Vec<usize> = next.collect();
        next.sort_by_key(|place| (self.depth(*place), *place));
        next
    }

    /// The number of halvings that reach a slot.
    #[must_use]
    pub fn depth(&self, place: usize) -> u32 {
        if self.today == Some(place) {
            0
        } else {
            depth(place, self.places.len())
        }
    }

    /// The rungs that nobody ran and whose nearest neighbours that ran agree.
    #[must_use]
    pub fn inferred(&self) -> Vec<usize> {
        let intervals = self.intervals().into_iter();
        let alike = intervals.filter(|interval| !interval.differs);
        alike.flat_map(|interval| interval.rungs).collect()
    }

    /// The pairs of neighbouring slots between which the toolchain becomes too old, or new enough
    /// again, as declared.
    #[must_use]
    pub fn msrv_boundaries(&self) -> BTreeSet<ChangeHint> {
        let pairs = self.predicted_msrv.windows(2).enumerate();
        let turns = pairs.filter(|(_, pair)| pair[0] != pair[1]);
        turns.map(|(index, _)| (index, index + 1)).collect()
    }

    /// Pairs of slots that ran and differ, with nothing in between that ran.
    #[must_use]
    pub fn changes(&self) -> BTreeSet<ChangeHint> {
        let intervals = self.intervals().into_iter();
        intervals
            .filter(|s| s.differs)
            .map(|s| (s.low, s.high))
            .collect()
    }

    /// The slots to run in an interval.
    fn within(&self, interval: &Interval, hints: &BTreeSet<ChangeHint>) -> Vec<usize> {
        let inside = |place: usize| {
            let is_inside = interval.low < place && place < interval.high;
            (is_inside && self.places[place] == Slot::Open).then_some(place)
        };
        if interval.is_under_way {
            return Vec::new();
        }
        let within = hints
            .iter()
            .filter(|(a, b)| interval.low <= *a && *b <= interval.high);
        if !interval.differs {
            // Look for a change that another row has, one side at a time.
            return within
                .filter_map(|(a, b)| inside(*b).or_else(|| inside(*a)))
                .take(1)
                .collect();
        }
        let middle = interval.low.midpoint(interval.high);
        let open = within.filter(|(a, b)| inside(*a).is_some() || inside(*b).is_some());
        match open.min_by_key(|(a, _)| a.abs_diff(middle)) {
            Some((a, b)) => [inside(*a), inside(*b)].into_iter().flatten().collect(),
            None => interval.split().into_iter().collect(),
        }
    }

    fn intervals(&self) -> Vec<Interval> {
        let shown: Vec<(usize, &S)> = self
            .places
            .iter()
            .enumerate()
            .filter_map(|(n, place)| match place {
                Slot::Observed(signature) => Some((n, signature)),
                Slot::Open | Slot::Running | Slot::Unavailable => None,
            })
            .collect();
        let interval = |pair: &[(usize, &S)]| {
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
        shown.windows(2).map(interval).collect()
    }

    fn open(&self, places: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let places = places.into_iter();
        places.filter(|n| self.places[*n] == Slot::Open).collect()
    }

    fn is_known(&self, places: &BTreeSet<usize>) -> bool {
        let is_known = |n: &usize| match self.places[*n] {
            Slot::Observed(_) | Slot::Unavailable => true,
            Slot::Open | Slot::Running => false,
        };
        places.iter().all(is_known)
    }

    fn is_rung(&self, place: usize) -> bool {
        self.rungs.get(place).copied().unwrap_or(true)
    }
}

/// The interval between two neighbouring slots that ran.
struct Interval {
    low: usize,
    high: usize,
    differs: bool,
    is_under_way: bool,
    /// The open rungs inside.
    rungs: Vec<usize>,
    /// The open slots inside that are not rungs.
    between: Vec<usize>,
}

impl Interval {
    /// The slot that halves it if its ends differ: a rung as long as there is one.
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

/// `n` evenly spaced indices inside a row of `length`, without its ends.
fn probes(length: usize, n: usize) -> impl Iterator<Item = usize> {
    let n = n.min(length.saturating_sub(2));
    (1..=n)
        .map(move |k| k * (length - 1) / (n + 1))
        .filter(|place| *place > 0)
}

/// The number of halvings that reach an index of a ladder; 0 for its ends.
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
            prop_assert!(inside.iter().all(|index| 0 < *index && index + 1 < length));
            prop_assert_eq!(inside.len(), n.min(length.saturating_sub(2)));
        }
    }
}
