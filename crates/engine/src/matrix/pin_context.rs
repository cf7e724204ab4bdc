//! The pin context: what the cells of a pin have in common on every row. Built once per pin, since
//! a matrix has many more cells than pins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use pinmatrix_core::config::{Config, Family, Overrides, together};
use pinmatrix_core::model::cell::{Pin, PinnedAt, bare};
use pinmatrix_core::model::run::version_set::VersionSet;
use semver::Version;

use crate::machine::child_env::ChildEnv;
use crate::manifest::{RequirementPin, RequirementPins};
use crate::registry::ladder::{Ladder, LadderPin};
use crate::registry::published::Registry;
use crate::subject::path_pin::PathPin;

/// What the cells of one pin have in common.
#[derive(Debug)]
pub struct PinContext {
    /// The pins of requirements on the family's crates.
    pub holds: RequirementPins,
    /// The overrides for this pin.
    pub change: Overrides,
    /// The environment of children.
    pub child_env: Arc<ChildEnv>,
    /// A hash of the parts of the environment and of cargo's own config that affect results.
    pub around: String,
    /// The folder of an unreleased pin, and a hash of its contents.
    pub local: Option<(Utf8PathBuf, String)>,
    /// The crates of the family that declare a rust-version, with that version.
    pub needs: Vec<(String, Version)>,
    digests: Mutex<BTreeMap<String, Arc<str>>>,
}

impl PinContext {
    /// Returns the same context with the family taken from a folder.
    #[must_use]
    pub fn in_folder(&self, holds: RequirementPins, folder: Utf8PathBuf, content: String) -> Self {
        Self {
            holds,
            change: self.change.clone(),
            child_env: Arc::clone(&self.child_env),
            around: self.around.clone(),
            local: Some((folder, content)),
            needs: Vec::new(),
            digests: Mutex::default(),
        }
    }

    /// Returns a digest that all cells of this pin with the same `of` share. It is computed on
    /// first use.
    ///
    /// # Errors
    ///
    /// Returns the errors of `make`.
    pub fn digest(&self, of: &str, make: impl FnOnce() -> Result<String>) -> Result<Arc<str>> {
        let digests = || self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = digests().get(of) {
            return Ok(Arc::clone(known));
        }
        let made: Arc<str> = make()?.into();
        digests().insert(of.to_owned(), Arc::clone(&made));
        Ok(made)
    }
}

/// The pin contexts of a matrix.
#[derive(Debug, Default)]
pub struct PinContexts {
    of_pins: BTreeMap<Arc<Pin>, Arc<PinContext>>,
    /// For each family, the context for commits of its own repository, which pins nothing yet.
    of_commits: BTreeMap<String, Arc<PinContext>>,
}

impl PinContexts {
    /// Returns the context of a pin of a ladder, or of a commit between two pins.
    #[must_use]
    pub fn of(&self, pin: &Pin) -> Option<&Arc<PinContext>> {
        let of_pin = self.of_pins.get(pin);
        of_pin.or_else(|| self.of_commits.get(&pin.family))
    }
}

/// Returns the pins of the followers at a pin.
fn followers_at(sets: &[VersionSet], pin: &Pin) -> RequirementPins {
    let set = sets
        .iter()
        .find(|set| pin.at.version() == Some(&set.version));
    let followers = set.into_iter().flat_map(|set| &set.followers);
    followers
        .map(|(name, version)| (name.clone(), RequirementPin::Version(bare(version))))
        .collect()
}

/// The inputs of all pin contexts of a matrix.
pub struct PinContextBuilder<'a> {
    /// The contents of `matrix.toml`.
    pub config: &'a Config,
    /// The environment of children, unless a pin overrides it.
    pub child_env: &'a ChildEnv,
    /// Cargo's own config.
    pub cargo_home: &'a [Option<String>; 2],
    /// The contents of unreleased pins that are folders.
    pub locals: &'a BTreeMap<Utf8PathBuf, PathPin>,
    /// The source of the published versions.
    pub registry: &'a Registry,
    /// The versions of the followers, in the order of the families.
    pub sets: &'a [Vec<VersionSet>],
}

impl PinContextBuilder<'_> {
    /// Builds the contexts of every pin of every ladder.
    ///
    /// # Errors
    ///
    /// Returns an error if an input cannot be written as JSON.
    pub fn contexts(&self, ladders: &[Ladder]) -> Result<PinContexts> {
        let mut pin_contexts = PinContexts::default();
        // Most pins override nothing and share one environment.
        let mut around = Vec::new();
        let families = self.config.families.iter().zip(ladders).zip(self.sets);
        for ((family, ladder), sets) in families {
            let needs = self.needs(family);
            for LadderPin { pin, .. } in ladder.all() {
                let mut pin_context = self.context_of(family, pin, &needs, &mut around)?;
                pin_context.holds.extend(followers_at(sets, pin));
                pin_contexts
                    .of_pins
                    .insert(Arc::clone(pin), Arc::new(pin_context));
            }
            let commit = Pin {
                family: family.name.get_ref().clone(),
                at: PinnedAt::Path {
                    label: String::new(),
                    path: Utf8PathBuf::new(),
                },
            };
            let pin_context = self.context_of(family, &commit, &needs, &mut around)?;
            pin_contexts
                .of_commits
                .insert(commit.family, Arc::new(pin_context));
        }
        Ok(pin_contexts)
    }

    fn context_of(
        &self,
        family: &Family,
        pin: &Pin,
        needs: &BTreeMap<Version, Vec<(String, Version)>>,
        around: &mut Vec<(Overrides, Arc<ChildEnv>, String)>,
    ) -> Result<PinContext> {
        let adjustments = self.config.adjustments.iter();
        let change = together(adjustments.filter(|a| a.is_for(pin)).map(|a| &a.change));
        let known = around.iter().find(|(other, _, _)| *other == change);
        let (child_env, decides) = match known {
            Some((_, child_env, decides)) => (Arc::clone(child_env), decides.clone()),
            None => {
                let cap_lints = self.config.build.cap_lints;
                let child_env = Arc::new(self.child_env.changed(&change, cap_lints));
                let decides = serde_json::to_vec(&(child_env.cache_relevant(), self.cargo_home));
                let decides = blake3::hash(&decides.context("write what decides")?);
                let decides = decides.to_hex().to_string();
                around.push((change.clone(), Arc::clone(&child_env), decides.clone()));
                (child_env, decides)
            }
        };
        let needs = pin.at.version().and_then(|version| needs.get(version));
        Ok(PinContext {
            holds: self.holds(family, &pin.at),
            change,
            child_env,
            around: decides,
            local: match &pin.at {
                PinnedAt::Path { path, .. } => {
                    let content = self.locals.get(path).map(|local| local.content.clone());
                    Some((path.clone(), content.unwrap_or_default()))
                }
                PinnedAt::Version { .. } | PinnedAt::Git { .. } => None,
            },
            needs: needs.cloned().unwrap_or_default(),
            digests: Mutex::default(),
        })
    }

    /// Returns, for each version of a family, the rust-versions that its crates declare.
    fn needs(&self, family: &Family) -> BTreeMap<Version, Vec<(String, Version)>> {
        let mut needs: BTreeMap<Version, Vec<(String, Version)>> = BTreeMap::new();
        for krate in &family.crates {
            let name = krate.get_ref();
            let Some(versions) = self.registry.versions(name) else {
                continue;
            };
            for published in versions.iter() {
                if let Some(rustc) = &published.rust_version {
                    let of_version = needs.entry(bare(&published.version)).or_default();
                    of_version.push((name.clone(), rustc.clone()));
                }
            }
        }
        needs
    }

    fn holds(&self, family: &Family, at: &PinnedAt) -> RequirementPins {
        let hold = |name: &str| match at {
            PinnedAt::Version { version } => Some(RequirementPin::Version(version.clone())),
            PinnedAt::Git { git, rev, .. } => Some(RequirementPin::Git {
                git: git.clone(),
                rev: rev.clone(),
            }),
            PinnedAt::Path { path, .. } => {
                let folder = self.locals.get(path)?.crates.get(name)?;
                Some(RequirementPin::Path(folder.clone()))
            }
        };
        let names = family.crate_names().into_iter();
        names
            .filter_map(|name| Some((name.to_owned(), hold(name)?)))
            .collect()
    }
}
