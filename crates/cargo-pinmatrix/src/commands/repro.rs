//! `repro`: runs one cell in the open, or prints a script that does it with cargo alone.

use anyhow::Result;
use clap::Args;
use pinmatrix::{Matrix, ReproEvent, RunSettings, StagedCell, cache_folder, open_cell};
use pinmatrix_core::error::{UserError, nearest};
use pinmatrix_core::model::cell::Cell;
use pinmatrix_core::model::outcome::moved::with;
use pinmatrix_core::model::status::Status;
use pinmatrix_core::text::{inert, one_line, sanitize, shell_word};
use pinmatrix_process::cancel::Cancel;

use crate::args::flags::Flags;
use crate::output::{progress, stdout};
use crate::{ExitStatus, Program, listen_for_signals, open};

/// The exit codes of `repro`.
pub const CODES: &str = "\
Exit codes:
  0    every command ended well; with --print: the script is printed
  1    one did not, or the cell has no lock
  2    user error in matrix.toml, the flags or the subject; nothing ran
  3    inconclusive: the machine or the network kept it from an answer
  130  interrupted";

/// Flags of reproducing a cell.
#[derive(Debug, Args)]
pub struct ReproFlags {
    /// The cell, as reports name it
    pub cell: String,
    #[command(flatten)]
    pub flags: Flags,
    /// Do not move packages of the lock, as in a run with --locked
    #[arg(long)]
    pub locked: bool,
    /// Print a shell script that does it with cargo alone, from a checkout of the subject
    #[arg(long)]
    pub print: bool,
}

/// Runs `repro`.
///
/// # Errors
///
/// Returns a user error if there is no such cell, or if its toolchain is not on this machine.
pub fn run(program: Program, flags: &ReproFlags) -> Result<ExitStatus> {
    let cancel = Cancel::with_supervisors();
    listen_for_signals(&cancel)?;
    let progress = progress::Progress::new();
    let matrix = open(&flags.flags, &progress)?;
    let out = flags.flags.out()?;
    let options = RunSettings {
        jobs: matrix.config.run.jobs,
        lanes: Some(1),
        locked: flags.locked,
        network: flags.flags.network(),
        ..RunSettings::new(&out, cache_folder()?, program.words(), &cancel, &progress)
    };
    matrix.check_cache(&options.cache)?;
    let cell = cell(&matrix, &flags.cell)?;
    let mut show = |event: ReproEvent<'_>| print_event(&event);
    let opened = if flags.print {
        open_cell(&matrix, &cell, &options, None)
    } else {
        open_cell(&matrix, &cell, &options, Some(&mut show))
    };
    let opened = match opened {
        Err(_) if cancel.is_cancelled_by_user() => return Ok(ExitStatus::Interrupted),
        opened => opened?,
    };
    progress.end();
    if cancel.is_cancelled_by_user() {
        return Ok(ExitStatus::Interrupted);
    }
    if flags.print {
        stdout::write(&opened.recipe.script())?;
        return Ok(ExitStatus::Passed);
    }
    conclude(&opened)
}

fn cell(matrix: &Matrix, named: &str) -> Result<Cell, UserError> {
    let cells: Vec<(String, Cell)> = matrix
        .cells()
        .into_iter()
        .map(|candidate| (candidate.cell.id().to_string(), candidate.cell))
        .collect();
    if let Some((_, cell)) = cells.iter().find(|(id, _)| id == named) {
        return Ok(cell.clone());
    }
    let hint = nearest(named, cells.iter().map(|(id, _)| id.as_str()));
    let hint = hint.map(|id| format!("did you mean `{id}`?"));
    Err(
        UserError::new(format!("there is no cell `{}`", one_line(named)))
            .help("`plan` lists all cells")
            .maybe_help(hint),
    )
}

/// Prints cargo's output as it comes, to the stream that cargo itself would use.
fn print_event(event: &ReproEvent<'_>) {
    let line = match event {
        ReproEvent::Command(step) => {
            let words: Vec<String> = step.args.iter().map(|arg| shell_word(arg)).collect();
            format!("$ cargo {}", words.join(" "))
        }
        ReproEvent::Line(_, line) => sanitize(&String::from_utf8_lossy(line))
            .trim_end()
            .to_owned(),
        ReproEvent::Ended(exit) => format!("[{exit}]"),
    };
    progress::say(&inert(&line));
}

fn conclude(opened: &StagedCell) -> Result<ExitStatus> {
    let cell = &opened.recipe.cell;
    let mut page = String::new();
    let exit = match opened.passed {
        Some(true) => ExitStatus::Passed,
        Some(false) => {
            page.push_str(&format!(
                "{cell}: not every command ended well; each tells its exit\n"
            ));
            ExitStatus::Failed
        }
        None => {
            let error = opened.recipe.error.as_ref();
            let error = error.map(|error| format!(": {}", one_line(&error.to_string())));
            let error = error.unwrap_or_default();
            page.push_str(&format!("{cell}: {}{error}\n", opened.resolved));
            match opened.resolved {
                Status::Failed { .. } => ExitStatus::Failed,
                Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => {
                    ExitStatus::Inconclusive
                }
            }
        }
    };
    if !opened.recipe.moved.is_empty() {
        let moved = one_line(&with(&opened.recipe.moved));
        page.push_str(&format!("{cell}: {moved}\n"));
    }
    page.push_str(&format!("{cell} is in {}\n", opened.folder));
    stdout::write(&page)?;
    Ok(exit)
}
