//! The setting of a cell: everything that it is made of, looked up in the matrix.

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use crate::config::{Change, Family, FeatureSet, together};
use crate::environment::Surroundings;
use crate::manifest::{Hold, Holds};
use crate::matrix::{Matrix, Tree};
use crate::model::cell::{At, Cell};
use crate::toolchain::Toolchain;

/// Everything that a cell is made of.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// The family that is pinned.
    pub family: &'a Family,
    /// The toolchain.
    pub toolchain: &'a Toolchain,
    /// The revision of the subject.
    pub tree: &'a Tree,
    /// The features that are on.
    pub features: &'a FeatureSet,
    /// What requirements on the family's crates are held at.
    pub holds: Holds,
    /// What is changed for this pin.
    pub change: Change,
    /// What children see of the environment.
    pub surroundings: Surroundings,
    /// The folder of an unreleased pin, and a hash of what is in it.
    pub local: Option<(Utf8PathBuf, String)>,
    /// A hash of what decides and is neither the subject's, nor a toolchain's, nor the pin's: the
    /// environment, cargo's own config, and what the subject reaches outside its folder.
    pub conditions: String,
}

impl<'a> Setting<'a> {
    /// The setting of a cell; `None` where its toolchain is not on this machine.
    ///
    /// # Errors
    ///
    /// When the cell is none of the matrix.
    pub fn of(matrix: &'a Matrix, cell: &'a Cell) -> Result<Option<Self>> {
        let mut trees = matrix.trees.iter();
        let tree = trees
            .find(|tree| tree.label == cell.row.source)
            .with_context(|| format!("find the source of {}", cell.id()))?;
        Self::on(matrix, cell, tree)
    }

    /// As [`Setting::of`], on a revision of the subject that need not be one of the matrix.
    ///
    /// # Errors
    ///
    /// As [`Setting::of`].
    pub fn on(matrix: &'a Matrix, cell: &'a Cell, tree: &'a Tree) -> Result<Option<Self>> {
        let family = matrix
            .family(&cell.pin)
            .with_context(|| format!("find the family of {}", cell.id()))?;
        let mut sets = matrix.config.feature_sets.iter();
        let features = sets
            .find(|set| set.label == cell.row.features)
            .with_context(|| format!("find the features of {}", cell.id()))?;
        let Some(toolchain) = matrix.toolchain(&cell.row) else {
            return Ok(None);
        };
        let adjustments = matrix.config.adjustments.iter();
        let change = together(
            adjustments
                .filter(|a| a.is_for(&cell.pin))
                .map(|a| &a.change),
        );
        let build = &matrix.config.build;
        let surroundings = matrix.surroundings.changed(&change, build.cap_lints);
        let conditions = (
            surroundings.deciding(),
            matrix.cargo_home(),
            &tree.subject.outside,
        );
        let conditions = serde_json::to_vec(&conditions).context("write the conditions")?;
        let local = match &cell.pin.at {
            At::Path { path, .. } => {
                let content = matrix.locals.get(path).map(|local| local.content.clone());
                Some((path.clone(), content.unwrap_or_default()))
            }
            At::Version { .. } | At::Git { .. } => None,
        };
        Ok(Some(Self {
            cell,
            family,
            toolchain,
            tree,
            features,
            holds: holds(matrix, family, &cell.pin.at),
            change,
            surroundings,
            local,
            conditions: blake3::hash(&conditions).to_hex().to_string(),
        }))
    }

    /// All variables for a child that works with a toolchain.
    #[must_use]
    pub fn vars(&self, toolchain: &Toolchain) -> BTreeMap<OsString, OsString> {
        self.surroundings.with_sysroot(&toolchain.sysroot)
    }
}

fn holds(matrix: &Matrix, family: &Family, at: &At) -> Holds {
    let hold = |name: &str| match at {
        At::Version { version } => Some(Hold::Version(version.clone())),
        At::Git { git, rev, .. } => Some(Hold::Git {
            git: git.clone(),
            rev: rev.clone(),
        }),
        At::Path { path, .. } => {
            let folder = matrix.locals.get(path)?.crates.get(name)?;
            Some(Hold::Path(folder.clone()))
        }
    };
    let names = family.crate_names().into_iter();
    names
        .filter_map(|name| Some((name.to_owned(), hold(name)?)))
        .collect()
}
