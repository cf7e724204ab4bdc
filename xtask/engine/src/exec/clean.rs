//! What work folders take of the disk, and removing it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::config::mistake::Mistake;
use crate::exec::inventory::weight;
use crate::exec::workplace::Workplace;
use crate::files::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, folders, remove};
use crate::revision::SOURCES;

/// What something is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// It was compiled, and can be compiled again.
    Compiled,
    /// It answers cells that were run.
    Known,
    /// It belongs to other subjects as well.
    Others,
}

/// A part of what work folders take.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it is, in words.
    pub what: String,
    /// What it is kept for.
    pub kept: Kept,
    /// What it takes, in bytes.
    pub bytes: u64,
    folders: Vec<Utf8PathBuf>,
}

/// What takes what below `cache`, of the subject in a folder and of others.
///
/// # Errors
///
/// When a folder cannot be read.
pub fn survey(cache: &Path, subject: &Utf8Path) -> Result<Vec<Part>> {
    let place = Workplace::look(cache, subject)?;
    let mut parts = Vec::new();
    let mut add = |what: String, kept: Kept, folders: Vec<Utf8PathBuf>| -> Result<()> {
        let bytes = weight(&folders)?;
        if bytes > 0 && folders.iter().any(|folder| folder.exists()) {
            parts.push(Part {
                what,
                kept,
                bytes,
                folders,
            });
        }
        Ok(())
    };
    for toolchain in folders(&place.shops())? {
        let folder = place.shops().join(&toolchain);
        add(
            format!("compiled on {toolchain}"),
            Kept::Compiled,
            vec![folder],
        )?;
    }
    let work = ["resolve", "dependency"].map(|name| place.root().join(name));
    add(
        "copies to resolve, and clones".to_owned(),
        Kept::Compiled,
        work.into(),
    )?;
    let known = ["outcomes", "resolutions"].map(|name| place.root().join(name));
    add("outcomes and locks".to_owned(), Kept::Known, known.into())?;
    let cache = Utf8Path::from_path(cache).context("read the cache's path as text")?;
    for name in folders(cache)? {
        let folder = cache.join(&name);
        if folder != place.root() && is_ours(&folder) {
            let what = match name.as_str() {
                SOURCES => "revisions of subjects, laid out".to_owned(),
                _ => format!("another subject, {name}"),
            };
            add(what, Kept::Others, vec![folder])?;
        }
    }
    Ok(parts)
}

/// Whether this program made a folder: others may lie in the same cache.
fn is_ours(folder: &Utf8Path) -> bool {
    let tag = std::fs::read_to_string(folder.join(CACHEDIR_TAG_FILE));
    tag.is_ok_and(|tag| tag == CACHEDIR_TAG)
}

/// Removes parts, and returns how many bytes that were.
///
/// # Errors
///
/// A [`Mistake`] where a run is at work with one of them; other errors when one cannot be removed.
pub fn clean(cache: &Path, subject: &Utf8Path, parts: &[&Part]) -> Result<u64> {
    let mut held = vec![seize(Workplace::look(cache, subject)?.root())?];
    let of_others = parts.iter().filter(|part| part.kept == Kept::Others);
    for folder in of_others.flat_map(|part| &part.folders) {
        held.push(seize(folder)?);
    }
    for folder in parts.iter().flat_map(|part| &part.folders) {
        remove(folder)?;
    }
    Ok(parts.iter().map(|part| part.bytes).sum())
}

/// Holds work folders, so that no run begins in them.
fn seize(root: &Utf8Path) -> Result<Option<File>> {
    let path = root.join("in-use");
    if root.file_name() == Some(SOURCES) {
        return Ok(None);
    }
    let file = File::create(&path).with_context(|| format!("write {path}"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(_) => Err(Mistake::new(format!("a run is at work in {root}"))
            .help("clean when it has ended")
            .into()),
    }
}
