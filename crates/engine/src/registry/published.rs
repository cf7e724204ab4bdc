//! Reads what is published: every version of a crate, from the source that the subject's cargo
//! uses.
//!
//! Cargo caches what it fetches from a registry's index. This module reads that cache and makes
//! cargo refresh it if it lacks a pin, so mirrors, proxies and tokens remain cargo's business.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::cell::bare;
use pinmatrix_core::model::rust_version::parse_rust_version;
use semver::{Version, VersionReq};
use tame_index::index::{IndexLocation, IndexUrl};
use xshell::cmd;

use crate::machine::child_env::ChildEnv;
use crate::machine::toolchain::Toolchain;
pub use crate::registry::index::Published;
use crate::registry::index::{CrateEntry, Dependency, SkippedLine};
use crate::registry::releases::Releases;
use crate::registry::scratch::{ScratchPackage, configs};

/// The source of the subject's crates.
pub struct Registry {
    index: Index,
    /// The entries read so far. Each is read once, so that an index that changes during a run does
    /// not change its results.
    read: Mutex<IndexCache>,
}

/// The entries that were read from an index.
#[derive(Default)]
struct IndexCache {
    entries: BTreeMap<String, Arc<CrateEntry>>,
    /// Notes for the user that have not been shown yet.
    notes: Vec<String>,
}

enum Index {
    /// Cargo's cache of a sparse index.
    Sparse(Utf8PathBuf),
    /// The index of a local registry.
    Local(Utf8PathBuf),
    /// A folder of unpacked crates.
    /// <https://doc.rust-lang.org/cargo/reference/source-replacement.html#folder-sources>
    Directory(BTreeMap<String, CrateEntry>),
    /// A git index, which only cargo can read.
    Opaque,
}

impl Registry {
    /// Finds the registry that a subject uses, after source replacement.
    /// <https://doc.rust-lang.org/cargo/reference/source-replacement.html>
    ///
    /// # Errors
    ///
    /// Returns an error if a cargo config cannot be read, or if a local registry has no index.
    pub fn of_subject(subject: &Utf8Path, cargo: &Toolchain) -> Result<Self> {
        if let Some(folder) = directory_source(subject) {
            return Ok(Self::new(Index::Directory(unpacked(&folder)?)));
        }
        let version = cargo.cargo.to_string();
        let url = IndexUrl::crates_io(Some(subject.to_owned()), None, Some(&version))
            .with_context(|| format!("read the cargo config of {subject}"))?;
        let index = match url {
            IndexUrl::Local(path) => {
                let folder = path.join("index");
                let listing = folder.read_dir_utf8();
                listing.with_context(|| format!("find the index of the local registry {path}"))?;
                Index::Local(folder)
            }
            IndexUrl::CratesIoGit => Index::Opaque,
            IndexUrl::NonCratesIo(url) if !url.starts_with("sparse+") => Index::Opaque,
            url @ (IndexUrl::CratesIoSparse | IndexUrl::NonCratesIo(_)) => {
                let mut location = IndexLocation::new(url);
                location.cargo_version = Some(cargo.cargo.clone());
                let (folder, _) = location
                    .into_parts()
                    .context("find cargo's copy of the index")?;
                Index::Sparse(folder.join(".cache"))
            }
        };
        Ok(Self::new(index))
    }

    /// Returns true if all crates are on this machine, so that being offline hides nothing.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.index, Index::Local(_) | Index::Directory(_))
    }

    /// Returns the name of the folder in which cargo unpacks what it downloads from this registry;
    /// `None` if it downloads nothing, or if only cargo can tell.
    #[must_use]
    pub fn cargo_folder(&self) -> Option<&str> {
        match &self.index {
            Index::Sparse(cache) => cache.parent()?.file_name(),
            Index::Local(_) | Index::Directory(_) | Index::Opaque => None,
        }
    }

    fn new(index: Index) -> Self {
        Self {
            index,
            read: Mutex::default(),
        }
    }

    /// Returns all versions of a crate that cargo can use, in ascending order. Returns `None` if
    /// only cargo can read this registry, and an empty list if the crate is not known (yet).
    #[must_use]
    pub fn versions(&self, name: &str) -> Option<Vec<Published>> {
        Some(self.entry(name)?.versions.clone())
    }

    /// Returns everything known about a crate, or `None` if only cargo can read this registry.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<Arc<CrateEntry>> {
        let mut known = self.known();
        if let Some(entry) = known.entries.get(name) {
            return Some(Arc::clone(entry));
        }
        let (entry, fault) = match self.read(name)? {
            Ok(entry) => (entry, None),
            Err(fault) => (CrateEntry::default(), Some(fault)),
        };
        known
            .notes
            .extend(skipped_lines_note(name, &entry.passed_over));
        known.notes.extend(fault);
        let entry = Arc::new(entry);
        // Cargo fetches what it needs to know about a crate when it resolves, which can be later.
        if self.is_local() || !entry.is_empty() {
            known.entries.insert(name.to_owned(), Arc::clone(&entry));
        }
        Some(entry)
    }

    /// Returns what is published of a family, or `None` as in [`Registry::versions`].
    #[must_use]
    pub fn releases(
        &self,
        crates: &[&str],
        requires: impl Fn(&str, &Version) -> bool,
    ) -> Option<Releases> {
        let entry = |name: &&str| Some(((*name).to_owned(), self.entry(name)?));
        let entries: Option<Vec<_>> = crates.iter().map(entry).collect();
        Some(Releases::of(&entries?, requires))
    }

    /// Returns a hash of what the index says of some crates; `None` if it cannot be read.
    #[must_use]
    pub fn state(&self, crates: &[&str]) -> Option<String> {
        let mut hasher = blake3::Hasher::new();
        for name in crates {
            let entry = self.entry(name)?;
            let json = serde_json::to_vec(&(name, &entry.versions)).ok()?;
            hasher.update(&json);
        }
        Some(hasher.finalize().to_hex()[..16].to_owned())
    }

    /// Returns the notes for the user since the last call.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.known().notes)
    }

    /// Describes what happened to a version that some crates had when the index was first read, if
    /// one of them no longer has it.
    #[must_use]
    pub fn change(&self, crates: &[&str], version: &Version) -> Option<String> {
        crates.iter().find_map(|name| {
            let now = self.read(name)?.unwrap_or_default();
            let is_usable = |entry: &CrateEntry| {
                let mut versions = entry.versions.iter();
                versions.any(|p| bare(&p.version) == *version && !p.yanked)
            };
            let is_gone = is_usable(&*self.entry(name)?) && !is_usable(&now);
            is_gone.then(|| {
                format!("the index has changed since it was read: {name} {version} could be used, and now it cannot")
            })
        })
    }

    fn known(&self) -> MutexGuard<'_, IndexCache> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the current index entry of a crate; the inner error says why that is impossible.
    fn read(&self, name: &str) -> Option<Result<CrateEntry, String>> {
        let folder = match &self.index {
            Index::Opaque => return None,
            Index::Directory(crates) => {
                return Some(Ok(crates.get(name).cloned().unwrap_or_default()));
            }
            Index::Sparse(folder) | Index::Local(folder) => folder,
        };
        let Some(path) = index_path(name).map(|place| folder.join(place)) else {
            return Some(Ok(CrateEntry::default()));
        };
        Some(match (std::fs::read(&path), &self.index) {
            (Ok(bytes), Index::Sparse(_)) => {
                let entry = CrateEntry::of_cache(&bytes);
                entry.ok_or_else(|| {
                    format!("cargo keeps its index in a form that is not known here: {path}")
                })
            }
            (Ok(bytes), Index::Local(_) | Index::Directory(_) | Index::Opaque) => {
                Ok(CrateEntry::of_lines(&bytes))
            }
            (Err(error), _) if error.kind() == ErrorKind::NotFound => Ok(CrateEntry::default()),
            (Err(error), _) => Err(format!(
                "{path} cannot be read, so nothing is known of {name}: {error}"
            )),
        })
    }

    /// Makes cargo update its cache of the index for some crates.
    ///
    /// When cargo resolves a requirement on a crate, it fetches the crate's whole history from the
    /// registry. So an empty package that requires any version of each crate is enough, and it does
    /// not matter whether that package can be resolved.
    ///
    /// # Errors
    ///
    /// Returns an error if the files of that package cannot be written.
    pub fn refresh(
        &self,
        subject: &Utf8Path,
        crates: &[&str],
        cargo: &Toolchain,
        child_env: &ChildEnv,
    ) -> Result<()> {
        let requirements = crates.iter().map(|name| (*name, "*"));
        let package = ScratchPackage::create(subject, requirements)?;
        let shell = package.shell()?;
        let program = cargo.program("cargo");
        // The exit does not matter, since the index is read again afterwards.
        let _ = cmd!(shell, "{program} generate-lockfile --quiet")
            .env_clear()
            .envs(child_env.with_sysroot(&cargo.sysroot))
            .quiet()
            .ignore_status()
            .ignore_stderr()
            .ignore_stdout()
            .run();
        *self.known() = IndexCache::default();
        Ok(())
    }
}

/// Returns the path of a crate's file in an index, or `None` for an invalid crate name.
/// <https://doc.rust-lang.org/cargo/reference/registry-index.html#index-files>
fn index_path(name: &str) -> Option<Utf8PathBuf> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let name = name.to_lowercase();
    if !name.chars().all(is_plain) {
        return None;
    }
    let part = |from: usize, to: usize| name.get(from..to);
    let place = match name.len() {
        0 => return None,
        1 => format!("1/{name}"),
        2 => format!("2/{name}"),
        3 => format!("3/{}/{name}", part(0, 1)?),
        _ => format!("{}/{}/{name}", part(0, 2)?, part(2, 4)?),
    };
    Some(place.into())
}

/// How many skipped lines of one crate are listed.
const MOST_LINES: usize = 3;

/// Formats a note about the skipped lines of a crate.
#[must_use]
pub fn skipped_lines_note(name: &str, passed_over: &[SkippedLine]) -> Option<String> {
    let message = |passed: &SkippedLine| format!("{name} {} {}", passed.name(), passed.why);
    let lines: Vec<String> = passed_over.iter().take(MOST_LINES).map(message).collect();
    let more = match passed_over.len().saturating_sub(MOST_LINES) {
        0 => String::new(),
        n => format!("; and {n} more"),
    };
    let lines = lines.join("; ");
    (!passed_over.is_empty()).then(|| format!("passed over, as cargo does: {lines}{more}"))
}

/// Returns the folder of unpacked crates that a subject's own cargo config names.
fn directory_source(subject: &Utf8Path) -> Option<Utf8PathBuf> {
    #[derive(serde::Deserialize)]
    struct SourceReplacement {
        #[serde(default)]
        source: BTreeMap<String, toml::Table>,
    }
    configs(subject).into_iter().find_map(|(folder, text)| {
        let config = toml::from_str::<SourceReplacement>(&text).ok()?;
        let mut sources = config.source.values();
        let directory = sources.find_map(|source| source.get("directory")?.as_str())?;
        Some(folder.join(directory))
    })
}

/// Reads the unpacked crates of a folder, each in a folder of its own. Their versions are in
/// ascending order.
fn unpacked(folder: &Utf8Path) -> Result<BTreeMap<String, CrateEntry>> {
    let mut crates: BTreeMap<String, CrateEntry> = BTreeMap::new();
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
        let entry = crates.entry(package.name).or_default();
        entry.versions.push(Published {
            version: package.version,
            yanked: false,
            rust_version: package.rust_version.as_deref().and_then(parse_rust_version),
            requires: requires
                .filter_map(|(key, value)| requirement(key, &value))
                .collect(),
            features: manifest.features,
        });
    }
    for entry in crates.values_mut() {
        entry.versions.sort_by(|a, b| a.version.cmp(&b.version));
    }
    Ok(crates)
}

/// The part of an unpacked crate's manifest that an index would contain.
#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Unpacked {
    package: UnpackedPackage,
    #[serde(default)]
    dependencies: toml::Table,
    #[serde(default)]
    build_dependencies: toml::Table,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UnpackedPackage {
    name: String,
    version: Version,
    rust_version: Option<String>,
}

fn requirement(key: String, written: &toml::Value) -> Option<Dependency> {
    let field = |name: &str| written.get(name).and_then(toml::Value::as_str);
    let req = written.as_str().or_else(|| field("version")).unwrap_or("*");
    let optional = written.get("optional").and_then(toml::Value::as_bool);
    Some(Dependency {
        package: field("package").unwrap_or(&key).to_owned(),
        req: VersionReq::parse(req).ok()?,
        is_optional: optional.unwrap_or_default(),
        key,
    })
}

#[cfg(test)]
impl Registry {
    /// Creates a registry that holds exactly these crates.
    pub(crate) fn of_entries(crates: BTreeMap<String, CrateEntry>) -> Self {
        Self::new(Index::Directory(crates))
    }

    /// Creates a registry that only cargo can read.
    pub(crate) fn opaque() -> Self {
        Self::new(Index::Opaque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let message: Vec<_> = versions.iter().map(|p| p.version.to_string()).collect();
        assert_eq!(message, ["1.0.0", "2.0.0"]);
        assert_eq!(versions[0].rust_version, Some(Version::new(1, 70, 0)));
        assert_eq!(versions[1].requires[0].package, "b");
        let releases = registry.releases(&["a", "b"], |_, _| true).expect("known");
        assert!(!releases.releases.iter().any(|release| release.is_whole()));
    }
}
