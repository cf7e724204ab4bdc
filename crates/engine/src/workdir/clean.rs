//! Measures the disk space that the work folders use, and removes parts of them.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::error::UserError;

use crate::fs_ext::{folders, names, remove};
use crate::subject::checkout::IN_USE;
use crate::subject::git::SOURCES;
use crate::workdir::disk_usage::measure;
use crate::workdir::work_dirs::{FORECASTS, WorkDirs, lock_others};

/// Why something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageClass {
    /// It is compiled code, and can be compiled again.
    Compiled,
    /// It holds the results of cells that have run.
    Known,
    /// It also belongs to other subjects.
    Others,
}

/// One part of the disk usage of the work folders.
#[derive(Clone, Debug)]
pub struct UsageLine {
    /// A description for the user.
    pub what: String,
    /// Why it is kept.
    pub kept: UsageClass,
    /// Its size in bytes.
    pub bytes: u64,
    folders: Vec<Utf8PathBuf>,
}

/// Lists what uses disk space below `cache`, for the subject in a folder and for other subjects.
///
/// # Errors
///
/// Returns an error if a folder cannot be read.
pub fn survey(cache: &Path, subject: &Utf8Path) -> Result<Vec<UsageLine>> {
    let place = WorkDirs::open(cache, subject)?;
    let mut parts = Vec::new();
    let mut add = |what: String, kept: UsageClass, folders: Vec<Utf8PathBuf>| -> Result<()> {
        let bytes = measure(&folders)?;
        if bytes > 0 && folders.iter().any(|folder| folder.exists()) {
            parts.push(UsageLine {
                what,
                kept,
                bytes,
                folders,
            });
        }
        Ok(())
    };
    for toolchain in folders(&place.build_groups())? {
        let folder = place.build_groups().join(&toolchain);
        add(
            format!("compiled on {toolchain}"),
            UsageClass::Compiled,
            vec![folder],
        )?;
    }
    let work = ["resolve", "beside", "dependency"].map(|name| place.root().join(name));
    add(
        "copies to resolve, and clones".to_owned(),
        UsageClass::Compiled,
        work.into(),
    )?;
    let known = ["outcomes", "resolutions"].map(|name| place.root().join(name));
    add(
        "outcomes and locks".to_owned(),
        UsageClass::Known,
        known.into(),
    )?;
    for folder in place.others()? {
        let name = folder.file_name().unwrap_or_default();
        let what = match name {
            SOURCES => "copies of working trees and revisions".to_owned(),
            FORECASTS => "what sources offer, and forecasts".to_owned(),
            _ => format!("another subject, {name}"),
        };
        add(what, UsageClass::Others, vec![folder])?;
    }
    Ok(parts)
}

/// Removes parts, and returns how many bytes they used.
///
/// # Errors
///
/// Returns a [`UserError`] if a run is using one of them, and other errors if one cannot be
/// removed.
pub fn clean(cache: &Path, subject: &Utf8Path, parts: &[&UsageLine]) -> Result<u64> {
    let mut held = hold(WorkDirs::open(cache, subject)?.root())?;
    let of_others = parts.iter().filter(|part| part.kept == UsageClass::Others);
    for folder in of_others.flat_map(|part| &part.folders) {
        held.extend(hold(folder)?);
    }
    for folder in parts.iter().flat_map(|part| &part.folders) {
        // Move it first, so that an interrupted removal leaves no half that looks complete.
        let gone = Utf8PathBuf::from(format!("{folder}.gone"));
        remove(&gone)?;
        if folder.exists() {
            std::fs::rename(folder, &gone).with_context(|| format!("move {folder}"))?;
        }
        remove(&gone)?;
    }
    Ok(parts.iter().map(|part| part.bytes).sum())
}

/// Locks a work folder so that no run starts in it, or all copies that runs are of.
fn hold(root: &Utf8Path) -> Result<Vec<File>> {
    let busy =
        || UserError::new(format!("a run is at work in {root}")).help("clean when it has ended");
    if root.file_name() != Some(SOURCES) {
        return Ok(vec![lock_others(root)?.ok_or_else(busy)?]);
    }
    let mut held = Vec::new();
    for name in names(root)?
        .into_iter()
        .filter(|name| name.ends_with(IN_USE))
    {
        let path = root.join(name);
        let lock = File::open(&path).with_context(|| format!("open {path}"))?;
        lock.try_lock().map_err(|_| busy())?;
        held.push(lock);
    }
    Ok(held)
}
