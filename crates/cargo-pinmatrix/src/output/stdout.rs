//! Writes to standard output, and measures its width.

use std::io::Write as _;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::text::{inert, inert_json};
use pinmatrix_report::terminal;
pub use pinmatrix_report::terminal::{BOLD, DIM, GREEN, RED, RESET, YELLOW, mark};

/// Prints the results of a run to standard output.
///
/// # Errors
///
/// Returns an error if standard output cannot be written.
pub fn results(analysis: &Analysis<'_>, out: &Utf8Path) -> Result<()> {
    write(&terminal::page(analysis, out, columns()))
}

/// Returns the width of the terminal; `None` for a file or a CI log, whose viewer wraps lines
/// itself.
pub fn columns() -> Option<usize> {
    let stdout = console::Term::stdout();
    stdout.is_term().then(|| usize::from(stdout.size().1))
}

/// Prints text to standard output, with colour if that supports it, and with anything disarmed that
/// a CI system would run as a command.
///
/// # Errors
///
/// Returns an error if it cannot be written.
pub fn write(text: &str) -> Result<()> {
    write_out(&inert(text))
}

/// Prints JSON in the same way as [`write()`].
///
/// # Errors
///
/// Returns the errors of [`write()`].
pub fn write_json(json: &str) -> Result<()> {
    write_out(&inert_json(json))
}

/// Prints commands for a CI system. The caller ensures that they contain nothing else.
///
/// # Errors
///
/// Returns the errors of [`write()`].
pub fn write_commands(commands: &str) -> Result<()> {
    write_out(commands)
}

fn write_out(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("write to standard output")
}
