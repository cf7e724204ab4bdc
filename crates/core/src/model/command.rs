//! The command lines that repeat a run or a part of it.

use crate::model::cell::CellId;
use crate::model::run::Run;

/// Returns the command that reproduces one cell with plain cargo commands.
#[must_use]
pub fn reproduce(run: &Run, cell: &CellId) -> String {
    let (before, behind) = command_around(run);
    format!("{before}{cell}{behind}")
}

/// The suffix of the command of a run that did not move any package in a lock. Only commands for a
/// single cell need it.
pub const LOCKED: &str = " --locked";

/// The suffix, before [`LOCKED`], of the command of a run that does not run the subject's versions
/// of today.
pub const NO_TODAY: &str = " --no-today";

/// The parts of the command that reproduces a cell, before and after the cell's name.
#[must_use]
pub fn command_around(run: &Run) -> (String, String) {
    let (program, flags) = program(run);
    let locked = run.command.strip_suffix(LOCKED).map_or("", |_| LOCKED);
    (format!("{program} repro "), format!("{flags}{locked}"))
}

/// The program that ran, and the flags that all of its subcommands accept.
#[must_use]
pub fn program(run: &Run) -> (&str, &str) {
    let command = run.command.strip_suffix(LOCKED).unwrap_or(&run.command);
    let command = command.strip_suffix(NO_TODAY).unwrap_or(command);
    command.split_once(" run").unwrap_or((command, ""))
}

/// Returns the command that runs all cells.
#[must_use]
pub fn run_all(run: &Run) -> String {
    let (program, _) = program(run);
    let flags = run.command.get(program.len()..).unwrap_or_default();
    let flags = flags.strip_prefix(" run").unwrap_or(flags);
    format!("{program} run --full{flags}")
}
