//! Made-up histories, bisected to the end.

use proptest::prelude::*;

use super::*;

/// Asks until there is nothing left to ask; returns the states of the points and how many were
/// asked.
fn search(history: &[PointAnswer], n_lanes: usize) -> (Vec<PointState>, usize) {
    let mut points = vec![PointState::Open; history.len()];
    let mut n_asked = 0;
    loop {
        let asked = next(&points, n_lanes);
        if end(&points).is_some() || asked.is_empty() {
            return (points, n_asked);
        }
        for index in &asked {
            assert_eq!(points[*index], PointState::Open, "a point is asked once");
            points[*index] = PointState::Running;
        }
        n_asked += asked.len();
        for index in asked {
            points[index] = PointState::Answered(history[index]);
        }
    }
}

fn history(n: usize, from: usize) -> Vec<PointAnswer> {
    let answer = |index| {
        if index < from {
            PointAnswer::Good
        } else {
            PointAnswer::Bad
        }
    };
    (0..n).map(answer).collect()
}

#[test]
fn both_ends_are_asked_first_and_a_question_whose_ends_agree_stops() {
    let (_, n_asked) = search(&history(50, 50), 4);
    assert_eq!(n_asked, 2);
    let (points, n_asked) = search(&history(50, 0), 1);
    assert_eq!(n_asked, 2);
    assert_eq!(
        end(&points),
        Some(BisectResult::EndsAgree(PointAnswer::Bad))
    );
}

#[test]
fn an_end_that_cannot_tell_leaves_the_question_open() {
    let mut history = history(9, 4);
    history[8] = PointAnswer::CannotTell;
    let (points, _) = search(&history, 1);
    assert_eq!(end(&points), Some(BisectResult::EndCannotTell(8)));
}

#[test]
fn points_that_cannot_tell_are_stepped_over_and_named() {
    let mut history = history(20, 10);
    history[8..12].fill(PointAnswer::CannotTell);
    let (points, _) = search(&history, 1);
    assert_eq!(
        end(&points),
        Some(BisectResult::Found {
            before: 7,
            after: 12,
            inconclusive: vec![8, 9, 10, 11]
        })
    );
}

#[test]
fn one_point_is_both_ends() {
    let (points, n_asked) = search(&[PointAnswer::Good], 2);
    assert_eq!(
        (n_asked, end(&points)),
        (1, Some(BisectResult::EndsAgree(PointAnswer::Good)))
    );
    assert_eq!(next(&[], 2), Vec::<usize>::new());
}

proptest! {
    #[test]
    fn a_single_change_takes_ends_and_the_logarithm(n in 2usize..300, from in 1usize..300) {
        let from = from.min(n - 1);
        let (points, n_asked) = search(&history(n, from), 1);
        let found = BisectResult::Found { before: from - 1, after: from, inconclusive: Vec::new() };
        prop_assert_eq!(end(&points), Some(found));
        let logarithm = (n - 1).next_power_of_two().trailing_zeros() as usize;
        prop_assert!(n_asked <= 2 + logarithm, "{n_asked} of {n}");
    }

    #[test]
    fn whatever_the_history_the_two_sides_differ_and_no_answer_lies_between(
        history in proptest::collection::vec(
            prop_oneof![3 => Just(PointAnswer::Good), 3 => Just(PointAnswer::Bad), 1 => Just(PointAnswer::CannotTell)],
            1..60,
        ),
        n_lanes in 1usize..6,
    ) {
        let (points, _) = search(&history, n_lanes);
        match end(&points).expect("it ends") {
            BisectResult::Found { before, after, inconclusive } => {
                prop_assert_eq!(history[before], history[0]);
                prop_assert_eq!(history[after], history[history.len() - 1]);
                prop_assert_ne!(history[before], history[after]);
                prop_assert!(inconclusive.iter().all(|index| history[*index] == PointAnswer::CannotTell));
                prop_assert_eq!(inconclusive.len(), after - before - 1);
            }
            BisectResult::EndsAgree(answer) => {
                prop_assert_eq!((answer, answer), (history[0], history[history.len() - 1]));
            }
            BisectResult::EndCannotTell(index) => prop_assert_eq!(history[index], PointAnswer::CannotTell),
        }
    }

    #[test]
    fn more_lanes_never_take_more_rounds(n in 2usize..200, from in 1usize..200) {
        let rounds = |n_lanes| {
            let history = history(n, from.min(n - 1));
            let mut points = vec![PointState::Open; n];
            let mut n_rounds = 0;
            while end(&points).is_none() {
                for index in next(&points, n_lanes) {
                    points[index] = PointState::Answered(history[index]);
                }
                n_rounds += 1;
            }
            n_rounds
        };
        prop_assert!(rounds(3) <= rounds(1));
    }
}
