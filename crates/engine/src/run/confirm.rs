//! Reruns targets that passed once next to a neighbour that fails, to see whether they passed by
//! luck.
//!
//! Failed tests are rerun within their own cell. Whether a pass differs from its neighbours is only
//! known once those have run, and what is rerun must not depend on which lane was quicker. So these
//! reruns happen after all cells have ended, for the results that the run's change points rest on,
//! in the folders of the first lane.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use pinmatrix_core::analysis::frontier::{ChangePoint, frontier};
use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::event::Event;
use pinmatrix_core::model::outcome::case::{CaseOutcome, Flaky};
use pinmatrix_core::model::outcome::{Outcome, TargetId};
use pinmatrix_core::model::run::{Run, State};
use pinmatrix_core::model::status::Status;
use pinmatrix_core::text::count;

use crate::cell::context::{CellWork, RunContext};
use crate::cell::store;
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::run::recorder::{EndedCellRecord, RunRecorder};
use crate::workdir::work_dirs::WorkDirs;

/// Reruns each passing side of a change point that was seen only once, and records what the rerun
/// shows.
///
/// # Errors
///
/// Returns an error if the results or the work folders cannot be written. A target whose rerun is
/// inconclusive stays seen once.
pub fn confirm(
    matrix: &Matrix,
    work_dirs: &WorkDirs,
    run_context: &RunContext<'_>,
    recorder: &RunRecorder<'_>,
) -> Result<()> {
    let run = recorder.so_far();
    let passes = seen_once(&run);
    if passes.is_empty() {
        return Ok(());
    }
    let n_targets: usize = passes.values().map(BTreeSet::len).sum();
    let targets = count(n_targets, "target");
    let note = format!("running {targets} again, which passed where others fail");
    run_context.listener.on_event(Event::Noted(&note));
    let results = work_dirs.again_dir();
    // A rerun is not a cell of the run, so its events are dropped.
    let quiet = |_: Event<'_>| {};
    let again = RunContext {
        results: &results,
        fresh: true,
        listener: &quiet,
        ..*run_context
    };
    for record in &run.cells {
        let (Some(targets), Some(outcome)) = (passes.get(&record.id), record.outcome()) else {
            continue;
        };
        // The toolchain of an outcome from an earlier run may be gone.
        let Ok(Some(context)) = CellContext::of(matrix, &record.cell) else {
            continue;
        };
        let mut outcome = outcome.clone();
        let mut timings = Vec::new();
        let mut run_again = |only: Option<&TargetId>| {
            let folders = work_dirs.folders(&context, &run_context.sandbox.name()?, 0)?;
            let _occupied = run_context.evictor.mark_in_use(&folders);
            let work = CellWork {
                run_context: &again,
                context: &context,
                folders,
                only: only.map(TargetId::to_string),
            };
            let answer = work.run()?;
            timings.extend(answer.timings);
            anyhow::Ok(answer.outcome)
        };
        let mut fails_alone = Vec::new();
        for target in targets {
            if run_context.cancel.is_cancelled() {
                return Ok(());
            }
            match run_again(Some(target)) {
                Ok(alone) if fails(&outcome, target, &alone) => fails_alone.push(target),
                Ok(alone) => add_reruns(&mut outcome, target, &alone),
                Err(error) => {
                    let note = format!("{}: {target} could not run again: {error:#}", record.id);
                    run_context.listener.on_event(Event::Noted(&note));
                }
            }
        }
        if !fails_alone.is_empty()
            && let Ok(whole) = run_again(None)
        {
            for target in fails_alone {
                add_reruns(&mut outcome, target, &whole);
            }
        }
        store(run_context, &context, &outcome)?;
        recorder.record(EndedCellRecord {
            id: &record.id,
            lane: 0,
            outcome,
            reused: matches!(record.state, State::Ended { reused: true, .. }),
            timings,
        })?;
    }
    Ok(())
}

/// Returns the targets of each cell that passed on one side of a change point and were seen only
/// once.
fn seen_once(run: &Run) -> BTreeMap<CellId, BTreeSet<TargetId>> {
    let mut passes: BTreeMap<CellId, BTreeSet<TargetId>> = BTreeMap::new();
    for ChangePoint {
        target,
        before,
        after,
        ..
    } in frontier(run)
    {
        let sides = [before, after].into_iter();
        let sides = sides.filter(|side| side.is_seen_once && side.status == Status::Passed);
        for (side, target) in sides.zip(target) {
            passes.entry(side.cell).or_default().insert(target);
        }
    }
    passes
}

/// Returns true if a case that passed before fails when its target runs alone.
fn fails(outcome: &Outcome, target: &TargetId, alone: &Outcome) -> bool {
    let fails = |name: &str| {
        let mut alone = cases_of(alone, target).iter();
        alone.any(|case| case.name == name && case.status.is_failed())
    };
    let cases = cases_of(outcome, target).iter();
    let mut passed = cases.filter(|case| case.status == Status::Passed);
    passed.any(|case| fails(&case.name))
}

/// Adds the results of a rerun to the cases that passed before. A case that fails now is flaky.
fn add_reruns(outcome: &mut Outcome, target: &TargetId, again: &Outcome) {
    let shown = cases_of(again, target);
    let targets = outcome.targets.iter_mut().filter(|t| t.id == *target);
    let cases = targets.flat_map(|target| &mut target.cases);
    for case in cases.filter(|case| case.status == Status::Passed) {
        if let Some(again) = shown.iter().find(|again| again.name == case.name) {
            see_again(case, again);
        }
    }
}

fn cases_of<'a>(outcome: &'a Outcome, target: &TargetId) -> &'a [CaseOutcome] {
    let found = outcome.targets.iter().find(|t| t.id == *target);
    found.map_or(&[], |target| &target.cases)
}

fn see_again(case: &mut CaseOutcome, again: &CaseOutcome) {
    match (&again.status, &again.flaky) {
        (Status::Passed, None) => case.n_seen += again.n_seen,
        (Status::Passed, Some(flaky)) => {
            case.flaky.get_or_insert_with(|| flaky.clone());
        }
        (Status::Failed { .. }, _) => {
            let (n_failed, output) = (again.n_seen, again.output.clone());
            case.flaky.get_or_insert(Flaky { n_failed, output });
        }
        (Status::Skipped { .. } | Status::Inconclusive { .. }, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::model::status::FailureKind;
    use pinmatrix_core::testing::{case, outcome, target, test_named};

    use super::*;

    #[test]
    fn what_passed_and_then_fails_is_flaky() {
        let failed = Status::failed(FailureKind::Test);
        let once = |case: CaseOutcome| CaseOutcome { n_seen: 1, ..case };
        let passed = |name| once(case(name, Status::Passed, None));
        let mut first = outcome(vec![target(
            "t",
            vec![passed("a"), passed("b"), passed("c")],
        )]);
        let again = [passed("a"), once(case("b", failed, None))];
        let again = outcome(vec![target("t", again.into())]);
        add_reruns(&mut first, &test_named("t"), &again);
        let message = first.targets[0].cases.iter().map(|case| {
            let flaky = case.flaky.as_ref().map(ToString::to_string);
            (case.n_seen, flaky.unwrap_or_default())
        });
        let flaky = "flaky: failed 1 of 2 attempts".to_owned();
        let expected = [(2, String::new()), (1, flaky), (1, String::new())];
        assert_eq!(message.collect::<Vec<_>>(), expected);
    }
}
