//! The crates that the subject requires from a registry: which features it asks for, and which
//! version it is on.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use semver::{Version, VersionReq};

use crate::manifest::{Manifest, Requirement, requirements_of};
use crate::registry::activation::AskedFeatures;
use crate::registry::index::CrateEntry;
use crate::registry::published::Registry;
use crate::registry::version_set::UsedCrate;
use crate::subject::source_tree::SourceTree;

/// A crate that the subject requires from a registry.
pub struct Used {
    /// Its name.
    pub name: String,
    entry: Arc<CrateEntry>,
    asked: AskedFeatures,
    /// The version that the subject is on, if known; of several, the newest.
    pub today: Option<Version>,
}

impl Used {
    /// Returns the crate as the search for a set needs it.
    #[must_use]
    pub fn as_crate(&self) -> UsedCrate<'_> {
        UsedCrate {
            name: &self.name,
            entry: &self.entry,
            asked: &self.asked,
        }
    }
}

/// The requirements of a subject's packages.
pub struct Requirements(Vec<Requirement>);

impl Requirements {
    /// Reads the requirements of a revision of the subject. The features that a feature of the
    /// package itself can turn on count as asked for: a lock is made for all features of members.
    ///
    /// # Errors
    ///
    /// Returns an error if a manifest cannot be read.
    pub fn of(tree: &SourceTree) -> Result<Self> {
        let subject = &tree.subject;
        let manifests = subject.checkout.manifests(&subject.manifests)?;
        let requirements = requirements_of(&manifests).into_iter();
        let whole = requirements.map(|(manifest, mut required)| {
            required.features.extend(turned_on(manifest, &required.key));
            required
        });
        Ok(Self(whole.collect()))
    }

    /// Returns the packages that are required.
    #[must_use]
    pub fn packages(&self) -> BTreeSet<&str> {
        self.0
            .iter()
            .map(|required| required.package.as_str())
            .collect()
    }

    /// Returns the packages that are required from crates.io, or what replaces it, alone.
    #[must_use]
    pub fn published(&self) -> BTreeSet<&str> {
        let elsewhere = self.0.iter().filter(|required| required.version.is_none());
        let elsewhere: BTreeSet<&str> = elsewhere.map(|r| r.package.as_str()).collect();
        &self.packages() - &elsewhere
    }

    /// Looks up a crate; `None` if the subject does not require it from a registry, or if the index
    /// does not list it.
    #[must_use]
    pub fn used(&self, name: &str, tree: &SourceTree, registry: &Registry) -> Option<Used> {
        let own: Vec<&Requirement> = self.0.iter().filter(|r| r.package == name).collect();
        let entry = registry.entry(name).filter(|entry| !entry.is_empty())?;
        if own.is_empty() || own.iter().any(|required| required.version.is_none()) {
            return None;
        }
        let asked = AskedFeatures {
            names: own.iter().flat_map(|r| r.features.clone()).collect(),
            default: own.iter().any(|r| r.default_features),
        };
        let today = match tree.locked.get(name) {
            Some(versions) => versions.iter().flatten().max().cloned(),
            None => newest(&entry, &own),
        };
        Some(Used {
            name: name.to_owned(),
            entry,
            asked,
            today,
        })
    }
}

/// Returns the features of a dependency that features of a package turn on: `key/feature`.
fn turned_on(manifest: &Manifest, key: &str) -> Vec<String> {
    let features = manifest.features().into_values().flatten();
    let of_key = features.filter_map(|word| {
        let (dependency, feature) = word.split_once('/')?;
        (dependency.trim_end_matches('?') == key).then(|| feature.to_owned())
    });
    of_key.collect()
}

/// Returns the newest version that all requirements admit, which a new lock would hold if nothing
/// else required the crate.
fn newest(entry: &CrateEntry, requirements: &[&Requirement]) -> Option<Version> {
    let requirements = requirements.iter().filter_map(|r| r.version.as_deref());
    let requirements: Vec<VersionReq> = requirements
        .filter_map(|written| VersionReq::parse(written).ok())
        .collect();
    let mut newest_first = entry.versions.iter().rev().filter(|p| !p.yanked);
    let newest = newest_first.find(|p| requirements.iter().all(|req| req.matches(&p.version)));
    newest.map(|p| p.version.clone())
}
