//! The log of what the tool itself does: a line when a span of its work ends, with its duration.
//!
//! Spans are the run, its lanes, each cell, its phases, and each child. Off unless a person asks.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use pinmatrix_core::error::UserError;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::time::uptime;

/// The variable that names the file if no flag does.
const VARIABLE: &str = "PINMATRIX_LOG";

/// The file of the log, if there is one.
static FILE: OnceLock<PathBuf> = OnceLock::new();

/// Returns the file of the log, if there is one.
pub fn file() -> Option<&'static Path> {
    FILE.get().map(PathBuf::as_path)
}

/// Starts the log, if the flag or the variable names a file.
///
/// # Errors
///
/// A [`UserError`] if the file cannot be written.
#[expect(
    clippy::disallowed_methods,
    reason = "asked once, before anything runs"
)]
pub fn start(flag: Option<&Path>) -> Result<(), UserError> {
    let variable = || std::env::var_os(VARIABLE).filter(|file| !file.is_empty());
    let Some(file) = flag
        .map(Path::to_owned)
        .or_else(|| variable().map(PathBuf::from))
    else {
        return Ok(());
    };
    let log = File::create(&file).map_err(|e| {
        UserError::new(format!("cannot write the log {}: {e}", file.display())).help(format!(
            "name a file that can be written with --log or {VARIABLE}"
        ))
    })?;
    let _ = FILE.set(std::path::absolute(&file).unwrap_or(file));
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Mutex::new(log))
        .with_span_events(FmtSpan::CLOSE)
        .with_timer(uptime())
        .with_target(false)
        .with_ansi(false)
        .finish();
    // There is no other subscriber: this is the start of the program.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}
