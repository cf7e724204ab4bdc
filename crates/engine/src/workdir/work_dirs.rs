//! The work folders. They are outside the subject and outside any repository, since cargo
//! merges the `.cargo/config.toml` of every parent of its working directory.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::config::Linker;
use pinmatrix_core::model::cell::Cell;
use pinmatrix_process::cancel::Cancel;
use tempfile::TempDir;

use crate::fs_ext::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, folders, names, write_program};
use crate::machine::own_env;
use crate::matrix::cell_context::CellContext;
use crate::subject::git::short;
use crate::workdir::lane_dirs::LaneDirs;

/// The folder for temporary files of all lanes.
const TMP: &str = "t";

/// The folder of what was read of the sources of families, and of the forecasts.
pub const FORECASTS: &str = "forecasts";

/// The folder of all build groups: the compiled code.
pub const GROUPS: &str = "groups";

/// The lock file of a work folder.
const IN_USE: &str = "in-use";

/// The folder for what is resolved and staged beside a run.
const BESIDE: &str = "beside";

/// The folder for cells that run in the open.
const OPEN: &str = "reproduce";

/// The work folders of one subject.
#[derive(Debug)]
pub struct WorkDirs {
    root: Utf8PathBuf,
    /// Held while a run works here.
    _in_use: Option<File>,
    /// A folder for resolving and staging beside a run that works here; removed on drop.
    beside: Option<TempDir>,
    /// The build groups that are known to be at the path where they were created.
    checked: Mutex<BTreeSet<Utf8PathBuf>>,
}

impl WorkDirs {
    /// Opens the work folder of a subject below `cache` without locking it.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be created.
    pub fn open(cache: &Path, subject: &Utf8Path) -> Result<Self> {
        let name = subject.file_name().unwrap_or("subject");
        let hash = blake3::hash(subject.as_str().as_bytes()).to_hex();
        let root = cache.join(format!("{name}-{}", &hash[..12]));
        let root = Utf8PathBuf::from_path_buf(root).map_err(|p| {
            anyhow::anyhow!("the work folder's path is not valid UTF-8: {}", p.display())
        })?;
        for folder in [GROUPS, "resolutions", "outcomes"] {
            std::fs::create_dir_all(root.join(folder))
                .with_context(|| format!("make the work folder {root}"))?;
        }
        let tag = root.join("CACHEDIR.TAG");
        if !tag.exists() {
            std::fs::write(&tag, CACHEDIR_TAG).with_context(|| format!("write {tag}"))?;
        }
        Ok(Self {
            root,
            _in_use: None,
            beside: None,
            checked: Mutex::default(),
        })
    }

    /// Opens and locks the work folder as soon as no other run is using it. Calls `on_wait` if
    /// it has to wait.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be created or locked, or if the wait is
    /// interrupted.
    pub fn lock(
        cache: &Path,
        subject: &Utf8Path,
        cancel: &Cancel,
        on_wait: impl FnOnce(),
    ) -> Result<Self> {
        let place = Self::open(cache, subject)?;
        let in_use = wait_for_lock(place.root.join(IN_USE).as_std_path(), cancel, on_wait)?;
        Ok(Self {
            _in_use: Some(in_use),
            ..place
        })
    }

    /// Opens the work folder to resolve and stage beside a run that may be using it. Stored
    /// results are shared; everything else gets a folder of its own, which is removed at the
    /// end.
    ///
    /// # Errors
    ///
    /// Returns an error if the folders cannot be created.
    pub fn beside(cache: &Path, subject: &Utf8Path) -> Result<Self> {
        let place = Self::open(cache, subject)?;
        let all = place.root.join(BESIDE);
        let made = std::fs::create_dir_all(&all).and_then(|()| tempfile::tempdir_in(&all));
        let beside = made.with_context(|| format!("make a folder in {all}"))?;
        Ok(Self {
            beside: Some(beside),
            ..place
        })
    }

    /// Returns the work folders of other subjects, and anything else that this program keeps
    /// below the cache.
    ///
    /// # Errors
    ///
    /// Returns an error if the cache cannot be read.
    pub fn others(&self) -> Result<Vec<Utf8PathBuf>> {
        let cache = self.root.parent().unwrap_or(&self.root);
        let folders = folders(cache)?.into_iter().map(|name| cache.join(name));
        let others = folders.filter(|folder| *folder != self.root && is_ours(folder));
        Ok(others.collect())
    }

    /// Returns the folder to work in: a separate one if this was opened beside a run.
    fn lane_dirs(&self) -> &Utf8Path {
        let beside = self.beside.as_ref().map(|folder| folder.path());
        beside.and_then(Utf8Path::from_path).unwrap_or(&self.root)
    }

    /// Returns the folders in which a lane works on a cell, for the sandbox of that name.
    ///
    /// # Errors
    ///
    /// Returns an error if folders cannot be created or removed.
    pub fn folders(
        &self,
        context: &CellContext<'_>,
        sandbox: &str,
        lane: usize,
    ) -> Result<LaneDirs> {
        let of_toolchain = self.build_groups().join(&context.cell.row.toolchain);
        // Build scripts ran in it, and cargo does not track that.
        let group = of_toolchain.join(format!("{}-{sandbox}", short(&context.build_group())));
        // One lane checks while the others wait, since a removed folder may be one that they are
        // about to use.
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if !checked.contains(&group) {
            discard_if_moved(&group)?;
            checked.insert(group.clone());
        }
        drop(checked);
        let copy = group.join(lane.to_string());
        // The path of a Unix socket in it must not exceed 107 bytes.
        let hash = blake3::hash(copy.as_str().as_bytes()).to_hex();
        let checkout = copy.join("checkout");
        let subject = checkout.join(&context.tree.subject.inside);
        Ok(LaneDirs {
            checkout,
            target: subject.join("target"),
            subject,
            tmp: self.root.join(TMP).join(&hash[..8]),
            programs: self.root.join("programs"),
            group,
        })
    }

    /// Removes outdated build groups of the toolchains in `current`: those whose conditions are not
    /// in `current`. The sandbox does not matter.
    ///
    /// # Errors
    ///
    /// Returns an error if a folder cannot be removed.
    pub fn remove_outdated_groups(&self, current: &BTreeSet<(String, String)>) -> Result<()> {
        let toolchains: BTreeSet<&str> = current.iter().map(|(label, _)| label.as_str()).collect();
        for label in toolchains {
            let of_toolchain = self.build_groups().join(label);
            for name in names(&of_toolchain)? {
                let conditions = name.split('-').next().unwrap_or(&name);
                let is_current =
                    |(of, group): &(String, String)| of == label && short(group) == conditions;
                if !current.iter().any(is_current) {
                    let past = of_toolchain.join(name);
                    std::fs::remove_dir_all(&past).with_context(|| format!("remove {past}"))?;
                }
            }
        }
        Ok(())
    }

    /// Writes a program that links with the given linker by asking the C compiler for it, and
    /// returns its path. Cargo can be given a program without changing the flags that a subject
    /// sets for itself.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be written.
    pub fn linker(&self, linker: Linker) -> Result<Utf8PathBuf> {
        let path = self.root.join(format!("link-with-{linker}"));
        write_program(&path, &format!("exec cc -fuse-ld={linker} \"$@\""))?;
        Ok(path)
    }

    /// Returns the folder of everything that belongs to this subject.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Returns the folders of what is kept outside the build groups.
    #[must_use]
    pub fn dirs_beside_groups(&self) -> Vec<Utf8PathBuf> {
        let names = [
            "outcomes",
            "resolutions",
            "resolve",
            "dependency",
            "damaged",
            BESIDE,
            OPEN,
            TMP,
        ];
        names.map(|name| self.root.join(name)).into()
    }

    /// Returns the folder of all build groups.
    #[must_use]
    pub fn build_groups(&self) -> Utf8PathBuf {
        self.root.join(GROUPS)
    }

    /// Returns the path of a lane's clone of the family's own repository.
    #[must_use]
    pub fn dependency(&self, repository: &Utf8Path, lane: usize) -> Utf8PathBuf {
        let hash = blake3::hash(repository.as_str().as_bytes()).to_hex();
        let clones = self.root.join("dependency").join(short(&hash));
        clones.join(lane.to_string())
    }

    /// Returns the folder that holds all work folders.
    #[must_use]
    pub fn cache(&self) -> &Path {
        let above = self.root.parent().unwrap_or(&self.root);
        above.as_std_path()
    }

    /// Creates and returns the folder for running a cell in the open.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be created.
    pub fn open_cell(&self, cell: &Cell) -> Result<Utf8PathBuf> {
        let folder = self.lane_dirs().join(OPEN).join(cell.id().as_str());
        std::fs::create_dir_all(folder.join("checkout"))
            .with_context(|| format!("make {folder}"))?;
        Ok(folder)
    }

    /// Returns the folder for the logs of what is run again after all cells.
    #[must_use]
    pub fn again_dir(&self) -> Utf8PathBuf {
        self.root.join("again")
    }

    /// Returns the folder for probing what a sandbox can do.
    #[must_use]
    pub fn trial_dir(&self) -> Utf8PathBuf {
        self.lane_dirs().join("trial")
    }

    /// Returns the folder in which the resolver works.
    #[must_use]
    pub fn resolver_dir(&self) -> Utf8PathBuf {
        self.lane_dirs().join("resolve").join("checkout")
    }

    /// Returns the folder for damaged records.
    #[must_use]
    pub fn quarantine_dir(&self) -> Utf8PathBuf {
        self.root.join("damaged")
    }

    /// Returns the file that records how long cells took.
    #[must_use]
    pub fn durations(&self) -> Utf8PathBuf {
        self.root.join("times.json")
    }

    /// Returns the folder for stored resolutions.
    #[must_use]
    pub fn resolutions(&self) -> Utf8PathBuf {
        self.root.join("resolutions")
    }

    /// Returns the folder for stored outcomes.
    #[must_use]
    pub fn outcomes(&self) -> Utf8PathBuf {
        self.root.join("outcomes")
    }
}

/// Returns true if this program created a folder; the cache may hold others.
#[must_use]
pub fn is_ours(folder: &Utf8Path) -> bool {
    let tag = std::fs::read_to_string(folder.join(CACHEDIR_TAG_FILE));
    tag.is_ok_and(|tag| tag == CACHEDIR_TAG)
}

/// Locks the work folder of a subject until the file is dropped, so that no run starts in it.
/// Returns `None` if a run is using it.
///
/// # Errors
///
/// Returns an error if the lock file cannot be written.
pub fn lock_others(root: &Utf8Path) -> Result<Option<File>> {
    let lock = root.join(IN_USE);
    let file = File::create(&lock).with_context(|| format!("write {lock}"))?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// Waits until nobody else holds a lock, and holds it until the file is dropped. Calls `on_wait` if
/// it has to wait.
///
/// # Errors
///
/// Returns an error if the file cannot be written or the wait is interrupted.
pub fn wait_for_lock(lock: &Path, cancel: &Cancel, on_wait: impl FnOnce()) -> Result<File> {
    let file = File::create(lock).with_context(|| format!("write {}", lock.display()))?;
    let mut on_wait = Some(on_wait);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => {
                return Err(e).with_context(|| format!("lock {}", lock.display()));
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if let Some(on_wait) = on_wait.take() {
            on_wait();
        }
        anyhow::ensure!(
            !cancel.is_cancelled(),
            "interrupted while waiting for another run"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Removes a folder that was created at another path: build scripts write absolute paths into
/// their output, which cargo considers fresh wherever it is.
fn discard_if_moved(folder: &Utf8Path) -> Result<()> {
    let marker = folder.join("made-in");
    match std::fs::read_to_string(&marker) {
        Ok(made_in) if made_in == folder.as_str() => return Ok(()),
        Ok(_) => {
            std::fs::remove_dir_all(folder).with_context(|| format!("remove {folder}"))?;
        }
        Err(_) => {}
    }
    std::fs::create_dir_all(folder).with_context(|| format!("make {folder}"))?;
    std::fs::write(&marker, folder.as_str()).with_context(|| format!("write {marker}"))
}

/// Returns the folder that holds all work folders: `PINMATRIX_CACHE`, or else `pinmatrix` in
/// the user's cache folder.
///
/// # Errors
///
/// Returns an error if neither that variable nor a home directory is known.
pub fn cache() -> Result<PathBuf> {
    let var = |name: &str| {
        own_env::var(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    if let Some(cache) = var("PINMATRIX_CACHE") {
        return std::path::absolute(cache).context("read PINMATRIX_CACHE");
    }
    if let Some(cache) = var("XDG_CACHE_HOME").or_else(|| var("LOCALAPPDATA")) {
        return Ok(cache.join("pinmatrix"));
    }
    let home = std::env::home_dir().context("find the home folder; set PINMATRIX_CACHE")?;
    Ok(home.join(".cache").join("pinmatrix"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_from_another_place_is_discarded() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let (first, second) = (folder.join("here"), folder.join("there"));
        discard_if_moved(&first).expect("made");
        std::fs::create_dir(first.join("target")).expect("a folder");
        discard_if_moved(&first).expect("as it was");
        assert!(first.join("target").exists());
        std::fs::rename(&first, &second).expect("moved");
        discard_if_moved(&second).expect("made anew");
        assert!(!second.join("target").exists() && second.exists());
    }
}
