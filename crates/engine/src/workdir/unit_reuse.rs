//! Keeps compiled units of packages from registries and git repositories from cell to cell.
//!
//! A cell begins with an empty target folder, as a fresh checkout does. The subject's own
//! packages are compiled in each cell. External packages are compiled once: their units are copied
//! from the store into the target folder before a build, and the units that the build made are
//! copied into the store after it, before any test runs. So nothing that a build script or a test
//! of the subject writes can reach another cell.
//!
//! Cargo names a unit by a hash of everything that decides what it compiles to, and checks its
//! fingerprint before it considers it fresh. So a unit that does not fit is compiled as usual. The
//! layout of the target folder has not changed since cargo 1.63; with another layout no units
//! are found, and each cell compiles everything.
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

/// Where cargo keeps the fingerprints that tell whether a unit is fresh.
const FINGERPRINTS: &str = ".fingerprint";

/// How many other entries of a package to look into if there is none for the exact digest.
const MOST_OTHERS: usize = 4;

/// The tag that cargo writes into a target folder that it creates.
const TAG_OF_CARGO: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This file is a cache directory tag created by cargo.\n\
    # For information about cache directory tags see https://bford.info/cachedir/\n";

/// The stores that one target folder takes units from.
#[derive(Clone, Debug)]
pub struct UnitStores {
    /// Units that do not contain the path of the lane in which they were made.
    pub common: Utf8PathBuf,
    /// Units that do, such as a crate that includes what its build script wrote.
    pub of_lane: Utf8PathBuf,
    /// The path of the lane.
    pub lane: Utf8PathBuf,
}

/// A unit that was copied into a target folder: its profile's folder, and its name.
pub type Imported = (Utf8PathBuf, String);

/// The folder name of a build group's store, and the suffix of a lane's store.
pub const STORE: &str = "units";

/// The units that a build used: the hash in their file names, and the package they belong to.
pub type UsedUnits = BTreeMap<String, UnitDigest>;

impl UnitStores {
    /// Returns the names of the entries that may hold units of some packages: for each package its
    /// own entry or, if there is none, the most recently used entries of the same package with
    /// other features or dependencies. Some of their units can be the same, for example those
    /// compiled for the host if only the target enables the feature.
    ///
    /// # Errors
    ///
    /// Returns an error if a store cannot be listed.
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

    /// Copies the units of some entries into a target folder, and returns those units. If
    /// several entries hold a unit, the one that was finished first is copied, so that nothing made
    /// from it is older.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be copied.
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

    /// Removes imported units that a build did not use: a fresh checkout would not have them, and
    /// anything that searches the target folder would find two units of one package.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be removed.
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

    /// Copies the units that a build used and the store lacks into the store, and returns their
    /// number. A unit with files written after cargo finished it is left out.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read or copied.
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

    /// Copies a unit to one of the two stores, unless one of them has it, and returns whether it
    /// did.
    fn store_unit(&self, from: &Profile, unit: &str, places: [Utf8PathBuf; 2]) -> Result<bool> {
        let has = |place: &Utf8PathBuf| place.join(FINGERPRINTS).join(unit).is_dir();
        if places.iter().any(has) || !from.is_as_cargo_left_it(unit)? {
            return Ok(false);
        }
        let [common, of_lane] = places;
        let to = if from.holds(unit, self.lane.as_str())? {
            of_lane
        } else {
            common
        };
        from.copy(unit, &to)?;
        Ok(true)
    }
}

/// Runs `work` on all items in parallel. It creates its own threads, which inherit this thread's
/// sandbox; those of a shared pool would not.
fn on_all_cores<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> Result<R> + Sync + Send,
) -> Result<Vec<R>> {
    let cores = rayon::ThreadPoolBuilder::new().build()?;
    cores.install(|| all.par_iter().map(work).collect())
}

/// Marks a package's units as used just now. If the system cannot change a folder's time, they
/// keep their old one.
fn mark_used(entry: &Utf8Path) {
    let folder = File::open(entry);
    let _ = folder.and_then(|folder| folder.set_modified(own_env::now()));
}

/// Returns where units are in a target folder: in each profile's folder, which is below that
/// of the target triple if one is set.
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

/// A profile's folder in a target folder.
struct Profile {
    folder: Utf8PathBuf,
    /// The files in `deps`, by the hash in their name.
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

    /// Returns the names of its units.
    fn units(&self) -> Result<Vec<String>> {
        let mut units = folders(&self.folder.join(FINGERPRINTS))?;
        units.retain(|unit| hash_in(unit).is_some());
        Ok(units)
    }

    /// Returns the files in `deps` that belong to a unit.
    fn made(&self, unit: &str) -> impl Iterator<Item = Utf8PathBuf> {
        let made = hash_in(unit).and_then(|hash| self.made.get(hash));
        made.into_iter()
            .flatten()
            .map(|file| self.folder.join("deps").join(file))
    }

    /// Copies a unit into another profile's folder. The fingerprint is copied last, and as a
    /// whole: without it, cargo considers no part of the unit finished.
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

    /// Returns the time at which cargo finished a unit.
    fn finished(&self, unit: &str) -> Result<SystemTime> {
        let mut finished = SystemTime::UNIX_EPOCH;
        let fingerprint = self.folder.join(FINGERPRINTS).join(unit);
        for file in names(&fingerprint)? {
            finished = finished.max(fingerprint.join(file).metadata()?.modified()?);
        }
        Ok(finished)
    }

    /// Removes a unit, starting with its fingerprint, without which cargo considers no part of it
    /// finished.
    fn remove(&self, unit: &str) -> Result<()> {
        let fingerprint = self.folder.join(FINGERPRINTS).join(unit);
        let build = self.folder.join("build").join(unit);
        for place in [fingerprint, build].into_iter().chain(self.made(unit)) {
            remove(&place)?;
        }
        Ok(())
    }

    /// Returns true if nothing was written into a unit after cargo finished it. Cargo writes the
    /// fingerprint last.
    fn is_as_cargo_left_it(&self, unit: &str) -> Result<bool> {
        let finished = self.finished(unit)?;
        for file in self.files(unit) {
            let file = file?;
            // Cargo itself links a program again in the folder of a build script that it finds
            // fresh.
            let is_own_folder = file.depth() == 0 && file.file_type().is_dir();
            if !is_own_folder && file.metadata()?.modified()? > finished {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns true if a path occurs in any file that a unit was compiled to or that its build
    /// script wrote. What cargo records about a build script's run does not count: cargo replaces
    /// the old path there.
    fn holds(&self, unit: &str, path: &str) -> Result<bool> {
        let written = self.folder.join("build").join(unit).join("out");
        let finder = memmem::Finder::new(path);
        for file in self.files(unit) {
            let file = file?;
            let is_made = file.path().extension().is_none_or(|e| e != "d");
            let counts = if file.path().starts_with(self.folder.join("build")) {
                file.path().starts_with(&written)
            } else {
                is_made
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

    /// Returns all files of a unit except its fingerprint.
    fn files(&self, unit: &str) -> impl Iterator<Item = walkdir::Result<walkdir::DirEntry>> {
        let build = self.folder.join("build").join(unit);
        let places = self.made(unit).chain(build.exists().then_some(build));
        places.flat_map(|place| WalkDir::new(place).follow_root_links(false))
    }
}

/// The suffix of a fingerprint's name while it is being copied.
const UNFINISHED: &str = ".unfinished";

/// Extracts the hash from the name of a unit's folder: `serde-0123456789abcdef`.
fn hash_in(unit: &str) -> Option<&str> {
    hash_of(unit).filter(|_| !unit.ends_with(UNFINISHED))
}

/// Extracts the hash from the name of a file that a unit is compiled to:
/// `libserde-0123456789abcdef.rmeta`.
#[must_use]
pub fn hash_of(file: &str) -> Option<&str> {
    let (stem, _) = file.split_once('.').unwrap_or((file, ""));
    let (_, hash) = stem.rsplit_once('-')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then_some(hash)
}

/// Returns the name of a unit, given a file that it is compiled to: the hash in the file name or,
/// if cargo puts none there, the name of the library. Cargo leaves the hash out for a path
/// dependency that is also compiled to a `cdylib`.
#[must_use]
pub fn name_of_unit(file: &str) -> Option<&str> {
    let (stem, _) = file.split_once('.').unwrap_or((file, ""));
    hash_of(file).or_else(|| Some(stem).filter(|stem| stem.starts_with("lib")))
}

/// Replaces the folder in which a build script ran by the current one, in the output that cargo
/// records for the script. Cargo does the same when it reads the record, but others read it too.
fn move_output(build: &Utf8Path) -> io::Result<()> {
    let (root, output) = (build.join("root-output"), build.join("output"));
    let (Ok(ran_in), Ok(recorded)) = (fs::read_to_string(&root), fs::read_to_string(&output))
    else {
        return Ok(());
    };
    let out = build.join("out");
    for (file, text) in [
        (&output, recorded.replace(&ran_in, out.as_str())),
        (&root, out.to_string()),
    ] {
        let time = fs::metadata(file)?.modified()?;
        fs::write(file, text)?;
        File::options().write(true).open(file)?.set_modified(time)?;
    }
    Ok(())
}

/// Removes what an unfinished copy left behind.
fn clear(folder: &Utf8Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Copies a file along with its modification time, by which cargo decides what is older.
fn copy_file(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    // An unfinished copy may have left a file here, and it may be read-only.
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

/// Gives a copy the modification time of its source. The owner of a file can set its time even
/// without write permission.
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
