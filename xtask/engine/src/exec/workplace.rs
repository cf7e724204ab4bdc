//! Where work happens: outside the subject and outside any repository, since cargo merges the
//! `.cargo/config.toml` of every folder above the one it works in.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::exec::process::Interrupt;
use crate::revision::short;

/// Marks a folder as made by a program: tools that back up, index or copy leave it alone.
/// <https://bford.info/cachedir/>
pub const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# made by pinmatrix\n";

/// The work folders of one subject.
#[derive(Debug)]
pub struct Workplace {
    root: Utf8PathBuf,
    /// Held while a run works here.
    _in_use: Option<File>,
    /// The conditions that cells of the run are under; folders of others are past.
    pub current: BTreeSet<String>,
}

impl Workplace {
    /// Opens the work folder of a subject below `cache`, to look at.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn look(cache: &Path, subject: &Utf8Path) -> Result<Self> {
        let name = subject.file_name().unwrap_or("subject");
        let hash = blake3::hash(subject.as_str().as_bytes()).to_hex();
        let root = cache.join(format!("{name}-{}", &hash[..12]));
        let root = Utf8PathBuf::from_path_buf(root)
            .map_err(|p| anyhow::anyhow!("the work folder's path is no text: {}", p.display()))?;
        for folder in ["lanes", "resolutions", "outcomes"] {
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
            current: BTreeSet::new(),
        })
    }

    /// Opens it to work in, as soon as no other run does; `on_wait` is called if it has to wait.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or locked, or the wait is interrupted.
    pub fn occupy(
        cache: &Path,
        subject: &Utf8Path,
        interrupt: &Interrupt,
        on_wait: impl FnOnce(),
    ) -> Result<Self> {
        let place = Self::look(cache, subject)?;
        let path = place.root.join("in-use");
        let in_use = File::create(&path).with_context(|| format!("write {path}"))?;
        if in_use.try_lock().is_err() {
            on_wait();
            while in_use.try_lock().is_err() {
                anyhow::ensure!(
                    !interrupt.is_asked(),
                    "interrupted while waiting for another run"
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        Ok(Self {
            _in_use: Some(in_use),
            ..place
        })
    }

    /// The folders of one lane on one toolchain. `conditions` is a hash of what cargo does not
    /// look at when it asks whether an artefact is fresh: under other conditions, other folders.
    ///
    /// # Errors
    ///
    /// When folders of past conditions cannot be removed.
    pub fn lane(&self, toolchain: &str, lane: usize, conditions: &str) -> Result<LaneFolders> {
        let lane = self
            .root
            .join("lanes")
            .join(toolchain)
            .join(lane.to_string());
        let folder = lane.join(short(conditions));
        let is_past = |name: &str| {
            let mut current = self.current.iter().map(|c| short(c));
            name != short(conditions) && !current.any(|current| current == name)
        };
        if let Ok(past) = lane.read_dir_utf8() {
            for past in past.flatten().filter(|past| is_past(past.file_name())) {
                std::fs::remove_dir_all(past.path())
                    .with_context(|| format!("remove {}", past.path()))?;
            }
        }
        discard_if_moved(&folder)?;
        Ok(LaneFolders {
            subject: folder.join("subject"),
            target: folder.join("target"),
        })
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

    /// Where the resolver works.
    #[must_use]
    pub fn resolver(&self) -> Utf8PathBuf {
        self.root.join("lanes").join("resolve").join("subject")
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

/// Where one lane works on one toolchain. Pins follow one another in the same folders: cargo
/// keeps their artefacts apart by hash, and what does not depend on the pin is compiled once.
#[derive(Clone, Debug)]
pub struct LaneFolders {
    /// The copy of the subject.
    pub subject: Utf8PathBuf,
    /// Cargo's target folder.
    pub target: Utf8PathBuf,
}

/// The folder below which all work folders are: `PINMATRIX_CACHE`, else `pinmatrix` in the
/// user's cache folder.
///
/// # Errors
///
/// When neither that variable nor a home folder is known.
pub fn cache() -> Result<PathBuf> {
    let var = |name: &str| {
        std::env::var_os(name)
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
    fn folders_of_other_conditions_or_from_another_place_are_discarded() {
        let cache = tempfile::tempdir().expect("a folder");
        let place = Workplace::look(cache.path(), Utf8Path::new("/w/subject")).expect("a place");
        let make = |place: &Workplace, conditions: &str| {
            let folders = place.lane("stable", 0, conditions).expect("folders");
            std::fs::create_dir_all(&folders.target).expect("a folder");
            folders.target
        };
        let first = make(&place, "one");
        assert_eq!(make(&place, "one"), first);
        assert!(first.exists());
        let second = make(&place, "two");
        assert!(!first.exists() && second.exists());

        let elsewhere = tempfile::tempdir().expect("a folder");
        let moved = elsewhere.path().join("cache");
        std::fs::rename(cache.path(), &moved).expect("moved");
        let place = Workplace::look(&moved, Utf8Path::new("/w/subject")).expect("a place");
        let folders = place.lane("stable", 0, "two").expect("folders");
        assert!(!folders.target.exists());
    }
}
