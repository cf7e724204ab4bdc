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
    /// Additional dependencies of members.
    pub extra: Vec<ExtraDependencies>,
    /// By package, the versions that the lock may hold of it.
    pub hold: BTreeMap<String, VersionReq>,
}

/// Dependencies to add to members of the subject.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExtraDependencies {
    /// The dependencies by name, as in a manifest.
    pub dependencies: BTreeMap<String, toml::Value>,
    /// The members that get them; empty for all.
    pub members: Vec<String>,
}

impl Overrides {
    /// The changes, as text.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let features = self.features.keys();
        let features = features.map(|krate| format!("features of {krate}"));
        let extra = self
            .extra
            .iter()
            .flat_map(|extra| extra.dependencies.keys());
        let extra = extra.map(|name| format!("dependency {name}"));
        let cfg = self.cfg.iter().map(|cfg| format!("--cfg {cfg}"));
        let env = self.env.keys().map(|name| format!("variable {name}"));
        let hold = self.hold.iter();
        let hold = hold.map(|(package, req)| format!("{package} held at {req}"));
        let words = features.chain(extra).chain(cfg).chain(env).chain(hold);
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
                extra: if written.dependencies.is_empty() {
                    Vec::new()
                } else {
                    vec![ExtraDependencies {
                        dependencies: written.dependencies,
                        members: written.members,
                    }]
                },
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
        all.extra.extend(change.extra.iter().cloned());
    }
    all
}
