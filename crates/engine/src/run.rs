//! Runs a plan on several lanes. Each lane has its own folders, because cargo locks a target
//! folder.

pub(crate) mod schedule;
pub(crate) mod recorder;
pub(crate) mod confirm;
pub mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Instant, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytesize::ByteSize;
use camino::Utf8Path;
use pinmatrix_core::analysis::findings::findings;
use pinmatrix_core::config::{Network, Strategy};
use pinmatrix_core::model::cell::{Cell, CellId, Row};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::event::{Event, Listener};
use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::run::findings::{Cause, Findings};
use pinmatrix_core::model::run::{CellRecord, Run, SCHEMA, State};
use pinmatrix_core::model::status::{SkipReason, Status};
use pinmatrix_core::search::plan::{CellFate, Plan, Planned};
use pinmatrix_process::cancel::Cancel;
use pinmatrix_process::jobserver::{JobBudget, default_jobs};
use pinmatrix_process::sandbox::scoped_thread::confined;
use rayon::prelude::*;

use crate::cache::durations::Durations;
use crate::cache::outcome_store::OutcomeStore;
use crate::cache::record_store::RecordStore;
use crate::cell::context::{CellWork, RunContext};
use crate::cell::sandbox::CellSandbox;
use crate::cell::{CellResult, known, restore};
use crate::forecast::causes;
use crate::machine::toolchain::ToolchainLookup;
use crate::machine::{failure, own_env};
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::resolve::{ResolveSetup, Resolver};
use crate::run::confirm::confirm;
use crate::run::recorder::{EndedCellRecord, RunEnd, RunRecorder};
use crate::run::schedule::Schedule;
use crate::workdir::build_groups::BuildGroups;
use crate::workdir::evict::Evictor;
use crate::workdir::work_dirs::WorkDirs;

/// The settings of a run.
pub struct RunSettings<'a> {
    /// The number of compile jobs and test threads at a time, over all lanes; `None` for the number
    /// of cores that this process may use.
    pub jobs: Option<usize>,
    /// The number of cells at a time; `None` for as many as that number of jobs supports.
    pub lanes: Option<usize>,
    /// The limit on the disk usage of the work folders; `None` for no limit.
    pub max_disk: Option<ByteSize>,
    /// Whether every lock must be committed and must fit unchanged.
    pub locked: bool,
    /// Whether the network may be used.
    pub network: Network,
    /// Whether to remap paths in compiled code.
    pub remaps: bool,
    /// Whether to ignore stored outcomes.
    pub fresh: bool,
    /// The results folder.
    pub out: &'a Utf8Path,
    /// The folder that contains the work folders.
    pub cache: PathBuf,
    /// The command that repeats the run.
    pub command: &'a str,
    /// Tells whether the run should stop.
    pub cancel: &'a Cancel,
    /// Receives the run's events.
    pub listener: &'a dyn Listener,
}

impl<'a> RunSettings<'a> {
    /// Creates the settings of a run that uses stored outcomes, repairs locks, and may use the
    /// network.
    #[must_use]
    pub fn new(
        out: &'a Utf8Path,
        cache: PathBuf,
        command: &'a str,
        cancel: &'a Cancel,
        listener: &'a dyn Listener,
    ) -> Self {
        Self {
            jobs: None,
            lanes: None,
            max_disk: None,
            locked: false,
            network: Network::Online,
            remaps: false,
            fresh: false,
            out,
            cache,
            command,
            cancel,
            listener,
        }
    }
}

/// Returns the outcomes of cells that earlier runs stored.
///
/// # Errors
///
/// Returns an error if the work folders cannot be created.
pub fn known_outcomes(
    matrix: &Matrix,
    settings: &RunSettings<'_>,
    cells: &[Cell],
) -> Result<BTreeMap<CellId, Outcome>> {
    let work_dirs = WorkDirs::open(&settings.cache, &matrix.place)?;
    with_run_context(matrix, settings, &work_dirs, |run_context, _| {
        let outcome = |cell: &Cell| {
            let context = CellContext::of(matrix, cell).ok()??;
            Some((cell.id(), known(run_context, &context)?))
        };
        Ok(cells.par_iter().filter_map(outcome).collect())
    })
}

/// Runs a plan and returns what is known at its end. Cells that have ended are in `run.json` even
/// if this function does not return, except those that ended in the last moments. The outcomes
/// of those are stored all the same, and the next run reuses them.
///
/// # Errors
///
/// Returns an error if the results or the work folders cannot be written. A cell that fails is an
/// outcome, and so is a machine failure while it runs.
pub fn run(matrix: &Matrix, plan: &Plan, settings: &RunSettings<'_>) -> Result<Run> {
    let span = tracing::info_span!("run", cells = plan.cells.len());
    let _entered = span.enter();
    let waits = || {
        let note = "another run works on this subject; waiting for it to end";
        settings.listener.on_event(Event::Noted(note));
    };
    if let Some(time) = matrix.config.timeouts.run {
        settings.cancel.cancel_after(time);
    }
    let place = &matrix.place;
    let work_dirs = WorkDirs::lock(&settings.cache, place, settings.cancel, waits)?;
    work_dirs.remove_outdated_groups(&groups_of(matrix, plan.cells.iter().map(|p| &p.cell)))?;
    with_run_context(matrix, settings, &work_dirs, |run_context, n_lanes| {
        let (n_run, n_known, _) = plan.counts();
        settings.listener.on_event(Event::Planned {
            n_run,
            n_known,
            is_most: plan.strategy == Strategy::Frontier,
        });
        if let Some(why) = &run_context.sandbox.missing {
            let gaps = run_context.sandbox.enforced().gaps().join("; ");
            let message = format!("builds and tests are not bounded in all ({why}): {gaps}");
            settings.listener.on_event(Event::Noted(&message));
        }
        let recorder = RunRecorder::new(new_run(matrix, plan, settings), settings.out)?;
        restore_known(matrix, plan, run_context)?;
        let times = Durations::read(work_dirs.durations());
        let schedule = Schedule::new(plan, matrix.config.run.probes, n_lanes, times);
        let lanes = rayon::ThreadPoolBuilder::new()
            .num_threads(n_lanes)
            .thread_name(|lane| format!("lane-{lane}"))
            .build()
            .context("start the lanes")?;
        evict(run_context, &|label| schedule.may_need(label))?;
        let results = lanes.broadcast(|worker| {
            let lane = worker.index();
            let _span = tracing::info_span!(parent: &span, "lane", lane).entered();
            let mut last: Option<&Row> = None;
            while let Some(planned) = schedule.next_cell(last, settings.cancel) {
                let started = Instant::now();
                let answer = run_cell(matrix, &work_dirs, run_context, planned, lane);
                let seconds = started.elapsed().as_secs_f64();
                let took = (!answer.reused).then_some(seconds);
                let left = schedule.note(planned, &answer.outcome, took);
                settings.listener.on_event(Event::Ended {
                    cell: &planned.id,
                    outcome: &answer.outcome,
                    seconds,
                });
                if let Some(seconds) = left {
                    settings.listener.on_event(Event::Expected { seconds });
                }
                recorder.record(EndedCellRecord {
                    id: &planned.id,
                    lane,
                    outcome: answer.outcome,
                    reused: answer.reused,
                    timings: answer.timings,
                })?;
                last = Some(&planned.cell.row);
                evict(run_context, &|label| schedule.may_need(label))?;
            }
            Ok(())
        });
        let ended: Result<Vec<()>> = results.into_iter().collect();
        let confirmed = ended.and_then(|_| match matrix.config.run.retries {
            0 => Ok(()),
            _ => {
                confirm(matrix, &work_dirs, run_context, &recorder)?;
                evict(run_context, &|label| schedule.may_need(label))
            }
        });
        let kept = confirmed.and_then(|()| schedule.keep_times());
        let is_complete = kept.is_ok() && !settings.cancel.is_cancelled();
        if settings.cancel.is_cancelled() && !settings.cancel.is_cancelled_by_user() {
            let note = "the run's time is up: what has not ended did not run";
            settings.listener.on_event(Event::Noted(note));
        }
        warn_about_edits(matrix, settings.listener);
        let (inferred, end) = if is_complete {
            (schedule.inferred(), RunEnd::Whole)
        } else {
            (BTreeSet::new(), RunEnd::CutShort)
        };
        let run = recorder.finish(&inferred, end, |run| {
            let mut findings = findings(run, &matrix.config, matrix.baseline.as_ref());
            findings.causes = causes_of(matrix, run, settings);
            findings.explain();
            findings
        });
        kept.and(run)
    })
}

/// Returns what the sources say of the changes that a run found. They explain results and are none, so
/// nothing is lost if they cannot be read.
fn causes_of(matrix: &Matrix, run: &Run, settings: &RunSettings<'_>) -> Vec<Cause> {
    let found = Utf8Path::from_path(&settings.cache).map(|cache| causes(matrix, run, cache));
    match found {
        Some(Ok(causes)) => causes,
        Some(Err(error)) => {
            let note = format!("what changed in the sources is not known: {error:#}");
            settings.listener.on_event(Event::Noted(&note));
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Warns if files of the working tree have changed since the run began.
fn warn_about_edits(matrix: &Matrix, listener: &dyn Listener) {
    for subject in matrix.trees.iter().map(|tree| &tree.subject) {
        // A tree that can no longer be listed has changed in a way that its owner knows about.
        let changed = subject.checkout.changed_since(&matrix.config);
        let mut changed = changed.unwrap_or_default();
        let real = |path: &Path| path.canonicalize().ok();
        let log = matrix.config.run.log.as_deref().and_then(real);
        let origin = subject.checkout.origin.as_std_path();
        changed.retain(|path| log.is_none() || real(&origin.join(path)) != log);
        let Some(first) = changed.first() else {
            continue;
        };
        let others = match changed.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let note = format!(
            "files have changed since the run began, and this run is of what they were then: {}{others}",
            first.display()
        );
        listener.on_event(Event::Noted(&note));
    }
}

/// Restores the locks and logs of known cells next to those of the cells that will run.
fn restore_known(matrix: &Matrix, plan: &Plan, run_context: &RunContext<'_>) -> Result<()> {
    let known = plan
        .cells
        .par_iter()
        .filter(|p| matches!(p.fate, CellFate::Known(_)));
    known.try_for_each(|planned| match CellContext::of(matrix, &planned.cell)? {
        Some(context) => restore(run_context, &context),
        None => Ok(()),
    })
}

/// Returns the build groups of some cells, as pairs of the toolchain and the group's own name.
pub(super) fn groups_of<'a>(
    matrix: &Matrix,
    cells: impl Iterator<Item = &'a Cell>,
) -> BTreeSet<(String, String)> {
    let groups = cells.filter_map(|cell| {
        let context = CellContext::of(matrix, cell).ok()??;
        Some((cell.row.toolchain.clone(), context.build_group()))
    });
    groups.collect()
}

/// Keeps disk usage within its limit, and reports if that is not possible.
pub(super) fn evict(
    run_context: &RunContext<'_>,
    is_needed: &(dyn Fn(&str) -> bool + Sync),
) -> Result<()> {
    let root = run_context.evictor.root();
    let files = run_context.sandbox.confines(&[], &[root]);
    let room = confined(files, || run_context.evictor.make_room(is_needed))?;
    if room.is_short {
        let message = format!(
            "work folders take {}, which is more than they may: the rest is in use",
            ByteSize(room.after)
        );
        run_context.listener.on_event(Event::Noted(&message));
    }
    Ok(())
}

/// Opens everything that cells share, and calls `then` with it and the number of lanes.
pub(super) fn with_run_context<T>(
    matrix: &Matrix,
    settings: &RunSettings<'_>,
    work_dirs: &WorkDirs,
    then: impl FnOnce(&RunContext<'_>, usize) -> Result<T>,
) -> Result<T> {
    let records = RecordStore::new(work_dirs.quarantine_dir(), settings.listener);
    let store = OutcomeStore::new(work_dirs.outcomes(), &records);
    let resolver = Resolver {
        setup: ResolveSetup {
            matrix,
            folder: work_dirs.resolver_dir(),
            locked: settings.locked,
            network: settings.network,
            cancel: settings.cancel,
        },
        kept: work_dirs.resolutions(),
        records: &records,
        fresh: settings.fresh,
        turn: Mutex::new(None),
    };
    let n_jobs = settings.jobs.unwrap_or_else(default_jobs);
    let n_lanes = settings.lanes.unwrap_or_else(|| default_lanes(n_jobs));
    let budget = JobBudget::new(n_jobs)?;
    let linker = matrix.config.build.linker.as_ref();
    let linker = linker.map(|linker| work_dirs.linker(*linker.get_ref()));
    let linker = linker.transpose()?;
    let sandbox = CellSandbox::open(matrix, &work_dirs.trial_dir(), settings.cancel)?;
    let groups = if sandbox.enforced().files {
        BuildGroups::confined_to_their_folders()
    } else {
        BuildGroups::default()
    };
    let evictor = Evictor::new(work_dirs, &groups, settings.max_disk);
    let run_context = RunContext {
        matrix,
        resolver: &resolver,
        store: &store,
        results: settings.out,
        budget: &budget,
        groups: &groups,
        sandbox: &sandbox,
        evictor: &evictor,
        linker: linker.as_deref(),
        remaps: settings.remaps,
        fresh: settings.fresh,
        listener: settings.listener,
        cancel: settings.cancel,
    };
    then(&run_context, n_lanes)
}

/// Returns the default number of lanes. A single cargo already keeps a few cores busy, so a second
/// lane only pays off beyond that; each lane also costs a target folder.
fn default_lanes(n_jobs: usize) -> usize {
    (n_jobs / 4).max(1)
}

/// Runs a cell. An error in the tool itself becomes an inconclusive result for this cell only.
fn run_cell(
    matrix: &Matrix,
    work_dirs: &WorkDirs,
    run_context: &RunContext<'_>,
    planned: &Planned,
    lane: usize,
) -> CellResult {
    if let Some(why) = matrix.broken(&planned.cell.row) {
        return CellResult {
            outcome: Outcome::inconclusive(format!("its toolchain does not respond: {why}")),
            reused: false,
            timings: Vec::new(),
        };
    }
    let answer = || {
        let context = CellContext::of(matrix, &planned.cell)?;
        let context = context.context("find its toolchain")?;
        let folders = work_dirs.folders(&context, &run_context.sandbox.name()?, lane)?;
        let _occupied = run_context.evictor.mark_in_use(&folders);
        CellWork {
            run_context,
            context: &context,
            folders,
            only: None,
        }
        .run()
    };
    answer().unwrap_or_else(|error| CellResult {
        outcome: inconclusive(&error),
        reused: false,
        timings: Vec::new(),
    })
}

pub(super) fn inconclusive(error: &anyhow::Error) -> Outcome {
    let doubt = failure::of_error(error);
    Outcome::whole(
        Status::Inconclusive { doubt },
        vec![Diagnostic::from_message(format!("{error:#}"))],
    )
}

fn new_run(matrix: &Matrix, plan: &Plan, settings: &RunSettings<'_>) -> Run {
    let record = |planned: &Planned| CellRecord {
        id: planned.id.clone(),
        cell: planned.cell.clone(),
        state: match &planned.fate {
            // Most of these cells will not be needed.
            CellFate::Run { .. } if !planned.is_rung => State::Skipped {
                reason: SkipReason::BetweenRungs,
            },
            CellFate::Run { .. } => State::Pending,
            CellFate::Known(outcome) => State::Ended {
                reused: true,
                outcome: outcome.clone(),
            },
            CellFate::Skip(reason) => State::Skipped {
                reason: reason.clone(),
            },
        },
    };
    let started = own_env::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    Run {
        schema: SCHEMA,
        started,
        seconds: 0.0,
        finished: false,
        command: settings.command.to_owned(),
        out: settings.out.to_string(),
        shard: plan.shard,
        sources: matrix.source_records(),
        resolver: matrix.resolver.cargo_version.clone(),
        toolchains: matrix
            .toolchains
            .iter()
            .map(ToolchainLookup::record)
            .collect(),
        families: matrix.family_records(),
        cells: plan.cells.iter().map(record).collect(),
        timeline: Vec::new(),
        findings: Findings::default(),
    }
}
