//! A working tree: the files that a fresh checkout of it would hold. In a git repository these are
//! the tracked files, ignored or not, and the untracked files that are not ignored; elsewhere,
//! everything but build folders.

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

/// The contents of a working tree.
#[derive(Debug, Default)]
pub struct WorkingTree {
    /// Its files, links and folders, sorted by path.
    pub entries: Vec<ListedEntry>,
    /// The folders of submodules that are not checked out.
    pub missing_submodules: Vec<PathBuf>,
    /// The number of tracked files that are missing: files outside a sparse checkout, and deleted
    /// ones.
    pub n_absent: usize,
}

/// One file, link or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEntry {
    /// Its path, relative to the top.
    pub path: PathBuf,
    /// Its kind.
    pub kind: EntryKind,
    /// Its permissions; `None` if the system has no such thing.
    pub mode: Option<u32>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its modification time.
    pub modified: Option<SystemTime>,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
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
    /// Returns an error if a folder cannot be read or git does not respond.
    pub fn list(top: &Utf8Path, chosen: &Chosen) -> Result<Self> {
        let mut tree = Self::default();
        let (top, below) = (top.as_std_path(), Path::new(""));
        match GitListing::of(top, below)? {
            Some(repository) => tree.add_repository(top, &repository)?,
            None => tree.add_folder(top, below, &AllButBuildFolders)?,
        }
        for base in chosen.include.bases() {
            if top.join(&base).is_dir() {
                tree.add_below(top, &base, &Included { chosen })?
            } else {
                tree.add(top, &base, &Included { chosen })?
            }
        }
        Ok(tree.chosen(chosen))
    }

    /// Lists everything in a folder except `.git`.
    ///
    /// # Errors
    ///
    /// Returns an error if a folder cannot be read.
    pub fn all(top: &Utf8Path, chosen: &Chosen) -> Result<Self> {
        let mut tree = Self::default();
        tree.add_folder(top.as_std_path(), Path::new(""), &AllButVcs)?;
        Ok(tree.chosen(chosen))
    }

    /// Removes what `[subject] exclude` matches, sorts the rest, and removes duplicates.
    fn chosen(mut self, chosen: &Chosen) -> Self {
        self.entries
            .retain(|entry| !chosen.exclude.matches(&entry.path));
        self.entries.sort_by(|a, b| a.path.cmp(&b.path));
        self.entries.dedup_by(|a, b| a.path == b.path);
        self
    }

    /// Returns the `n` largest top-level folders and files, with their sizes in bytes.
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

    /// Returns the size of all files in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.bytes).sum()
    }

    /// Returns the paths that differ between two states of a working tree, compared by name and
    /// modification time.
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

    /// Adds a folder and the chosen part of its contents.
    fn add_folder(&mut self, top: &Path, below: &Path, chooser: &dyn Chooser) -> Result<()> {
        if !below.as_os_str().is_empty() {
            self.add_itself(top, below);
        }
        self.add_below(top, below, chooser)
    }

    /// Adds the chosen part of a folder's contents.
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
        // A file that is removed meanwhile does not exist.
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
        // A pipe or a socket contains nothing that a build could read.
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

/// How much of a folder is chosen.
enum FolderChoice {
    /// The folder, and the chosen part of its contents.
    All,
    /// The chosen part of its contents, but not an empty folder.
    Below,
    /// The folder, without its contents.
    Empty,
    Nothing,
}

/// Chooses what a checkout contains of a working tree. Paths are relative to the top.
trait Chooser {
    fn of_folder(&self, absolute: &Path, path: &Path) -> FolderChoice;
    fn takes_file(&self, path: &Path) -> bool;
}

/// Chooses everything but version control and build folders.
struct AllButBuildFolders;

impl Chooser for AllButBuildFolders {
    fn of_folder(&self, absolute: &Path, _: &Path) -> FolderChoice {
        let is_version_control = absolute.file_name().is_some_and(|name| {
            [".git", ".hg", ".jj", ".svn"]
                .iter()
                .any(|known| name == *known)
        });
        if is_version_control || is_build_folder(absolute) {
            FolderChoice::Nothing
        } else {
            FolderChoice::All
        }
    }

    fn takes_file(&self, _: &Path) -> bool {
        true
    }
}

/// Chooses everything but git's own folder.
struct AllButVcs;

impl Chooser for AllButVcs {
    fn of_folder(&self, absolute: &Path, _: &Path) -> FolderChoice {
        if absolute.file_name().is_some_and(|name| name == ".git") {
            FolderChoice::Nothing
        } else {
            FolderChoice::All
        }
    }

    fn takes_file(&self, path: &Path) -> bool {
        path.file_name().is_none_or(|name| name != ".git")
    }
}

/// Returns true if a program has marked a folder as one it can create again, or if cargo builds
/// there.
/// <https://bford.info/cachedir/>
fn is_build_folder(folder: &Path) -> bool {
    let is_target = folder.file_name().is_some_and(|name| name == "target");
    let is_beside_manifest = || folder.with_file_name("Cargo.toml").is_file();
    folder.join(CACHEDIR_TAG_FILE).is_file() || (is_target && is_beside_manifest())
}

/// Chooses what `[subject] include` names.
struct Included<'a> {
    chosen: &'a Chosen,
}

impl Chooser for Included<'_> {
    fn of_folder(&self, absolute: &Path, _: &Path) -> FolderChoice {
        let is_git = absolute.file_name().is_some_and(|name| name == ".git");
        if is_git || absolute.join(".git").exists() || is_build_folder(absolute) {
            FolderChoice::Nothing
        } else {
            FolderChoice::Below
        }
    }

    fn takes_file(&self, path: &Path) -> bool {
        self.chosen.include.matches(path)
    }
}

#[cfg(test)]
mod tests;
