//! Runs the tests of one target, with libtest or with a `main` of its own.

pub(crate) mod libtest;
pub(crate) mod nextest;
pub(crate) mod doctest;
pub(crate) mod executable;
pub(crate) mod env;
pub(crate) mod programs;
pub(crate) mod retry;
pub(crate) mod runner;
mod cases;

use std::time::Instant;

use anyhow::Result;
use pinmatrix_core::model::outcome::{CaseOutcome, TargetOutcome};
use pinmatrix_core::model::status::{FailureKind, Status};
use pinmatrix_process::child::Exit;
use pinmatrix_process::{ProcessResult, Stream};

use crate::cargo::targets::Target;
use crate::machine::failure::shortage;
use crate::phase::log::PhaseLog;
use crate::phase::timer::PhaseTimer;
use crate::test::cases::Cases;
use crate::test::executable::{TargetTests, TestExecutable, infra_failure};
use crate::test::libtest::keep_tail;
use crate::test::retry::retried;

/// Runs a target's tests and adds to their phase's time.
///
/// # Errors
///
/// Returns an error if this process has no working directory.
pub fn test(
    target: &Target,
    executable: &TestExecutable<'_>,
    log: &mut PhaseLog,
    clock: &mut PhaseTimer,
) -> Result<TargetOutcome> {
    let name = executable.path.file_name().unwrap_or_default();
    log.note(&format!("$ {name} # {}", target.id));
    let started = Instant::now();
    let mut tested = None;
    if target.harness {
        tested = Some(Cases::run_all(executable, log)?);
    }
    // What runs it for another machine can be a program that takes no flags.
    let is_unlisted = |tests: &TargetTests| executable.is_elsewhere && tests.is_unlisted();
    let tested = match tested {
        Some(tests) if !is_unlisted(&tests) => tests,
        Some(_) | None => program(executable, &target.id.name, log)?,
    };
    Ok(outcome_of(target, tested, started, clock))
}

/// Returns the outcome of a target whose tests have run since `started`.
fn outcome_of(
    target: &Target,
    mut tested: TargetTests,
    started: Instant,
    clock: &mut PhaseTimer,
) -> TargetOutcome {
    for case in tested.cases.iter_mut().filter(|c| c.status.is_failed()) {
        if let Some(doubt) = case.output.as_deref().and_then(shortage) {
            case.status = Status::Inconclusive { doubt };
        }
    }
    let own = tested.error.as_ref().map(|(status, _)| status);
    let of_cases = tested.cases.iter().map(|c| &c.status);
    let outcome = TargetOutcome {
        id: target.id.clone(),
        status: Status::of_parts(own.into_iter().chain(of_cases)),
        errors: tested.error.iter().map(|(_, e)| e.clone()).collect(),
        cases: tested.cases,
        seconds: (started.elapsed().saturating_sub(tested.waited)).as_secs_f64(),
    };
    clock.cpu += tested.cpu;
    clock.waited += tested.waited;
    if !tested.exit.is_success() {
        clock.exit = tested.exit;
    }
    outcome
}

/// Runs a target with its own `main`: it is one case, and it is retried as a whole if it fails.
fn program(executable: &TestExecutable<'_>, name: &str, log: &mut PhaseLog) -> Result<TargetTests> {
    let until = || Instant::now() + executable.timeouts.target;
    let (case, mut ended) = once(executable, name, until(), log)?;
    // A retry gets the same timeout.
    let until = until();
    let case = retried(case, executable.retries, || {
        if Instant::now() >= until {
            return Ok(None);
        }
        let (case, again) = once(executable, name, until, log)?;
        ended = ProcessResult {
            exit: again.exit,
            wall: ended.wall + again.wall,
            cpu: ended.cpu + again.cpu,
            waited: ended.waited + again.waited,
        };
        Ok(Some(case))
    })?;
    Ok(TargetTests {
        cases: vec![case],
        error: None,
        cpu: ended.cpu,
        waited: ended.waited,
        exit: ended.exit,
    })
}

/// Runs a program once and judges it by its exit.
fn once(
    executable: &TestExecutable<'_>,
    name: &str,
    until: Instant,
    log: &mut PhaseLog,
) -> Result<(CaseOutcome, ProcessResult)> {
    let mut output_tail = String::new();
    let mut follower = |_: Stream, line: &[u8]| {
        log.add(line);
        keep_tail(&mut output_tail, line);
    };
    let command = executable.command(&[])?;
    let waiting = Instant::now();
    let _threads = executable.budget.test_threads(1)?;
    let waited = waiting.elapsed();
    let limit = (until + waited).saturating_duration_since(Instant::now());
    let ended = executable.run(command, limit, &mut follower);
    let ended = ProcessResult { waited, ..ended };
    log.note(&format!("[{}]", ended.exit));
    let status = match infra_failure(&ended.exit, &output_tail) {
        Some(doubt) => Status::Inconclusive { doubt },
        None => match ended.exit {
            Exit::Code(0) => Status::Passed,
            Exit::TimedOut => Status::failed(FailureKind::Timeout),
            Exit::Signal(_) => Status::failed(FailureKind::Crash),
            Exit::Code(_) | Exit::Interrupted | Exit::Lost(_) => Status::failed(FailureKind::Test),
        },
    };
    let output = match status {
        Status::Passed => None,
        Status::Failed { .. } | Status::Skipped { .. } | Status::Inconclusive { .. } => {
            let how = match ended.exit {
                Exit::TimedOut => format!("still running after {}", executable.target_limit()),
                Exit::Code(_) | Exit::Signal(_) | Exit::Interrupted | Exit::Lost(_) => {
                    ended.exit.to_string()
                }
            };
            let output_tail = executable.without_stage(&output_tail);
            libtest::kept(&format!("{output_tail}\n[{how}]"))
        }
    };
    let case = CaseOutcome {
        name: name.to_owned(),
        status,
        seconds: ended.wall.as_secs_f64(),
        output,
        flaky: None,
        n_seen: 1,
    };
    Ok((case, ended))
}
