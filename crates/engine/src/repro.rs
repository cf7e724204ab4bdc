//! Runs one cell in the open: it is resolved, staged and fetched as usual, in a folder that stays,
//! and then built and tested by plain cargo commands whose output is passed on as it comes.

pub mod recipe;

use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::Cell;
use pinmatrix_core::model::event::Event;
use pinmatrix_core::model::outcome::Phase;
use pinmatrix_core::model::outcome::moved::MoveReason;
use pinmatrix_core::model::status::Status;
use pinmatrix_process::Stream;
use pinmatrix_process::child::Exit;

use crate::cache::outcome_store::StoredOutcome;
use crate::cell::context::{CellWork, RunContext};
use crate::cell::kept;
use crate::cell::old_lock::MovedLock;
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::phase::log::PhaseLog;
use crate::phase::timer::{PhaseTimer, Phases};
use crate::repro::recipe::{Recipe, RecipeStep};
use crate::run::{RunSettings, with_run_context};
use crate::workdir::lane_dirs::LaneDirs;
use crate::workdir::work_dirs::WorkDirs;

/// An event of a cell that runs in the open.
pub enum ReproEvent<'a> {
    /// A command begins.
    Command(&'a RecipeStep),
    /// A line of its output, including the line end.
    Line(Stream, &'a [u8]),
    /// How it ended.
    Ended(&'a Exit),
}

/// A staged cell.
pub struct StagedCell {
    /// Everything needed to reproduce it.
    pub recipe: Recipe,
    /// The status of its resolution.
    pub resolved: Status,
    /// The folder that it is in, if it ran; its copy of the checkout is in the subfolder
    /// `checkout`.
    pub folder: Utf8PathBuf,
    /// Whether all commands ended well; `None` if none ran.
    pub passed: Option<bool>,
}

/// Resolves and stages a cell. If `on_event` is given, also runs it in a folder that stays, as soon as
/// no other run uses the subject.
///
/// # Errors
///
/// Returns a [`UserError`] if its toolchain is not on this machine, and other errors if the work
/// folders cannot be read or written.
pub fn open(
    matrix: &Matrix,
    cell: &Cell,
    options: &RunSettings<'_>,
    mut on_event: Option<&mut dyn FnMut(ReproEvent<'_>)>,
) -> Result<StagedCell> {
    let label = &cell.row.toolchain;
    let context = CellContext::of(matrix, cell)?.ok_or_else(|| {
        UserError::new(format!("toolchain `{label}` is not on this machine"))
            .help("`toolchains` says where it was looked for, and `toolchains install` gets it")
    })?;
    let waits = || {
        let note = "another run works on this subject; waiting for it to end";
        options.listener.on_event(Event::Noted(note));
    };
    let (cache, place) = (&options.cache, &matrix.place);
    let work_dirs = match on_event {
        Some(_) => WorkDirs::lock(cache, place, options.cancel, waits)?,
        // It leaves nothing behind, so it need not wait.
        None => WorkDirs::beside(cache, place)?,
    };
    with_run_context(matrix, options, &work_dirs, |run_context, _| {
        let folder = work_dirs.open_cell(cell)?;
        let of_lane = work_dirs.folders(&context, &run_context.sandbox.name()?, 0)?;
        let work = CellWork {
            run_context,
            context: &context,
            folders: folders(&folder, of_lane, &context.tree.subject.inside),
            only: None,
        };
        let logs = folder.join("resolve.log");
        let mut log = PhaseLog::create(logs.as_std_path(), work.secrets())?;
        let mut clock = PhaseTimer::start(Phase::Resolve);
        let mut resolution = run_context
            .resolver
            .resolve(&context, &mut log, &mut clock)?;
        // The lock that a run of the cell settled on, if there was one.
        let known = kept(run_context, &context, &resolution);
        let is_known = known.is_some();
        let mut moved = Vec::new();
        if let Some(StoredOutcome { outcome, lock, .. }) = known {
            moved = outcome.moved;
            resolution.lock = lock.or(resolution.lock);
        }
        let prepared = match &resolution.lock {
            Some(lock) => Some(work.prepare(lock, &mut log, &mut clock)?),
            None => None,
        };
        let mut workspace = match prepared {
            Some(Ok(workspace)) => Some(workspace),
            // A failure to fetch or read counts against the cell, unless it has failed already.
            Some(Err(refused)) if resolution.status == Status::Passed => {
                resolution.refuse(refused);
                None
            }
            Some(Err(_)) | None => None,
        };
        // If no run has found out yet whether the lock is old, a build decides.
        if !is_known
            && on_event.is_some()
            && let Some(lock) = resolution.usable()
            && let Some(staged) = workspace.take()
        {
            match work.judge_build(lock, staged, &folder, &mut Phases::default())? {
                Ok(settled) => {
                    if let Some(MovedLock {
                        lock, moved: more, ..
                    }) = settled.moved
                    {
                        moved = more;
                        resolution.lock = Some(lock);
                    }
                    // A fresh checkout would not have what that build wrote into the sources.
                    workspace = match resolution.usable() {
                        Some(lock) => work.prepare(lock, &mut log, &mut clock)?.ok(),
                        None => None,
                    };
                }
                Err(refused) => resolution.refuse(refused),
            }
        }
        log.finish()?;
        moved.retain(|moved| moved.fault == MoveReason::TooOld);
        let recipe = Recipe::of(matrix, &context, &resolution, workspace.as_ref())?.with(moved);
        let recipe = match work.unrunnable() {
            Some(_) => recipe.without_running(workspace.as_ref()),
            None => recipe,
        };
        let passed = match (&mut on_event, &workspace) {
            (Some(on_event), Some(workspace)) if resolution.status == Status::Passed => {
                work.clear_folders()?;
                let RunContext { groups, cancel, .. } = run_context;
                let _turn = groups.acquire(&work.folders, &workspace.units, cancel)?;
                Some(run(&work, run_context, &recipe, *on_event)?)
            }
            (Some(_) | None, _) => None,
        };
        Ok(StagedCell {
            recipe,
            resolved: resolution.status,
            folder,
            passed,
        })
    })
}

/// Returns the folders of a cell in the open: beside the lanes of its build group, whose store
/// it uses.
fn folders(folder: &Utf8Path, of_lane: LaneDirs, inside: &Utf8Path) -> LaneDirs {
    let checkout = folder.join("checkout");
    let subject = checkout.join(inside);
    LaneDirs {
        group: of_lane.group,
        checkout,
        target: subject.join("target"),
        subject,
        tmp: folder.join("tmp"),
        programs: of_lane.programs,
    }
}

/// Runs the commands of a recipe in the cell's sandbox, and returns whether all ended well.
fn run(
    work: &CellWork<'_>,
    run_context: &RunContext<'_>,
    recipe: &Recipe,
    on_event: &mut dyn FnMut(ReproEvent<'_>),
) -> Result<bool> {
    let timeouts = &run_context.matrix.config.timeouts;
    let mut has_passed = true;
    for step in &recipe.steps {
        if run_context.cancel.is_cancelled() {
            return Ok(false);
        }
        let limit: Duration = match &step.target {
            // What a target's own command has to compile does not count as part of its tests.
            Some(_) => timeouts.build.saturating_add(timeouts.target),
            None => timeouts.build,
        };
        let mut cargo = work.sandboxed_cargo(step.target.as_ref(), limit)?;
        // Nothing else runs, so it may use all jobs.
        cargo.budget = None;
        let args: Vec<&str> = step.args.iter().map(String::as_str).collect();
        on_event(ReproEvent::Command(step));
        let mut follower = |stream: Stream, line: &[u8]| {
            on_event(ReproEvent::Line(stream, &work.secrets().hide(line)));
        };
        let command = cargo.command(&args).context("start cargo")?;
        let ended = cargo.follow(command, &mut follower)?;
        has_passed &= ended.exit.is_success();
        on_event(ReproEvent::Ended(&ended.exit));
    }
    Ok(has_passed)
}
