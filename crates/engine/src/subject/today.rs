//! What the subject is on today: the version of a family in its lock, or the one that a new lock
//! would get.

use std::collections::BTreeSet;

use anyhow::Result;
use pinmatrix_core::config::Family;
use semver::{Version, VersionReq};

use crate::manifest::{may_prefer_older, requirements_of};
use crate::registry::releases::Releases;
use crate::subject::source_tree::SourceTree;

/// The version of a family that a subject is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Today {
    /// The version.
    pub version: Version,
    /// Whether it is in a lock. Without a lock, it is the newest version that all requirements
    /// admit.
    pub is_locked: bool,
}

/// Returns what each source is on; `None` if the crates of the family differ or it is unknown.
///
/// # Errors
///
/// Returns an error if a manifest cannot be read.
pub fn todays(
    trees: &[SourceTree],
    family: &Family,
    published: &Releases,
) -> Result<Vec<Option<Today>>> {
    let today = |tree: &SourceTree| {
        let is_locked = tree.lock.is_some();
        let version = if is_locked {
            of_lock(tree, family)?
        } else {
            of_requirements(tree, family, published)?
        };
        Ok(version.map(|version| Today { version, is_locked }))
    };
    trees.iter().map(today).collect()
}

/// Returns the version in a lock if all the family's crates in it have the same one and come from a
/// registry. If only some of the subject's dependencies on them move, only versions that those admit
/// count.
fn of_lock(tree: &SourceTree, family: &Family) -> Result<Option<Version>> {
    let moving = if family.keys.is_empty() {
        Vec::new()
    } else {
        moving(tree, family)?
    };
    let counts = |name: &str, version: &Option<Version>| {
        let Some(version) = version.as_ref().filter(|_| !family.keys.is_empty()) else {
            return true;
        };
        let mut own = moving.iter().filter(|(package, _)| package == name);
        own.any(|(_, admits)| admits.as_ref().is_some_and(|req| req.matches(version)))
    };
    let mut found: BTreeSet<Option<Version>> = BTreeSet::new();
    for name in family.crate_names() {
        // A patch has a version too, although it comes from no registry.
        let patched = tree.patched.get(name).cloned().flatten();
        let locked = tree.locked.get(name).into_iter().flatten();
        let locked = locked.map(|version| version.clone().or_else(|| patched.clone()));
        found.extend(locked.filter(|version| counts(name, version)));
    }
    let Some(mut versions) = found.into_iter().collect::<Option<BTreeSet<Version>>>() else {
        return Ok(None);
    };
    Ok(versions.pop_first().filter(|_| versions.is_empty()))
}

/// Returns the subject's dependencies that move with a family: the package, and what it admits of
/// it, if that can be read.
fn moving(tree: &SourceTree, family: &Family) -> Result<Vec<(String, Option<VersionReq>)>> {
    let manifests = tree.subject.checkout.manifests(&tree.subject.manifests)?;
    let requirements = requirements_of(&manifests).into_iter();
    let moving = requirements
        .filter(|(_, own)| family.holds(&own.package) && family.moves_by(&own.key, &own.package));
    let read = moving.map(|(_, own)| {
        let admits = own
            .version
            .and_then(|written| VersionReq::parse(&written).ok());
        (own.package, admits)
    });
    Ok(read.collect())
}

/// Returns the newest release that every requirement admits, which is what cargo chooses.
fn of_requirements(
    tree: &SourceTree,
    family: &Family,
    published: &Releases,
) -> Result<Option<Version>> {
    let manifests = tree.subject.checkout.manifests(&tree.subject.manifests)?;
    // Cargo's choice would then depend on more than the family.
    let is_told_to = tree.cargo_config.contains("incompatible-rust-versions");
    if is_told_to || may_prefer_older(&manifests) {
        return Ok(None);
    }
    // A dependency that does not come from a registry says nothing about versions.
    let taken = moving(tree, family)?.into_iter().map(|(_, admits)| admits);
    let Some(requirements) = taken.collect::<Option<Vec<VersionReq>>>() else {
        return Ok(None);
    };
    let mut newest_first = published.releases.iter().rev();
    let takes_all = |version: &Version| requirements.iter().all(|req| req.matches(version));
    let newest = newest_first.find(|release| release.is_usable() && takes_all(&release.version));
    Ok(newest
        .filter(|_| !requirements.is_empty())
        .map(|release| release.version.clone()))
}
