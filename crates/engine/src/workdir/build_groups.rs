//! Build groups: each holds the folders of all lanes that build with one toolchain under the
//! same conditions. Cells of one build group share the compiled units of external packages, and no
//! cell compiles a unit that another is already compiling.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_process::cancel::Cancel;
use pinmatrix_process::sandbox::policy::FilePolicy;
use pinmatrix_process::sandbox::scoped_thread::confined;

use crate::workdir::lane_dirs::LaneDirs;
use crate::workdir::unit_reuse::{Imported, UnitStores, UsedUnits};
use crate::workdir::units::{UnitDigest, Units};

/// How often a waiting build checks for an interrupt.
const TICK: Duration = Duration::from_millis(200);

/// The build groups of a run.
#[derive(Debug, Default)]
pub struct BuildGroups {
    is_confined: bool,
    groups: Mutex<BTreeMap<Utf8PathBuf, BuildGroup>>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct BuildGroup {
    /// The builds in progress, by target folder.
    under_way: BTreeMap<Utf8PathBuf, InFlight>,
    /// The units that earlier builds of this run have made.
    made: BTreeSet<UnitDigest>,
}

#[derive(Debug)]
struct InFlight {
    /// The units that it takes from the store or may add to it.
    uses: BTreeSet<String>,
    /// Those of them that it has yet to make.
    makes: BTreeSet<UnitDigest>,
}

/// A permit to build. Dropping it lets waiting builds continue.
pub struct BuildPermit<'a> {
    groups: &'a BuildGroups,
    folders: &'a LaneDirs,
    entries: BTreeSet<String>,
    imported: Vec<Imported>,
    has_made_all: bool,
}

impl BuildPermit<'_> {
    /// Imports the units that the permit covers into the target folder, which is empty, and
    /// returns them.
    ///
    /// # Errors
    ///
    /// Returns an error if files cannot be copied.
    pub fn import(&self) -> Result<Vec<Imported>> {
        let (stores, target) = (self.folders.stores(), &self.folders.target);
        let import = || stores.import_units(&self.entries, target);
        self.groups.confined(self.folders, import)
    }

    /// Removes imported units whose hashes are not among those that the build used.
    ///
    /// # Errors
    ///
    /// Returns an error if files cannot be removed.
    pub fn sweep(&self, used: &BTreeSet<String>) -> Result<()> {
        let sweep =
            || UnitStores::invalidate_newer_than(&self.imported, used, &self.folders.target);
        self.groups.confined(self.folders, sweep)
    }

    /// Stores the units that the build used, before anything else can write to them.
    ///
    /// # Errors
    ///
    /// Returns an error if files cannot be read or copied.
    pub fn keep(&self, used: &UsedUnits) -> Result<()> {
        let stores = self.folders.stores();
        let keep = || stores.store_units(used, &self.folders.target);
        self.groups.confined(self.folders, keep).map(drop)
    }

    /// Ends a build that has made every unit it announced, except those that do not compile.
    pub fn made_all(mut self) {
        self.has_made_all = true;
    }
}

impl BuildGroups {
    /// Creates build groups that restrict the tool itself to their folders while it works in them.
    #[must_use]
    pub fn confined_to_their_folders() -> Self {
        Self {
            is_confined: true,
            ..Self::default()
        }
    }

    /// Waits until no build in progress makes a unit that this one would make too, and then imports
    /// the units that other builds have made into its target folder.
    ///
    /// # Errors
    ///
    /// Returns an error if files cannot be copied.
    pub fn acquire<'a>(
        &'a self,
        folders: &'a LaneDirs,
        units: &Units,
        cancel: &Cancel,
    ) -> Result<BuildPermit<'a>> {
        let needs = units.digests();
        let stores = folders.stores();
        let mut groups = self.groups();
        loop {
            let group = groups.entry(folders.group.clone()).or_default();
            let is_no_rival = |other: &InFlight| other.makes.is_disjoint(&needs);
            if cancel.is_cancelled() || group.under_way.values().all(is_no_rival) {
                break;
            }
            let waited = self.changed.wait_timeout(groups, TICK);
            groups = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let entries = stores.entries(&needs)?;
        let group = groups.entry(folders.group.clone()).or_default();
        let makes = needs.difference(&group.made).copied().collect();
        let names = needs.iter().map(UnitDigest::to_string);
        let uses = names.chain(entries.iter().cloned()).collect();
        let under_way = InFlight { uses, makes };
        group.under_way.insert(folders.target.clone(), under_way);
        drop(groups);
        let mut turn = BuildPermit {
            groups: self,
            folders,
            entries,
            imported: Vec::new(),
            has_made_all: false,
        };
        turn.imported = turn.import()?;
        Ok(turn)
    }

    /// Removes a package's units from a build group, unless a build in progress uses them.
    ///
    /// # Errors
    ///
    /// Returns the errors of `remove`.
    pub fn remove_unused(
        &self,
        group: &Utf8Path,
        digest: &str,
        remove: impl FnOnce() -> Result<()>,
    ) -> Result<bool> {
        let mut groups = self.groups();
        let group = groups.entry(group.to_owned()).or_default();
        if group
            .under_way
            .values()
            .any(|build| build.uses.contains(digest))
        {
            return Ok(false);
        }
        group.made.retain(|made| made.to_string() != digest);
        remove().map(|()| true)
    }

    fn confined<T: Send>(
        &self,
        folders: &LaneDirs,
        then: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T> {
        let files = self.is_confined.then(|| FilePolicy {
            read: Vec::new(),
            write: vec![folders.group.clone(), folders.copy().to_owned()],
            mounts: None,
        });
        confined(files, then)
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<Utf8PathBuf, BuildGroup>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BuildPermit<'_> {
    fn drop(&mut self) {
        let mut groups = self.groups.groups();
        if let Some(group) = groups.get_mut(&self.folders.group) {
            let made = group.under_way.remove(&self.folders.target);
            if self.has_made_all {
                group
                    .made
                    .extend(made.into_iter().flat_map(|build| build.makes));
            }
        }
        drop(groups);
        self.groups.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn lane(group: &str, n: usize) -> LaneDirs {
        let copy = Utf8PathBuf::from(format!("{group}/{n}"));
        LaneDirs {
            group: group.into(),
            checkout: copy.join("checkout"),
            subject: copy.join("checkout"),
            target: copy.join("target"),
            tmp: copy.join("tmp"),
            programs: copy.join("programs"),
        }
    }

    fn units(all: &[u8]) -> Units {
        let digests = all.iter().map(|n| UnitDigest::of(&n.to_string()));
        Units::of_digests(digests)
    }

    #[test]
    fn a_build_waits_for_one_that_makes_the_same_and_for_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let group = folder.path().to_str().expect("text");
        let (groups, cancel) = (BuildGroups::default(), Cancel::default());
        let lanes: Vec<LaneDirs> = (0..4).map(|n| lane(group, n)).collect();
        let enter = |n: usize, of: &[u8]| groups.acquire(&lanes[n], &units(of), &cancel);
        let first = enter(0, &[1, 2]).expect("at once");
        let _other = enter(1, &[3]).expect("at once, since it makes something else");
        std::thread::scope(|scope| {
            let (send, receive) = channel();
            scope.spawn(move || {
                let turn = enter(2, &[2, 4]).expect("its turn");
                send.send(()).expect("heard");
                turn.made_all();
            });
            let wait = Duration::from_millis(300);
            assert!(receive.recv_timeout(wait).is_err(), "it did not wait");
            first.made_all();
            receive
                .recv_timeout(Duration::from_secs(20))
                .expect("its turn");
        });
        // Nobody waits for units that already exist.
        let _again = enter(0, &[1, 5]).expect("at once");
        let _beside = enter(3, &[1, 2, 4]).expect("at once");
    }
}
