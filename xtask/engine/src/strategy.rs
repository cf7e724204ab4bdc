//! Which cells of a row are worth running next: a function of what the row has shown so far.
//!
//! The search knows signatures only, not what they mean: two cells that show the same need nothing
//! between them, and two that differ are split until they are neighbours.

/// What is known of one place of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place<S> {
    /// Nothing yet.
    Open,
    /// A lane is at it.
    Running,
    /// It gave no verdict, or will not be run; the search passes over it.
    Barred,
    /// It ran and showed this.
    Shown(S),
}

/// The places to run next by strategy `full`: all that are open, those that tell most first.
#[must_use]
pub fn full<S>(row: &[Place<S>]) -> Vec<usize> {
    let mut open: Vec<usize> = (0..row.len()).filter(|n| is_open(&row[*n])).collect();
    open.sort_by_key(|place| depth(*place, row.len()));
    open
}

/// The places to run next by strategy `frontier`: the ends; then the middle of every stretch whose
/// two ends differ; and where the ends of the row agree, `n_probes` places inside, since a break
/// that was mended later hides between them. Nothing is left to run when it returns no place and
/// none is running.
#[must_use]
pub fn frontier<S: PartialEq>(row: &[Place<S>], n_probes: usize) -> Vec<usize> {
    let usable: Vec<usize> = (0..row.len())
        .filter(|n| row[*n] != Place::Barred)
        .collect();
    let (Some(first), Some(last)) = (usable.first(), usable.last()) else {
        return Vec::new();
    };
    let mut next: Vec<usize> = [*first, *last]
        .into_iter()
        .filter(|n| is_open(&row[*n]))
        .collect();
    next.dedup();
    for stretch in stretches(row) {
        if stretch.differs && !stretch.is_under_way {
            let open = &stretch.open;
            next.extend(open.get(open.len() / 2));
        }
    }
    if let (Place::Shown(a), Place::Shown(b)) = (&row[*first], &row[*last])
        && a == b
    {
        let inside = probes(usable.len(), n_probes).map(|n| usable[n]);
        next.extend(inside.filter(|n| is_open(&row[*n])));
    }
    next.sort_by_key(|place| depth(*place, row.len()));
    next.dedup();
    next
}

/// The places that no one ran and whose nearest neighbours that ran agree.
#[must_use]
pub fn inferred<S: PartialEq>(row: &[Place<S>]) -> Vec<usize> {
    let alike = stretches(row)
        .into_iter()
        .filter(|stretch| !stretch.differs);
    alike.flat_map(|stretch| stretch.open).collect()
}

/// What lies between two neighbouring places that ran.
struct Stretch {
    differs: bool,
    is_under_way: bool,
    open: Vec<usize>,
}

fn stretches<S: PartialEq>(row: &[Place<S>]) -> Vec<Stretch> {
    let shown: Vec<(usize, &S)> = row
        .iter()
        .enumerate()
        .filter_map(|(n, place)| match place {
            Place::Shown(signature) => Some((n, signature)),
            Place::Open | Place::Running | Place::Barred => None,
        })
        .collect();
    let stretch = |pair: &[(usize, &S)]| {
        let inside = pair[0].0 + 1..pair[1].0;
        Stretch {
            differs: pair[0].1 != pair[1].1,
            is_under_way: inside.clone().any(|n| matches!(row[n], Place::Running)),
            open: inside.filter(|n| is_open(&row[*n])).collect(),
        }
    };
    shown.windows(2).map(stretch).collect()
}

fn is_open<S>(place: &Place<S>) -> bool {
    matches!(place, Place::Open)
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

    /// Runs the search over a history to its end, a few cells at a time; returns what it ran.
    fn search(history: &[u8], n_probes: usize, n_lanes: usize, barred: &[bool]) -> Vec<Place<u8>> {
        let mut row: Vec<Place<u8>> = history
            .iter()
            .enumerate()
            .map(|(n, _)| match barred.get(n) {
                Some(true) => Place::Barred,
                Some(false) | None => Place::Open,
            })
            .collect();
        loop {
            let next: Vec<usize> = frontier(&row, n_probes).into_iter().take(n_lanes).collect();
            if next.is_empty() {
                return row;
            }
            for place in &next {
                assert_eq!(row[*place], Place::Open, "a place is run once");
                row[*place] = Place::Running;
                assert!(!frontier(&row, n_probes).contains(place));
            }
            for place in next {
                row[place] = Place::Shown(history[place]);
            }
        }
    }

    fn n_ran(row: &[Place<u8>]) -> usize {
        row.iter()
            .filter(|place| matches!(place, Place::Shown(_)))
            .count()
    }

    #[test]
    fn a_single_break_among_forty_takes_ends_and_the_logarithm() {
        let history: Vec<u8> = (0..40).map(|n| u8::from(n >= 17)).collect();
        let row = search(&history, 1, 1, &[]);
        assert!(n_ran(&row) <= 2 + 6, "{} cells", n_ran(&row));
        assert_eq!((&row[16], &row[17]), (&Place::Shown(0), &Place::Shown(1)));
    }

    #[test]
    fn a_row_whose_ends_agree_is_probed_inside() {
        let row = search(&[0; 9], 1, 1, &[]);
        let ran: Vec<usize> = (0..9).filter(|n| row[*n] != Place::Open).collect();
        assert_eq!(ran, [0, 4, 8]);
        assert_eq!(inferred(&row), [1, 2, 3, 5, 6, 7]);
        let mended: Vec<u8> = (0..9).map(|n| u8::from((3..7).contains(&n))).collect();
        let row = search(&mended, 1, 1, &[]);
        assert_eq!(row[2..4], [Place::Shown(0), Place::Shown(1)]);
        assert_eq!(row[6..8], [Place::Shown(1), Place::Shown(0)]);
    }

    proptest! {
        #[test]
        fn every_change_that_is_seen_ends_between_neighbours(
            history in proptest::collection::vec(0u8..3, 1..60),
            n_probes in 0usize..4,
            n_lanes in 1usize..4,
        ) {
            let row = search(&history, n_probes, n_lanes, &[]);
            prop_assert!(stretches(&row).iter().all(|s| !s.differs || s.open.is_empty()));
            let n_open = row.iter().filter(|place| is_open(*place)).count();
            prop_assert_eq!(inferred(&row).len(), n_open, "what was not run is inferred");
        }

        #[test]
        fn the_number_of_cells_stays_within_its_bound(
            breaks in proptest::collection::btree_set(1usize..200, 0..5),
            length in 2usize..200,
            n_probes in 0usize..4,
        ) {
            // A history that never comes back to what it was.
            let history: Vec<u8> = (0..length)
                .map(|n| breaks.iter().filter(|b| **b <= n).count() as u8)
                .collect();
            let n_changes = history.windows(2).filter(|w| w[0] != w[1]).count();
            let logarithm = (usize::BITS - length.leading_zeros()) as usize;
            let row = search(&history, n_probes, 1, &[]);
            let bound = 2 + n_probes + n_changes * (logarithm + 1);
            prop_assert!(n_ran(&row) <= bound, "{} of {bound}", n_ran(&row));
            // All of them are found: no stretch's ends agree across a change.
            let found = stretches(&row).iter().filter(|s| s.differs).count();
            prop_assert_eq!(found, n_changes);
        }

        #[test]
        fn places_without_a_verdict_are_passed_over(
            history in proptest::collection::vec(0u8..2, 1..30),
            barred in proptest::collection::vec(any::<bool>(), 30),
        ) {
            let row = search(&history, 1, 2, &barred);
            prop_assert!(stretches(&row).iter().all(|s| !s.differs || s.open.is_empty()));
        }

        #[test]
        fn every_place_is_reached_within_the_logarithm(length in 1usize..500) {
            let bound = usize::BITS - length.leading_zeros() + 1;
            for place in 0..length {
                prop_assert!(depth(place, length) <= bound);
            }
        }
    }
}
