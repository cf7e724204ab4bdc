//! The words that repeat a run, or a part of it.

use crate::model::cell::CellId;
use crate::model::run::Run;

/// The command that shows one cell again, by cargo's own words.
#[must_use]
pub fn reproduce(run: &Run, cell: &CellId) -> String {
    let (before, behind) = command_around(run);
    format!("{before}{cell}{behind}")
}

/// How the command of a run ends that moved no package of a lock; only a cell has to know.
pub const LOCKED: &str = " --locked";

/// How the command of a run ends that does not run what the subject is on today, before [`LOCKED`].
pub const NO_TODAY: &str = " --no-today";

/// What stands around a cell's name in the command that shows it again.
#[must_use]
pub fn command_around(run: &Run) -> (String, String) {
    let (program, flags) = program(run);
    let locked = run.command.strip_suffix(LOCKED).map_or("", |_| LOCKED);
    (format!("{program} repro "), format!("{flags}{locked}"))
}

/// The words of the program that ran, and the flags that all of its subcommands take.
#[must_use]
pub fn program(run: &Run) -> (&str, &str) {
    let command = run.command.strip_suffix(LOCKED).unwrap_or(&run.command);
    let command = command.strip_suffix(NO_TODAY).unwrap_or(command);
    command.split_once(" run").unwrap_or((command, ""))
}

/// The command that runs all cells.
#[must_use]
pub fn run_all(run: &Run) -> String {
    let (program, _) = program(run);
    let flags = run.command.get(program.len()..).unwrap_or_default();
    let flags = flags.strip_prefix(" run").unwrap_or(flags);
    format!("{program} run --full{flags}")
}
