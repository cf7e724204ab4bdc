//! Runs a program whose exit code says whether a cell is good.

use anyhow::Result;
use camino::Utf8Path;
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::outcome::{Outcome, Phase};
use pinmatrix_core::model::run::bisection::PointAnswer;
use pinmatrix_process::Stream;
use pinmatrix_process::child::Exit;

use crate::cache::outcome_store::clear_logs;
use crate::cargo::targets::Workspace;
use crate::cell::context::{CellWork, TARGET_DIR};
use crate::cell::{keep_lock, kept, logs};
use crate::phase::log::PhaseLog;
use crate::phase::timer::PhaseTimer;

/// Runs a script instead of build and tests, in a cell's copy that is pinned, locked and fetched.
/// As for `git bisect run` (<https://git-scm.com/docs/git-bisect>), exit code 0 means good, 125
/// cannot tell, and any other means bad.
///
/// The environment describes the cell: `PINMATRIX_CELL`, `PINMATRIX_TOOLCHAIN`, `PINMATRIX_PIN` and
/// `CARGO_TARGET_DIR`. `cargo` and `rustc` in its `PATH` are those of the cell.
///
/// # Errors
///
/// Returns a [`UserError`] if the script cannot be run, and other errors if the work folders
/// cannot be read or written.
pub fn ask(work: &CellWork<'_>, script: &Utf8Path) -> Result<(PointAnswer, String)> {
    let CellWork {
        run_context,
        context,
        ..
    } = work;
    let logs = logs(run_context.results, context.cell);
    clear_logs(&logs)?;
    let workspace = match prepared(work, &logs)? {
        Ok(workspace) => workspace,
        Err(refused) => {
            let output = refused.errors.first().map(ToString::to_string);
            let output = format!("{}: {}", refused.status, output.unwrap_or_default());
            return Ok((PointAnswer::CannotTell, output));
        }
    };
    // It may compile, and does so alone.
    let groups = run_context.groups;
    let _turn = groups.acquire(&work.folders, &workspace.units, run_context.cancel)?;
    work.enter(Phase::Test);
    let mut log = PhaseLog::create(logs.join("test.log").as_std_path(), work.secrets())?;
    let answer = run_script(work, script, &mut log);
    log.finish()?;
    match context.toolchain.change() {
        Some(change) => Ok((PointAnswer::CannotTell, change)),
        None => answer,
    }
}

/// Prepares the copy; the inner error is the outcome of a cell that cannot be prepared.
fn prepared(
    work: &CellWork<'_>,
    logs: &Utf8Path,
) -> Result<std::result::Result<Workspace, Outcome>> {
    let CellWork {
        run_context,
        context,
        ..
    } = work;
    work.enter(Phase::Resolve);
    let mut clock = PhaseTimer::start(Phase::Resolve);
    let mut log = PhaseLog::create(logs.join("resolve.log").as_std_path(), work.secrets())?;
    let resolution = run_context
        .resolver
        .resolve(context, &mut log, &mut clock)?;
    // The lock that a run of the cell settled on, if there was one.
    let moved = kept(run_context, context, &resolution).and_then(|kept| kept.lock);
    let lock = moved.as_deref().or(resolution.usable());
    keep_lock(run_context.results, context.cell, lock)?;
    let prepared = match lock {
        Some(lock) => work.prepare(lock, &mut log, &mut clock)?,
        None => Err(Outcome::whole(resolution.status, resolution.errors)),
    };
    log.finish()?;
    Ok(prepared)
}

fn run_script(
    work: &CellWork<'_>,
    script: &Utf8Path,
    log: &mut PhaseLog,
) -> Result<(PointAnswer, String)> {
    let CellWork {
        run_context,
        context,
        ..
    } = work;
    let cell = context.cell;
    let mut cargo = work.cargo(run_context.matrix.config.timeouts.build);
    let message = [
        ("CARGO", context.toolchain.program("cargo").into_os_string()),
        ("PINMATRIX_CELL", cell.id().as_str().into()),
        ("PINMATRIX_TOOLCHAIN", (&cell.row.toolchain).into()),
        ("PINMATRIX_PIN", cell.pin.at.to_string().into()),
        (TARGET_DIR, work.folders.target.clone().into_os_string()),
    ];
    let message = message.map(|(name, value)| (name.into(), value));
    cargo.vars.extend(message);
    log.note(&format!("$ {script} # {}", cell.id()));
    let mut last = String::new();
    let mut follower = |_: Stream, line: &[u8]| {
        log.add(line);
        let line = String::from_utf8_lossy(line);
        if !line.trim().is_empty() {
            last = pinmatrix_core::text::one_line(&line);
        }
    };
    let spec = cargo.command_spec(script.as_ref(), &[])?;
    let ended = cargo.follow(spec, &mut follower)?;
    log.note(&format!("[{}]", ended.exit));
    let answer = match &ended.exit {
        Exit::Code(0) => PointAnswer::Good,
        // The exit codes of a shell if the program does not exist or is not executable.
        Exit::Code(126 | 127) => {
            return Err(cannot_run(script, &format!("{} {last}", ended.exit)));
        }
        Exit::Code(125) | Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted => {
            PointAnswer::CannotTell
        }
        Exit::Code(_) => PointAnswer::Bad,
        Exit::Lost(why) => return Err(cannot_run(script, why)),
    };
    let output = if last.is_empty() {
        ended.exit.to_string()
    } else {
        format!("{}: {last}", ended.exit)
    };
    let output = work.secrets().without(&output).unwrap_or(output);
    Ok((answer, output))
}

fn cannot_run(script: &Utf8Path, why: &str) -> anyhow::Error {
    UserError::new(format!("script {script} cannot be run: {why}"))
        .help("it must be executable and name its interpreter; exit 0 good, 125 cannot tell, others bad")
        .into()
}
