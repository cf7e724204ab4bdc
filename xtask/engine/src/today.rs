//! What the subject is on today: the version of a family that its lock holds, or that a fresh one would.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use semver::{Version, VersionReq};

use crate::config::Family;
use crate::manifest::Manifest;
use crate::releases::Releases;
use crate::source_tree::Tree;

/// The version of a family that a subject is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Today {
    /// The version.
    pub version: Version,
    /// Whether a lock holds it. Where there is none, it is the newest that all requirements take.
    pub is_locked: bool,
}

/// What each source is on; none where the crates of the family differ, or it is not known.
///
/// # Errors
///
/// When a manifest cannot be read.
pub fn todays(trees: &[Tree], family: &Family, published: &Releases) -> Result<Vec<Option<Today>>> {
    let today = |tree: &Tree| {
        let is_locked = tree.lock.is_some();
        let version = match is_locked {
            true => of_lock(tree, family),
            false => of_requirements(tree, family, published)?,
        };
        Ok(version.map(|version| Today { version, is_locked }))
    };
    trees.iter().map(today).collect()
}

/// The version that a lock holds of all crates of a family that are there, where all come from a registry.
fn of_lock(tree: &Tree, family: &Family) -> Option<Version> {
    let crates = family.crate_names();
    let locked = crates.iter().filter_map(|name| tree.locked.get(*name));
    let locked: BTreeSet<Option<Version>> = locked.flatten().cloned().collect();
    let mut versions: BTreeSet<Version> = locked.into_iter().collect::<Option<_>>()?;
    versions.pop_first().filter(|_| versions.is_empty())
}

/// The newest release that every requirement takes, as cargo chooses it.
fn of_requirements(tree: &Tree, family: &Family, published: &Releases) -> Result<Option<Version>> {
    let mut manifests = Vec::new();
    for path in &tree.subject.manifests {
        if let Some(text) = tree.subject.checkout.text_of(path)? {
            manifests.push(Manifest::parse(&text).with_context(|| format!("read {path}"))?);
        }
    }
    // What it takes then rests on more than the family.
    let prefers_older = manifests.iter().any(Manifest::prefers_older);
    if prefers_older || tree.cargo_config.contains("incompatible-rust-versions") {
        return Ok(None);
    }
    let Some(requirements) = requirements(&manifests, family) else {
        return Ok(None);
    };
    let mut newest_first = published.releases.iter().rev();
    let takes_all = |version: &Version| requirements.iter().all(|req| req.matches(version));
    let newest = newest_first.find(|release| release.is_usable() && takes_all(&release.version));
    Ok(newest
        .filter(|_| !requirements.is_empty())
        .map(|release| release.version.clone()))
}

/// What members require of the crates of a family; `None` where one comes from elsewhere than a registry.
fn requirements(manifests: &[Manifest], family: &Family) -> Option<Vec<VersionReq>> {
    let mut all = Vec::new();
    for manifest in manifests
        .iter()
        .filter(|manifest| manifest.package().is_some())
    {
        for own in manifest.requirements() {
            let inherited = || {
                let mut inherited = manifests.iter().filter_map(|m| m.inherited(&own.key));
                inherited.next()
            };
            let requirement = match own.is_inherited {
                true => inherited()?,
                false => own.clone(),
            };
            if family.holds(&requirement.package) {
                all.push(VersionReq::parse(&requirement.version?).ok()?);
            }
        }
    }
    Some(all)
}
