//! Which crates the subject requires at a pin, once the adjustments for that pin are made.

use anyhow::Result;
use pinmatrix_core::config::{Config, Family, Overrides};
use pinmatrix_core::model::cell::Pin;
use semver::Version;

use crate::manifest::{Manifest, edit_dependencies, requirements_of};
use crate::subject::source_tree::SourceTree;

/// The manifests of all revisions of the subject, and what is adjusted in them.
pub struct RequiredCrates<'a> {
    config: &'a Config,
    revisions: Vec<Vec<Manifest>>,
}

impl<'a> RequiredCrates<'a> {
    /// Reads the manifests.
    ///
    /// # Errors
    ///
    /// Returns an error if one cannot be read.
    pub fn of(config: &'a Config, trees: &[SourceTree]) -> Result<Self> {
        let subjects = trees.iter().map(|tree| &tree.subject);
        let revisions = subjects.map(|subject| subject.checkout.manifests(&subject.manifests));
        Ok(Self {
            config,
            revisions: revisions.collect::<Result<_>>()?,
        })
    }

    /// Returns true if a package of a revision requires a crate at a version of a family.
    #[must_use]
    pub fn requires(&self, family: &Family, krate: &str, at: &Version) -> bool {
        let pin = Pin {
            family: family.name.get_ref().clone(),
            at: at.clone().into(),
        };
        let adjustments = self.config.adjustments.iter();
        let changes = adjustments.filter(|a| a.is_for(&pin)).map(|a| &a.change);
        let changes: Vec<&Overrides> = changes.collect();
        self.is_required(krate, &changes)
    }

    /// Returns true if a package of a revision requires a crate, as it is or after an adjustment.
    #[must_use]
    pub fn ever_requires(&self, krate: &str) -> bool {
        let changes = self.config.adjustments.iter().map(|a| &a.change);
        self.is_required(krate, &[]) || changes.into_iter().any(|c| self.is_required(krate, &[c]))
    }

    fn is_required(&self, krate: &str, changes: &[&Overrides]) -> bool {
        self.revisions.iter().any(|manifests| {
            let mut manifests = manifests.clone();
            for edits in changes.iter().flat_map(|change| &change.dependencies) {
                edit_dependencies(edits, &mut manifests.iter_mut().collect::<Vec<_>>());
            }
            let required = requirements_of(&manifests);
            required.iter().any(|(_, own)| own.package == krate)
        })
    }
}
