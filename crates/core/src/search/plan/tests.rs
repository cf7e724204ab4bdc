//! Plans of small matrices.

use semver::Version;

use super::*;
use crate::model::cell::Pin;
use crate::model::status::Status;

struct Knows(&'static str);

impl PlanContext for Knows {
    fn left_out(&self, cell: &Cell) -> Option<SkipReason> {
        (cell.id().as_str() == "b@f-3.0.0").then(|| SkipReason::Excluded("no use".to_owned()))
    }
    fn has_toolchain(&self, cell: &Cell) -> bool {
        cell.row.toolchain != "absent"
    }
    fn outcome(&self, cell: &Cell) -> Option<Outcome> {
        (cell.id().as_str() == self.0).then(|| Outcome::whole(Status::Passed, Vec::new()))
    }
    fn forecast(&self, _: &Cell) -> Option<String> {
        None
    }
}

fn cells(toolchains: &[&str], n_pins: u64) -> Vec<Candidate> {
    let pin = |n| Pin {
        family: "f".to_owned(),
        at: Version::new(n, 0, 0).into(),
    };
    let row = |t: &&str| {
        let row = Row::of_toolchain(*t);
        (1..=n_pins).map(move |n| {
            let (row, pin) = (row.clone().into(), pin(n).into());
            Candidate {
                cell: Cell { row, pin },
                is_rung: true,
            }
        })
    };
    toolchains.iter().flat_map(row).collect()
}

fn select(toolchains: &[&str], pins: &[&str], ids: &[&str], strategy: Strategy) -> Selection {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    Selection::new(&owned(toolchains), &owned(pins), &owned(ids), strategy).expect("globs")
}

/// The queue of a plan, by names.
fn queue(plan: &Plan) -> Vec<String> {
    let queue = plan.queue().into_iter();
    queue
        .map(|index| plan.cells[index].id.to_string())
        .collect()
}

#[test]
fn ends_come_first_then_middles() {
    let cells = cells(&["a"], 5);
    let plan = plan(&cells, &select(&[], &[], &[], Strategy::Full), &Knows(""));
    assert_eq!(
        queue(&plan),
        [
            "a@f-1.0.0",
            "a@f-5.0.0",
            "a@f-3.0.0",
            "a@f-2.0.0",
            "a@f-4.0.0"
        ]
    );
}

#[test]
fn every_cell_has_a_fate_and_a_reason() {
    let cells = cells(&["a", "absent"], 3);
    let plan = plan(
        &cells,
        &select(&[], &[], &[], Strategy::Ends),
        &Knows("a@f-1.0.0"),
    );
    let lines: Vec<String> = plan
        .cells
        .iter()
        .map(|p| match &p.fate {
            CellFate::Run { .. } => format!("{} runs", p.id),
            CellFate::Known(o) => format!("{} is known: {}", p.id, o.status),
            CellFate::Skip(skip) => format!("{} is left out: {skip}", p.id),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_selection_that_hits_nothing_names_the_nearest() {
    let cells = cells(&["stable"], 2);
    let error = |s: Selection| s.check(&cells).expect_err("nothing selected").to_string();
    assert_eq!(
        error(select(&["stabel"], &[], &[], Strategy::Full)),
        "--toolchain stabel selects nothing; did you mean `stable`?"
    );
    assert_eq!(
        error(select(&[], &["9.*"], &[], Strategy::Full)),
        "--pin 9.* selects nothing; `plan` lists all cells"
    );
}

#[test]
fn what_is_no_rung_is_planned_where_it_is_named_or_exact_answers_are_asked_for() {
    let mut cells = cells(&["a"], 3);
    cells[1].is_rung = false;
    let planned = |selection: &Selection| {
        let plan = plan(&cells, selection, &Knows(""));
        let runs = plan
            .cells
            .iter()
            .filter(|p| matches!(p.fate, CellFate::Run { .. }));
        runs.map(|p| p.id.to_string()).collect::<Vec<_>>()
    };
    let all = ["a@f-1.0.0", "a@f-2.0.0", "a@f-3.0.0"];
    let select = |pins: &[&str]| select(&[], pins, &[], Strategy::Frontier);
    assert_eq!(planned(&select(&[])), [all[0], all[2]]);
    assert_eq!(planned(&select(&["*"])), [all[0], all[2]]);
    assert_eq!(planned(&select(&["2.0.0"])), [all[1]]);
    let exact = Selection {
        exact: true,
        ..select(&[])
    };
    assert_eq!(planned(&exact), all);
}

#[test]
fn what_the_subject_is_on_today_runs_whatever_pins_are_selected() {
    let cells = cells(&["a"], 4);
    let today = || vec![(None, Pin::clone(&cells[1].cell.pin))];
    let queue_of =
        |selection: Selection| queue(&plan(&cells, &selection.with_today(today()), &Knows("")));
    let [first, second, third, last] = ["a@f-1.0.0", "a@f-2.0.0", "a@f-3.0.0", "a@f-4.0.0"];
    let all = |strategy| select(&[], &[], &[], strategy);
    assert_eq!(queue_of(all(Strategy::Ends)), [first, second, last]);
    assert_eq!(queue_of(all(Strategy::Full)), [first, second, last, third]);
    let by_pin = select(&[], &["3.0.0"], &[], Strategy::Frontier);
    assert_eq!(queue_of(by_pin.clone()), [second, third]);
    assert_eq!(queue(&plan(&cells, &by_pin, &Knows(""))), [third]);
    // A user who names a cell wants that one.
    let by_cell = select(&[], &[], &[third], Strategy::Frontier);
    assert_eq!(queue_of(by_cell), [third]);
}

#[test]
fn rows_follow_the_first_of_their_kind_that_runs() {
    let plan = plan(
        &cells(&["absent", "a", "b"], 2),
        &select(&[], &[], &[], Strategy::Full),
        &Knows(""),
    );
    let leaders: Vec<_> = plan.rows().into_iter().map(|(_, leader)| leader).collect();
    assert_eq!(leaders, [None, None, Some(1)]);
}

#[test]
fn a_cell_that_is_named_runs_though_it_is_no_end() {
    let cells = cells(&["a"], 3);
    let plan = plan(
        &cells,
        &select(&[], &[], &["*2.0.0"], Strategy::Ends),
        &Knows(""),
    );
    assert_eq!(queue(&plan), ["a@f-2.0.0"]);
}

#[test]
fn the_ends_of_a_row_are_those_of_what_is_not_excluded() {
    let cells = cells(&["b"], 3);
    let plan = plan(&cells, &select(&[], &[], &[], Strategy::Ends), &Knows(""));
    assert_eq!(queue(&plan), ["b@f-1.0.0", "b@f-2.0.0"]);
    assert!(
        matches!(&plan.cells[2].fate, CellFate::Skip(SkipReason::Excluded(why)) if why == "no use")
    );
}
