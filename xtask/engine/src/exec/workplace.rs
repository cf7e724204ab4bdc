//! Where work happens: outside the subject and outside any repository, since cargo merges the
//! `.cargo/config.toml` of every folder above the one it works in.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// Marks a folder as made by a program: tools that back up, index or copy leave it alone.
/// <https://bford.info/cachedir/>
pub const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# made by pinmatrix\n";

/// The work folders of one subject.
#[derive(Debug)]
pub struct Workplace {
    root: Utf8PathBuf,
    /// Held while a run works here.
    _in_use: File,
}

impl Workplace {
    /// Opens the work folder of a subject below `cache`, and waits until no other run uses it;
    /// `on_wait` is called if it has to wait.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or locked.
    pub fn open(cache: &Path, subject: &Utf8Path, on_wait: impl FnOnce()) -> Result<Self> {
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
        let path = root.join("in-use");
        let in_use = File::create(&path).with_context(|| format!("write {path}"))?;
        if in_use.try_lock().is_err() {
            on_wait();
            in_use.lock().with_context(|| format!("lock {path}"))?;
        }
        Ok(Self {
            root,
            _in_use: in_use,
        })
    }

    /// The folders of one lane on one toolchain.
    #[must_use]
    pub fn lane(&self, toolchain: &str, lane: usize) -> LaneFolders {
        let folder = self
            .root
            .join("lanes")
            .join(toolchain)
            .join(lane.to_string());
        LaneFolders {
            subject: folder.join("subject"),
            target: folder.join("target"),
        }
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
