//! Shards of made-up plans.

use proptest::prelude::{prop, prop_assert, prop_assert_eq, prop_assume, proptest};
use semver::Version;

use super::*;
use crate::model::cell::{Cell, Pin};
use crate::model::run::State;
use crate::model::status::SkipReason;
use crate::search::plan::{Candidate, PlanContext, Selection, plan};
use crate::testing::history;

/// A machine that has some toolchains and knows either nothing or everything.
struct Machine {
    has: &'static [&'static str],
    knows: bool,
}

impl PlanContext for Machine {
    fn left_out(&self, cell: &Cell) -> Option<SkipReason> {
        (cell.id().as_str() == "b@gadget-2.0.0").then(|| SkipReason::Excluded("no use".to_owned()))
    }
    fn has_toolchain(&self, cell: &Cell) -> bool {
        self.has.contains(&cell.row.toolchain.as_str())
    }
    fn outcome(&self, _: &Cell) -> Option<Outcome> {
        let passed = crate::model::status::Status::Passed;
        self.knows.then(|| Outcome::whole(passed, Vec::new()))
    }
    fn forecast(&self, _: &Cell) -> Option<String> {
        None
    }
}

fn cell(toolchain: &str, major: u64) -> Cell {
    Cell {
        row: Row::of_toolchain(toolchain).into(),
        pin: Pin {
            family: "gadget".to_owned(),
            at: Version::new(major, 0, 0).into(),
        }
        .into(),
    }
}

fn planned(strategy: Strategy, machine: &Machine) -> Plan {
    let cells = ["a", "b"]
        .into_iter()
        .flat_map(|toolchain| (1..=4).map(move |major| cell(toolchain, major)));
    let candidate = |cell| Candidate {
        cell,
        is_rung: true,
    };
    let cells: Vec<Candidate> = cells.map(candidate).collect();
    let selection = Selection::new(&[], &[], &[], strategy).expect("globs");
    plan(&cells, &selection, machine)
}

const FIRST: Machine = Machine {
    has: &["a", "b"],
    knows: false,
};

fn names(plan: &Plan, shares: &[ShardCells]) -> Vec<String> {
    let name = |index: &usize| {
        plan.cells[*index]
            .id
            .as_str()
            .replace("@gadget-", "")
            .replace(".0.0", "")
    };
    let lines = shares.iter().map(|share| {
        let cells: Vec<String> = share.cells.iter().map(name).collect();
        format!("{}: {}", share.shard, cells.join(" "))
    });
    lines.collect()
}

#[test]
fn shards_are_pieces_of_the_plan_and_leave_out_what_does_not_run() {
    let plan = planned(Strategy::Full, &FIRST);
    let shares = shares(&plan, 3, &KnownDurations::default()).expect("shares");
    assert_eq!(
        names(&plan, &shares),
        ["1/3: a1 a2", "2/3: a3 a4", "3/3: b1 b3 b4"]
    );
}

#[test]
fn machines_that_have_and_know_other_things_divide_alike() {
    let other = Machine {
        has: &["a"],
        knows: true,
    };
    let of = |machine| {
        let plan = planned(Strategy::Full, machine);
        shares(&plan, 3, &KnownDurations::default()).expect("shares")
    };
    assert_eq!(of(&FIRST), of(&other));
}

#[test]
fn a_plan_that_is_kept_in_part_says_so_and_says_of_the_rest_where_it_is() {
    let mut plan = planned(Strategy::Full, &FIRST);
    let shard = "2/3".parse().expect("a shard");
    keep(&mut plan, shard, &KnownDurations::default()).expect("kept");
    assert_eq!(plan.shard, Some(shard));
    assert_eq!(plan.counts(), (2, 0, 6));
    let CellFate::Skip(reason) = &plan.cells[0].fate else {
        panic!("the first cell runs");
    };
    assert_eq!(*reason, SkipReason::OtherShard);
    let CellFate::Skip(reason) = &plan.cells[5].fate else {
        panic!("an excluded cell runs");
    };
    assert_eq!(*reason, SkipReason::Excluded("no use".to_owned()));
}

#[test]
fn what_is_not_known_beforehand_is_not_divided() {
    let mut plan = planned(Strategy::Frontier, &FIRST);
    let error = shares(&plan, 3, &KnownDurations::default()).expect_err("a user error");
    assert!(
        error.to_string().contains("add --full or --ends"),
        "{error}"
    );
    plan.strategy = Strategy::Full;
    plan.cells[1].is_rung = false;
    let error = shares(&plan, 3, &KnownDurations::default()).expect_err("a user error");
    assert!(error.to_string().contains("leave out --exact"), "{error}");
}

#[test]
fn a_cell_weighs_what_it_took_and_else_what_its_row_did() {
    let mut run = history("...", 1);
    for (record, seconds) in run.cells.iter_mut().zip([4.0, -1e300, 2.0]) {
        let State::Ended { outcome, .. } = &mut record.state else {
            panic!("it ended");
        };
        outcome.phases = vec![crate::model::outcome::PhaseRecord {
            phase: crate::model::outcome::Phase::Build,
            exit: "exit 0".to_owned(),
            seconds,
            cpu_seconds: 0.0,
            log: String::new(),
        }];
    }
    let times = KnownDurations::of(&run);
    let weight = |cell: Cell| {
        times.weight(&Planned {
            id: cell.id(),
            cell,
            is_rung: true,
            is_today: false,
            forecast: None,
            fate: CellFate::Skip(SkipReason::ToolchainMissing),
        })
    };
    assert_eq!(weight(cell("stable", 0)), 4000);
    assert_eq!(weight(cell("stable", 1)), 1);
    assert_eq!(weight(cell("stable", 9)), 2000);
    assert_eq!(weight(cell("other", 9)), 2000);
    let nothing = KnownDurations::default();
    assert_eq!(nothing.of_all, None);
}

/// The minimum weight of the heaviest piece, found by trying every cut.
fn least(weights: &[u64], n_pieces: usize) -> u64 {
    if n_pieces == 1 {
        return weights.iter().sum();
    }
    let cut = |at: usize| {
        let first: u64 = weights[..at].iter().sum();
        first.max(least(&weights[at..], n_pieces - 1))
    };
    (0..=weights.len()).map(cut).min().unwrap_or_default()
}

fn heaviest(weights: &[u64], pieces: &[Range<usize>]) -> u64 {
    let weights = pieces
        .iter()
        .map(|piece| weights[piece.clone()].iter().sum());
    weights.max().unwrap_or_default()
}

proptest! {
    #[test]
    fn every_cell_is_in_exactly_one_shard(
        weights in prop::collection::vec(0u64..1_000_000_000_000, 0..120),
        n_pieces in 1usize..150,
    ) {
        let pieces = pieces(&weights, n_pieces);
        prop_assert_eq!(pieces.len(), n_pieces);
        let all: Vec<usize> = pieces.into_iter().flatten().collect();
        prop_assert_eq!(all, (0..weights.len()).collect::<Vec<_>>());
    }

    #[test]
    fn the_longest_shard_is_as_short_as_it_can_be(
        weights in prop::collection::vec(0u64..20, 0..9),
        n_pieces in 1usize..5,
    ) {
        let pieces = pieces(&weights, n_pieces);
        prop_assert_eq!(heaviest(&weights, &pieces), least(&weights, n_pieces));
    }

    #[test]
    fn the_longest_shard_is_little_above_the_mean_where_no_cell_is_long(
        weights in prop::collection::vec(1u64..100_000, 40..400),
        n_pieces in 1usize..9,
    ) {
        let mean = weights.iter().sum::<u64>() as f64 / n_pieces as f64;
        let longest = weights.iter().copied().max().unwrap_or_default() as f64;
        prop_assume!(longest <= 0.2 * mean);
        prop_assert!(heaviest(&weights, &pieces(&weights, n_pieces)) as f64 <= 1.2 * mean);
    }

    #[test]
    fn more_shards_than_cells_leave_the_last_ones_empty(
        weights in prop::collection::vec(1u64..100, 0..20),
        n_more in 0usize..20,
    ) {
        let pieces = pieces(&weights, weights.len() + n_more + 1);
        let n_full = pieces.iter().take_while(|piece| !piece.is_empty()).count();
        prop_assert!(n_full <= weights.len());
        prop_assert!(pieces.iter().skip(n_full).all(|piece| piece.is_empty()));
    }
}
