//! What is published: every version of a crate, from where the subject's cargo gets its crates.
//!
//! Cargo keeps what it fetched of the registry's index; this floor reads that, and has cargo
//! refresh it where a pin is not in it. So mirrors, proxies and tokens stay cargo's business.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use semver::{Version, VersionReq};
use tame_index::index::{FileLock, IndexLocation, IndexUrl, LocalRegistry, SparseIndex};
use tame_index::{IndexKrate, KrateName};
use xshell::{Shell, cmd};

use crate::environment::Surroundings;
use crate::toolchain::Toolchain;

/// One published version.
#[derive(Clone, Debug)]
pub struct Published {
    /// The version.
    pub version: Version,
    /// True when it was withdrawn.
    pub yanked: bool,
    /// The rustc it declares; an edition it needs is not known to an index.
    pub rust_version: Option<Version>,
    /// What it requires in any build but tests.
    pub requires: Vec<(String, VersionReq)>,
}

/// Where the subject's cargo gets its crates.
pub struct Registry {
    index: Index,
    /// What was read already; a crate can have hundreds of versions, and every cell asks.
    read: Mutex<BTreeMap<String, Arc<[Published]>>>,
}

enum Index {
    Sparse(SparseIndex),
    Local(LocalRegistry),
    /// A folder of unpacked crates, or a git index: cargo alone can tell what is in it.
    Opaque,
}

impl Registry {
    /// The registry that a subject uses, with its source replacement.
    /// <https://doc.rust-lang.org/cargo/reference/source-replacement.html>
    ///
    /// # Errors
    ///
    /// When a cargo config on the way cannot be read.
    pub fn of_subject(subject: &Utf8Path, cargo: &Toolchain) -> Result<Self> {
        if uses_directory_source(subject) {
            return Ok(Self::new(Index::Opaque));
        }
        let version = cargo.cargo.to_string();
        let url = IndexUrl::crates_io(Some(subject.to_owned()), None, Some(&version))
            .with_context(|| format!("read the cargo config of {subject}"))?;
        let index = match url {
            IndexUrl::Local(path) => Index::Local(LocalRegistry::open(path.into_owned(), false)?),
            IndexUrl::CratesIoGit => Index::Opaque,
            IndexUrl::NonCratesIo(url) if !url.starts_with("sparse+") => Index::Opaque,
            url @ (IndexUrl::CratesIoSparse | IndexUrl::NonCratesIo(_)) => {
                let mut location = IndexLocation::new(url);
                location.cargo_version = Some(cargo.cargo.clone());
                Index::Sparse(SparseIndex::new(location)?)
            }
        };
        Ok(Self::new(index))
    }

    /// True when all there is lies on this machine, so that being offline hides nothing.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.index, Index::Local(_))
    }

    fn new(index: Index) -> Self {
        Self {
            index,
            read: Mutex::default(),
        }
    }

    /// All known versions of a crate, ascending. `None` when this registry cannot be read from
    /// outside cargo; an empty list when the crate is not known (yet).
    #[must_use]
    pub fn versions(&self, name: &str) -> Option<Arc<[Published]>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(versions) = read.get(name).filter(|versions| !versions.is_empty()) {
            return Some(Arc::clone(versions));
        }
        let versions: Arc<[Published]> = self.read_versions(name)?.into();
        read.insert(name.to_owned(), Arc::clone(&versions));
        Some(versions)
    }

    fn read_versions(&self, name: &str) -> Option<Vec<Published>> {
        let lock = FileLock::unlocked();
        let krate = KrateName::try_from(name).ok();
        let entry = match &self.index {
            Index::Opaque => return None,
            Index::Sparse(index) => {
                krate.and_then(|name| index.cached_krate(name, &lock).ok().flatten())
            }
            Index::Local(registry) => {
                krate.and_then(|name| registry.index().krate(name, &lock).ok().flatten())
            }
        };
        let krate: Option<IndexKrate> = entry.and_then(|entry| entry.deserialize().ok());
        let known = krate.iter().flat_map(|k| &k.versions);
        let mut versions: Vec<Published> = known.filter_map(published).collect();
        versions.sort_by(|a, b| a.version.cmp(&b.version));
        Some(versions)
    }

    /// Has cargo bring its copy of the index up to date for some crates.
    ///
    /// Cargo asks the registry for a crate's whole history when it resolves a requirement on it,
    /// so an empty package that requires any version of each does it. Whether such a package can
    /// be resolved does not matter.
    ///
    /// # Errors
    ///
    /// When the files of that package cannot be written.
    pub fn refresh(
        &self,
        subject: &Utf8Path,
        crates: &[&str],
        cargo: &Toolchain,
        surroundings: &Surroundings,
    ) -> Result<()> {
        let folder = tempfile::tempdir().context("make a folder for a package")?;
        let shell = Shell::new()?;
        shell.change_dir(folder.path());
        let requirements: String = crates
            .iter()
            .map(|name| format!("{name} = {{ version = \"*\", default-features = false }}\n"))
            .collect();
        shell.write_file(
            "Cargo.toml",
            format!(
                "[package]\nname = \"ask\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                 [lib]\npath = \"lib.rs\"\n[dependencies]\n{requirements}[workspace]\n"
            ),
        )?;
        shell.write_file("lib.rs", "")?;
        for name in ["config.toml", "config"] {
            let config = subject.join(".cargo").join(name);
            if config.is_file() {
                shell.write_file(Path::new(".cargo/config.toml"), shell.read_file(config)?)?;
            }
        }
        let program = cargo.program("cargo");
        // Its end says nothing; the index is read again afterwards.
        let _ = cmd!(shell, "{program} generate-lockfile --quiet")
            .env_clear()
            .envs(surroundings.with_sysroot(&cargo.sysroot))
            .quiet()
            .ignore_status()
            .ignore_stderr()
            .ignore_stdout()
            .run();
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        Ok(())
    }
}

fn published(version: &tame_index::IndexVersion) -> Option<Published> {
    let requires = version
        .dependencies()
        .iter()
        .filter(|d| d.kind() != tame_index::krate::DependencyKind::Dev)
        .map(|d| (d.crate_name().to_owned(), d.version_requirement()))
        .collect();
    Some(Published {
        version: Version::parse(&version.version).ok()?,
        yanked: version.is_yanked(),
        rust_version: version.rust_version().and_then(parse_rust_version),
        requires,
    })
}

/// A `rust-version` may leave out its last parts: `1.80` means 1.80.0.
/// <https://doc.rust-lang.org/cargo/reference/rust-version.html>
#[must_use]
pub fn parse_rust_version(written: &str) -> Option<Version> {
    let mut parts = written.split('.').map(|part| part.parse::<u64>().ok());
    let major = parts.next()??;
    let minor = parts.next().unwrap_or(Some(0))?;
    let patch = parts.next().unwrap_or(Some(0))?;
    Some(Version::new(major, minor, patch))
}

fn uses_directory_source(subject: &Utf8Path) -> bool {
    #[derive(serde::Deserialize)]
    struct CargoConfig {
        #[serde(default)]
        source: BTreeMap<String, toml::Table>,
    }
    let files: [Utf8PathBuf; 2] =
        [".cargo/config.toml", ".cargo/config"].map(|name| subject.join(name));
    files.iter().any(|file| {
        std::fs::read_to_string(file)
            .ok()
            .and_then(|text| toml::from_str::<CargoConfig>(&text).ok())
            .is_some_and(|config| config.source.values().any(|s| s.contains_key("directory")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_version_may_leave_out_its_last_parts() {
        assert_eq!(parse_rust_version("1.80"), Some(Version::new(1, 80, 0)));
        assert_eq!(parse_rust_version("1.80.1"), Some(Version::new(1, 80, 1)));
        assert_eq!(parse_rust_version("1"), Some(Version::new(1, 0, 0)));
        assert_eq!(parse_rust_version("new"), None);
    }
}
