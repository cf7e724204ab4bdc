//! What goes to standard output, and how wide it is there.

use std::io::Write as _;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::text::{inert, inert_json};
use pinmatrix_report::terminal;
pub use pinmatrix_report::terminal::{BOLD, DIM, GREEN, RED, RESET, YELLOW, mark};

/// Shows the results of a run on standard output.
///
/// # Errors
///
/// When standard output cannot be written.
pub fn results(run: &Run, out: &Utf8Path) -> Result<()> {
    write(&terminal::page(&Analysis::of(run), out, columns()))
}

/// How wide the terminal is; none where whatever reads a file or a CI log breaks lines by itself.
pub fn columns() -> Option<usize> {
    let stdout = console::Term::stdout();
    stdout.is_term().then(|| usize::from(stdout.size().1))
}

/// Writes text to standard output, with colour where that wants it, and nothing in it that a CI
/// engine would obey.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(text: &str) -> Result<()> {
    write_out(&inert(text))
}

/// As [`put`], for JSON.
///
/// # Errors
///
/// As [`put`].
pub fn write_json(json: &str) -> Result<()> {
    write_out(&inert_json(json))
}

/// Writes what a CI engine is to obey. Whoever made it has seen to it that nothing else is in it.
///
/// # Errors
///
/// As [`put`].
pub fn write_commands(commands: &str) -> Result<()> {
    write_out(commands)
}

fn write_out(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("write to standard output")
}
