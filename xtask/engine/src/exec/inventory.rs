//! What lies in work folders, and what it takes of the disk: every compile unit, and the rest.

use std::collections::{BTreeSet, HashMap};
use std::fs::Metadata;
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use crate::exec::share::{FINGERPRINTS, hash_of};
use crate::files::{folders, names, remove};

/// What lies in some folders.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The compile units.
    pub units: Vec<Stored>,
    /// What all takes, in bytes. A file that several folders hold counts once.
    pub bytes: u64,
    files: HashMap<FileId, Links>,
}

/// One compile unit in one target folder.
#[derive(Debug)]
pub struct Stored {
    /// The folder of the copy whose target folder it is in.
    pub copy: Utf8PathBuf,
    /// The folder of cargo's profile.
    pub profile: Utf8PathBuf,
    /// The package.
    pub package: String,
    /// The hash in its name.
    pub hash: String,
    /// When a build last used it.
    pub used: SystemTime,
    files: Vec<FileId>,
}

/// A file by what it is and not by its name.
type FileId = (u64, u64);

#[derive(Debug, Default)]
struct Links {
    bytes: u64,
    n_names: usize,
}

impl Inventory {
    /// Adds a folder, which need not be there, to what is told of none of the units.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn add(&mut self, folder: &Utf8Path) -> Result<()> {
        self.weigh(folder).map(drop)
    }

    /// Adds a copy of the subject, with the units in its target folder.
    ///
    /// # Errors
    ///
    /// As [`Inventory::add`].
    pub fn add_copy(&mut self, copy: &Utf8Path) -> Result<()> {
        let target = copy.join("target");
        for entry in names(copy)? {
            if entry != "target" {
                self.add(&copy.join(entry))?;
            }
        }
        for entry in names(&target)? {
            let profile = target.join(entry);
            match profile.join(FINGERPRINTS).is_dir() {
                true => self.add_profile(copy, &profile)?,
                false => self.add(&profile)?,
            }
        }
        Ok(())
    }

    fn add_profile(&mut self, copy: &Utf8Path, profile: &Utf8Path) -> Result<()> {
        let mut by_hash: HashMap<String, Vec<FileId>> = HashMap::new();
        for file in names(&profile.join("deps"))? {
            let files = self.weigh(&profile.join("deps").join(&file))?;
            if let Some(hash) = hash_of(&file) {
                by_hash.entry(hash.to_owned()).or_default().extend(files);
            }
        }
        let units = folders(&profile.join(FINGERPRINTS))?;
        let built: BTreeSet<String> = units.iter().cloned().collect();
        for unit in &units {
            let place = profile.join(FINGERPRINTS).join(unit);
            let mut files = self.weigh(&place)?;
            files.extend(self.weigh(&profile.join("build").join(unit))?);
            if let Some((package, hash)) = unit.rsplit_once('-') {
                files.extend(by_hash.remove(hash).unwrap_or_default());
                self.units.push(Stored {
                    copy: copy.to_owned(),
                    profile: profile.to_owned(),
                    package: package.to_owned(),
                    hash: hash.to_owned(),
                    used: used(&place),
                    files,
                });
            }
        }
        for entry in names(profile)? {
            if !matches!(entry.as_str(), FINGERPRINTS | "deps" | "build") {
                self.add(&profile.join(entry))?;
            }
        }
        for entry in names(&profile.join("build"))? {
            if !built.contains(&entry) {
                self.add(&profile.join("build").join(entry))?;
            }
        }
        Ok(())
    }

    /// Weighs a file, or a folder with all in it.
    fn weigh(&mut self, place: &Utf8Path) -> Result<Vec<FileId>> {
        let mut files = Vec::new();
        for entry in WalkDir::new(place).follow_root_links(false) {
            let metadata = match entry.and_then(|entry| entry.metadata()) {
                Ok(metadata) => metadata,
                // What another program removes meanwhile takes nothing.
                Err(e) if is_gone(&e) => continue,
                Err(e) => return Err(e).with_context(|| format!("look at {place}")),
            };
            let (id, bytes) = identity(&metadata, self.files.len());
            let links = self.files.entry(id).or_default();
            if links.n_names == 0 {
                links.bytes = bytes;
                self.bytes += bytes;
            }
            links.n_names += 1;
            files.push(id);
        }
        Ok(files)
    }

    /// What becomes free when a unit goes, besides those that went before.
    pub fn freed(&mut self, unit: &Stored) -> u64 {
        let mut freed = 0;
        for id in &unit.files {
            let Some(links) = self.files.get_mut(id) else {
                continue;
            };
            links.n_names = links.n_names.saturating_sub(1);
            if links.n_names == 0 {
                freed += links.bytes;
            }
        }
        freed
    }
}

impl Stored {
    /// Removes it. Cargo takes it for one that was never built.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn remove(&self) -> Result<()> {
        let name = format!("{}-{}", self.package, self.hash);
        // The fingerprint first: a unit of which only a part is left is none.
        for folder in [FINGERPRINTS, "build"] {
            remove(&self.profile.join(folder).join(&name))?;
        }
        let deps = self.profile.join("deps");
        for file in names(&deps)? {
            if hash_of(&file) == Some(self.hash.as_str()) {
                remove(&deps.join(file))?;
            }
        }
        Ok(())
    }
}

/// What some folders take of the disk, in bytes; each need not be there.
///
/// # Errors
///
/// When one cannot be read.
pub fn weight(of: &[Utf8PathBuf]) -> Result<u64> {
    let mut inventory = Inventory::default();
    for folder in of {
        inventory.add(folder)?;
    }
    Ok(inventory.bytes)
}

fn is_gone(e: &walkdir::Error) -> bool {
    let kind = e.io_error().map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::NotFound)
}

/// When a build last used a unit: the time of its fingerprint's folder, of which cargo makes
/// nothing.
fn used(fingerprint: &Utf8Path) -> SystemTime {
    let time = fingerprint.metadata().and_then(|m| m.modified());
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Takes note that a build has just used the units of those hashes.
///
/// # Errors
///
/// When a target folder cannot be read.
pub fn touch(target: &Utf8Path, hashes: &BTreeSet<String>) -> Result<()> {
    let now = SystemTime::now();
    for profile in folders(target)? {
        let fingerprints = target.join(profile).join(FINGERPRINTS);
        for unit in names(&fingerprints)? {
            let hash = unit.rsplit_once('-').map(|(_, hash)| hash);
            if hash.is_some_and(|hash| hashes.contains(hash)) {
                // Where a system cannot date a folder, the unit passes for as old as it is.
                let folder = std::fs::File::open(fingerprints.join(&unit));
                let _ = folder.and_then(|folder| folder.set_modified(now));
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
fn identity(metadata: &Metadata, _: usize) -> (FileId, u64) {
    use std::os::unix::fs::MetadataExt;
    ((metadata.dev(), metadata.ino()), metadata.blocks() * 512)
}

/// Where a file has no number it counts as often as it has names.
#[cfg(not(unix))]
fn identity(metadata: &Metadata, n: usize) -> (FileId, u64) {
    ((0, n as u64), metadata.len())
}
