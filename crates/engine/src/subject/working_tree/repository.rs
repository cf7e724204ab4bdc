//! What git reports about the files in a working tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::{Chooser, FolderChoice, is_build_folder};
use crate::subject::git::quiet;

/// A git repository, or the part of one below a folder.
pub(super) struct GitListing {
    /// Its path below the top; all other paths are relative to this one.
    pub(super) below: PathBuf,
    pub(super) tracked: BTreeSet<PathBuf>,
    /// Files that git neither tracks nor ignores.
    others: BTreeSet<PathBuf>,
    /// Submodules, and nested repositories that are not submodules.
    pub(super) nested: BTreeSet<PathBuf>,
    /// Folders that git ignores.
    ignored: BTreeSet<PathBuf>,
    /// Folders that git does not ignore but that contain only ignored files.
    hollow: BTreeSet<PathBuf>,
}

/// The mode of a submodule in git's index.
const GITLINK: &[u8] = b"160000 ";

impl GitListing {
    /// Lists the repository that contains a folder. Returns `None` if there is none or git is not
    /// installed.
    pub(super) fn of(top: &Path, below: &Path) -> Result<Option<Self>> {
        let shell = Shell::new()?;
        let folder = top.join(below);
        shell.change_dir(&folder);
        let inside = quiet(cmd!(shell, "git rev-parse --is-inside-work-tree")).read();
        if !inside.is_ok_and(|answer| answer == "true") {
            return Ok(None);
        }
        // A folder that git ignores does not belong to the repository around it.
        if quiet(cmd!(shell, "git check-ignore --quiet {folder}"))
            .run()
            .is_ok()
        {
            return Ok(None);
        }
        let list = |args: &[&str]| -> Result<Vec<Vec<u8>>> {
            let output = quiet(cmd!(shell, "git ls-files -z {args...}")).output();
            let output = output.with_context(|| format!("list {} with git", folder.display()))?;
            let records = output.stdout.split(|byte| *byte == 0);
            Ok(records
                .filter(|r| !r.is_empty())
                .map(<[u8]>::to_vec)
                .collect())
        };
        let mut repository = Self {
            below: below.to_owned(),
            tracked: BTreeSet::new(),
            others: BTreeSet::new(),
            nested: BTreeSet::new(),
            ignored: BTreeSet::new(),
            hollow: BTreeSet::new(),
        };
        for record in list(&["--stage"])? {
            // MODE HASH STAGE<tab>PATH
            if let Some(tab) = record.iter().position(|byte| *byte == b'\t') {
                let path = path_of(&record[tab + 1..]);
                if record.starts_with(GITLINK) {
                    repository.nested.insert(path)
                } else {
                    repository.tracked.insert(path)
                };
            }
        }
        for record in list(&["--others", "--exclude-standard"])? {
            match record.strip_suffix(b"/") {
                Some(nested) => repository.nested.insert(path_of(nested)),
                None => repository.others.insert(path_of(&record)),
            };
        }
        let ignored = list(&["--others", "--ignored", "--exclude-standard", "--directory"])?;
        let folders: Vec<&[u8]> = ignored
            .iter()
            .filter_map(|r| r.strip_suffix(b"/"))
            .collect();
        let asked = folders.join(&0);
        // It exits with 1 if it ignores none of them.
        let check = quiet(cmd!(shell, "git check-ignore -z --stdin")).stdin(asked);
        let answer = check.ignore_status().output()?.stdout;
        let is_listed = |folder: &&[u8]| answer.split(|byte| *byte == 0).any(|r| r == *folder);
        let (ignored, hollow): (Vec<&[u8]>, Vec<&[u8]>) = folders.into_iter().partition(is_listed);
        repository.ignored = ignored.into_iter().map(path_of).collect();
        repository.hollow = hollow.into_iter().map(path_of).collect();
        Ok(Some(repository))
    }

    fn path<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.below).unwrap_or(path)
    }

    fn tracks_below(&self, folder: &Path) -> bool {
        let mut from = self.tracked.range(folder.to_owned()..);
        from.next().is_some_and(|first| first.starts_with(folder))
    }
}

impl Chooser for GitListing {
    fn of_folder(&self, absolute: &Path, path: &Path) -> FolderChoice {
        let path = self.path(path);
        let is_left_out = path.file_name().is_some_and(|name| name == ".git")
            || self.nested.contains(path)
            || self.ignored.contains(path)
            || (is_build_folder(absolute) && !self.tracks_below(path));
        match (is_left_out, self.hollow.contains(path)) {
            (true, _) => FolderChoice::Nothing,
            (false, true) => FolderChoice::Empty,
            (false, false) => FolderChoice::All,
        }
    }

    fn takes_file(&self, path: &Path) -> bool {
        let path = self.path(path);
        self.tracked.contains(path) || self.others.contains(path)
    }
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
