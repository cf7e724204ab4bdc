//! Forty versions on three toolchains: every change is found exactly, with a part of the builds.

use std::collections::BTreeMap;

use pinmatrix_core::analysis::frontier::{ChangePoint, frontier};
use pinmatrix_core::model::run::Run;

use crate::harness::{Fixture, text};

fn describe(point: &ChangePoint) -> String {
    let exact = if point.is_exact() {
        "exact".to_owned()
    } else {
        format!("{} untested", point.between.n_untested())
    };
    let island = if point.is_island { ", island" } else { "" };
    format!(
        "{} {}: {} {} -> {} {} ({exact}{island})",
        point.row,
        point.subject(),
        point.before.at,
        point.before.status,
        point.after.at,
        point.after.status,
    )
}

fn points(run: &Run) -> Vec<String> {
    frontier(run).iter().map(describe).collect()
}

/// How many cells of each row ended.
fn n_ended(run: &Run) -> BTreeMap<String, usize> {
    let mut n = BTreeMap::new();
    for record in run.cells.iter().filter(|c| c.outcome().is_some()) {
        *n.entry(record.cell.row.to_string()).or_default() += 1;
    }
    n
}

const EXACT: [&str; 8] = [
    "stable long-history test:rounding: 8.0.2 passed -> 8.0.3 failed(test) (exact)",
    "stable long-history test:turning: 4.0.1 passed -> 4.0.2 failed(compile) (exact, island)",
    "stable long-history test:turning: 6.0.0 failed(compile) -> 6.0.1 passed (exact, island)",
    "1.78 all targets: 8.0.3 passed -> 9.0.0 failed(msrv) (exact)",
    "1.78 long-history test:rounding: 8.0.2 passed -> 8.0.3 failed(test) (exact)",
    "1.78 long-history test:turning: 4.0.1 passed -> 4.0.2 failed(compile) (exact, island)",
    "1.78 long-history test:turning: 6.0.0 failed(compile) -> 6.0.1 passed (exact, island)",
    "1.63 all targets: 3.0.3 passed -> 4.0.0 failed(msrv) (exact)",
];

#[test]
fn every_change_of_a_long_history_is_exact_with_a_part_of_the_builds() {
    let fixture = Fixture::in_place("long_history");
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 1);
    assert_eq!(points(&run), EXACT);
    let n = n_ended(&run);
    // The row that leads: ends, middle, and halvings down to the patch for three changes. The
    // others: ends, middle, and both sides of the changes that they share and of their own edge.
    assert!(n["stable"] <= 2 + 1 + 3 * 6, "{n:?}");
    assert!(n["1.78"] <= 2 + 1 + 3 * 2 + 2, "{n:?}");
    assert!(n["1.63"] <= 2 + 1 + 2, "{n:?}");

    // Known cells are not run again, and the result is the same.
    let (_, again) = fixture.run(&[]);
    assert_eq!(points(&again), EXACT);
    assert_eq!(n_ended(&again), n);
    assert_eq!(again.counts().reused, n.values().sum::<usize>());
}

#[test]
fn without_exact_the_untested_versions_are_counted() {
    let fixture = Fixture::copied("long_history");
    fixture.change("matrix.toml", "exact = true", "exact = false");
    let (_, run) = fixture.run(&["--toolchain", "stable"]);
    assert_eq!(
        points(&run),
        [
            "stable long-history test:rounding: 8.0.0 passed -> 9.0.0 failed(test) (3 untested)",
            "stable long-history test:turning: 4.0.0 passed -> 5.0.0 failed(compile) (3 untested, island)",
            "stable long-history test:turning: 6.0.0 failed(compile) -> 7.0.0 passed (3 untested, island)",
        ]
    );
    // The flag asks for it as the key does.
    let (_, run) = fixture.run(&["--toolchain", "stable", "--exact"]);
    assert_eq!(points(&run), EXACT[..3]);
}

#[test]
fn a_version_that_is_no_rung_runs_where_it_is_named() {
    let fixture = Fixture::in_place("long_history");
    let only = ["--toolchain", "stable", "--pin", "6.0.1", "--no-today"];
    let (code, run) = fixture.run(&only);
    let ended: Vec<_> = run.cells.iter().filter(|c| c.outcome().is_some()).collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].id.as_str(), "stable@cog-6.0.1");
    assert_eq!(code, 0);
}

#[test]
fn yanked_versions_and_pre_releases_come_in_only_when_asked_for() {
    let fixture = Fixture::copied("long_history");
    let plan = |choice: &str| {
        let old = fixture.read("matrix.toml");
        let ladder = old
            .lines()
            .find(|line| line.starts_with("pins"))
            .expect("pins");
        fixture.change(
            "matrix.toml",
            ladder,
            &format!("pins = {{ from = \"1.0.0\", {choice} }}"),
        );
        let output = fixture.call(&["plan", "--toolchain", "stable", "--full"]);
        text(&output.stdout)
    };
    let most = plan("choose = \"all\"");
    assert!(
        !most.contains("2.0.1") && !most.contains("7.0.0-rc.1"),
        "{most}"
    );
    assert!(most.contains("39 to run"), "{most}");
    let all = plan("choose = \"all\", yanked = true, pre-releases = true");
    assert!(all.contains("2.0.1") && all.contains("7.0.0-rc.1"), "{all}");
    // A withdrawn version can still be locked, since it is asked for by name.
    let (_, run) = fixture.run(&[
        "--toolchain",
        "stable",
        "--pin",
        "2.0.1",
        "--pin",
        "7.0.0-rc.1",
    ]);
    let outcomes = run
        .cells
        .iter()
        .filter_map(|c| Some((c.id.as_str(), c.outcome()?)));
    for (id, outcome) in outcomes {
        assert_eq!(
            outcome.status.to_string(),
            "passed",
            "{id}: {:?}",
            outcome.errors
        );
    }
}
