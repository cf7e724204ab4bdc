//! Adjustments: changes to the copy of the subject for a range of pins.

use std::collections::{BTreeMap, BTreeSet};

use semver::VersionReq;
use serde::Serialize;
use toml::Spanned;

use super::values::{requirement, variables};
use super::{Span, did_you_mean};
use crate::config::families::Family;
use crate::config::filters::released;
use crate::config::raw;
use crate::error::{SourceText, UserError};
use crate::model::cell::{Pin, PinnedAt};

/// The changes for a range of a family's pins.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// The location of its pins in the file.
    pub at: Span,
    /// The family.
    pub family: String,
    /// The published pins it applies to.
    pins: VersionReq,
    /// Whether it also applies to unreleased pins.
    unreleased: bool,
    /// The changes.
    pub change: Overrides,
}

/// Changes to the copy of the subject and to the environment of its cells.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Overrides {
    /// By crate and feature: the features to request instead; an empty list drops the feature.
    pub features: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// The `--cfg` flags for all packages.
    pub cfg: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Changes to the dependencies of members, in order.
    pub dependencies: Vec<DependencyEdits>,
    /// By package, the versions that the lock may hold of it.
    pub hold: BTreeMap<String, VersionReq>,
    /// Whether `[patch]` entries for crates of the family stay.
    pub keep_patches: bool,
}

/// Changes to the dependencies of members of the subject, by key.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DependencyEdits {
    /// The members that are changed; empty for all.
    pub members: Vec<String>,
    /// The dependencies to remove.
    pub drop: Vec<String>,
    /// The dependencies that get another key, with that key. Without `package`, they are then on the
    /// package of that name.
    pub rename: BTreeMap<String, String>,
    /// The dependencies to change where they stand, or else to add.
    pub normal: BTreeMap<String, toml::Value>,
    /// The same for dependencies of tests, examples and benches.
    pub dev: BTreeMap<String, toml::Value>,
    /// The same for dependencies of build scripts.
    pub build: BTreeMap<String, toml::Value>,
}

impl DependencyEdits {
    /// True if a member is changed.
    #[must_use]
    pub fn is_for(&self, member: &str) -> bool {
        self.members.is_empty() || self.members.iter().any(|name| name == member)
    }

    /// What is changed or added, by the table to which it is added.
    #[must_use]
    pub fn added(&self) -> [(&'static str, &BTreeMap<String, toml::Value>); 3] {
        [
            ("dependencies", &self.normal),
            ("dev-dependencies", &self.dev),
            ("build-dependencies", &self.build),
        ]
    }

    /// The changes, as text.
    fn words(&self) -> Vec<String> {
        let dropped = self.drop.iter();
        let dropped = dropped.map(|key| format!("dependency {key} dropped"));
        let renamed = self.rename.iter();
        let renamed = renamed.map(|(key, to)| format!("dependency {key} renamed to {to}"));
        let added = self.added().into_iter().flat_map(|(_, added)| added.keys());
        let added = added.map(|key| format!("dependency {key}"));
        dropped.chain(renamed).chain(added).collect()
    }
}

impl Overrides {
    /// The changes, as text.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let features = self.features.keys();
        let features = features.map(|krate| format!("features of {krate}"));
        let dependencies = self.dependencies.iter().flat_map(DependencyEdits::words);
        let cfg = self.cfg.iter().map(|cfg| format!("--cfg {cfg}"));
        let env = self.env.keys().map(|name| format!("variable {name}"));
        let hold = self.hold.iter();
        let hold = hold.map(|(package, req)| format!("{package} held at {req}"));
        let patches = self.keep_patches.then(|| "patches kept".to_owned());
        let words = features.chain(dependencies).chain(cfg).chain(env);
        let words = words.chain(hold).chain(patches);
        let words: BTreeSet<String> = words.collect();
        words.into_iter().collect()
    }
}

impl Adjustment {
    /// True if it applies to this pin. A pre-release counts as its release.
    #[must_use]
    pub fn is_for(&self, pin: &Pin) -> bool {
        pin.family == self.family
            && match &pin.at {
                PinnedAt::Version { version } => self.pins.matches(&released(version)),
                PinnedAt::Git { .. } | PinnedAt::Path { .. } => self.unreleased,
            }
    }
}

pub(super) fn adjustments(
    text: &SourceText,
    written: Vec<raw::Adjust>,
    families: &[Family],
) -> Result<Vec<Adjustment>, UserError> {
    let adjustment = |written: raw::Adjust| {
        let family = match (&written.family, families) {
            (None, [only]) => only,
            (None, _) => {
                return Err(text
                    .error_at("an adjustment of which family?")
                    .at(written.pins.span(), "pins of several families")
                    .help("add `family = \"NAME\"`"));
            }
            (Some(name), _) => named(text, name, families)?,
        };
        for krate in written.features.keys() {
            if !family.moves(krate.get_ref()) {
                let names = family.crate_names();
                return Err(text
                    .error_at(format!(
                        "`{}` is not a crate of the family",
                        krate.get_ref()
                    ))
                    .at(krate.span(), "not among its crates")
                    .maybe_help(did_you_mean(krate.get_ref(), names)));
            }
        }
        let edits = DependencyEdits {
            members: written.members,
            drop: written.drop,
            rename: written.rename,
            normal: written.dependencies,
            dev: written.dev_dependencies,
            build: written.build_dependencies,
        };
        let edits = (!edits.words().is_empty()).then_some(edits);
        let features = written.features.into_iter();
        Ok(Adjustment {
            at: written.pins.span(),
            family: family.name.get_ref().clone(),
            pins: requirement(text, &written.pins)?,
            unreleased: written.unreleased,
            change: Overrides {
                features: features.map(|(k, v)| (k.into_inner(), v)).collect(),
                cfg: written.cfg,
                env: variables(text, written.env)?,
                hold: holds(text, family, written.hold)?,
                keep_patches: written.keep_patches,
                dependencies: edits.into_iter().collect(),
            },
        })
    };
    written.into_iter().map(adjustment).collect()
}

/// The packages that an adjustment holds. The family moves by its pins alone.
fn holds(
    text: &SourceText,
    family: &Family,
    written: BTreeMap<Spanned<String>, Spanned<String>>,
) -> Result<BTreeMap<String, VersionReq>, UserError> {
    let hold = |(package, versions): (Spanned<String>, Spanned<String>)| {
        if family.moves(package.get_ref()) {
            return Err(text
                .error_at(format!("`{}` moves with the family", package.get_ref()))
                .at(package.span(), "held")
                .help("hold packages outside the family; `pins` says where the family is"));
        }
        let req = requirement(text, &versions)?;
        Ok((package.into_inner(), req))
    };
    written.into_iter().map(hold).collect()
}

fn named<'a>(
    text: &SourceText,
    name: &Spanned<String>,
    families: &'a [Family],
) -> Result<&'a Family, UserError> {
    let known = families.iter().find(|f| f.name.get_ref() == name.get_ref());
    known.ok_or_else(|| {
        let names = families.iter().map(|f| f.name.get_ref().as_str());
        text.error_at(format!("there is no family `{}`", name.get_ref()))
            .at(name.span(), "not in this matrix")
            .maybe_help(did_you_mean(name.get_ref(), names))
    })
}

/// Merges the changes of several adjustments; if two conflict, the later one in the file wins.
#[must_use]
pub fn together<'a>(changes: impl IntoIterator<Item = &'a Overrides>) -> Overrides {
    let mut all = Overrides::default();
    for change in changes {
        for (krate, features) in &change.features {
            let of_crate = all.features.entry(krate.clone()).or_default();
            of_crate.extend(features.clone());
        }
        all.cfg.extend(change.cfg.iter().cloned());
        all.env.extend(change.env.clone());
        all.hold.extend(change.hold.clone());
        all.keep_patches |= change.keep_patches;
        all.dependencies.extend(change.dependencies.iter().cloned());
    }
    all
}
