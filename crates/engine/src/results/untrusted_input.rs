//! Reads the results folder of another machine: a `run.json`, with logs and locks beside it.
//!
//! Anything in it may be forged. Files are found by names that are created here and never by paths
//! that it contains, links are not followed, and every file has a size limit.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::CellId;
use pinmatrix_core::model::outcome::{Phase, PhaseRecord};
use pinmatrix_core::model::run::Run;
use pinmatrix_core::run_json;

use crate::fs_ext::{remove, write_whole};
use crate::results;

/// The size limit for a log or a lock, in bytes; somewhat more than this tool writes.
const LARGEST_LOG: u64 = 12 * 1024 * 1024;
/// The folders in a results folder that belong to its cells.
const FOLDERS: [&str; 2] = ["logs", "locks"];

/// Returns the results folder that a user named, either directly or by the `run.json` in it.
#[must_use]
pub fn folder(named: &Utf8Path) -> &Utf8Path {
    match (named.file_name(), named.parent()) {
        (Some(run_json::FILE), Some(folder)) if folder.as_str().is_empty() => Utf8Path::new("."),
        (Some(run_json::FILE), Some(folder)) => folder,
        (_, _) => named,
    }
}

/// Reads the run in a results folder.
///
/// # Errors
///
/// Returns a [`UserError`] that names the file if there is none that this version can read.
pub fn read(folder: &Utf8Path) -> Result<Run, UserError> {
    read_file(&folder.join(run_json::FILE))
}

/// Reads a `run.json`.
///
/// # Errors
///
/// Returns the errors of [`read`].
pub fn read_file(path: &Utf8Path) -> Result<Run, UserError> {
    let help = "name a results folder, or the run.json in it";
    open(path).map_err(|e| UserError::new(format!("cannot read {path}: {e}")).help(help))?;
    results::read(path)
}

/// Removes the logs and locks of earlier results.
///
/// # Errors
///
/// Returns an error if something cannot be removed.
pub fn clear(out: &Utf8Path) -> Result<()> {
    FOLDERS.iter().try_for_each(|name| remove(&out.join(name)))
}

/// Copies the logs and the lock of a cell, whose ID is safe to use in a path. A file that is
/// missing, or that is not a regular file, is skipped.
///
/// # Errors
///
/// Returns an error if `out` cannot be written.
pub fn take_over(folder: &Utf8Path, cell: &CellId, out: &Utf8Path) -> Result<()> {
    let logs = Phase::ALL.map(|phase| PhaseRecord::log_of(cell, phase));
    let lock = format!("locks/{cell}.lock");
    for name in logs.iter().chain([&lock]) {
        let Some(content) = plain(folder, Utf8Path::new(name)) else {
            continue;
        };
        write_whole(&out.join(name), &content).context("take over what belongs to a cell")?;
    }
    Ok(())
}

/// Returns the contents of a regular file below the size limit, if no link leads to it.
fn plain(folder: &Utf8Path, name: &Utf8Path) -> Option<Vec<u8>> {
    let path = folder.join(name);
    let mut above = path.ancestors().skip(1).take(name.components().count() - 1);
    let is_folder = |folder: &Utf8Path| folder.symlink_metadata().is_ok_and(|m| m.is_dir());
    if !above.all(is_folder) {
        return None;
    }
    let (file, length) = open(&path).ok()?;
    let mut content = Vec::new();
    file.take(LARGEST_LOG).read_to_end(&mut content).ok()?;
    if length > LARGEST_LOG {
        let rest = length - LARGEST_LOG;
        content.extend(format!("\n[... {rest} bytes left out ...]\n").bytes());
    }
    Some(content)
}

/// Opens a regular file and returns its length. A pipe would block its reader.
fn open(path: &Utf8Path) -> std::io::Result<(File, u64)> {
    let metadata = path.symlink_metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    Ok((File::open(path)?, metadata.len()))
}

/// Returns true if two paths lead to the same folder.
#[must_use]
pub fn is_same(one: &Utf8Path, other: &Utf8Path) -> bool {
    let whole = |path: &Utf8Path| -> Option<Utf8PathBuf> { path.canonicalize_utf8().ok() };
    whole(one).is_some_and(|one| whole(other) == Some(one))
}
