//! Shops: each holds all the folders in which cells of one toolchain build under the same
//! conditions. Cells in one shop share what they compile, and none compiles what another is at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use camino::Utf8PathBuf;

use crate::exec::bounds::Files;
use crate::exec::confine::confined;
use crate::exec::process::Interrupt;
use crate::exec::share::take_over;
use crate::exec::units::Units;
use crate::exec::workplace::LaneFolders;
use crate::files::folders;

/// How often an interrupt is looked for while a build waits.
const TICK: Duration = Duration::from_millis(200);

/// The shops of a run.
#[derive(Debug, Default)]
pub struct Shops {
    is_confined: bool,
    shops: Mutex<BTreeMap<Utf8PathBuf, Shop>>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Shop {
    /// The builds that are under way, by their target folders.
    under_way: BTreeMap<Utf8PathBuf, UnderWay>,
    /// What earlier builds of this run made.
    made: BTreeSet<[u8; 32]>,
}

#[derive(Debug)]
struct UnderWay {
    makes: BTreeSet<[u8; 32]>,
    since: SystemTime,
}

/// A build that is under way; its end makes way for others.
pub struct Turn<'a> {
    shops: &'a Shops,
    folders: &'a LaneFolders,
    has_made_all: bool,
}

impl Turn<'_> {
    /// Ends the build, which has made all that it said it would make, as far as that compiles.
    pub fn made_all(mut self) {
        self.has_made_all = true;
    }
}

impl Shops {
    /// Shops in whose folders the tool is held to them, or not.
    #[must_use]
    pub fn new(is_confined: bool) -> Self {
        Self {
            is_confined,
            ..Self::default()
        }
    }

    /// Waits until no build that is under way makes what this one would make too, and then takes
    /// over what other builds have made.
    ///
    /// # Errors
    ///
    /// When files cannot be linked or copied.
    pub fn enter<'a>(
        &'a self,
        folders: &'a LaneFolders,
        units: &Units,
        interrupt: &Interrupt,
    ) -> Result<Turn<'a>> {
        self.wait(folders, units, interrupt, |shop| {
            units.shared.difference(&shop.made).copied().collect()
        })
    }

    /// As [`Shops::enter`], for a build that may make any unit anew: whoever needs one of them
    /// waits.
    ///
    /// # Errors
    ///
    /// As [`Shops::enter`].
    pub fn enter_for_all<'a>(
        &'a self,
        folders: &'a LaneFolders,
        units: &Units,
        interrupt: &Interrupt,
    ) -> Result<Turn<'a>> {
        self.wait(folders, units, interrupt, |_| units.shared.clone())
    }

    fn wait<'a>(
        &'a self,
        folders: &'a LaneFolders,
        units: &Units,
        interrupt: &Interrupt,
        makes: impl Fn(&Shop) -> BTreeSet<[u8; 32]>,
    ) -> Result<Turn<'a>> {
        let mut shops = self.shops();
        loop {
            let shop = shops.entry(folders.shop.clone()).or_default();
            let makes = makes(shop);
            let is_no_rival = |other: &UnderWay| other.makes.is_disjoint(&units.shared);
            if interrupt.is_asked() || shop.under_way.values().all(is_no_rival) {
                let files = self.is_confined.then(|| Files {
                    read: Vec::new(),
                    write: vec![folders.shop.clone()],
                    mounts: None,
                });
                confined(files, || shop.take_over_from_others(folders, units))?;
                let since = SystemTime::now();
                let under_way = UnderWay { makes, since };
                shop.under_way.insert(folders.target.clone(), under_way);
                return Ok(Turn {
                    shops: self,
                    folders,
                    has_made_all: false,
                });
            }
            let waited = self.changed.wait_timeout(shops, TICK);
            shops = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Forgets what was made, since some of it was removed.
    pub fn forget(&self) {
        for shop in self.shops().values_mut() {
            shop.made.clear();
        }
    }

    /// Keeps builds from beginning, and from taking anything over, as long as this is held.
    pub fn pause(&self) -> impl Sized + '_ {
        self.shops()
    }

    fn shops(&self) -> MutexGuard<'_, BTreeMap<Utf8PathBuf, Shop>> {
        self.shops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shop {
    fn take_over_from_others(&self, own: &LaneFolders, units: &Units) -> Result<()> {
        for copy in folders(&own.shop)? {
            let target = own.shop.join(copy).join("target");
            // Where a build is under way, what was there before it is finished.
            let until = self.under_way.get(&target).map(|build| build.since);
            if target != own.target {
                take_over(&target, &own.target, &units.own, until)?;
            }
        }
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut shops = self.shops.shops();
        if let Some(shop) = shops.get_mut(&self.folders.shop) {
            let made = shop.under_way.remove(&self.folders.target);
            if self.has_made_all {
                shop.made
                    .extend(made.into_iter().flat_map(|build| build.makes));
            }
        }
        drop(shops);
        self.shops.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn lane(shop: &str, n: usize) -> LaneFolders {
        let copy = Utf8PathBuf::from(format!("{shop}/{n}"));
        LaneFolders {
            shop: shop.into(),
            subject: copy.join("subject"),
            target: copy.join("target"),
            tmp: copy.join("tmp"),
        }
    }

    fn units(all: &[u8]) -> Units {
        Units {
            shared: all.iter().map(|n| [*n; 32]).collect(),
            own: BTreeSet::new(),
        }
    }

    #[test]
    fn a_build_waits_for_one_that_makes_the_same_and_for_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let shop = folder.path().to_str().expect("text");
        let (shops, interrupt) = (Shops::default(), Interrupt::default());
        let lanes: Vec<LaneFolders> = (0..4).map(|n| lane(shop, n)).collect();
        let enter = |n: usize, of: &[u8]| shops.enter(&lanes[n], &units(of), &interrupt);
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
        // What is made already is waited for by no one.
        let _again = enter(0, &[1, 5]).expect("at once");
        let _beside = enter(3, &[1, 2, 4]).expect("at once");
    }
}
