//! The disk that work folders take, kept within a bound: what is least useful goes first, and
//! nothing that a cell is working with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytesize::ByteSize;
use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};

use crate::exec::inventory::{Inventory, Stored, weight};
use crate::exec::shop::Shops;
use crate::exec::workplace::{LaneFolders, SHOPS, Workplace, seize};
use crate::files::{folders, remove};

/// How long what other subjects take is not looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// Down to which part of the bound room is made, in percent, so that it is not made after every
/// cell.
const DOWN_TO: u64 = 90;

/// Keeps the disk within a bound.
pub struct Keeper<'a> {
    workplace: &'a Workplace,
    builds: &'a Shops,
    most: Option<ByteSize>,
    /// The names of the subject's own packages.
    own: BTreeSet<String>,
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
pub struct Occupied<'a> {
    keeper: &'a Keeper<'a>,
    copy: Utf8PathBuf,
}

/// What making room came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// What work folders took, in bytes.
    pub before: u64,
    /// What they take now.
    pub after: u64,
    /// True where that is more than the bound, and nothing more can go.
    pub is_short: bool,
}

impl<'a> Keeper<'a> {
    /// A keeper of work folders, of a subject whose own packages have those names.
    #[must_use]
    pub fn new(
        workplace: &'a Workplace,
        builds: &'a Shops,
        most: Option<ByteSize>,
        own: BTreeSet<String>,
    ) -> Self {
        Self {
            workplace,
            builds,
            most,
            own,
            beside: OnceLock::new(),
            others: Mutex::default(),
            at_work: Mutex::default(),
            turn: Mutex::default(),
        }
    }

    /// Marks a copy as being worked in.
    #[must_use]
    pub fn occupy(&self, folders: &LaneFolders) -> Occupied<'_> {
        let copy = copy_of(folders);
        *self.at_work().entry(copy.clone()).or_default() += 1;
        Occupied { keeper: self, copy }
    }

    /// The folder that is kept within a bound: that of all subjects' work folders.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        let own = self.workplace.root();
        own.parent().unwrap_or(own)
    }

    /// Makes room where work folders of all subjects together take more than they may. What goes
    /// first: all that other subjects have, unless a run works on them, and all that toolchains have
    /// of which `is_needed` says no; then what the subject's own packages are compiled to, which is
    /// large and quickly made anew; then what was not used for longest.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read, or something cannot be removed.
    pub fn make_room(&self, is_needed: impl Fn(&str) -> bool) -> Result<Room> {
        let Some(most) = self.most else {
            return Ok(Room::default());
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inventory = self.inventory()?;
        let before = inventory.bytes + self.others(LOOK_AGAIN)?;
        if before <= most.as_u64() {
            return Ok(Room {
                before,
                after: before,
                is_short: false,
            });
        }
        // Held until room is made, so that no run begins there meanwhile.
        let idle = self.idle_others()?;
        for (root, _) in &idle {
            for copy in copies(&shops_of(root))? {
                inventory.add_copy(&copy)?;
            }
        }
        let shops = self.workplace.shops();
        let is_own = |unit: &Stored| unit.copy.starts_with(&shops);
        let toolchain = |unit: &Stored| {
            let below = unit.copy.strip_prefix(&shops).ok();
            let label = below.and_then(|below| below.iter().next());
            label.unwrap_or_default().to_owned()
        };
        let mut units = std::mem::take(&mut inventory.units);
        let toolchains = units.iter().filter(|unit| is_own(unit)).map(toolchain);
        let toolchains: BTreeSet<String> = toolchains.collect();
        let needed: BTreeSet<String> = toolchains.into_iter().filter(|t| is_needed(t)).collect();
        units.sort_by_cached_key(|unit| {
            let is_needed = is_own(unit) && needed.contains(&toolchain(unit));
            (is_needed, !self.own.contains(&unit.package), unit.used)
        });
        let goal = most.as_u64() / 100 * DOWN_TO;
        let mut after = before;
        for unit in &units {
            if after <= goal {
                break;
            }
            // Held while it goes, so that no cell begins to work with it meanwhile.
            let at_work = self.at_work();
            let _pause = self.builds.pause();
            if at_work.contains_key(&unit.copy) {
                continue;
            }
            if !is_own(unit) || self.own.contains(&unit.package) {
                remove_uplifted(&unit.profile)?;
            }
            unit.remove()?;
            after = after.saturating_sub(inventory.freed(unit));
        }
        self.builds.forget();
        for root in idle.iter().map(|(root, _)| root.as_path()) {
            self.remove_empty_copies(&shops_of(root))?;
        }
        self.remove_empty_copies(&shops)?;
        let after = self.inventory()?.bytes + self.others(Duration::ZERO)?;
        Ok(Room {
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
                let bytes = weight(&self.workplace.others()?)?;
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
            if shops_of(&root).is_dir()
                && let Some(lock) = seize(&root)?
            {
                idle.push((root, lock));
            }
        }
        Ok(idle)
    }

    /// Removes copies in some shops in which nothing is compiled any more.
    fn remove_empty_copies(&self, shops: &Utf8Path) -> Result<()> {
        let mut inventory = Inventory::default();
        for copy in copies(shops)? {
            inventory.add_copy(&copy)?;
        }
        let used: BTreeSet<&Utf8PathBuf> = inventory.units.iter().map(|unit| &unit.copy).collect();
        for copy in copies(shops)? {
            let at_work = self.at_work();
            let _pause = self.builds.pause();
            if !used.contains(&copy) && !at_work.contains_key(&copy) {
                remove(&copy)?;
            }
        }
        Ok(())
    }

    fn inventory(&self) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        inventory.bytes = match self.beside.get() {
            Some(bytes) => *bytes,
            None => {
                let bytes = weight(&self.workplace.folders_beside_shops())?;
                *self.beside.get_or_init(|| bytes)
            }
        };
        for copy in copies(&self.workplace.shops())? {
            inventory.add_copy(&copy)?;
        }
        Ok(inventory)
    }

    fn at_work(&self) -> MutexGuard<'_, BTreeMap<Utf8PathBuf, usize>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Occupied<'_> {
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

fn copy_of(folders: &LaneFolders) -> Utf8PathBuf {
    folders
        .target
        .parent()
        .unwrap_or(&folders.target)
        .to_owned()
}

/// The folder of the shops of a work folder.
fn shops_of(root: &Utf8Path) -> Utf8PathBuf {
    root.join(SHOPS)
}

/// The copies in all shops.
fn copies(shops: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let below = |above: Vec<Utf8PathBuf>| -> Result<Vec<Utf8PathBuf>> {
        let mut below = Vec::new();
        for folder in above {
            below.extend(folders(&folder)?.into_iter().map(|name| folder.join(name)));
        }
        Ok(below)
    };
    below(below(below(vec![shops.to_owned()])?)?)
}

/// Removes the second names that cargo gives to what it makes of the subject's own packages; it
/// gives them again.
fn remove_uplifted(profile: &Utf8Path) -> Result<()> {
    let entries = profile.read_dir_utf8().into_iter().flatten().flatten();
    let is_file = |entry: &Utf8DirEntry| entry.file_type().is_ok_and(|t| t.is_file());
    for file in entries.filter(is_file) {
        // Cargo's locks are held by name.
        if !file.file_name().starts_with(".cargo") {
            remove(file.path())?;
        }
    }
    remove(&profile.join("examples"))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// A unit of so many KiB in the copy of a lane, last used so many hours ago.
    fn unit(workplace: &Workplace, copy: &str, package: &str, kib: usize, hours: u64) {
        let profile = workplace.shops().join(copy).join("target/debug");
        let name = format!("{package}-0123456789abcde{}", package.len());
        let fingerprint = profile.join(".fingerprint").join(&name);
        std::fs::create_dir_all(&fingerprint).expect("a folder");
        std::fs::create_dir_all(profile.join("deps")).expect("a folder");
        let made = profile.join("deps").join(format!("lib{name}.rlib"));
        std::fs::write(made, vec![1; kib * 1024]).expect("written");
        let used = SystemTime::now() - Duration::from_secs(hours * 3600);
        let folder = std::fs::File::open(&fingerprint).expect("a folder");
        folder.set_modified(used).expect("dated");
    }

    fn left(workplace: &Workplace, copy: &str) -> Vec<String> {
        let profile = workplace.shops().join(copy).join("target/debug");
        let mut units = folders(&profile.join(".fingerprint")).expect("a listing");
        units.sort();
        for unit in &units {
            let made = profile.join("deps").join(format!("lib{unit}.rlib"));
            assert!(made.is_file(), "{made} is gone, and its unit is there");
        }
        let names = units.iter().filter_map(|unit| unit.rsplit_once('-'));
        names.map(|(package, _)| package.to_owned()).collect()
    }

    #[test]
    fn what_is_least_useful_goes_first_and_nothing_that_is_at_work() {
        let cache = tempfile::tempdir().expect("a folder");
        let workplace =
            Workplace::look(cache.path(), Utf8Path::new("/w/subject")).expect("a place");
        let unit = |copy, package, hours| unit(&workplace, copy, package, 100, hours);
        unit("old/s/0", "serde", 1);
        unit("new/s/0", "app", 1);
        unit("new/s/0", "hyper", 3);
        unit("new/s/0", "wasmtime", 2);
        unit("new/s/1", "bytes", 9);
        let shops = Shops::default();
        let own = BTreeSet::from(["app".to_owned()]);
        let keep = |kib: u64| {
            let most = Some(ByteSize::kib(kib));
            Keeper::new(&workplace, &shops, most, own.clone())
        };
        let at_work = LaneFolders {
            shop: workplace.shops().join("new/s"),
            subject: workplace.shops().join("new/s/1/subject"),
            target: workplace.shops().join("new/s/1/target"),
            tmp: workplace.root().join("t"),
        };
        let told = |label: &str| label == "new";

        let roomy = keep(100_000).make_room(told).expect("nothing to do");
        assert!(!roomy.is_short && roomy.before == roomy.after);
        let keeper = keep(450);
        let occupied = keeper.occupy(&at_work);
        assert!(!keeper.make_room(told).expect("room").is_short);
        assert_eq!(left(&workplace, "old/s/0"), Vec::<String>::new());
        assert_eq!(left(&workplace, "new/s/0"), ["hyper", "wasmtime"]);
        let keeper = keep(250);
        let _occupied = keeper.occupy(&at_work);
        assert!(!keeper.make_room(told).expect("room").is_short);
        assert_eq!(left(&workplace, "new/s/0"), ["wasmtime"]);
        assert_eq!(left(&workplace, "new/s/1"), ["bytes"]);
        let keeper = keep(10);
        let occupied_by_other = keeper.occupy(&at_work);
        assert!(keeper.make_room(told).expect("as much as goes").is_short);
        assert_eq!(left(&workplace, "new/s/1"), ["bytes"]);
        drop((occupied, occupied_by_other));
        keeper.make_room(told).expect("room");
        assert_eq!(left(&workplace, "new/s/1"), Vec::<String>::new());
    }
}
