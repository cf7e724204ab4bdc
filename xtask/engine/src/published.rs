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

/// A version that every crate of a family has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// The version.
    pub version: Version,
    /// True when that of any of the crates was withdrawn.
    pub yanked: bool,
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
    /// A folder of unpacked crates.
    /// <https://doc.rust-lang.org/cargo/reference/source-replacement.html#directory-sources>
    Directory(BTreeMap<String, Vec<Published>>),
    /// A git index: cargo alone can tell what is in it.
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
        if let Some(folder) = directory_source(subject) {
            return Ok(Self::new(Index::Directory(unpacked(&folder)?)));
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
        matches!(self.index, Index::Local(_) | Index::Directory(_))
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

    /// The versions that every one of some crates has, ascending; `None` as for
    /// [`Registry::versions`].
    #[must_use]
    pub fn common(&self, crates: &[&str]) -> Option<Vec<Common>> {
        let mut common: Option<BTreeMap<Version, bool>> = None;
        for name in crates {
            let of_crate = self.versions(name)?;
            let of_crate = of_crate.iter().map(|p| (p.version.clone(), p.yanked));
            let of_crate: BTreeMap<Version, bool> = of_crate.collect();
            common = Some(match common {
                None => of_crate,
                Some(before) => before
                    .into_iter()
                    .filter_map(|(version, yanked)| {
                        let of_this = of_crate.get(&version)?;
                        Some((version, yanked || *of_this))
                    })
                    .collect(),
            });
        }
        let common = common.unwrap_or_default().into_iter();
        Some(
            common
                .map(|(version, yanked)| Common { version, yanked })
                .collect(),
        )
    }

    fn read_versions(&self, name: &str) -> Option<Vec<Published>> {
        let lock = FileLock::unlocked();
        let krate = KrateName::try_from(name).ok();
        let entry = match &self.index {
            Index::Opaque => return None,
            Index::Directory(crates) => {
                return Some(crates.get(name).cloned().unwrap_or_default());
            }
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

/// The folder of unpacked crates that a subject's own cargo config names.
fn directory_source(subject: &Utf8Path) -> Option<Utf8PathBuf> {
    #[derive(serde::Deserialize)]
    struct CargoConfig {
        #[serde(default)]
        source: BTreeMap<String, toml::Table>,
    }
    crate::cargo_config::PLACES.iter().find_map(|place| {
        let text = std::fs::read_to_string(subject.join(place)).ok()?;
        let config = toml::from_str::<CargoConfig>(&text).ok()?;
        let mut sources = config.source.values();
        let folder = sources.find_map(|source| source.get("directory")?.as_str())?;
        Some(subject.join(folder))
    })
}

/// The crates in a folder of them, each in a folder of its own; versions ascend.
fn unpacked(folder: &Utf8Path) -> Result<BTreeMap<String, Vec<Published>>> {
    let mut crates: BTreeMap<String, Vec<Published>> = BTreeMap::new();
    let entries = folder.read_dir_utf8();
    for entry in entries.with_context(|| format!("list the crates in {folder}"))? {
        let entry = entry.with_context(|| format!("list the crates in {folder}"))?;
        let manifest = entry.path().join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&manifest) else {
            continue;
        };
        let manifest: Unpacked =
            toml::from_str(&text).with_context(|| format!("read {manifest}"))?;
        let requires = manifest
            .dependencies
            .into_iter()
            .chain(manifest.build_dependencies);
        let package = manifest.package;
        crates.entry(package.name).or_default().push(Published {
            version: package.version,
            yanked: false,
            rust_version: package.rust_version.as_deref().and_then(parse_rust_version),
            requires: requires
                .filter_map(|(key, value)| requirement(key, &value))
                .collect(),
        });
    }
    for versions in crates.values_mut() {
        versions.sort_by(|a, b| a.version.cmp(&b.version));
    }
    Ok(crates)
}

/// What of the manifest of an unpacked crate an index would tell.
#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Unpacked {
    package: UnpackedPackage,
    #[serde(default)]
    dependencies: toml::Table,
    #[serde(default)]
    build_dependencies: toml::Table,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UnpackedPackage {
    name: String,
    version: Version,
    rust_version: Option<String>,
}

fn requirement(key: String, written: &toml::Value) -> Option<(String, VersionReq)> {
    let field = |name: &str| written.get(name).and_then(toml::Value::as_str);
    let req = written.as_str().or_else(|| field("version")).unwrap_or("*");
    let name = field("package").map_or(key, str::to_owned);
    Some((name, VersionReq::parse(req).ok()?))
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

    #[test]
    fn a_folder_of_unpacked_crates_tells_what_an_index_would() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Utf8PathBuf::try_from(folder.path().to_owned()).expect("text");
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        };
        write(
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = \"vendor\"\n",
        );
        let manifest = "[package]\nname = \"a\"\nrust-version = \"1.70\"\nversion = ";
        write(
            "vendor/a/Cargo.toml",
            &format!("{manifest}\"2.0.0\"\n[dependencies]\nb = \"1\"\n"),
        );
        write(
            "vendor/a-1.0.0/Cargo.toml",
            &format!("{manifest}\"1.0.0\"\n"),
        );
        write("vendor/README", "none");
        let vendored = directory_source(&root).expect("a directory source");
        let registry = Registry::new(Index::Directory(unpacked(&vendored).expect("crates")));
        let versions = registry.versions("a").expect("known");
        let told: Vec<_> = versions.iter().map(|p| p.version.to_string()).collect();
        assert_eq!(told, ["1.0.0", "2.0.0"]);
        assert_eq!(versions[0].rust_version, Some(Version::new(1, 70, 0)));
        assert_eq!(versions[1].requires[0].0, "b");
        assert_eq!(registry.common(&["a", "b"]), Some(Vec::new()));
    }
}
