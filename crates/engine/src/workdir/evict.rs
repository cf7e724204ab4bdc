//! Keeps the disk usage of the work folders within a limit: the least useful parts are removed
//! first, and never something that a cell is using.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytesize::ByteSize;
use camino::{Utf8Path, Utf8PathBuf};

use crate::fs_ext::remove;
use crate::workdir::build_groups::BuildGroups;
use crate::workdir::disk_usage::{CachedKind, CachedUnit, cached_units, measure};
use crate::workdir::lane_dirs::LaneDirs;
use crate::workdir::work_dirs::{GROUPS, WorkDirs, lock_others};

/// How long the measured disk usage of other subjects is reused.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// Eviction stops at this percentage of the limit, so that it does not run after every cell.
const DOWN_TO: u64 = 90;

/// Keeps disk usage within a limit.
pub struct Evictor<'a> {
    work_dirs: &'a WorkDirs,
    builds: &'a BuildGroups,
    most: Option<ByteSize>,
    /// The size in bytes of what is kept outside the build groups. Measured once, since it grows
    /// slowly.
    beside: OnceLock<u64>,
    /// The size in bytes of other subjects' work folders, and when it was measured.
    others: Mutex<Option<(Instant, u64)>>,
    /// The number of cells working in each copy.
    at_work: Mutex<BTreeMap<Utf8PathBuf, usize>>,
    /// Lets only one thread evict at a time.
    turn: Mutex<()>,
}

/// Marks a copy as in use until it is dropped.
pub struct CopyInUse<'a> {
    evictor: &'a Evictor<'a>,
    copy: Utf8PathBuf,
}

/// The result of an eviction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvictionReport {
    /// The disk usage before, in bytes.
    pub before: u64,
    /// The disk usage after, in bytes.
    pub after: u64,
    /// True if that is still over the limit and nothing more can be removed.
    pub is_short: bool,
}

impl<'a> Evictor<'a> {
    /// Creates an evictor; without a limit it does nothing.
    #[must_use]
    pub fn new(work_dirs: &'a WorkDirs, builds: &'a BuildGroups, most: Option<ByteSize>) -> Self {
        Self {
            work_dirs,
            builds,
            most,
            beside: OnceLock::new(),
            others: Mutex::default(),
            at_work: Mutex::default(),
            turn: Mutex::default(),
        }
    }

    /// Marks a copy as in use.
    #[must_use]
    pub fn mark_in_use(&self, folders: &LaneDirs) -> CopyInUse<'_> {
        let copy = folders.copy().to_owned();
        *self.at_work().entry(copy.clone()).or_default() += 1;
        CopyInUse {
            evictor: self,
            copy,
        }
    }

    /// Returns the folder that the limit applies to: the parent of all subjects' work
    /// folders.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        let own = self.work_dirs.root();
        own.parent().unwrap_or(own)
    }

    /// Removes cached units if the work folders of all subjects together exceed the limit. They
    /// are removed in this order: everything of other subjects that no run is using, and everything
    /// of toolchains for which `is_needed` is false; then the folders of idle lanes; then the
    /// least recently used units.
    ///
    /// # Errors
    ///
    /// Returns an error if a folder cannot be read or something cannot be removed.
    pub fn make_room(&self, is_needed: impl Fn(&str) -> bool) -> Result<EvictionReport> {
        let Some(most) = self.most else {
            return Ok(EvictionReport::default());
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = cached_units(&self.work_dirs.build_groups())?;
        let own: u64 = all.iter().map(|stored| stored.bytes).sum();
        let before = self.beside()? + own + self.others(LOOK_AGAIN)?;
        let mut after = before;
        if before > most.as_u64() {
            // Held until eviction ends, so that no run starts there meanwhile.
            let idle = self.idle_others()?;
            for (root, _) in &idle {
                all.extend(cached_units(&groups_of(root))?);
            }
            let groups = self.work_dirs.build_groups();
            let needed: BTreeSet<&str> = all
                .iter()
                .filter(|stored| stored.group.starts_with(&groups))
                .map(|stored| stored.toolchain.as_str())
                .filter(|toolchain| is_needed(toolchain))
                .collect();
            let is_needed = |stored: &CachedUnit| {
                stored.group.starts_with(&groups) && needed.contains(stored.toolchain.as_str())
            };
            let mut by_use: Vec<&CachedUnit> = all.iter().collect();
            by_use.sort_by_key(|stored| (is_needed(stored), stored.what, stored.used));
            let goal = most.as_u64() / 100 * DOWN_TO;
            for stored in by_use {
                if after <= goal {
                    break;
                }
                if self.remove(stored)? {
                    after = after.saturating_sub(stored.bytes);
                }
            }
            *self.others.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(EvictionReport {
            before,
            after,
            is_short: after > most.as_u64(),
        })
    }

    /// Returns the size in bytes of other subjects' work folders, measured at most `ago` ago.
    /// It changes when another run is working or evicting.
    fn others(&self, ago: Duration) -> Result<u64> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        match *others {
            Some((at, bytes)) if at.elapsed() < ago => Ok(bytes),
            Some(_) | None => {
                let bytes = measure(&self.work_dirs.others()?)?;
                *others = Some((Instant::now(), bytes));
                Ok(bytes)
            }
        }
    }

    /// Returns the work folders of other subjects that no run is using, each with the lock that
    /// keeps a run from starting.
    fn idle_others(&self) -> Result<Vec<(Utf8PathBuf, File)>> {
        let mut idle = Vec::new();
        for root in self.work_dirs.others()? {
            if groups_of(&root).is_dir()
                && let Some(lock) = lock_others(&root)?
            {
                idle.push((root, lock));
            }
        }
        Ok(idle)
    }

    /// Removes a cached unit, unless a cell is using it, and returns whether it did.
    fn remove(&self, stored: &CachedUnit) -> Result<bool> {
        match stored.what {
            CachedKind::Units => {
                let digest = stored.folder.file_name().unwrap_or_default();
                let gone = || remove(&stored.folder);
                self.builds.remove_unused(&stored.group, digest, gone)
            }
            CachedKind::Lane => {
                // Held during the removal, so that no cell starts to work in it meanwhile.
                let at_work = self.at_work();
                if at_work.contains_key(&stored.folder) {
                    return Ok(false);
                }
                remove(&stored.folder).map(|()| true)
            }
        }
    }

    /// Returns the size in bytes of what is kept outside the build groups.
    fn beside(&self) -> Result<u64> {
        match self.beside.get() {
            Some(bytes) => Ok(*bytes),
            None => {
                let bytes = measure(&self.work_dirs.dirs_beside_groups())?;
                Ok(*self.beside.get_or_init(|| bytes))
            }
        }
    }

    fn at_work(&self) -> MutexGuard<'_, BTreeMap<Utf8PathBuf, usize>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CopyInUse<'_> {
    fn drop(&mut self) {
        let mut at_work = self.evictor.at_work();
        if let Some(n) = at_work.get_mut(&self.copy) {
            *n -= 1;
            if *n == 0 {
                at_work.remove(&self.copy);
            }
        }
    }
}

/// Returns the folder of the build groups in a work folder.
fn groups_of(root: &Utf8Path) -> Utf8PathBuf {
    root.join(GROUPS)
}

#[cfg(test)]
mod tests {

    use pinmatrix_process::cancel::Cancel;

    use super::*;
    use crate::fs_ext::folders;
    use crate::workdir::units::{UnitDigest, Units};

    /// Creates a package's units of `kib` KiB, last used `hours` hours ago.
    fn units(work_dirs: &WorkDirs, store: &str, package: &str, kib: usize, hours: u64) {
        let folder = work_dirs.build_groups().join(store).join(digest(package));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("lib.rlib"), vec![1; kib * 1024]).expect("written");
        let used = crate::machine::own_env::now() - Duration::from_secs(hours * 3600);
        let file = std::fs::File::open(&folder).expect("a folder");
        file.set_modified(used).expect("dated");
    }

    fn digest(package: &str) -> String {
        UnitDigest::of(package).to_string()
    }

    fn left(work_dirs: &WorkDirs, store: &str) -> BTreeSet<String> {
        let left = folders(&work_dirs.build_groups().join(store)).expect("a listing");
        left.into_iter().collect()
    }

    #[test]
    fn what_is_least_useful_goes_first_and_nothing_that_is_at_work() {
        let cache = tempfile::tempdir().expect("a folder");
        let work_dirs = WorkDirs::open(cache.path(), Utf8Path::new("/w/subject")).expect("a place");
        let units = |store, package, hours| units(&work_dirs, store, package, 100, hours);
        units("old/s/units", "serde", 1);
        units("new/s/units", "hyper", 3);
        units("new/s/units", "wasmtime", 2);
        units("new/s/1-units", "bytes", 9);
        let lane = work_dirs.build_groups().join("new/s/0");
        for folder in ["checkout", "target/debug"] {
            std::fs::create_dir_all(lane.join(folder)).expect("a folder");
        }
        let app = lane.join("target/debug/app");
        std::fs::write(&app, vec![1; 100 * 1024]).expect("written");
        let groups = BuildGroups::default();
        let keep = |kib: u64| Evictor::new(&work_dirs, &groups, Some(ByteSize::kib(kib)));
        let at_work = LaneDirs {
            group: work_dirs.build_groups().join("new/s"),
            checkout: work_dirs.build_groups().join("new/s/1/checkout"),
            subject: work_dirs.build_groups().join("new/s/1/checkout"),
            target: work_dirs.build_groups().join("new/s/1/target"),
            tmp: work_dirs.root().join("t"),
            programs: work_dirs.root().join("programs"),
        };
        let message = |label: &str| label == "new";
        let expect = |packages: &[&str]| packages.iter().map(|p| digest(p)).collect();

        let roomy = keep(100_000).make_room(message).expect("nothing to do");
        assert!(!roomy.is_short && roomy.before == roomy.after);
        // Between what the files take and what their folders take beside them, on any file system.
        assert!(!keep(490).make_room(message).expect("room").is_short);
        assert_eq!(left(&work_dirs, "old/s/units"), BTreeSet::new());
        assert!(app.exists());
        assert!(!keep(380).make_room(message).expect("room").is_short);
        assert!(!app.exists());
        assert_eq!(
            left(&work_dirs, "new/s/units"),
            expect(&["hyper", "wasmtime"])
        );
        let uses = ["bytes", "hyper"].map(UnitDigest::of).into_iter();
        let cancel = Cancel::default();
        let turn = groups.acquire(&at_work, &Units::of_digests(uses), &cancel);
        let turn = turn.expect("its turn");
        assert!(
            keep(10)
                .make_room(message)
                .expect("as much as goes")
                .is_short
        );
        assert_eq!(left(&work_dirs, "new/s/units"), expect(&["hyper"]));
        assert_eq!(left(&work_dirs, "new/s/1-units"), expect(&["bytes"]));
        drop(turn);
        keep(10).make_room(message).expect("room");
        assert_eq!(left(&work_dirs, "new/s/units"), BTreeSet::new());
        assert_eq!(left(&work_dirs, "new/s/1-units"), BTreeSet::new());
    }

    #[test]
    fn a_lane_at_work_keeps_its_folders() {
        let cache = tempfile::tempdir().expect("a folder");
        let work_dirs = WorkDirs::open(cache.path(), Utf8Path::new("/w/subject")).expect("a place");
        let lane = work_dirs.build_groups().join("new/s/0");
        std::fs::create_dir_all(lane.join("checkout")).expect("a folder");
        let file = lane.join("checkout/main.rs");
        std::fs::write(&file, vec![1; 100 * 1024]).expect("written");
        let folders = LaneDirs {
            group: work_dirs.build_groups().join("new/s"),
            checkout: lane.join("checkout"),
            subject: lane.join("checkout"),
            target: lane.join("target"),
            tmp: work_dirs.root().join("t"),
            programs: work_dirs.root().join("programs"),
        };
        let groups = BuildGroups::default();
        let evictor = Evictor::new(&work_dirs, &groups, Some(ByteSize::kib(10)));
        let occupied = evictor.mark_in_use(&folders);
        assert!(evictor.make_room(|_| true).expect("no room").is_short);
        assert!(file.exists());
        drop(occupied);
        evictor.make_room(|_| true).expect("room");
        assert!(!file.exists());
    }
}
