//! Schedules a run: decides which cell a lane takes next, from what the rows have shown so far.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use pinmatrix_core::model::cell::{CellId, Row};
use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::search::plan::{Plan, Planned};
use pinmatrix_core::search::state::SearchState;
use pinmatrix_core::search::strategy::Slot;
use pinmatrix_core::search::{SlotIndex, SlotRank};
use pinmatrix_process::cancel::Cancel;

use crate::cache::durations::Durations;

/// How often a lane that waits for another lane's result checks for an interrupt.
const TICK: Duration = Duration::from_millis(200);
/// The minimum time between two estimates of the remaining time.
const BETWEEN_ESTIMATES: Duration = Duration::from_millis(500);

/// Hands out the cells of a plan to lanes.
pub struct Schedule<'a> {
    places: HashMap<&'a CellId, SlotIndex>,
    n_lanes: usize,
    state: Mutex<ScheduleState<'a>>,
    changed: Condvar,
}

/// What is known about every cell.
struct ScheduleState<'a> {
    /// What the rows have shown.
    search_state: SearchState<'a>,
    /// How long cells take.
    times: Durations,
    /// When to estimate the remaining time again.
    due: Instant,
}

impl<'a> Schedule<'a> {
    /// Creates the schedule of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan, n_probes: usize, n_lanes: usize, times: Durations) -> Self {
        let search_state = SearchState::new(plan, n_probes);
        let places = search_state.places().map(|(at, planned)| (&planned.id, at));
        Self {
            places: places.collect(),
            n_lanes,
            state: Mutex::new(ScheduleState {
                search_state,
                times,
                due: Instant::now(),
            }),
            changed: Condvar::new(),
        }
    }

    /// Returns the next cell for a lane: among the most informative cells, one of the toolchain
    /// that the lane just used. Waits if another lane's result is needed to decide. Returns `None`
    /// once nothing is left or the run is cancelled.
    pub fn next_cell(&self, last: Option<&Row>, cancel: &Cancel) -> Option<&'a Planned> {
        let mut state = self.state();
        loop {
            if cancel.is_cancelled() {
                return None;
            }
            if let Some(at) = self.best(&mut state, last) {
                state.search_state.search.set(at, Slot::Running);
                return state.search_state.planned(at);
            }
            if !state.search_state.search.is_under_way() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Records what a cell showed and, if it was run, how long it took. From time to time, returns
    /// how many seconds the rest takes at most, if that can be estimated.
    pub fn note(&self, planned: &Planned, outcome: &Outcome, took: Option<f64>) -> Option<f64> {
        let mut left = None;
        if let Some(at) = self.places.get(&planned.id) {
            let state = &mut *self.state();
            state.search_state.note(*at, outcome);
            if let Some(seconds) = took {
                state.times.note(&planned.id, &planned.cell, seconds);
            }
            if Instant::now() >= state.due {
                state.due = Instant::now() + BETWEEN_ESTIMATES;
                left = self.estimate_remaining(state);
            }
        }
        self.changed.notify_all();
        left
    }

    /// Estimates how many seconds the rest takes at most; `None` if there is nothing to estimate
    /// from.
    fn estimate_remaining(&self, state: &ScheduleState<'_>) -> Option<f64> {
        let may_run = state.search_state.search.may_run();
        let seconds = may_run.iter().map(|at| {
            let planned = state.search_state.planned(*at)?;
            state.times.expected(&planned.id, &planned.cell)
        });
        let seconds: Option<f64> = seconds.sum();
        // Cells in progress count as half done.
        let under_way = self.n_lanes.saturating_sub(1) as f64 / 2.0;
        let mean = seconds? / may_run.len().max(1) as f64;
        Some(seconds? / self.n_lanes as f64 + mean * under_way / self.n_lanes as f64)
    }

    /// Returns true if any cell of a toolchain is running or may still be run.
    #[must_use]
    pub fn may_need(&self, toolchain: &str) -> bool {
        let state = self.state();
        let may_run = state.search_state.search.may_run().into_iter();
        let mut rows = may_run.filter_map(|at| Some(&state.search_state.planned(at)?.cell.row));
        rows.any(|row| row.toolchain == toolchain) || {
            let is_of_toolchain = |at: &&SlotIndex| {
                let planned = state.search_state.planned(**at);
                planned.is_some_and(|planned| planned.cell.row.toolchain == toolchain)
            };
            self.places
                .values()
                .filter(is_of_toolchain)
                .any(|at| state.search_state.search.is_running(*at))
        }
    }

    /// Stores the durations of cells for later runs.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be written.
    pub fn keep_times(&self) -> Result<()> {
        self.state().times.keep()
    }

    /// Returns the cells that strategy `frontier` did not run because their neighbours agree.
    #[must_use]
    pub fn inferred(&self) -> BTreeSet<&'a CellId> {
        let search_state = &self.state().search_state;
        let inferred = search_state.search.inferred().into_iter();
        inferred
            .filter_map(|at| Some(&search_state.planned(at)?.id))
            .collect()
    }

    /// Returns the best cell for a lane. Among equally informative cells, prefers the toolchain
    /// that the lane just used, because its folders are warm; then, if there are several lanes, the
    /// cell that takes longest, so that no lane is left alone with it at the end.
    fn best(&self, state: &mut ScheduleState<'_>, last: Option<&Row>) -> Option<SlotIndex> {
        let (times, search_state) = (&state.times, &mut state.search_state);
        search_state.best(|planned| {
            let is_warm = last.is_some_and(|last| planned.cell.row.toolchain == last.toolchain);
            let seconds = match self.n_lanes {
                0 | 1 => None,
                _ => times.expected(&planned.id, &planned.cell),
            };
            // Differences of less than a second do not count.
            SlotRank {
                is_preferred: is_warm,
                worth: seconds.unwrap_or_default() as u64,
            }
        })
    }

    fn state(&self) -> MutexGuard<'_, ScheduleState<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::config::Strategy;
    use pinmatrix_core::model::cell::{Cell, Pin};
    use pinmatrix_core::model::diagnostic::Diagnostic;
    use pinmatrix_core::model::outcome::{TargetId, TargetKind, TargetOutcome};
    use pinmatrix_core::model::status::{FailureKind, Status};
    use pinmatrix_core::search::plan::{Candidate, PlanContext, Selection, plan};
    use semver::Version;

    use super::*;
    use pinmatrix_core::model::status::SkipReason;

    struct KnowsNothing;

    impl PlanContext for KnowsNothing {
        fn left_out(&self, _: &Cell) -> Option<SkipReason> {
            None
        }
        fn has_toolchain(&self, _: &Cell) -> bool {
            true
        }
        fn outcome(&self, _: &Cell) -> Option<Outcome> {
            None
        }
        fn forecast(&self, _: &Cell) -> Option<String> {
            None
        }
    }

    /// Plans the rows of some toolchains with the pins 1.0.0 and so on.
    fn planned(toolchains: &[&str], n_pins: u64, strategy: Strategy) -> Plan {
        let cells = toolchains.iter().flat_map(|toolchain| {
            (1..=n_pins).map(move |major| Candidate {
                cell: Cell {
                    row: Row::of_toolchain(*toolchain).into(),
                    pin: Pin {
                        family: "gadget".to_owned(),
                        at: Version::new(major, 0, 0).into(),
                    }
                    .into(),
                },
                is_rung: true,
            })
        });
        let selection = Selection::new(&[], &[], &[], strategy).expect("no globs");
        plan(&cells.collect::<Vec<_>>(), &selection, &KnowsNothing)
    }

    fn schedule_of(plan: &Plan, n_lanes: usize) -> Schedule<'_> {
        let nowhere = Durations::read("/nonexistent/times.json".into());
        Schedule::new(plan, 0, n_lanes, nowhere)
    }

    /// Returns the outcome of a cell whose only target passes or fails.
    fn shows(passes: bool) -> Outcome {
        let status = if passes {
            Status::Passed
        } else {
            Status::failed(FailureKind::Compile)
        };
        let id = TargetId {
            package: "app".to_owned(),
            kind: TargetKind::Lib,
            name: "app".to_owned(),
        };
        let errors = vec![Diagnostic::from_message("no")];
        Outcome {
            targets: vec![TargetOutcome::not_run(id, status.clone(), errors)],
            ..Outcome::whole(status, Vec::new())
        }
    }

    /// Runs all cells on one lane, in order. Each passes up to a pin and fails after it.
    fn run_alone(schedule: &Schedule<'_>, last_good: u64) -> Vec<String> {
        let cancel = Cancel::default();
        let mut taken = Vec::new();
        let mut last: Option<Row> = None;
        while let Some(planned) = schedule.next_cell(last.as_ref(), &cancel) {
            taken.push(planned.id.to_string());
            let version = planned.cell.pin.at.version().expect("a version");
            schedule.note(planned, &shows(version.major <= last_good), Some(2.0));
            last = Some(planned.cell.row.as_ref().clone());
        }
        taken
    }

    #[test]
    fn a_lane_takes_every_cell_once() {
        let plan = planned(&["new", "old"], 5, Strategy::Full);
        let taken = run_alone(&schedule_of(&plan, 1), 3);
        let once: BTreeSet<&String> = taken.iter().collect();
        assert_eq!((taken.len(), once.len()), (10, 10));
    }

    #[test]
    fn what_lies_between_cells_that_agree_is_inferred_and_not_taken() {
        let plan = planned(&["new"], 9, Strategy::Frontier);
        let schedule = schedule_of(&plan, 1);
        let taken = run_alone(&schedule, 3);
        let inferred = schedule.inferred().into_iter().map(ToString::to_string);
        let inferred: BTreeSet<String> = inferred.collect();
        assert!(
            !inferred.is_empty() && taken.len() + inferred.len() == 9,
            "{taken:?}"
        );
        assert!(taken.iter().all(|cell| !inferred.contains(cell)));
        for side in ["new@gadget-3.0.0", "new@gadget-4.0.0"] {
            assert!(taken.contains(&side.to_owned()), "{taken:?}");
        }
    }

    #[test]
    fn a_lane_stays_with_its_toolchain() {
        let plan = planned(&["new", "old"], 5, Strategy::Full);
        let schedule = schedule_of(&plan, 1);
        let cancel = Cancel::default();
        // The ends come first, wherever they are.
        let old = Row::of_toolchain("old");
        for _ in 0..4 {
            let planned = schedule.next_cell(Some(&old), &cancel).expect("an end");
            schedule.note(planned, &shows(true), None);
        }
        for _ in 0..3 {
            let planned = schedule.next_cell(Some(&old), &cancel).expect("a cell");
            assert_eq!(planned.cell.row.toolchain, "old");
            schedule.note(planned, &shows(true), None);
        }
    }

    #[test]
    fn several_lanes_take_what_takes_longest_first() {
        let plan = planned(&["new", "old"], 2, Strategy::Full);
        let schedule = schedule_of(&plan, 2);
        let slow = plan
            .cells
            .iter()
            .find(|p| p.id.as_str() == "old@gadget-2.0.0");
        let slow = slow.expect("a cell");
        schedule.state().times.note(&slow.id, &slow.cell, 90.0);
        let new = &plan.cells[0];
        schedule.state().times.note(&new.id, &new.cell, 5.0);
        let first = schedule
            .next_cell(None, &Cancel::default())
            .expect("a cell");
        assert_eq!(first.cell.row.toolchain, "old");
        let alone = schedule_of(&plan, 1);
        alone.state().times.note(&slow.id, &slow.cell, 90.0);
        alone.state().times.note(&new.id, &new.cell, 5.0);
        let first = alone.next_cell(None, &Cancel::default()).expect("a cell");
        assert_eq!(first.cell.row.toolchain, "new");
    }

    #[test]
    fn a_toolchain_is_needed_while_a_cell_may_run_or_runs() {
        let plan = planned(&["new", "old"], 1, Strategy::Full);
        let schedule = schedule_of(&plan, 1);
        let cancel = Cancel::default();
        let first = schedule.next_cell(None, &cancel).expect("a cell");
        assert_eq!(first.cell.row.toolchain, "new");
        assert!(
            schedule.may_need("new") && schedule.may_need("old") && !schedule.may_need("other")
        );
        schedule.note(first, &shows(true), None);
        assert!(!schedule.may_need("new") && schedule.may_need("old"));
        let second = schedule.next_cell(None, &cancel).expect("a cell");
        assert!(schedule.may_need("old"));
        schedule.note(second, &shows(true), None);
        assert!(!schedule.may_need("old"));
        assert!(schedule.next_cell(None, &cancel).is_none());
    }

    #[test]
    fn a_run_that_should_end_takes_nothing() {
        let plan = planned(&["new"], 3, Strategy::Full);
        let cancel = Cancel::default();
        cancel.cancel();
        assert!(schedule_of(&plan, 1).next_cell(None, &cancel).is_none());
    }

    #[test]
    fn a_lane_waits_for_what_another_one_finds() {
        let plan = planned(&["new"], 3, Strategy::Frontier);
        let schedule = schedule_of(&plan, 2);
        let cancel = Cancel::default();
        let ends = [(); 2].map(|()| schedule.next_cell(None, &cancel).expect("an end"));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| schedule.next_cell(None, &cancel));
            schedule.note(ends[0], &shows(true), None);
            schedule.note(ends[1], &shows(false), None);
            let middle = waiting.join().expect("no panic").expect("the ends differ");
            assert_eq!(middle.id.as_str(), "new@gadget-2.0.0");
        });
    }

    /// Runs all cells on several lanes at once. A cell passes up to a pin that its toolchain sets.
    fn run_beside(plan: &Plan, n_lanes: usize) -> (BTreeSet<String>, BTreeSet<String>) {
        let schedule = schedule_of(plan, n_lanes);
        let cancel = Cancel::default();
        let lane = || {
            let mut taken = Vec::new();
            let mut last: Option<Row> = None;
            while let Some(planned) = schedule.next_cell(last.as_ref(), &cancel) {
                taken.push(planned.id.to_string());
                let row = planned.cell.row.as_ref().clone();
                let last_good = 7 + row.toolchain.len() as u64;
                let version = planned.cell.pin.at.version().expect("a version");
                // The lanes differ in speed.
                std::thread::sleep(Duration::from_millis(version.major % 3));
                schedule.note(planned, &shows(version.major <= last_good), Some(2.0));
                last = Some(row);
            }
            taken
        };
        let taken: Vec<String> = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..n_lanes).map(|_| scope.spawn(lane)).collect();
            let lanes = lanes.into_iter();
            lanes
                .flat_map(|lane| lane.join().expect("no panic"))
                .collect()
        });
        let once: BTreeSet<String> = taken.iter().cloned().collect();
        assert_eq!(once.len(), taken.len(), "no cell runs twice");
        let inferred = schedule.inferred().into_iter().map(ToString::to_string);
        (once, inferred.collect())
    }

    #[test]
    fn lanes_side_by_side_run_and_infer_what_one_alone_does() {
        let plan = planned(&["stable", "older", "old"], 30, Strategy::Frontier);
        let alone = run_beside(&plan, 1);
        assert!(alone.0.len() < 45, "{} cells ran", alone.0.len());
        for n_lanes in [2, 3, 5] {
            assert_eq!(run_beside(&plan, n_lanes), alone, "{n_lanes} lanes");
        }
    }

    #[test]
    fn the_rest_takes_as_long_as_cells_took_so_far() {
        let plan = planned(&["new"], 5, Strategy::Full);
        let alone = schedule_of(&plan, 1);
        let first = alone.next_cell(None, &Cancel::default()).expect("a cell");
        assert_eq!(alone.note(first, &shows(true), Some(3.0)), Some(12.0));
        // With two lanes, the other lane is halfway through its cell.
        let two = schedule_of(&plan, 2);
        let first = two.next_cell(None, &Cancel::default()).expect("a cell");
        assert_eq!(two.note(first, &shows(true), Some(3.0)), Some(6.75));
        let unknown = schedule_of(&plan, 1);
        let first = unknown.next_cell(None, &Cancel::default()).expect("a cell");
        assert_eq!(unknown.note(first, &shows(true), None), None);
    }
}
