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
            of_lock(tree, family)
        } else {
            of_requirements(tree, family, published)?
        };
        Ok(version.map(|version| Today { version, is_locked }))
    };
    trees.iter().map(today).collect()
}

/// Returns the version in a lock if all the family's crates in it have the same one and come from a
/// registry.
fn of_lock(tree: &SourceTree, family: &Family) -> Option<Version> {
    let crates = family.crate_names();
    let locked = crates.iter().filter_map(|name| tree.locked.get(*name));
    let locked: BTreeSet<Option<Version>> = locked.flatten().cloned().collect();
    let mut versions: BTreeSet<Version> = locked.into_iter().collect::<Option<_>>()?;
    versions.pop_first().filter(|_| versions.is_empty())
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
    let of_family = requirements_of(&manifests).into_iter();
    let of_family = of_family.filter(|(_, requirement)| family.holds(&requirement.package));
    // A dependency that does not come from a registry says nothing about versions.
    let taken = of_family.map(|(_, own)| VersionReq::parse(&own.version?).ok());
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
