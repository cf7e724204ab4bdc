//! The disk that work folders take, kept within a bound: what is least useful goes first, and
//! nothing that a cell is working with.

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
use crate::workdir::work_dirs::{SHOPS, WorkDirs, lock_others};

/// How long what other subjects take is not looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// Down to which part of the bound room is made, in percent, so that it is not made after every
/// cell.
const DOWN_TO: u64 = 90;

/// Keeps the disk within a bound.
pub struct Evictor<'a> {
    workplace: &'a WorkDirs,
    builds: &'a BuildGroups,
    most: Option<ByteSize>,
    /// What is kept beside what was compiled, in bytes: looked at once, since it grows slowly.
    beside: OnceLock<u64>,
    /// What other subjects' work folders take, in bytes, and when that was looked at.
    others: Mutex<Option<(Instant, u64)>>,
    /// How many cells work in each copy.
    at_work: Mutex<BTreeMap<Utf8PathBuf, usize>>,
    /// One makes room at a time.
    turn: Mutex<()>,
}

/// A copy that a cell works in; its end lets go of it.
pub struct CopyInUse<'a> {
    keeper: &'a Evictor<'a>,
    copy: Utf8PathBuf,
}

/// What making room came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvictionReport {
    /// What work folders took, in bytes.
    pub before: u64,
    /// What they take now.
    pub after: u64,
    /// True where that is more than the bound, and nothing more can go.
    pub is_short: bool,
}

impl<'a> Evictor<'a> {
    /// A keeper of work folders.
    #[must_use]
    pub fn new(workplace: &'a WorkDirs, builds: &'a BuildGroups, most: Option<ByteSize>) -> Self {
        Self {
            workplace,
            builds,
            most,
            beside: OnceLock::new(),
            others: Mutex::default(),
            at_work: Mutex::default(),
            turn: Mutex::default(),
        }
    }

    /// Marks a copy as being worked in.
    #[must_use]
    pub fn mark_in_use(&self, folders: &LaneDirs) -> CopyInUse<'_> {
        let copy = folders.copy().to_owned();
        *self.at_work().entry(copy.clone()).or_default() += 1;
        CopyInUse { keeper: self, copy }
    }

    /// The folder that is kept within a bound: that of all subjects' work folders.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        let own = self.workplace.root();
        own.parent().unwrap_or(own)
    }

    /// Makes room where work folders of all subjects together take more than they may. What goes
    /// first: all that other subjects have, unless a run works on them, and all that toolchains have
    /// of which `is_needed` says no; then the folders of lanes in which no cell is at work; then units
    /// that were not used for longest.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read, or something cannot be removed.
    pub fn make_room(&self, is_needed: impl Fn(&str) -> bool) -> Result<EvictionReport> {
        let Some(most) = self.most else {
            return Ok(EvictionReport::default());
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = cached_units(&self.workplace.build_groups())?;
        let own: u64 = all.iter().map(|stored| stored.bytes).sum();
        let before = self.beside()? + own + self.others(LOOK_AGAIN)?;
        let mut after = before;
        if before > most.as_u64() {
            // Held until room is made, so that no run begins there meanwhile.
            let idle = self.idle_others()?;
            for (root, _) in &idle {
                all.extend(cached_units(&groups_of(root))?);
            }
            let groups = self.workplace.build_groups();
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

    /// What other subjects' work folders take, in bytes, as it was so long ago at the most: they
    /// change where another run is at work, or room is made.
    fn others(&self, ago: Duration) -> Result<u64> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        match *others {
            Some((at, bytes)) if at.elapsed() < ago => Ok(bytes),
            Some(_) | None => {
                let bytes = measure(&self.workplace.others()?)?;
                *others = Some((Instant::now(), bytes));
                Ok(bytes)
            }
        }
    }

    /// The work folders of other subjects on which no run works, each with the lock that keeps one
    /// from beginning.
    fn idle_others(&self) -> Result<Vec<(Utf8PathBuf, File)>> {
        let mut idle = Vec::new();
        for root in self.workplace.others()? {
            if groups_of(&root).is_dir()
                && let Some(lock) = lock_others(&root)?
            {
                idle.push((root, lock));
            }
        }
        Ok(idle)
    }

    /// Removes something, unless a cell is at work with it.
    fn remove(&self, stored: &CachedUnit) -> Result<bool> {
        match stored.what {
            CachedKind::Units => {
                let digest = stored.folder.file_name().unwrap_or_default();
                let gone = || remove(&stored.folder);
                self.builds.remove_unused(&stored.group, digest, gone)
            }
            CachedKind::Lane => {
                // Held while it goes, so that no cell begins to work in it meanwhile.
                let at_work = self.at_work();
                if at_work.contains_key(&stored.folder) {
                    return Ok(false);
                }
                remove(&stored.folder).map(|()| true)
            }
        }
    }

    /// What is kept beside what was compiled.
    fn beside(&self) -> Result<u64> {
        match self.beside.get() {
            Some(bytes) => Ok(*bytes),
            None => {
                let bytes = measure(&self.workplace.dirs_beside_groups())?;
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
        let mut at_work = self.keeper.at_work();
        if let Some(n) = at_work.get_mut(&self.copy) {
            *n -= 1;
            if *n == 0 {
                at_work.remove(&self.copy);
            }
        }
    }
}

/// The folder of the shops of a work folder.
fn groups_of(root: &Utf8Path) -> Utf8PathBuf {
    root.join(SHOPS)
}

#[cfg(test)]
mod tests {

    use pinmatrix_process::cancel::Cancel;

    use super::*;
    use crate::fs_ext::folders;
    use crate::workdir::units::{UnitDigest, Units};

    /// Units of a package of so many KiB, last used so many hours ago.
    fn units(workplace: &WorkDirs, store: &str, package: &str, kib: usize, hours: u64) {
        let folder = workplace.build_groups().join(store).join(digest(package));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("lib.rlib"), vec![1; kib * 1024]).expect("written");
        let used = crate::machine::own_env::now() - Duration::from_secs(hours * 3600);
        let file = std::fs::File::open(&folder).expect("a folder");
        file.set_modified(used).expect("dated");
    }

    fn digest(package: &str) -> String {
        UnitDigest::of(package).to_string()
    }

    fn left(workplace: &WorkDirs, store: &str) -> BTreeSet<String> {
        let left = folders(&workplace.build_groups().join(store)).expect("a listing");
        left.into_iter().collect()
    }

    #[test]
    fn what_is_least_useful_goes_first_and_nothing_that_is_at_work() {
        let cache = tempfile::tempdir().expect("a folder");
        let workplace = WorkDirs::open(cache.path(), Utf8Path::new("/w/subject")).expect("a place");
        let units = |store, package, hours| units(&workplace, store, package, 100, hours);
        units("old/s/units", "serde", 1);
        units("new/s/units", "hyper", 3);
        units("new/s/units", "wasmtime", 2);
        units("new/s/1-units", "bytes", 9);
        let lane = workplace.build_groups().join("new/s/0");
        for folder in ["checkout", "target/debug"] {
            std::fs::create_dir_all(lane.join(folder)).expect("a folder");
        }
        let app = lane.join("target/debug/app");
        std::fs::write(&app, vec![1; 100 * 1024]).expect("written");
        let groups = BuildGroups::default();
        let keep = |kib: u64| Evictor::new(&workplace, &groups, Some(ByteSize::kib(kib)));
        let at_work = LaneDirs {
            group: workplace.build_groups().join("new/s"),
            checkout: workplace.build_groups().join("new/s/1/checkout"),
            subject: workplace.build_groups().join("new/s/1/checkout"),
            target: workplace.build_groups().join("new/s/1/target"),
            tmp: workplace.root().join("t"),
            programs: workplace.root().join("programs"),
        };
        let told = |label: &str| label == "new";
        let expect = |packages: &[&str]| packages.iter().map(|p| digest(p)).collect();

        let roomy = keep(100_000).make_room(told).expect("nothing to do");
        assert!(!roomy.is_short && roomy.before == roomy.after);
        assert!(!keep(500).make_room(told).expect("room").is_short);
        assert_eq!(left(&workplace, "old/s/units"), BTreeSet::new());
        assert!(app.exists());
        assert!(!keep(400).make_room(told).expect("room").is_short);
        assert!(!app.exists());
        assert_eq!(
            left(&workplace, "new/s/units"),
            expect(&["hyper", "wasmtime"])
        );
        let uses = ["bytes", "hyper"].map(UnitDigest::of).into_iter();
        let cancel = Cancel::default();
        let turn = groups.acquire(&at_work, &Units::of_digests(uses), &cancel);
        let turn = turn.expect("its turn");
        assert!(keep(10).make_room(told).expect("as much as goes").is_short);
        assert_eq!(left(&workplace, "new/s/units"), expect(&["hyper"]));
        assert_eq!(left(&workplace, "new/s/1-units"), expect(&["bytes"]));
        drop(turn);
        keep(10).make_room(told).expect("room");
        assert_eq!(left(&workplace, "new/s/units"), BTreeSet::new());
        assert_eq!(left(&workplace, "new/s/1-units"), BTreeSet::new());
    }

    #[test]
    fn a_lane_at_work_keeps_its_folders() {
        let cache = tempfile::tempdir().expect("a folder");
        let workplace = WorkDirs::open(cache.path(), Utf8Path::new("/w/subject")).expect("a place");
        let lane = workplace.build_groups().join("new/s/0");
        std::fs::create_dir_all(lane.join("checkout")).expect("a folder");
        let file = lane.join("checkout/main.rs");
        std::fs::write(&file, vec![1; 100 * 1024]).expect("written");
        let folders = LaneDirs {
            group: workplace.build_groups().join("new/s"),
            checkout: lane.join("checkout"),
            subject: lane.join("checkout"),
            target: lane.join("target"),
            tmp: workplace.root().join("t"),
            programs: workplace.root().join("programs"),
        };
        let groups = BuildGroups::default();
        let keeper = Evictor::new(&workplace, &groups, Some(ByteSize::kib(10)));
        let occupied = keeper.mark_in_use(&folders);
        assert!(keeper.make_room(|_| true).expect("no room").is_short);
        assert!(file.exists());
        drop(occupied);
        keeper.make_room(|_| true).expect("room");
        assert!(!file.exists());
    }
}
