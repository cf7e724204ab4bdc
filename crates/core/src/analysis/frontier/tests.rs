//! Made-up histories: the frontier must report exactly what can be read off them.

use proptest::prelude::*;

use super::*;
use crate::model::run::State;
use crate::testing;

fn points_of(history: &str, n_patches: u64) -> Vec<String> {
    let line = |p: ChangePoint| {
        format!(
            "{:?} {} -> {}, {} between{}{}",
            p.change,
            p.before,
            p.after,
            p.between.n_untested(),
            if p.is_island { ", island" } else { "" },
            if p.cases.is_empty() {
                String::new()
            } else {
                format!(": {}", p.cases.join(" "))
            },
        )
    };
    frontier(&testing::history(history, n_patches))
        .into_iter()
        .map(line)
        .collect()
}

#[test]
fn a_break_between_neighbours_is_exact() {
    assert_eq!(
        points_of("..bb", 1),
        ["Break 1.0.0 passed -> 2.0.0 failed(compile), 0 between"]
    );
}

#[test]
fn a_flaky_pass_makes_no_change_and_is_reported_where_one_rests_on_it() {
    assert_eq!(points_of(".f.", 1), Vec::<String>::new());
    assert_eq!(
        points_of("fbf", 1),
        [
            "Break 0.0.0 passed (flaky) -> 1.0.0 failed(compile), 0 between, island",
            "Fix 1.0.0 failed(compile) -> 2.0.0 passed (flaky), 0 between, island"
        ]
    );
    assert_eq!(
        points_of("f1", 1),
        ["Break 0.0.0 passed (flaky) -> 1.0.0 failed(test), 0 between: one"]
    );
    assert_eq!(
        points_of("f2", 1),
        ["Break 0.0.0 passed -> 1.0.0 failed(test), 0 between: two"]
    );
}

#[test]
fn a_side_that_one_run_of_tests_shows_is_seen_once() {
    let change_of = |history: &str, once: usize| {
        let mut run = testing::history(history, 1);
        if let State::Ended { outcome, .. } = &mut run.cells[once].state {
            let cases = outcome.targets.iter_mut().flat_map(|t| &mut t.cases);
            cases.for_each(|case| case.n_seen = 1);
        }
        let points = frontier(&run).into_iter();
        let points = points.map(|p| format!("{} -> {}", p.before, p.after));
        points.collect::<Vec<_>>().join(", ")
    };
    let passed = "0.0.0 passed (seen once) -> 1.0.0 failed(test)";
    assert_eq!(change_of(".1", 0), passed);
    let failed = "0.0.0 passed -> 1.0.0 failed(test) (seen once)";
    assert_eq!(change_of(".1", 1), failed);
    // A compile error fails even a case that passed by luck.
    assert_eq!(change_of(".b", 0), "0.0.0 passed -> 1.0.0 failed(compile)");
    let flaky = "0.0.0 passed (flaky) -> 1.0.0 failed(test)";
    assert_eq!(change_of("f1", 0), flaky);
}

#[test]
fn a_flaky_cell_shows_what_a_steady_one_does() {
    let run = testing::history("f.d", 1);
    let signatures = run.cells.iter().filter_map(CellRecord::outcome);
    let signatures: Vec<_> = signatures.map(Outcome::signature).collect();
    assert!(signatures[0].is_some());
    assert_eq!(signatures[0], signatures[1]);
    assert_eq!(signatures[2], None);
}

#[test]
fn drift_is_no_break_and_lies_between_like_what_was_not_run() {
    assert_eq!(points_of(".d.", 1), Vec::<String>::new());
    assert_eq!(
        points_of(".db", 1),
        ["Break 0.0.0 passed -> 2.0.0 failed(compile), 1 between"]
    );
}

#[test]
fn what_lies_between_is_counted_and_skipped_pins_count_too() {
    assert_eq!(
        points_of(".b", 3),
        ["Break 0.0.0 passed -> 1.0.0 failed(compile), 2 between"]
    );
    assert_eq!(
        points_of(".-b", 1),
        ["Break 0.0.0 passed -> 2.0.0 failed(compile), 1 between"]
    );
}

#[test]
fn an_island_is_reported_at_both_its_shores() {
    assert_eq!(
        points_of(".b.", 1),
        [
            "Break 0.0.0 passed -> 1.0.0 failed(compile), 0 between, island",
            "Fix 1.0.0 failed(compile) -> 2.0.0 passed, 0 between, island",
        ]
    );
}

#[test]
fn cases_that_go_different_ways_are_told_apart() {
    // The headline of the real matrix: it builds, does not build, builds again and misbehaves.
    assert_eq!(
        points_of(".b1", 1),
        [
            "Break 0.0.0 passed -> 1.0.0 failed(compile), 0 between: one",
            "Break 0.0.0 passed -> 1.0.0 failed(compile), 0 between, island: two",
            "Shift 1.0.0 failed(compile) -> 2.0.0 failed(test), 0 between: one",
            "Fix 1.0.0 failed(compile) -> 2.0.0 passed, 0 between, island: two",
        ]
    );
}

#[test]
fn a_row_without_change_has_no_points() {
    assert_eq!(points_of("....", 2), Vec::<String>::new());
    assert_eq!(points_of("bbb", 2), Vec::<String>::new());
    assert_eq!(points_of("---", 2), Vec::<String>::new());
}

/// The result of a case at a pin, read off the letters themselves.
fn shows(shown: char, case: &str) -> Option<&'static str> {
    match (shown, case) {
        ('-', _) => None,
        ('b', _) => Some("failed(compile)"),
        ('x', _) | ('1', "one") | ('2', "two") => Some("failed(test)"),
        (_, _) => Some("passed"),
    }
}

fn major(side: &ChangeSide) -> u64 {
    side.at.version().expect("a version").major
}

proptest! {
    #[test]
    fn the_frontier_is_what_neighbouring_verdicts_show(
        history in "[.b12x-]{1,40}",
        n_patches in 1u64..4,
    ) {
        let points = frontier(&testing::history(&history, n_patches));
        let cases_ran = history.contains(['.', '1', '2', 'x']);
        for case in if cases_ran { &["one", "two"][..] } else { &[][..] } {
            let seen: Vec<(usize, &str)> = history
                .chars()
                .enumerate()
                .filter_map(|(n, shown)| Some((n, shows(shown, case)?)))
                .collect();
            let expected: Vec<String> = seen
                .windows(2)
                .filter(|pair| pair[0].1 != pair[1].1)
                .map(|pair| format!("{} {} {} {}", pair[0].0, pair[0].1, pair[1].0, pair[1].1))
                .collect();
            let found: Vec<String> = points
                .iter()
                .filter(|p| p.cases.is_empty() || p.cases.iter().any(|c| c == case))
                .map(|p| {
                    let (before, after) = (&p.before, &p.after);
                    format!(
                        "{} {} {} {}",
                        major(before), before.status, major(after), after.status
                    )
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
        for point in &points {
            let majors = major(&point.after) - major(&point.before);
            let between = majors * n_patches - 1;
            prop_assert_eq!(point.between.n_untested() as u64, between);
        }
    }
}
