//! The command line of pinmatrix: flags in, progress and exit codes out. The engine does the work;
//! this crate decides what is shown.

mod args;
mod commands;
mod output;

mod pipeline;

use std::process::ExitCode;

use anyhow::{Context, Result};
use camino::Utf8Path;
use clap::Parser;
use pinmatrix::{Matrix, RunSettings, cache_folder, known_outcomes, read_config, run};
use pinmatrix_core::analysis::{Analysis, RunResult, judgement, run_result};
use pinmatrix_core::config::{RunOptions, Strategy};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::Cell;
use pinmatrix_core::model::command::{LOCKED, NO_TODAY};
use pinmatrix_core::model::event::{Event, Listener};
use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::verdict::Judgement;
use pinmatrix_core::model::status::SkipReason;
use pinmatrix_core::search::plan::{Candidate, Plan, PlanContext, Selection, plan};
use pinmatrix_core::search::shard::keep;
use pinmatrix_core::text::shell_word;
use pinmatrix_process::cancel::Cancel;

use crate::args::Command;
use crate::args::flags::{Flags, PlanFlags, RunFlags, SelectionArgs};

/// The two names of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `cargo xtask matrix`.
    Xtask,
    /// `cargo pinmatrix`.
    CargoPinmatrix,
}

impl Program {
    /// Returns the words that a person types before the flags.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Xtask => "cargo xtask matrix",
            Self::CargoPinmatrix => "cargo pinmatrix",
        }
    }
}

/// The exit codes, which are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExitStatus {
    Passed = 0,
    Failed = 1,
    UserError = 2,
    Inconclusive = 3,
    Interrupted = 130,
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the program.
#[must_use]
pub fn main(program: Program) -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(served) = pinmatrix_process::supervisor::supervisor_main() {
        return served;
    }
    let args = match program {
        Program::Xtask => args::XtaskArgs::parse().matrix(),
        Program::CargoPinmatrix => args::CargoArgs::parse().matrix(),
    };
    let started = output::trace::start(args.log.as_deref()).map_err(anyhow::Error::from);
    let exit = match started.and_then(|()| dispatch(program, args.command())) {
        Ok(exit) => exit,
        Err(error) => {
            output::error_report::show(&error);
            match error.downcast_ref::<UserError>() {
                Some(_) => ExitStatus::UserError,
                None => ExitStatus::Inconclusive,
            }
        }
    };
    exit.into()
}

fn dispatch(program: Program, command: Command) -> Result<ExitStatus> {
    match command {
        Command::Run(flags) => run_matrix(program, &flags),
        Command::Plan(flags) => plan_matrix(program, &flags),
        Command::Forecast(flags) => commands::forecast::run(&flags),
        Command::Merge(flags) => commands::merge::run(program, &flags),
        Command::Bless(flags) => commands::bless::run(&flags),
        Command::Repro(flags) => commands::repro::run(program, &flags),
        Command::Compare(flags) => commands::compare::run(&flags),
        Command::Report(flags) => commands::report::run(&flags),
        Command::Worklist(flags) => commands::worklist::run(&flags),
        Command::Bisect(flags) => commands::bisect::run(program, &flags),
        Command::Verify(flags) => commands::verify::run(program, &flags),
        Command::Ci(flags) => pipeline::run(program, &flags),
        Command::Clean(flags) => commands::clean::run(&flags),
        Command::Toolchains(flags) => commands::toolchains::run(program, &flags),
    }
}

fn run_matrix(program: Program, flags: &RunFlags) -> Result<ExitStatus> {
    let cancel = Cancel::with_supervisors();
    listen_for_signals(&cancel)?;
    let progress = output::progress::Progress::new();
    let matrix = open_with(
        &flags.selecting.flags,
        |options| {
            options.today &= !flags.selecting.no_today;
            options.baseline.take_if(|_| flags.no_baseline);
        },
        &progress,
    )?;
    let out = flags.selecting.flags.out()?;
    check_out(&out)?;
    let mut command = command_line(program, "run", &flags.selecting.flags);
    if flags.selecting.no_today {
        command.push_str(NO_TODAY);
    }
    if flags.locked {
        command.push_str(LOCKED);
    }
    let options = RunSettings {
        jobs: flags.load.jobs.or(matrix.config.run.jobs),
        lanes: flags.load.lanes.or(matrix.config.run.lanes),
        max_disk: flags
            .max_disk
            .map_or(matrix.config.run.max_disk, |most| most.0),
        locked: flags.locked,
        network: flags.selecting.flags.network(),
        fresh: flags.fresh,
        ..RunSettings::new(&out, cache_folder()?, &command, &cancel, &progress)
    };
    matrix.check_cache(&options.cache)?;
    let mut plan = make_plan(
        &matrix,
        &flags.selecting,
        matrix.config.run.strategy,
        &options,
    )?;
    if let Some(shard) = flags.share.shard {
        keep(
            &mut plan,
            shard,
            &commands::sharding::shards::times(flags.share.times.as_deref())?,
        )?;
    }
    if flags.locked {
        matrix.check_locks(
            plan.queue()
                .into_iter()
                .map(|index| &plan.cells[index].cell),
        )?;
    }
    std::fs::create_dir_all(&out).map_err(|e| bad_out_dir(&out, &e.to_string()))?;
    output::reports::remove(&out);
    let run = match run(&matrix, &plan, &options) {
        Err(_) if cancel.is_cancelled_by_user() => return Ok(ExitStatus::Interrupted),
        run => run?,
    };
    progress.end();
    let analysis = Analysis::of(&run);
    output::reports::write(&analysis, &out, &out)?;
    output::stdout::results(&analysis, &out)?;
    output::ci::publish(&analysis, &out, flags.ci.host())?;
    if cancel.is_cancelled_by_user() {
        Ok(ExitStatus::Interrupted)
    } else {
        Ok(judge(&run))
    }
}

fn plan_matrix(program: Program, flags: &PlanFlags) -> Result<ExitStatus> {
    let cancel = Cancel::with_supervisors();
    let progress = output::progress::Progress::new();
    let matrix = open_selected(&flags.selecting, &progress)?;
    if flags.sharding.round {
        progress.end();
        commands::sharding::round::show(&matrix, flags)?;
        return Ok(ExitStatus::Passed);
    }
    let out = flags.selecting.flags.out()?;
    let options = RunSettings {
        locked: flags.locked,
        network: flags.selecting.flags.network(),
        fresh: flags.fresh,
        ..RunSettings::new(&out, cache_folder()?, program.words(), &cancel, &progress)
    };
    let plan = make_plan(
        &matrix,
        &flags.selecting,
        matrix.config.run.strategy,
        &options,
    )?;
    progress.end();
    match flags.sharding.shards {
        Some(n) => commands::sharding::shards::show(
            &plan,
            n,
            flags.sharding.times.as_deref(),
            flags.format,
        )?,
        None => output::plan::show(&matrix, &plan, flags.format)?,
    }
    Ok(ExitStatus::Passed)
}

fn open(flags: &Flags, listener: &dyn Listener) -> Result<Matrix> {
    open_with(flags, |options| options.baseline = None, listener)
}

/// Opens a matrix for selected cells, without a baseline to judge them by.
fn open_selected(selecting: &SelectionArgs, listener: &dyn Listener) -> Result<Matrix> {
    let change = |options: &mut RunOptions| {
        options.today &= !selecting.no_today;
        options.baseline = None;
    };
    open_with(&selecting.flags, change, listener)
}

fn open_with(
    flags: &Flags,
    change: impl FnOnce(&mut RunOptions),
    listener: &dyn Listener,
) -> Result<Matrix> {
    let mut config = read_config(&flags.config())?;
    change(&mut config.run);
    config.run.past_blockers = flags.past_blockers;
    config.run.log = output::trace::file().map(std::path::Path::to_owned);
    if let Some(rev) = &flags.rev {
        config.take_revision(rev);
    }
    if let Some(mode) = flags.sandbox {
        config.take_sandbox(mode.into());
    }
    if flags.workspace {
        config.take_workspace();
    }
    if !flags.package.is_empty() {
        config.take_packages(&flags.package)?;
    }
    config.exclude_packages(&flags.exclude)?;
    let matrix = Matrix::open(config, flags.network(), &cache_folder()?)?;
    for note in &matrix.notes {
        listener.on_event(Event::Noted(note));
    }
    Ok(matrix)
}

/// Checks that the results folder belongs to the tool: files of another run are removed there,
/// and a tag is written into it.
fn check_out(out: &Utf8Path) -> Result<(), UserError> {
    let tag = std::fs::read_to_string(out.join("CACHEDIR.TAG"));
    let is_ours = tag.is_ok_and(|tag| tag.contains("made by pinmatrix"));
    if is_ours || !out.exists() {
        return Ok(());
    }
    match out
        .read_dir_utf8()
        .map(|mut entries| entries.next().is_none())
    {
        Ok(true) => Ok(()),
        Ok(false) => Err(bad_out_dir(out, "it holds files that are not results")),
        Err(e) => Err(bad_out_dir(out, &e.to_string())),
    }
}

fn bad_out_dir(out: &Utf8Path, why: &str) -> UserError {
    UserError::new(format!("{out} cannot be the results folder: {why}"))
        .help("name a folder with --out that does not exist yet")
}

/// Plans the cells that flags select, with a strategy unless a flag names one.
fn make_plan(
    matrix: &Matrix,
    selecting: &SelectionArgs,
    strategy: Strategy,
    options: &RunSettings<'_>,
) -> Result<Plan> {
    let (cells, selection) = select(matrix, selecting, strategy)?;
    let asked = selection.held(&cells);
    let known = known_outcomes(matrix, options, &asked)?;
    Ok(plan(
        &cells,
        &selection,
        &KnownOutcomes {
            matrix,
            known: &known,
        },
    ))
}

/// Returns the cells of a matrix, and the selection that the flags make.
fn select(
    matrix: &Matrix,
    selecting: &SelectionArgs,
    strategy: Strategy,
) -> Result<(Vec<Candidate>, Selection), UserError> {
    let selection = Selection::new(
        &selecting.toolchain,
        &selecting.pin,
        &selecting.cell,
        selecting.strategy().unwrap_or(strategy),
    )?
    .with_today(matrix.today());
    let selection = if selecting.exact || matrix.config.run.exact {
        selection.exact()
    } else {
        selection
    };
    let cells = matrix.cells();
    selection.check(&cells)?;
    Ok((cells, selection))
}

/// Answers the questions of the planner.
struct KnownOutcomes<'a> {
    matrix: &'a Matrix,
    known: &'a std::collections::BTreeMap<pinmatrix_core::model::cell::CellId, Outcome>,
}

impl PlanContext for KnownOutcomes<'_> {
    fn left_out(&self, cell: &Cell) -> Option<SkipReason> {
        self.matrix.config.left_out(cell)
    }

    fn has_toolchain(&self, cell: &Cell) -> bool {
        let row = &cell.row;
        self.matrix.toolchain(row).is_some() || self.matrix.broken(row).is_some()
    }

    fn outcome(&self, cell: &Cell) -> Option<Outcome> {
        self.known.get(&cell.id()).cloned()
    }

    fn forecast(&self, cell: &Cell) -> Option<String> {
        self.matrix.forecast(cell)
    }
}

/// Judges a run. A failure outweighs an inconclusive cell, since it is certain.
fn judge(run: &Run) -> ExitStatus {
    // Other machines have the cells.
    if run.is_empty_shard() {
        return ExitStatus::Passed;
    }
    let exit = judge_cells(run);
    // The time was up before all cells ran, or a part is missing.
    if exit == ExitStatus::Passed && !run.finished {
        return ExitStatus::Inconclusive;
    }
    exit
}

fn judge_cells(run: &Run) -> ExitStatus {
    if let Some(judgement) = judgement(run) {
        return match judgement {
            Judgement::AsExpected => ExitStatus::Passed,
            Judgement::Regressed | Judgement::Fixed => ExitStatus::Failed,
            Judgement::Inconclusive => ExitStatus::Inconclusive,
        };
    }
    if !run.findings.gaps.is_empty() {
        // A gap left by a merge outweighs even a failed cell, if there is no baseline.
        return ExitStatus::Inconclusive;
    }
    match run_result(run) {
        RunResult::Passed => ExitStatus::Passed,
        RunResult::Failed => ExitStatus::Failed,
        RunResult::Nothing | RunResult::Unsure => ExitStatus::Inconclusive,
    }
}

/// Formats a command that a report suggests, with the flags that affect its result.
fn command_line(program: Program, words: &str, flags: &Flags) -> String {
    let mut command = format!("{} {words}", program.words());
    if let Some(config) = &flags.config {
        command.push_str(&format!(
            " --config {}",
            shell_word(&config.display().to_string())
        ));
    }
    command.push_str(&flags.words());
    command
}

fn listen_for_signals(cancel: &Cancel) -> Result<()> {
    let cancel = cancel.clone();
    ctrlc::set_handler(move || {
        if cancel.cancel() > 1 {
            std::process::exit(ExitStatus::Interrupted as i32);
        }
    })
    .context("listen for signals")
}
