//! Lanes: each works through cells in folders of its own, since cargo locks a target folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use camino::Utf8Path;
use rayon::prelude::*;

use crate::config::Strategy;
use crate::exec::budget::Budget;
use crate::exec::cell::{Common, Work, known, restore};
use crate::exec::lock::Resolver;
use crate::exec::process::Interrupt;
use crate::exec::schedule::Schedule;
use crate::exec::store::Store;
use crate::exec::workplace::{CACHEDIR_TAG, Workplace};
use crate::files::write_whole;
use crate::findings::findings;
use crate::matrix::Matrix;
use crate::model::cell::{Cell, CellId, Pin, Row};
use crate::model::event::{Event, Listener};
use crate::model::findings::Findings;
use crate::model::outcome::{Diagnostic, Outcome};
use crate::model::run::{CellRecord, Run, SCHEMA, State};
use crate::model::status::{Doubt, Skip, Status};
use crate::plan::{Fate, Plan, Planned};
use crate::record;
use crate::setting::Setting;
use crate::toolchain::Sought;

/// How often `run.json` is written while cells end quickly.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// How a run goes.
pub struct Options<'a> {
    /// Cells at a time; `None` for what this machine can carry.
    pub jobs: Option<usize>,
    /// Whether every lock must be committed and fit as it is.
    pub locked: bool,
    /// Whether the network is off limits.
    pub offline: bool,
    /// Whether what earlier runs kept is looked at.
    pub fresh: bool,
    /// The results folder.
    pub out: &'a Utf8Path,
    /// The folder below which work folders are.
    pub cache: PathBuf,
    /// The words that repeat the program.
    pub command: &'a str,
    /// Whether the run should end.
    pub interrupt: &'a Interrupt,
    /// Whoever listens.
    pub listener: &'a dyn Listener,
}

/// What can be said of cells from what earlier runs kept.
///
/// # Errors
///
/// When the work folders cannot be made.
pub fn known_outcomes(
    matrix: &Matrix,
    options: &Options<'_>,
    cells: &[Cell],
) -> Result<BTreeMap<CellId, Outcome>> {
    let workplace = Workplace::look(&options.cache, &matrix.place)?;
    in_place(matrix, options, &workplace, |common, _| {
        let outcome = |cell: &Cell| {
            let setting = Setting::of(matrix, cell).ok()??;
            Some((cell.id(), known(common, &setting)?))
        };
        Ok(cells.par_iter().filter_map(outcome).collect())
    })
}

/// Runs a plan, and returns what is known at its end. Whatever ended stands in `run.json`, also
/// when this function does not return.
///
/// # Errors
///
/// When the results or the work folders cannot be written. A cell that fails, or a machine that
/// fails under it, is an outcome.
pub fn run(matrix: &Matrix, plan: &Plan, options: &Options<'_>) -> Result<Run> {
    let waits = || {
        let note = "another run works on this subject; waiting for it to end";
        options.listener.hear(Event::Noted(note));
    };
    let place = &matrix.place;
    let mut workplace = Workplace::occupy(&options.cache, place, options.interrupt, waits)?;
    workplace.current = conditions(matrix, plan.cells.iter().map(|planned| &planned.cell));
    in_place(matrix, options, &workplace, |common, n_lanes| {
        let (n_run, n_known, _) = plan.counts();
        options.listener.hear(Event::Planned {
            n_run,
            n_known,
            is_most: plan.strategy == Strategy::Frontier,
        });
        let board = Board::new(begin(matrix, plan, options), options.out)?;
        restore_known(matrix, plan, common)?;
        let schedule = Schedule::new(plan, matrix.config.run.probes);
        let lanes = rayon::ThreadPoolBuilder::new()
            .num_threads(n_lanes)
            .thread_name(|lane| format!("lane-{lane}"))
            .build()
            .context("start the lanes")?;
        let results = lanes.broadcast(|context| {
            let mut last: Option<Row> = None;
            while let Some(planned) = schedule.take(last.as_ref(), options.interrupt) {
                let lane = context.index();
                let started = Instant::now();
                let (outcome, reused) = run_cell(matrix, &workplace, common, planned, lane);
                let seconds = started.elapsed().as_secs_f64();
                schedule.note(&planned.id, &outcome);
                board.record(&planned.id, outcome.clone(), reused)?;
                options.listener.hear(Event::Ended {
                    cell: &planned.id,
                    outcome: &outcome,
                    seconds,
                });
                last = Some(planned.cell.row.clone());
            }
            Ok(())
        });
        results.into_iter().collect::<Result<Vec<()>>>()?;
        let is_whole = !options.interrupt.is_asked();
        let inferred = match is_whole {
            true => schedule.inferred(),
            false => BTreeSet::new(),
        };
        board.finish(&inferred, is_whole, |run| findings(run, matrix))
    })
}

/// Puts the locks and logs of what is known beside those of what will run.
fn restore_known(matrix: &Matrix, plan: &Plan, common: &Common<'_>) -> Result<()> {
    let known = plan
        .cells
        .par_iter()
        .filter(|p| matches!(p.fate, Fate::Known(_)));
    known.try_for_each(|planned| match Setting::of(matrix, &planned.cell)? {
        Some(setting) => restore(common, &setting),
        None => Ok(()),
    })
}

/// The conditions that some cells are under.
pub(super) fn conditions<'a>(
    matrix: &Matrix,
    cells: impl Iterator<Item = &'a Cell>,
) -> BTreeSet<String> {
    let conditions = cells.filter_map(|cell| {
        let setting = Setting::of(matrix, cell).ok()??;
        Some(setting.conditions)
    });
    conditions.collect()
}

/// Opens everything that cells share.
pub(super) fn in_place<T>(
    matrix: &Matrix,
    options: &Options<'_>,
    workplace: &Workplace,
    then: impl FnOnce(&Common<'_>, usize) -> Result<T>,
) -> Result<T> {
    let store = Store::new(workplace.outcomes());
    let resolver = Resolver {
        matrix,
        folder: workplace.resolver(),
        kept: workplace.resolutions(),
        locked: options.locked,
        offline: options.offline,
        fresh: options.fresh,
        interrupt: options.interrupt,
        turn: Mutex::new(()),
    };
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let n_lanes = options.jobs.unwrap_or_else(|| default_lanes(n_cores));
    let budget = Budget::new(n_cores.max(n_lanes))?;
    let common = Common {
        matrix,
        resolver: &resolver,
        store: &store,
        results: options.out,
        budget: &budget,
        test_threads: (n_lanes > 1).then(|| n_cores.div_ceil(n_lanes)),
        fresh: options.fresh,
        listener: options.listener,
        interrupt: options.interrupt,
    };
    then(&common, n_lanes)
}

/// A single cargo keeps a few cores busy by itself, so a second lane pays only beyond that; each
/// lane also costs a target folder.
fn default_lanes(n_cores: usize) -> usize {
    (n_cores / 4).max(1)
}

/// Runs a cell; whatever goes wrong in the tool itself is a doubt about this cell only.
fn run_cell(
    matrix: &Matrix,
    workplace: &Workplace,
    common: &Common<'_>,
    planned: &Planned,
    lane: usize,
) -> (Outcome, bool) {
    let answer = || {
        let setting = Setting::of(matrix, &planned.cell)?;
        let setting = setting.context("find its toolchain")?;
        let toolchain = &planned.cell.row.toolchain;
        let folders = workplace.lane(toolchain, lane, &setting.conditions)?;
        Work {
            common,
            setting: &setting,
            folders,
        }
        .run()
    };
    match answer() {
        Ok(answer) => (answer.outcome, answer.reused),
        Err(error) => (in_doubt(&error), false),
    }
}

pub(super) fn in_doubt(error: &anyhow::Error) -> Outcome {
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>());
    let doubt = match io.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => {
            Doubt::OutOfDisk
        }
        Some(std::io::ErrorKind::OutOfMemory) => Doubt::OutOfMemory,
        Some(_) | None => Doubt::Machine("the tool could not go on".to_owned()),
    };
    Outcome::whole(
        Status::Inconclusive { doubt },
        vec![Diagnostic::said(format!("{error:#}"))],
    )
}

fn begin(matrix: &Matrix, plan: &Plan, options: &Options<'_>) -> Run {
    let record = |planned: &Planned| CellRecord {
        id: planned.id.clone(),
        cell: planned.cell.clone(),
        state: match &planned.fate {
            // Most of these will not be asked for.
            Fate::Run { .. } if !planned.is_rung => State::Skipped {
                reason: Skip::BetweenRungs,
            },
            Fate::Run { .. } => State::Pending,
            Fate::Known(outcome) => State::Ended {
                reused: true,
                outcome: outcome.clone(),
            },
            Fate::Skip(reason) => State::Skipped {
                reason: reason.clone(),
            },
        },
    };
    // The one place where the clock of the world is read.
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    Run {
        schema: SCHEMA,
        started,
        seconds: 0.0,
        finished: false,
        command: options.command.to_owned(),
        out: options.out.to_string(),
        sources: matrix.source_records(),
        resolver: matrix.resolver.cargo_version.clone(),
        toolchains: matrix.toolchains.iter().map(Sought::record).collect(),
        families: matrix.family_records(),
        cells: plan.cells.iter().map(record).collect(),
        findings: Findings::default(),
    }
}

/// Takes pins between rungs out of a run where no row looked at them.
fn drop_unused_pins(run: &mut Run) {
    let ended = run.cells.iter().filter(|record| record.outcome().is_some());
    let ended: BTreeSet<Pin> = ended.map(|record| record.cell.pin.clone()).collect();
    let is_rung = |pin: &Pin| run.families.iter().any(|family| family.pins.contains(pin));
    let kept = run.cells.iter().map(|record| {
        let pin = &record.cell.pin;
        ended.contains(pin) || is_rung(pin)
    });
    let mut kept = kept.collect::<Vec<_>>().into_iter();
    run.cells.retain(|_| kept.next().unwrap_or(true));
}

/// Where lanes write down what ended.
struct Board<'a> {
    out: &'a Utf8Path,
    started: Instant,
    state: Mutex<(Run, Option<Instant>)>,
}

impl<'a> Board<'a> {
    fn new(run: Run, out: &'a Utf8Path) -> Result<Self> {
        // Results that lie within a subject are no part of it.
        write_whole(&out.join("CACHEDIR.TAG"), CACHEDIR_TAG.as_bytes())?;
        let board = Self {
            out,
            started: Instant::now(),
            state: Mutex::new((run, None)),
        };
        board.write(&board.state.lock().unwrap_or_else(PoisonError::into_inner).0)?;
        Ok(board)
    }

    fn record(&self, id: &CellId, outcome: Outcome, reused: bool) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = state.0.cells.iter_mut().find(|c| c.id == *id) {
            record.state = State::Ended {
                reused,
                outcome: Box::new(outcome),
            };
        }
        state.0.seconds = self.started.elapsed().as_secs_f64();
        let is_due = state.1.is_none_or(|last| last.elapsed() >= BETWEEN_WRITES);
        if is_due {
            self.write(&state.0)?;
            state.1 = Some(Instant::now());
        }
        Ok(())
    }

    fn finish(
        self,
        inferred: &BTreeSet<&CellId>,
        finished: bool,
        findings: impl FnOnce(&Run) -> Findings,
    ) -> Result<Run> {
        let (mut run, _) = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        for record in &mut run.cells {
            if inferred.contains(&record.id) {
                record.state = State::Skipped {
                    reason: Skip::Inferred,
                };
            }
        }
        drop_unused_pins(&mut run);
        run.finished = finished;
        run.seconds = self.started.elapsed().as_secs_f64();
        run.findings = findings(&run);
        record::write(&run, self.out)?;
        Ok(run)
    }

    fn write(&self, run: &Run) -> Result<()> {
        record::write(run, self.out)
    }
}
