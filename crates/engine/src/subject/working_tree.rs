//! A working tree: the files that a fresh checkout of it would hold. In a git repository these are
//! what git tracks, ignored or not, and what is neither tracked nor ignored; elsewhere everything but
//! build folders.

mod repository;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_core::config::CheckoutConfig as Chosen;

use self::repository::GitListing;
use crate::fs_ext::CACHEDIR_TAG_FILE;

/// What stands in a working tree.
#[derive(Debug, Default)]
pub struct WorkingTree {
    /// Its files, links and folders, sorted by path.
    pub entries: Vec<ListedEntry>,
    /// The folders of submodules that are not checked out.
    pub missing_submodules: Vec<PathBuf>,
    /// How many tracked files are not here: those of a sparse checkout, and deleted ones.
    pub n_absent: usize,
}

/// One file, link or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEntry {
    /// Its path, relative to the top.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Its permissions; none where the system has no such thing.
    pub mode: Option<u32>,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When it was last written to.
    pub modified: Option<SystemTime>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
}

impl WorkingTree {
    /// Lists the working tree in a folder.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read, or git does not answer.
    pub fn list(top: &Utf8Path, chosen: &Chosen) -> Result<Self> {
        let mut tree = Self::default();
        let (top, below) = (top.as_std_path(), Path::new(""));
        match GitListing::of(top, below)? {
            Some(repository) => tree.add_repository(top, &repository)?,
            None => tree.add_folder(top, below, &AllButBuildFolders)?,
        }
        for base in chosen.include.bases() {
            match top.join(&base).is_dir() {
                true => tree.add_below(top, &base, &Included { chosen })?,
                false => tree.add(top, &base, &Included { chosen })?,
            }
        }
        Ok(tree.chosen(chosen))
    }

    /// Lists all that lies in a folder, but for git's own.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn all(top: &Utf8Path, chosen: &Chosen) -> Result<Self> {
        let mut tree = Self::default();
        tree.add_folder(top.as_std_path(), Path::new(""), &AllButVcs)?;
        Ok(tree.chosen(chosen))
    }

    /// Without what is left out, and in order.
    fn chosen(mut self, chosen: &Chosen) -> Self {
        self.entries
            .retain(|entry| !chosen.exclude.matches(&entry.path));
        self.entries.sort_by(|a, b| a.path.cmp(&b.path));
        self.entries.dedup_by(|a, b| a.path == b.path);
        self
    }

    /// The largest folders and files at the top, with their sizes in bytes.
    #[must_use]
    pub fn largest(&self, n: usize) -> Vec<(PathBuf, u64)> {
        let mut sizes = BTreeMap::<&Path, u64>::new();
        for entry in &self.entries {
            if let Some(first) = entry.path.iter().next() {
                *sizes.entry(Path::new(first)).or_default() += entry.bytes;
            }
        }
        let mut sizes: Vec<(PathBuf, u64)> =
            sizes.into_iter().map(|(p, n)| (p.to_owned(), n)).collect();
        sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        sizes.truncate(n);
        sizes
    }

    /// The size of all files, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.bytes).sum()
    }

    /// What differs between two states of a working tree, by name and date.
    #[must_use]
    pub fn changed(&self, later: &Self) -> BTreeSet<PathBuf> {
        let is_file = |entry: &&ListedEntry| entry.kind != EntryKind::Folder;
        let before: BTreeSet<_> = self.entries.iter().filter(is_file).map(stamp).collect();
        let after: BTreeSet<_> = later.entries.iter().filter(is_file).map(stamp).collect();
        let changed = before.symmetric_difference(&after);
        changed.map(|(path, ..)| path.to_path_buf()).collect()
    }

    fn add_repository(&mut self, top: &Path, repository: &GitListing) -> Result<()> {
        self.add_folder(top, &repository.below, repository)?;
        let is_absent = |file: &&PathBuf| {
            let place = top.join(&repository.below).join(file);
            place.symlink_metadata().is_err()
        };
        self.n_absent += repository.tracked.iter().filter(is_absent).count();
        for nested in &repository.nested {
            let below = repository.below.join(nested);
            let is_repository = top.join(&below).join(".git").exists();
            match GitListing::of(top, &below)?.filter(|_| is_repository) {
                Some(nested) => self.add_repository(top, &nested)?,
                None => {
                    self.add_itself(top, &below);
                    self.missing_submodules.push(below);
                }
            }
        }
        Ok(())
    }

    /// Adds a folder and what is chosen of what stands in it.
    fn add_folder(&mut self, top: &Path, below: &Path, chooser: &dyn Chooser) -> Result<()> {
        if !below.as_os_str().is_empty() {
            self.add_itself(top, below);
        }
        self.add_below(top, below, chooser)
    }

    /// Adds what is chosen of what stands in a folder.
    fn add_below(&mut self, top: &Path, below: &Path, chooser: &dyn Chooser) -> Result<()> {
        let folder = top.join(below);
        let context = || format!("list {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(context)? {
            let path = below.join(entry.with_context(context)?.file_name());
            self.add(top, &path, chooser)?;
        }
        Ok(())
    }

    fn add(&mut self, top: &Path, path: &Path, chooser: &dyn Chooser) -> Result<()> {
        let absolute = top.join(path);
        // What is removed meanwhile is not there.
        let Ok(metadata) = absolute.symlink_metadata() else {
            return Ok(());
        };
        if metadata.is_dir() {
            return match chooser.of_folder(&absolute, path) {
                FolderChoice::All => self.add_folder(top, path, chooser),
                FolderChoice::Below => self.add_below(top, path, chooser),
                FolderChoice::Empty => {
                    self.add_itself(top, path);
                    Ok(())
                }
                FolderChoice::Nothing => Ok(()),
            };
        }
        // A pipe or a socket holds nothing that a build could read.
        let is_kept = metadata.is_file() || metadata.is_symlink();
        if is_kept && chooser.takes_file(path) {
            self.push(path, &metadata);
        }
        Ok(())
    }

    fn add_itself(&mut self, top: &Path, folder: &Path) {
        if let Ok(metadata) = top.join(folder).symlink_metadata() {
            self.push(folder, &metadata);
        }
    }

    fn push(&mut self, path: &Path, metadata: &Metadata) {
        let kind = match (metadata.is_dir(), metadata.is_symlink()) {
            (true, _) => EntryKind::Folder,
            (false, true) => EntryKind::Link,
            (false, false) => EntryKind::File,
        };
        self.entries.push(ListedEntry {
            path: path.to_owned(),
            kind,
            mode: mode_of(metadata),
            bytes: if kind == EntryKind::File {
                metadata.len()
            } else {
                0
            },
            modified: metadata.modified().ok(),
        });
    }
}

fn stamp(entry: &ListedEntry) -> (&Path, EntryKind, u64, Option<SystemTime>) {
    (&entry.path, entry.kind, entry.bytes, entry.modified)
}

#[cfg(unix)]
fn mode_of(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode_of(_: &Metadata) -> Option<u32> {
    None
}

/// What is chosen of a folder.
enum FolderChoice {
    /// It, and what is chosen of what stands in it.
    All,
    /// What is chosen of what stands in it, and not the folder by itself.
    Below,
    /// It, and nothing that stands in it.
    Empty,
    Nothing,
}

/// What of a working tree a checkout holds. Paths are relative to the top.
trait Chooser {
    fn of_folder(&self, absolute: &Path, path: &Path) -> FolderChoice;
    fn takes_file(&self, path: &Path) -> bool;
}

/// All but version control and build folders.
struct AllButBuildFolders;

impl Chooser for AllButBuildFolders {
    fn of_folder(&self, absolute: &Path, _: &Path) -> FolderChoice {
        let is_version_control = absolute.file_name().is_some_and(|name| {
            [".git", ".hg", ".jj", ".svn"]
                .iter()
                .any(|known| name == *known)
        });
        match is_version_control || is_build_folder(absolute) {
            true => FolderChoice::Nothing,
            false => FolderChoice::All,
        }
    }

    fn takes_file(&self, _: &Path) -> bool {
        true
    }
}

/// All but version control's own.
struct AllButVcs;

impl Chooser for AllButVcs {
    fn of_folder(&self, absolute: &Path, _: &Path) -> FolderChoice {
        match absolute.file_name().is_some_and(|name| name == ".git") {
            true => FolderChoice::Nothing,
            false => FolderChoice::All,
        }
    }

    fn takes_file(&self, path: &Path) -> bool {
        path.file_name().is_none_or(|name| name != ".git")
    }
}

/// Whether a program says of a folder that it can make it again, or it is where cargo builds.
/// <https://bford.info/cachedir/>
fn is_build_folder(folder: &Path) -> bool {
    let is_target = folder.file_name().is_some_and(|name| name == "target");
    let is_beside_manifest = || folder.with_file_name("Cargo.toml").is_file();
    folder.join(CACHEDIR_TAG_FILE).is_file() || (is_target && is_beside_manifest())
}

/// What `[subject] include` names.
struct Included<'a> {
    chosen: &'a Chosen,
}

impl Chooser for Included<'_> {
    fn of_folder(&self, absolute: &Path, _: &Path) -> FolderChoice {
        let is_git = absolute.file_name().is_some_and(|name| name == ".git");
        match is_git || absolute.join(".git").exists() || is_build_folder(absolute) {
            true => FolderChoice::Nothing,
            false => FolderChoice::Below,
        }
    }

    fn takes_file(&self, path: &Path) -> bool {
        self.chosen.include.matches(path)
    }
}

#[cfg(test)]
mod tests;
