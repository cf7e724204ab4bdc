//! Made-up histories: what the search runs, what it finds, and what it leaves to inference.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::config::Strategy;

/// A row of `n` slots. Every `every`-th slot and the last are rungs.
fn row(n: usize, every: usize, leader: Option<usize>) -> SearchRow<u8> {
    SearchRow {
        places: vec![Slot::Open; n],
        rungs: (0..n)
            .map(|index| index % every == 0 || index + 1 == n)
            .collect(),
        predicted_msrv: vec![false; n],
        today: None,
        leader,
    }
}

/// All slots to run next, in order.
fn next(search: &mut Search<u8>) -> Vec<SlotIndex> {
    search.refresh_next();
    let mut next: Vec<RankedSlot> = search.next.iter().flatten().flatten().copied().collect();
    next.sort_by_key(|(depth, row, _)| (*depth, *row));
    let next: Vec<SlotIndex> = next
        .into_iter()
        .map(|(_, row, place)| (row, place))
        .collect();
    assert_eq!(
        next.first().copied(),
        search.best(|_| SlotRank::<()>::default())
    );
    // The incrementally updated state must equal a fresh computation; checked now and then.
    let n_known: usize = search.rows.iter().map(n_ran).sum();
    if n_known % 8 != 5 {
        return next;
    }
    let mut anew = Search::new(search.strategy, search.n_probes, search.rows.clone());
    anew.refresh_next();
    assert_eq!(search.next, anew.next);
    assert_eq!(search.n_running, anew.n_running);
    next
}

/// Runs a search to its end, a few cells at a time.
fn run(mut search: Search<u8>, histories: &[Vec<Option<u8>>], n_lanes: usize) -> Search<u8> {
    loop {
        let places: Vec<SlotIndex> = next(&mut search).into_iter().take(n_lanes).collect();
        if places.is_empty() {
            return search;
        }
        for (row, place) in &places {
            assert_eq!(
                search.rows[*row].places[*place],
                Slot::Open,
                "a place is run once"
            );
            search.set((*row, *place), Slot::Running);
            assert!(!next(&mut search).contains(&(*row, *place)));
        }
        for (row, place) in places {
            let shown = histories[row][place].map_or(Slot::Unavailable, Slot::Observed);
            search.set((row, place), shown);
        }
    }
}

fn alone(history: &[u8], n_probes: usize, n_lanes: usize) -> SearchRow<u8> {
    let history: Vec<Option<u8>> = history.iter().copied().map(Some).collect();
    let rows = vec![row(history.len(), 1, None)];
    let search = Search::new(Strategy::Frontier, n_probes, rows);
    run(search, &[history], n_lanes).rows.remove(0)
}

fn n_ran(row: &SearchRow<u8>) -> usize {
    let ran = row.places.iter();
    ran.filter(|place| matches!(place, Slot::Observed(_) | Slot::Unavailable))
        .count()
}

fn n_changes(history: &[u8]) -> usize {
    history.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// The number of halvings until two of `length` slots are neighbours.
fn logarithm(length: usize) -> usize {
    (usize::BITS - length.leading_zeros()) as usize
}

/// A history that changes at some slots and never returns to an earlier value.
fn monotonic(breaks: &BTreeSet<usize>, length: usize) -> Vec<u8> {
    (0..length)
        .map(|n| breaks.iter().filter(|b| **b <= n).count() as u8)
        .collect()
}

#[test]
fn a_single_break_among_forty_takes_ends_and_the_logarithm() {
    let history: Vec<u8> = (0..40).map(|n| u8::from(n >= 17)).collect();
    let row = alone(&history, 1, 1);
    assert!(n_ran(&row) <= 2 + 6, "{} cells", n_ran(&row));
    assert_eq!(row.view().changes(), BTreeSet::from([(16, 17)]));
}

#[test]
fn a_row_is_probed_inside() {
    let row = alone(&[0; 9], 1, 1);
    let ran: Vec<usize> = (0..9).filter(|n| row.places[*n] != Slot::Open).collect();
    assert_eq!(ran, [0, 4, 8]);
    assert_eq!(row.view().inferred(), [1, 2, 3, 5, 6, 7]);
    let mended: Vec<u8> = (0..9).map(|n| u8::from((3..7).contains(&n))).collect();
    let row = alone(&mended, 1, 1);
    assert_eq!(row.view().changes(), BTreeSet::from([(2, 3), (6, 7)]));
}

#[test]
fn a_row_that_follows_looks_first_where_the_other_changed() {
    let history: Vec<Option<u8>> = (0..60)
        .map(|n| Some(u8::from(n >= 17) + u8::from(n >= 41)))
        .collect();
    let rows = vec![row(60, 1, None), row(60, 1, Some(0))];
    let search = Search::new(Strategy::Frontier, 1, rows);
    let search = run(search, &[history.clone(), history], 1);
    // Two ends, the middle, and both sides of two changes.
    assert_eq!(n_ran(&search.rows[1]), 2 + 1 + 4);
    assert_eq!(
        search.rows[0].view().changes(),
        search.rows[1].view().changes()
    );
}

#[test]
fn an_island_that_the_other_row_has_is_looked_for_between_ends_that_agree() {
    let of = |range: std::ops::Range<usize>| -> Vec<Option<u8>> {
        (0..40)
            .map(|n| Some(u8::from(range.contains(&n))))
            .collect()
    };
    // The middle finds the island of the first row, but would miss that of the second.
    let histories = [of(12..25), of(12..15)];
    let rows = vec![row(40, 1, None), row(40, 1, Some(0))];
    let search = run(Search::new(Strategy::Frontier, 1, rows), &histories, 1);
    assert_eq!(
        search.rows[0].view().changes(),
        BTreeSet::from([(11, 12), (24, 25)])
    );
    assert_eq!(
        search.rows[1].view().changes(),
        BTreeSet::from([(11, 12), (14, 15)])
    );
}

#[test]
fn where_a_toolchain_becomes_too_old_is_looked_at_first() {
    let history: Vec<Option<u8>> = (0..40).map(|n| Some(u8::from(n >= 9))).collect();
    let mut of = row(40, 1, None);
    of.predicted_msrv = (0..40).map(|n| n >= 9).collect();
    let search = run(Search::new(Strategy::Frontier, 1, vec![of]), &[history], 1);
    // Two ends, both sides of the edge, and the middle of the rest.
    assert_eq!(n_ran(&search.rows[0]), 5);
    assert_eq!(search.rows[0].places[4], Slot::Observed(0));
}

#[test]
fn what_lies_between_rungs_is_run_only_where_two_of_them_differ() {
    // Rungs at 0, 10, 20, 30; the change is at 14.
    let history: Vec<Option<u8>> = (0..31).map(|n| Some(u8::from(n >= 14))).collect();
    let search = Search::new(Strategy::Frontier, 1, vec![row(31, 10, None)]);
    let search = run(search, std::slice::from_ref(&history), 1);
    let of = &search.rows[0];
    assert_eq!(of.view().changes(), BTreeSet::from([(13, 14)]));
    assert!(n_ran(of) <= 4 + 4, "{} cells", n_ran(of));
    // Strategy `full` runs all rungs, and no more than needed between two of them.
    let search = run(
        Search::new(Strategy::Full, 1, vec![row(31, 10, None)]),
        &[history],
        2,
    );
    let of = &search.rows[0];
    assert_eq!(of.view().changes(), BTreeSet::from([(13, 14)]));
    assert!(n_ran(of) <= 4 + 4, "{} cells", n_ran(of));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_it_calls_tested_is_what_the_full_matrix_shows(
        histories in proptest::collection::vec(proptest::collection::vec(proptest::option::weighted(0.9, 0u8..3), 30), 1..4),
        length in 1usize..30,
        n_probes in 0usize..4,
        n_lanes in 1usize..4,
        every in 1usize..5,
    ) {
        // Yanked versions, islands, inconclusive results, rows that have nothing in common:
        // anything.
        let histories: Vec<Vec<Option<u8>>> = histories.iter().map(|h| h[..length].to_vec()).collect();
        let rows = (0..histories.len()).map(|n| row(length, every, (n > 0).then_some(0))).collect();
        let search = run(Search::new(Strategy::Frontier, n_probes, rows), &histories, n_lanes);
        for (of, history) in search.rows.iter().zip(&histories) {
            for (place, shown) in of.places.iter().zip(history) {
                if let Slot::Observed(shown_here) = place {
                    prop_assert_eq!(Some(*shown_here), *shown);
                }
            }
            // Nothing is open between two neighbours that differ.
            for (low, high) in of.view().changes() {
                prop_assert!((low + 1..high).all(|n| of.places[n] != Slot::Open));
            }
            // Rungs between two that ran are settled or inferred.
            let inferred = of.view().inferred();
            let shown = |n: &usize| matches!(of.places[*n], Slot::Observed(_));
            let (first, last) = ((0..length).find(shown), (0..length).rfind(shown));
            if let (Some(first), Some(last)) = (first, last) {
                for n in (first..last).filter(|n| of.rungs[*n] && of.places[*n] == Slot::Open) {
                    prop_assert!(inferred.contains(&n));
                }
            }
        }
    }

    #[test]
    fn the_number_of_cells_stays_within_its_bound(
        breaks in proptest::collection::btree_set(1usize..200, 0..5),
        others in proptest::collection::btree_set(1usize..200, 0..5),
        length in 2usize..200,
        n_probes in 0usize..4,
    ) {
        // Two toolchains that share some of their changes.
        let first = monotonic(&breaks, length);
        let second = monotonic(&(&breaks & &others).union(&others).copied().collect(), length);
        let histories = [&first, &second].map(|h| h.iter().copied().map(Some).collect::<Vec<_>>());
        let rows = vec![row(length, 1, None), row(length, 1, Some(0))];
        let search = run(Search::new(Strategy::Frontier, n_probes, rows), &histories, 1);
        let bound = |history: &[u8], n_hints| {
            2 + n_probes + n_changes(history) * (logarithm(length) + 1) + 2 * n_hints
        };
        prop_assert!(n_ran(&search.rows[0]) <= bound(&first, 0));
        prop_assert!(n_ran(&search.rows[1]) <= bound(&second, n_changes(&first)));
        for (of, history) in search.rows.iter().zip([&first, &second]) {
            prop_assert_eq!(of.view().changes().len(), n_changes(history), "all are found");
        }
    }

    #[test]
    fn what_is_run_does_not_depend_on_whether_it_goes_in_rounds(
        histories in proptest::collection::vec(proptest::collection::vec(0u8..3, 15), 3),
        strategy in proptest::sample::select(vec![Strategy::Full, Strategy::Frontier]),
    ) {
        let histories: Vec<Vec<Option<u8>>> =
            histories.iter().map(|h| h.iter().copied().map(Some).collect()).collect();
        let rows = || (0..3).map(|n| row(15, 2, (n > 0).then_some(0))).collect();
        let one = run(Search::new(strategy, 1, rows()), &histories, 1);
        let mut rounds = Search::new(strategy, 1, rows());
        loop {
            let ready = rounds.ready();
            if ready.is_empty() {
                break;
            }
            for (row, place) in ready {
                let shown = histories[row][place].map_or(Slot::Unavailable, Slot::Observed);
                prop_assert_eq!(&rounds.rows[row].places[place], &Slot::Open);
                rounds.set((row, place), shown);
            }
        }
        for (one, other) in one.rows.iter().zip(&rounds.rows) {
            prop_assert_eq!(&one.places, &other.places);
        }
    }

    #[test]
    fn what_is_run_does_not_depend_on_the_number_of_lanes(
        histories in proptest::collection::vec(proptest::collection::vec(0u8..3, 40), 3),
        n_lanes in 2usize..6,
    ) {
        let histories: Vec<Vec<Option<u8>>> =
            histories.iter().map(|h| h.iter().copied().map(Some).collect()).collect();
        let rows = || (0..3).map(|n| row(40, 2, (n > 0).then_some(0))).collect();
        let one = run(Search::new(Strategy::Frontier, 1, rows()), &histories, 1);
        let many = run(Search::new(Strategy::Frontier, 1, rows()), &histories, n_lanes);
        for (one, many) in one.rows.iter().zip(&many.rows) {
            prop_assert_eq!(&one.places, &many.places);
        }
    }
}
