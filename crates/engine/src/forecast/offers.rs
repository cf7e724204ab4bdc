//! Reads what the crates of a family offer at each version.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_api::offer::Offer;
use pinmatrix_api::tree::{CrateTree, EPOCH, read};
use pinmatrix_core::config::Family;
use pinmatrix_core::model::forecast::UnreadVersion;
use rayon::prelude::*;
use semver::Version;
use serde::Deserialize;

use crate::forecast::{is_of_family, unread};
use crate::fs_ext::write_whole;
use crate::registry::index::exact_version;
use crate::registry::published::Registry;
use crate::registry::sources::Sources;

/// The crates of a family at one version, with those of the same release that they pass on.
pub struct VersionTrees {
    /// The version.
    pub version: Version,
    /// The crates.
    pub trees: Vec<CrateTree>,
    /// The names of the libraries of the family's own crates.
    pub libraries: BTreeSet<String>,
    /// The crates that others pass on and whose sources are not there.
    pub missing: Vec<String>,
}

/// How often crates are added because others pass on what they offer.
const MOST_ROUNDS: usize = 4;

/// Reads the crates of a family at each version. What could not be read is returned beside it.
///
/// # Errors
///
/// Returns an error if a file of the cache cannot be written, or if cargo cannot be asked.
pub fn trees(
    family: &Family,
    versions: &[Version],
    sources: &Sources<'_>,
    cache: &Utf8Path,
) -> Result<(Vec<VersionTrees>, Vec<UnreadVersion>)> {
    let read = versions
        .par_iter()
        .map(|version| of_version(family, version, sources, cache));
    let read: Vec<Result<VersionTrees, UnreadVersion>> = read.collect::<Result<_>>()?;
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for read in read {
        match read {
            Ok(read) => {
                missing.extend(
                    read.missing
                        .iter()
                        .map(|package| unread(&read.version, package)),
                );
                there.push(read);
            }
            Err(unread) => missing.push(unread),
        }
    }
    Ok((there, missing))
}

/// Reads the crates of one version. The inner error names a crate whose sources are not there.
fn of_version(
    family: &Family,
    version: &Version,
    sources: &Sources<'_>,
    cache: &Utf8Path,
) -> Result<Result<VersionTrees, UnreadVersion>> {
    let (mut trees, mut missing) = (Vec::new(), Vec::new());
    let mut libraries: BTreeSet<String> = BTreeSet::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<(String, Version)> = Vec::new();
    for package in family.crate_names() {
        let published = published(sources.registry, package, version);
        // A crate that is not published at this version is not part of it.
        open.extend(published.map(|exact| (package.to_owned(), exact)));
    }
    for round in 0..MOST_ROUNDS {
        let read = open.par_iter().map(|(package, version)| {
            let tree = of_crate(package, version, sources, cache)?;
            anyhow::Ok((package, tree))
        });
        let read: Vec<(&String, Option<CrateTree>)> = read.collect::<Result<_>>()?;
        for (package, tree) in read {
            match tree {
                Some(tree) => {
                    libraries.extend((round == 0).then(|| tree.name.clone()));
                    trees.push(tree);
                }
                None if round > 0 => missing.push(package.clone()),
                None => return Ok(Err(unread(version, package))),
            }
        }
        known.extend(open.iter().map(|(package, _)| package.replace('-', "_")));
        let foreign = Offer::of(&trees, &is_of_family(family, &libraries)).foreign_crates();
        let of_release = open.iter().flat_map(|(package, version)| {
            let exact = of_same_release(sources.registry, package, version);
            exact.into_iter().filter(|(name, _)| {
                let name = name.replace('-', "_");
                foreign.contains(&name) && !known.contains(&name)
            })
        });
        let next: BTreeMap<String, Version> = of_release.collect();
        open = next.into_iter().collect();
        if open.is_empty() {
            break;
        }
    }
    Ok(Ok(VersionTrees {
        version: version.clone(),
        trees,
        libraries,
        missing,
    }))
}

/// Returns a published version with its build metadata.
fn published(registry: &Registry, package: &str, version: &Version) -> Option<Version> {
    let versions = registry.versions(package)?;
    let mut exact = versions.into_iter().map(|published| published.version);
    exact.find(|published| {
        let bare = |v: &Version| (v.major, v.minor, v.patch, v.pre.clone());
        bare(published) == bare(version)
    })
}

/// Returns the packages that a version requires at exactly one version: they are released with it.
fn of_same_release(
    registry: &Registry,
    package: &str,
    version: &Version,
) -> Vec<(String, Version)> {
    let versions = registry.versions(package).unwrap_or_default();
    let published = versions
        .into_iter()
        .find(|published| published.version == *version);
    let requires = published
        .into_iter()
        .flat_map(|published| published.requires);
    let exact = requires.filter_map(|dependency| {
        let version = exact_version(&dependency.req)?;
        Some((dependency.package, version))
    });
    exact.collect()
}

/// The part of a published manifest that says how its library is named.
#[derive(Deserialize)]
struct PublishedManifest {
    lib: Option<LibTable>,
    #[serde(default)]
    dependencies: toml::Table,
}

#[derive(Deserialize)]
struct LibTable {
    name: Option<String>,
    path: Option<Utf8PathBuf>,
}

/// Reads one crate, from its sources or from what was kept of them.
fn of_crate(
    package: &str,
    version: &Version,
    sources: &Sources<'_>,
    cache: &Utf8Path,
) -> Result<Option<CrateTree>> {
    let Some(folder) = sources.of(package, version)? else {
        return Ok(None);
    };
    let place = blake3::hash(folder.as_str().as_bytes()).to_hex();
    let kept = cache.join(format!("{package}-{version}-{}-{EPOCH}.tree", &place[..8]));
    if let Ok(text) = fs::read(&kept)
        && let Ok(tree) = serde_json::from_slice(&text)
    {
        return Ok(Some(tree));
    }
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let Ok(manifest) = toml::from_str::<PublishedManifest>(&manifest) else {
        return Ok(None);
    };
    let (name, root) = manifest
        .lib
        .map_or((None, None), |lib| (lib.name, lib.path));
    let name = name.unwrap_or_else(|| package.replace('-', "_"));
    let root = root.unwrap_or_else(|| Utf8PathBuf::from("src/lib.rs"));
    let renamed = manifest.dependencies.iter().filter_map(|(key, written)| {
        let package = written.get("package")?.as_str()?;
        Some((key.replace('-', "_"), package.replace('-', "_")))
    });
    let read_file = |path: &Utf8Path| fs::read_to_string(folder.join(path)).ok();
    let tree = read(&name, &root, &renamed.collect(), &read_file);
    let json = serde_json::to_vec(&tree).context("write what a crate offers")?;
    write_whole(&kept, &json)?;
    Ok(Some(tree))
}
