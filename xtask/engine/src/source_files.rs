//! The files of a subject: which they are, and what they hash to.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use walkdir::{DirEntry, WalkDir};

use crate::config::Config;

/// One file of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, relative to the root.
    pub path: Utf8PathBuf,
    /// A hash of its content, or of where it leads for a symbolic link.
    pub hash: blake3::Hash,
    /// What it is.
    pub kind: FileKind,
}

/// What a file of the subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A plain file.
    Plain,
    /// A file that can be run.
    Executable,
    /// A symbolic link.
    Link,
}

/// Every file below the root but version control, build folders (they carry a `CACHEDIR.TAG`) and
/// the config itself.
pub fn files(
    root: &Utf8Path,
    manifests: &BTreeSet<Utf8PathBuf>,
    target: &Utf8Path,
    config_file: Option<&Path>,
) -> Result<Vec<SourceFile>> {
    let holds_member = |folder: &Path| {
        manifests
            .iter()
            .any(|manifest| manifest.as_std_path().starts_with(folder))
    };
    let config_file = config_file.map(|file| root.as_std_path().join(file));
    let wanted = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let is_folder = entry.file_type().is_dir();
        let is_version_control = matches!(&*name, ".git" | ".hg" | ".jj" | ".svn");
        let is_build = is_folder
            && entry.depth() > 0
            && (entry.path() == target || entry.path().join("CACHEDIR.TAG").is_file())
            && !holds_member(entry.path());
        let is_config = !is_folder && Some(entry.path()) == config_file.as_deref();
        !is_version_control && !is_build && !is_config
    };
    let mut files = Vec::new();
    for entry in WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(wanted)
    {
        let entry = entry.context("list the subject's files")?;
        // A pipe or a socket holds nothing that a build could read.
        if !entry.file_type().is_file() && !entry.path_is_symlink() {
            continue;
        }
        let absolute = Utf8Path::from_path(entry.path())
            .with_context(|| format!("read the name {} as text", entry.path().display()))?;
        let path = absolute.strip_prefix(root).unwrap_or(absolute).to_owned();
        let (hash, kind) = look_at(absolute, &entry)?;
        files.push(SourceFile { path, hash, kind });
    }
    Ok(files)
}

/// Where the config stands in the subject, if it does.
pub fn config_within(config: &Config) -> Option<std::path::PathBuf> {
    let file = config.text.file().canonicalize().ok()?;
    let subject = config.subject_folder().canonicalize().ok()?;
    Some(file.strip_prefix(subject).ok()?.to_owned())
}

fn look_at(path: &Utf8Path, entry: &DirEntry) -> Result<(blake3::Hash, FileKind)> {
    if entry.path_is_symlink() {
        let to = path
            .read_link_utf8()
            .with_context(|| format!("follow {path}"))?;
        return Ok((blake3::hash(to.as_str().as_bytes()), FileKind::Link));
    }
    let bytes = std::fs::read(path).with_context(|| format!("read {path}"))?;
    let metadata = entry
        .metadata()
        .with_context(|| format!("look at {path}"))?;
    Ok((blake3::hash(&bytes), kind_of(&metadata)))
}

#[cfg(unix)]
fn kind_of(metadata: &std::fs::Metadata) -> FileKind {
    use std::os::unix::fs::PermissionsExt;
    match metadata.permissions().mode() & 0o111 {
        0 => FileKind::Plain,
        _ => FileKind::Executable,
    }
}

#[cfg(not(unix))]
fn kind_of(_: &std::fs::Metadata) -> FileKind {
    FileKind::Plain
}

/// A hash of all of some files: names, kinds and contents.
pub fn content<'a>(files: impl IntoIterator<Item = &'a SourceFile>) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&(file.path.as_str().len() as u64).to_le_bytes());
        hasher.update(file.path.as_str().as_bytes());
        hasher.update(&[file.kind as u8]);
        hasher.update(file.hash.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
