//! Where work happens: outside the subject and outside any repository, since cargo merges the
//! `.cargo/config.toml` of every folder above the one it works in.

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

/// The folder of all that was compiled.
pub const SHOPS: &str = "shops";

/// The lock of a work folder.
const IN_USE: &str = "in-use";

/// The folder for what is resolved and staged beside a run.
const BESIDE: &str = "beside";

/// The folder for cells that are run in the open.
const OPEN: &str = "reproduce";

/// The work folders of one subject.
#[derive(Debug)]
pub struct WorkDirs {
    root: Utf8PathBuf,
    /// Held while a run works here.
    _in_use: Option<File>,
    /// A folder for what resolves and stages beside a run that works here; gone when this is.
    beside: Option<TempDir>,
    /// The shops that are known to be where they were made.
    checked: Mutex<BTreeSet<Utf8PathBuf>>,
}

impl WorkDirs {
    /// Opens the work folder of a subject below `cache`, to look at.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(cache: &Path, subject: &Utf8Path) -> Result<Self> {
        let name = subject.file_name().unwrap_or("subject");
        let hash = blake3::hash(subject.as_str().as_bytes()).to_hex();
        let root = cache.join(format!("{name}-{}", &hash[..12]));
        let root = Utf8PathBuf::from_path_buf(root)
            .map_err(|p| anyhow::anyhow!("the work folder's path is no text: {}", p.display()))?;
        for folder in [SHOPS, "resolutions", "outcomes"] {
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

    /// Opens it to work in, as soon as no other run does; `on_wait` is called if it has to wait.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or locked, or the wait is interrupted.
    pub fn lock(
        cache: &Path,
        subject: &Utf8Path,
        cancel: &Cancel,
        on_wait: impl FnOnce(),
    ) -> Result<Self> {
        let place = Self::open(cache, subject)?;
        let in_use = turn(place.root.join(IN_USE).as_std_path(), cancel, on_wait)?;
        Ok(Self {
            _in_use: Some(in_use),
            ..place
        })
    }

    /// Opens it to resolve and stage in, beside whatever run works there: what is kept is shared, and
    /// all else has a folder of its own, which goes at the end.
    ///
    /// # Errors
    ///
    /// When the folders cannot be made.
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

    /// The work folders of other subjects, and whatever else this program keeps below the cache.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read.
    pub fn others(&self) -> Result<Vec<Utf8PathBuf>> {
        let cache = self.root.parent().unwrap_or(&self.root);
        let folders = folders(cache)?.into_iter().map(|name| cache.join(name));
        let others = folders.filter(|folder| *folder != self.root && is_ours(folder));
        Ok(others.collect())
    }

    /// The folder of what is worked on: its own, for one that is beside a run.
    fn lane_dirs(&self) -> &Utf8Path {
        let beside = self.beside.as_ref().map(|folder| folder.path());
        beside.and_then(Utf8Path::from_path).unwrap_or(&self.root)
    }

    /// The folders in which a lane works on a cell, in a sandbox of that name.
    ///
    /// # Errors
    ///
    /// When folders cannot be made or removed.
    pub fn folders(
        &self,
        context: &CellContext<'_>,
        sandbox: &str,
        lane: usize,
    ) -> Result<LaneDirs> {
        let of_toolchain = self.build_groups().join(&context.cell.row.toolchain);
        // Build scripts ran in it, and cargo does not know.
        let group = of_toolchain.join(format!("{}-{sandbox}", short(&context.build_group())));
        // One lane looks, while the others wait: what is removed may be what they begin to work in.
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if !checked.contains(&group) {
            discard_if_moved(&group)?;
            checked.insert(group.clone());
        }
        drop(checked);
        let copy = group.join(lane.to_string());
        // Sockets in it must not have a path of more than 107 bytes.
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

    /// Removes the shops of some toolchains but for those that are named: what was built there is
    /// out of date. Each goes by its toolchain and its conditions, whatever the sandbox.
    ///
    /// # Errors
    ///
    /// When a folder cannot be removed.
    pub fn discard_past(&self, current: &BTreeSet<(String, String)>) -> Result<()> {
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

    /// A program that links with a linker of choice, by asking the C compiler for it: cargo can be
    /// told of a program without changing the flags that a subject sets for itself.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn linker(&self, linker: Linker) -> Result<Utf8PathBuf> {
        let path = self.root.join(format!("link-with-{linker}"));
        write_program(&path, &format!("exec cc -fuse-ld={linker} \"$@\""))?;
        Ok(path)
    }

    /// The folder of all of this subject's.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The folders of what is kept beside the shops.
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

    /// The folder of all shops.
    #[must_use]
    pub fn build_groups(&self) -> Utf8PathBuf {
        self.root.join(SHOPS)
    }

    /// Where a lane has a clone of the family's own repository.
    #[must_use]
    pub fn dependency(&self, repository: &Utf8Path, lane: usize) -> Utf8PathBuf {
        let hash = blake3::hash(repository.as_str().as_bytes()).to_hex();
        let clones = self.root.join("dependency").join(short(&hash));
        clones.join(lane.to_string())
    }

    /// The folder below which all work folders are.
    #[must_use]
    pub fn cache(&self) -> &Path {
        let above = self.root.parent().unwrap_or(&self.root);
        above.as_std_path()
    }

    /// Where a cell is run in the open.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open_cell(&self, cell: &Cell) -> Result<Utf8PathBuf> {
        let folder = self.lane_dirs().join(OPEN).join(cell.id().as_str());
        std::fs::create_dir_all(folder.join("checkout"))
            .with_context(|| format!("make {folder}"))?;
        Ok(folder)
    }

    /// Where the logs are of what is run again after all cells.
    #[must_use]
    pub fn again(&self) -> Utf8PathBuf {
        self.root.join("again")
    }

    /// Where it is tried what a sandbox can do.
    #[must_use]
    pub fn trial(&self) -> Utf8PathBuf {
        self.lane_dirs().join("trial")
    }

    /// Where the resolver works.
    #[must_use]
    pub fn resolver(&self) -> Utf8PathBuf {
        self.lane_dirs().join("resolve").join("checkout")
    }

    /// Where damaged records go.
    #[must_use]
    pub fn quarantine_dir(&self) -> Utf8PathBuf {
        self.root.join("damaged")
    }

    /// Where it is kept how long cells took.
    #[must_use]
    pub fn durations(&self) -> Utf8PathBuf {
        self.root.join("times.json")
    }

    /// Where resolutions are kept.
    #[must_use]
    pub fn resolutions(&self) -> Utf8PathBuf {
        self.root.join("resolutions")
    }

    /// Where outcomes are kept.
    #[must_use]
    pub fn outcomes(&self) -> Utf8PathBuf {
        self.root.join("outcomes")
    }
}

/// Whether this program made a folder: others may lie in the same cache.
#[must_use]
pub fn is_ours(folder: &Utf8Path) -> bool {
    let tag = std::fs::read_to_string(folder.join(CACHEDIR_TAG_FILE));
    tag.is_ok_and(|tag| tag == CACHEDIR_TAG)
}

/// Holds the work folder of a subject for as long as the file is kept, so that no run begins in it;
/// `None` where one is at work.
///
/// # Errors
///
/// When the lock cannot be written.
pub fn lock_others(root: &Utf8Path) -> Result<Option<File>> {
    let lock = root.join(IN_USE);
    let file = File::create(&lock).with_context(|| format!("write {lock}"))?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// Waits until nobody else has a lock, and takes it for as long as the file is kept; `on_wait` is
/// called if it has to wait.
///
/// # Errors
///
/// When the file cannot be written, or the wait is interrupted.
pub fn turn(lock: &Path, cancel: &Cancel, on_wait: impl FnOnce()) -> Result<File> {
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

/// Removes a folder that was made in another place: build scripts write absolute paths into what
/// they make, which cargo takes for fresh wherever it lies.
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

/// The folder below which all work folders are: `PINMATRIX_CACHE`, else `pinmatrix` in the
/// user's cache folder.
///
/// # Errors
///
/// When neither that variable nor a home folder is known.
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
        let (here, there) = (folder.join("here"), folder.join("there"));
        discard_if_moved(&here).expect("made");
        std::fs::create_dir(here.join("target")).expect("a folder");
        discard_if_moved(&here).expect("as it was");
        assert!(here.join("target").exists());
        std::fs::rename(&here, &there).expect("moved");
        discard_if_moved(&there).expect("made anew");
        assert!(!there.join("target").exists() && there.exists());
    }
}
