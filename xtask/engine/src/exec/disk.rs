//! The disk that work folders take, kept within a bound: what is least useful goes first, and
//! nothing that a cell is working with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use bytesize::ByteSize;
use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};

use crate::exec::inventory::{Inventory, Stored, remove};
use crate::exec::share::folders;
use crate::exec::shop::Shops;
use crate::exec::workplace::{LaneFolders, Workplace};

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

    /// Makes room where work folders take more than they may. What goes first: all that toolchains
    /// have of which `is_needed` says no; then what the subject's own packages are compiled to,
    /// which is large and quickly made anew; then what was not used for longest.
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
        let before = inventory.bytes;
        if before <= most.as_u64() {
            return Ok(Room {
                before,
                after: before,
                is_short: false,
            });
        }
        let shops = self.workplace.shops();
        let toolchain = |unit: &Stored| {
            let below = unit.copy.strip_prefix(&shops).ok();
            let label = below.and_then(|below| below.iter().next());
            label.unwrap_or_default().to_owned()
        };
        let mut units = std::mem::take(&mut inventory.units);
        units.sort_by_cached_key(|unit| {
            let is_needed = is_needed(&toolchain(unit));
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
            if self.own.contains(&unit.package) {
                remove_uplifted(&unit.profile)?;
            }
            unit.remove()?;
            after = after.saturating_sub(inventory.freed(unit));
        }
        let after = self.inventory()?.bytes;
        Ok(Room {
            before,
            after,
            is_short: after > most.as_u64(),
        })
    }

    fn inventory(&self) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        for folder in self.workplace.folders_beside_shops() {
            inventory.add(&folder)?;
        }
        for copy in copies(self.workplace)? {
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

/// The copies in all shops.
fn copies(workplace: &Workplace) -> Result<Vec<Utf8PathBuf>> {
    let below = |above: Vec<Utf8PathBuf>| -> Result<Vec<Utf8PathBuf>> {
        let mut below = Vec::new();
        for folder in above {
            below.extend(folders(&folder)?.into_iter().map(|name| folder.join(name)));
        }
        Ok(below)
    };
    below(below(below(vec![workplace.shops()])?)?)
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
