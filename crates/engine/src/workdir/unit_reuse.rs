//! Compiled units of packages from registries and git repositories, kept from cell to cell.
//!
//! A cell begins with an empty target folder, as a fresh checkout does. What the subject's own
//! packages compile to is made in each cell. What comes from elsewhere is compiled once: its units
//! are copied from the store into the target folder before a build, and those that the build made
//! are copied into the store after it, before any test runs. So nothing that a build script or a
//! test of the subject writes can reach another cell.
//!
//! Cargo names a unit by a hash of all that decides what it compiles to, and checks its fingerprint
//! before it takes it for fresh. So a unit that does not fit is compiled, as ever. The layout of a
//! target folder is the same from cargo 1.63 on; under another one nothing is found, and all is
//! compiled in each cell.
//!
//! ```text
//! units/DIGEST/PROFILE/{.fingerprint,deps,build}   a package with its features and dependencies
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::time::SystemTime;
use std::{fs, io};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use memchr::memmem;
use rayon::prelude::*;
use walkdir::WalkDir;

use crate::fs_ext::{CACHEDIR_TAG_FILE, folders, names, remove};
use crate::machine::own_env;
use crate::workdir::units::UnitDigest;

/// Where cargo keeps what it needs to tell whether a unit is fresh.
const FINGERPRINTS: &str = ".fingerprint";

/// How many entries of a package are looked into where none is the one that is asked for.
const MOST_OTHERS: usize = 4;

/// What cargo writes into a target folder that it makes.
const TAG_OF_CARGO: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This file is a cache directory tag created by cargo.\n\
    # For information about cache directory tags see https://bford.info/cachedir/\n";

/// The stores that one target folder takes units from.
#[derive(Clone, Debug)]
pub struct UnitStores {
    /// Holds units that do not hold the path of the lane in which they were made.
    pub common: Utf8PathBuf,
    /// Holds units that do: a crate that includes what its build script wrote, for example.
    pub of_lane: Utf8PathBuf,
    /// The lane.
    pub lane: Utf8PathBuf,
}

/// A unit that was copied into a target folder: the folder of its profile, and its name.
pub type Imported = (Utf8PathBuf, String);

/// The folder of a store: of a shop, and at the end of a name that of a lane.
pub const STORE: &str = "units";

/// A unit that a build used: the hash in its file names, and the package it belongs to.
pub type UsedUnits = BTreeMap<String, UnitDigest>;

impl UnitStores {
    /// The names of the entries that may hold units of some packages: for each its own, or where there
    /// is none those of the same package with other features or dependencies, the last used first. A
    /// unit of it can be the same: it is compiled for the host, say, and only the target has the feature.
    ///
    /// # Errors
    ///
    /// When a store cannot be listed.
    pub fn entries(&self, packages: &BTreeSet<UnitDigest>) -> Result<BTreeSet<String>> {
        let mut known: BTreeMap<String, SystemTime> = BTreeMap::new();
        for store in [&self.common, &self.of_lane] {
            for name in folders(store)? {
                let used = store.join(&name).metadata().and_then(|m| m.modified());
                let last = known.entry(name).or_insert(SystemTime::UNIX_EPOCH);
                *last = (*last).max(used.unwrap_or(SystemTime::UNIX_EPOCH));
            }
        }
        let mut entries = BTreeSet::new();
        for digest in packages {
            let name = digest.to_string();
            if known.contains_key(&name) {
                entries.insert(name);
                continue;
            }
            let prefix = digest.prefix();
            let others = known.range(prefix.clone()..);
            let others = others.take_while(|(name, _)| name.starts_with(&prefix));
            let mut others: Vec<(&String, &SystemTime)> = others.collect();
            others.sort_by_key(|(_, used)| Reverse(**used));
            entries.extend(
                others
                    .into_iter()
                    .take(MOST_OTHERS)
                    .map(|(name, _)| name.clone()),
            );
        }
        Ok(entries)
    }

    /// Copies the units of some entries into a target folder, and returns which that were. Of a unit that
    /// several have, the one that was finished first comes: nothing that was made from it is older.
    ///
    /// # Errors
    ///
    /// When a file cannot be copied.
    pub fn import_units(
        &self,
        entries: &BTreeSet<String>,
        target: &Utf8Path,
    ) -> Result<Vec<Imported>> {
        let tag = target.join(CACHEDIR_TAG_FILE);
        fs::create_dir_all(target).with_context(|| format!("make {target}"))?;
        fs::write(&tag, TAG_OF_CARGO).with_context(|| format!("write {tag}"))?;
        let mut sources: Vec<Profile> = Vec::new();
        let mut chosen: BTreeMap<Imported, (SystemTime, usize)> = BTreeMap::new();
        for name in entries {
            for store in [&self.common, &self.of_lane] {
                let entry = store.join(name);
                if !entry.is_dir() {
                    continue;
                }
                mark_used(&entry);
                for profile in profiles(&entry)? {
                    let from = Profile::read(entry.join(&profile))?;
                    for unit in from.units()? {
                        let this = (from.finished(&unit)?, sources.len());
                        let place = chosen.entry((profile.clone(), unit)).or_insert(this);
                        *place = (*place).min(this);
                    }
                    sources.push(from);
                }
            }
        }
        let all: Vec<(&Imported, usize)> =
            chosen.iter().map(|(this, (_, at))| (this, *at)).collect();
        on_all_cores(&all, |((profile, unit), at)| {
            sources[*at].copy(unit, &target.join(profile))
        })?;
        Ok(chosen.into_keys().collect())
    }

    /// Removes imported units that a build had no use for: a fresh checkout does not have them, and who
    /// looks into the target folder would find two of one package.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn invalidate_newer_than(
        imported: &[Imported],
        used: &BTreeSet<String>,
        target: &Utf8Path,
    ) -> Result<()> {
        let is_unused = |unit: &str| hash_in(unit).is_some_and(|hash| !used.contains(hash));
        let mut read: BTreeMap<&Utf8Path, Profile> = BTreeMap::new();
        for (profile, unit) in imported.iter().filter(|(_, unit)| is_unused(unit)) {
            if !read.contains_key(profile.as_path()) {
                read.insert(profile, Profile::read(target.join(profile))?);
            }
            read[profile.as_path()].remove(unit)?;
        }
        Ok(())
    }

    /// Copies the units that a build used and the store lacks into the store, and returns how many
    /// that were. A unit in which something was written after cargo finished it is left out.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or copied.
    pub fn store_units(&self, used: &UsedUnits, target: &Utf8Path) -> Result<usize> {
        let mut n_units = 0;
        for profile in profiles(target)? {
            let from = Profile::read(target.join(&profile))?;
            let kept = on_all_cores(&from.units()?, |unit| {
                let Some(digest) = hash_in(unit).and_then(|hash| used.get(hash)) else {
                    return Ok(false);
                };
                let place = |store: &Utf8Path| store.join(digest.to_string()).join(&profile);
                self.store_unit(&from, unit, [place(&self.common), place(&self.of_lane)])
            })?;
            n_units += kept.into_iter().filter(|is_kept| *is_kept).count();
        }
        Ok(n_units)
    }

    /// Copies a unit to its place in one of the two stores, unless one has it; whether it did.
    fn store_unit(&self, from: &Profile, unit: &str, places: [Utf8PathBuf; 2]) -> Result<bool> {
        let has = |place: &Utf8PathBuf| place.join(FINGERPRINTS).join(unit).is_dir();
        if places.iter().any(has) || !from.is_as_cargo_left_it(unit)? {
            return Ok(false);
        }
        let [common, of_lane] = places;
        let to = match from.holds(unit, self.lane.as_str())? {
            true => of_lane,
            false => common,
        };
        from.copy(unit, &to)?;
        Ok(true)
    }
}

/// Does something with each of many at once. The threads are of this one's making, and so within its
/// bounds, as those of a pool that all share would not be.
fn on_all_cores<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> Result<R> + Sync + Send,
) -> Result<Vec<R>> {
    let cores = rayon::ThreadPoolBuilder::new().build()?;
    cores.install(|| all.par_iter().map(work).collect())
}

/// Notes that a package's units were used just now. Where a system cannot date a folder, they pass
/// for as old as they are.
fn mark_used(entry: &Utf8Path) {
    let folder = File::open(entry);
    let _ = folder.and_then(|folder| folder.set_modified(own_env::now()));
}

/// Where units lie in a target folder: in the folder of each profile, below that of a target triple
/// where one is set.
fn profiles(target: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let has_units = |folder: &Utf8Path| target.join(folder).join(FINGERPRINTS).is_dir();
    let mut profiles = Vec::new();
    for first in folders(target)? {
        let first = Utf8PathBuf::from(first);
        if has_units(&first) {
            profiles.push(first);
            continue;
        }
        let below = folders(&target.join(&first))?.into_iter();
        profiles.extend(below.map(|name| first.join(name)).filter(|p| has_units(p)));
    }
    Ok(profiles)
}

/// The folder of a profile in a target folder.
struct Profile {
    folder: Utf8PathBuf,
    /// What lies in `deps`, by the hash in its name.
    made: BTreeMap<String, Vec<String>>,
}

impl Profile {
    fn read(folder: Utf8PathBuf) -> Result<Self> {
        let mut made = BTreeMap::<String, Vec<String>>::new();
        for file in names(&folder.join("deps"))? {
            if let Some(hash) = hash_of(&file) {
                made.entry(hash.to_owned()).or_default().push(file);
            }
        }
        Ok(Self { folder, made })
    }

    /// The names of the units that it has.
    fn units(&self) -> Result<Vec<String>> {
        let mut units = folders(&self.folder.join(FINGERPRINTS))?;
        units.retain(|unit| hash_in(unit).is_some());
        Ok(units)
    }

    /// What a unit was made into.
    fn made(&self, unit: &str) -> impl Iterator<Item = Utf8PathBuf> {
        let made = hash_in(unit).and_then(|hash| self.made.get(hash));
        made.into_iter()
            .flatten()
            .map(|file| self.folder.join("deps").join(file))
    }

    /// Copies a unit into another profile's folder. Its fingerprint comes last and as a whole:
    /// without it, cargo takes nothing of the unit for finished.
    fn copy(&self, unit: &str, to: &Utf8Path) -> Result<()> {
        let copy = || -> io::Result<()> {
            fs::create_dir_all(to.join("deps"))?;
            for file in self.made(unit) {
                let name = file.file_name().unwrap_or_default();
                copy_file(&file, &to.join("deps").join(name))?;
            }
            let build = to.join("build").join(unit);
            clear(&build)?;
            copy_folder(&self.folder.join("build").join(unit), &build)?;
            move_output(&build)?;
            let fingerprints = to.join(FINGERPRINTS);
            let unfinished = fingerprints.join(format!("{unit}{UNFINISHED}"));
            fs::create_dir_all(&fingerprints)?;
            clear(&unfinished)?;
            copy_folder(&self.folder.join(FINGERPRINTS).join(unit), &unfinished)?;
            fs::rename(&unfinished, fingerprints.join(unit))
        };
        copy().with_context(|| format!("copy unit {unit} from {} to {to}", self.folder))
    }

    /// When cargo finished a unit.
    fn finished(&self, unit: &str) -> Result<SystemTime> {
        let mut finished = SystemTime::UNIX_EPOCH;
        let fingerprint = self.folder.join(FINGERPRINTS).join(unit);
        for file in names(&fingerprint)? {
            finished = finished.max(fingerprint.join(file).metadata()?.modified()?);
        }
        Ok(finished)
    }

    /// Removes a unit: its fingerprint first, without which cargo takes nothing of it for finished.
    fn remove(&self, unit: &str) -> Result<()> {
        let fingerprint = self.folder.join(FINGERPRINTS).join(unit);
        let build = self.folder.join("build").join(unit);
        for place in [fingerprint, build].into_iter().chain(self.made(unit)) {
            remove(&place)?;
        }
        Ok(())
    }

    /// Whether nothing was written into a unit after cargo finished it. Cargo writes the fingerprint
    /// last.
    fn is_as_cargo_left_it(&self, unit: &str) -> Result<bool> {
        let finished = self.finished(unit)?;
        for file in self.files(unit) {
            let file = file?;
            // Cargo itself links a program anew in the folder of a build script that it finds fresh.
            let is_own_folder = file.depth() == 0 && file.file_type().is_dir();
            if !is_own_folder && file.metadata()?.modified()? > finished {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a path stands in anything that a unit was made into, or that its build script wrote.
    /// What cargo itself writes about a build script's run does not count: cargo puts the new path
    /// in the place of the old one there.
    fn holds(&self, unit: &str, path: &str) -> Result<bool> {
        let written = self.folder.join("build").join(unit).join("out");
        let finder = memmem::Finder::new(path);
        for file in self.files(unit) {
            let file = file?;
            let is_made = file.path().extension().is_none_or(|e| e != "d");
            let counts = match file.path().starts_with(self.folder.join("build")) {
                true => file.path().starts_with(&written),
                false => is_made,
            };
            if counts && file.file_type().is_file() {
                let bytes = fs::read(file.path())
                    .with_context(|| format!("read {}", file.path().display()))?;
                if finder.find(&bytes).is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// All files of a unit but its fingerprint.
    fn files(&self, unit: &str) -> impl Iterator<Item = walkdir::Result<walkdir::DirEntry>> {
        let build = self.folder.join("build").join(unit);
        let places = self.made(unit).chain(build.exists().then_some(build));
        places.flat_map(|place| WalkDir::new(place).follow_root_links(false))
    }
}

/// The end of a fingerprint's name while it is being copied.
const UNFINISHED: &str = ".unfinished";

/// The hash in the name of a unit's folder: `serde-0123456789abcdef`.
fn hash_in(unit: &str) -> Option<&str> {
    hash_of(unit).filter(|_| !unit.ends_with(UNFINISHED))
}

/// The hash in the name of what a unit is made into: `libserde-0123456789abcdef.rmeta`.
#[must_use]
pub fn hash_of(file: &str) -> Option<&str> {
    let (stem, _) = file.split_once('.').unwrap_or((file, ""));
    let (_, hash) = stem.rsplit_once('-')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then_some(hash)
}

/// What a unit goes by, read off a file that it is made into: the hash in its name or, where cargo puts
/// none there, the name of the library. It puts none into those of a package reached by a path that is
/// made into a `cdylib` too.
#[must_use]
pub fn name_of_unit(file: &str) -> Option<&str> {
    let (stem, _) = file.split_once('.').unwrap_or((file, ""));
    hash_of(file).or_else(|| Some(stem).filter(|stem| stem.starts_with("lib")))
}

/// Puts the folder of a build script's run in the place of the one where it ran, in what cargo keeps
/// of what the script said. Cargo does so when it reads that, and others read it too.
fn move_output(build: &Utf8Path) -> io::Result<()> {
    let (root, output) = (build.join("root-output"), build.join("output"));
    let (Ok(ran_in), Ok(said)) = (fs::read_to_string(&root), fs::read_to_string(&output)) else {
        return Ok(());
    };
    let out = build.join("out");
    for (file, text) in [
        (&output, said.replace(&ran_in, out.as_str())),
        (&root, out.to_string()),
    ] {
        let time = fs::metadata(file)?.modified()?;
        fs::write(file, text)?;
        File::options().write(true).open(file)?.set_modified(time)?;
    }
    Ok(())
}

/// Removes what a copy that did not end left behind.
fn clear(folder: &Utf8Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Copies a file with its time, by which cargo tells what is older.
fn copy_file(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    // What a copy left half done may be there, and may be read-only.
    let _ = fs::remove_file(to);
    fs::copy(from, to)?;
    date_as(from, to)
}

fn copy_folder(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    let entries = match from.read_dir_utf8() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(from, &to)?;
        } else if kind.is_file() {
            copy_file(from, &to)?;
        } else if kind.is_symlink() {
            copy_link(from, &to)?;
        }
    }
    date_as(from, to)
}

/// Gives a copy the time of what it was copied from. Whoever owns a file can date it, though they
/// may not write into it.
fn date_as(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    let time = fs::metadata(from)?.modified()?;
    File::options()
        .read(true)
        .write(cfg!(windows))
        .open(to)?
        .set_modified(time)
}

#[cfg(unix)]
fn copy_link(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    std::os::unix::fs::symlink(from.read_link_utf8()?, to)
}

#[cfg(not(unix))]
fn copy_link(_: &Utf8Path, _: &Utf8Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
