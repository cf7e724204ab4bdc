//! The cell context: everything that a cell consists of, looked up in the matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;

use anyhow::{Context, Result};
use pinmatrix_core::config::{BuildConfig, Family, FeatureSet, takes_settings};
use pinmatrix_core::model::cell::{Cell, Pin};

use crate::machine::toolchain::Toolchain;
use crate::matrix::Matrix;
use crate::matrix::family_packages::PinnedFamily;
use crate::matrix::pin_context::PinContext;
use crate::subject::selection::SelectedPackages;
use crate::subject::source_tree::SourceTree;

/// Everything that a cell consists of.
#[derive(Clone, Debug)]
pub struct CellContext<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// The pinned family.
    pub family: &'a Family,
    /// The row's toolchain.
    pub toolchain: &'a Toolchain,
    /// The revision of the subject.
    pub tree: &'a SourceTree,
    /// The members that are built and tested.
    pub selection: &'a SelectedPackages,
    /// The packages whose `[patch]` holds in it: those that the subject is on today at this pin, or
    /// all if an adjustment keeps them.
    pub patched: BTreeSet<String>,
    /// The enabled features.
    pub features: &'a FeatureSet,
    /// What it has in common with all cells of its pin.
    pub pin_context: Arc<PinContext>,
}

impl<'a> CellContext<'a> {
    /// Looks up the context of a cell. Returns `None` if its toolchain is not on this machine.
    ///
    /// # Errors
    ///
    /// Returns an error if the cell is not in the matrix.
    pub fn of(matrix: &'a Matrix, cell: &'a Cell) -> Result<Option<Self>> {
        let tree = matrix
            .tree(&cell.row)
            .with_context(|| format!("find the source of {}", cell.id()))?;
        Self::on(matrix, cell, tree)
    }

    /// Looks up a context as [`CellContext::of`] does, for a revision of the subject that need not
    /// be in the matrix.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`CellContext::of`].
    pub fn on(matrix: &'a Matrix, cell: &'a Cell, tree: &'a SourceTree) -> Result<Option<Self>> {
        let unknown = |what: &str| format!("find the {what} of {}", cell.id());
        let family = matrix.family(&cell.pin);
        let family = family.with_context(|| unknown("family"))?;
        let features = matrix.features(&cell.row);
        let features = features.with_context(|| unknown("features"))?;
        let pin_context = matrix.pin_context(&cell.pin);
        let pin_context = pin_context.with_context(|| unknown("pin"))?;
        let selection = tree.selections.get(&cell.pin.family);
        let selection = selection.with_context(|| unknown("packages"))?;
        let Some(toolchain) = matrix.toolchain(&cell.row) else {
            return Ok(None);
        };
        Ok(Some(Self {
            cell,
            family,
            toolchain,
            patched: patched(tree, family, &cell.pin, pin_context.change.keep_patches),
            tree,
            selection,
            features,
            pin_context: Arc::clone(pin_context),
        }))
    }

    /// Returns the family at the pin of the cell.
    #[must_use]
    pub fn pinned(&self) -> PinnedFamily<'_> {
        PinnedFamily {
            family: self.family,
            at: &self.cell.pin.at,
            pins: &self.pin_context.holds,
            patched: &self.patched,
        }
    }

    /// Returns all variables for a child that uses a toolchain.
    #[must_use]
    pub fn vars(&self, toolchain: &Toolchain) -> BTreeMap<OsString, OsString> {
        let child_env = &self.pin_context.child_env;
        let mut vars = toolchain.vars(child_env);
        if takes_settings(&toolchain.cargo) {
            vars.retain(|name, _| !name.to_str().is_some_and(|n| child_env.is_setting(n)));
        }
        vars
    }

    /// Returns the flags of cargo that say for what and how the cell is built.
    #[must_use]
    pub fn build_flags(&self, build: &BuildConfig) -> Vec<String> {
        let mut flags = build.flags(&self.toolchain.cargo);
        flags.extend(self.toolchain.target_flag());
        flags
    }

    /// Returns what affects a result apart from the subject's files, the toolchain and the pin: the
    /// environment, cargo's own config, and what the subject reaches outside its folder.
    #[must_use]
    pub fn conditions(&self) -> (&str, &str) {
        (&self.pin_context.around, &self.tree.subject.outside)
    }

    /// Returns a hash of the compiler, and of what cargo ignores when it decides whether a compiled
    /// unit is fresh. Cells with different hashes share nothing.
    #[must_use]
    pub fn build_group(&self) -> String {
        let toolchain = self.toolchain;
        let parts = [
            &self.pin_context.around,
            &self.tree.cargo_config,
            &toolchain.rustc_verbose,
            &toolchain.cargo_version,
            toolchain.triple(),
        ];
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Returns the packages whose patch holds: those that the lock uses if the subject is on the pin
/// today, or all of them.
fn patched(tree: &SourceTree, family: &Family, pin: &Pin, keeps: bool) -> BTreeSet<String> {
    let is_today = pin.at.version().is_some_and(|at| tree.is_on(family, at));
    let patched = tree.patched.iter();
    let patched = patched.filter(|(_, version)| keeps || (is_today && version.is_some()));
    patched.map(|(name, _)| name.clone()).collect()
}
