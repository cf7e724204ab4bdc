//! A folder that holds the crates of a family before they are released.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::config::Config;
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::PinnedAt;

use crate::machine::child_env::ChildEnv;
use crate::machine::toolchain::Toolchain;
use crate::registry::ladder::Ladder;
use crate::subject::{git, workspace};

/// The contents of such a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPin {
    /// The folder of each crate.
    pub crates: BTreeMap<String, Utf8PathBuf>,
    /// A hash of all its files.
    pub content: String,
}

impl PathPin {
    /// Finds crates in a folder.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] if the folder is not a cargo workspace or lacks a crate.
    pub fn read(
        folder: &Utf8Path,
        crates: &[&str],
        cargo: &Toolchain,
        child_env: &ChildEnv,
    ) -> Result<Self> {
        Ok(Self {
            crates: Self::members_of(folder, crates, cargo, child_env)?,
            content: git::hash(folder)?,
        })
    }

    /// Returns the folders of some crates in a workspace that has all of them.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`PathPin::read`].
    pub fn members_of(
        folder: &Utf8Path,
        crates: &[&str],
        cargo: &Toolchain,
        child_env: &ChildEnv,
    ) -> Result<BTreeMap<String, Utf8PathBuf>> {
        let members = members(folder, cargo, child_env)?;
        let mut found = BTreeMap::new();
        for name in crates {
            let Some(place) = members.get(*name) else {
                let message = format!("{folder} holds no crate `{name}`");
                let names: Vec<&str> = members.keys().map(String::as_str).collect();
                let help = format!("it holds {}", names.join(", "));
                return Err(UserError::new(message).help(help).into());
            };
            found.insert((*name).to_owned(), place.clone());
        }
        Ok(found)
    }
}

/// Returns the folder of each workspace member.
fn members(
    folder: &Utf8Path,
    cargo: &Toolchain,
    child_env: &ChildEnv,
) -> Result<BTreeMap<String, Utf8PathBuf>> {
    let manifest = folder.join("Cargo.toml");
    let metadata = workspace(manifest.as_std_path(), cargo, child_env)?;
    let metadata = metadata.map_err(|stderr| {
        UserError::new(format!("cargo cannot read {manifest}"))
            .help(format!("cargo says:\n{stderr}"))
    })?;
    let members = metadata.packages.into_iter().filter_map(|package| {
        let folder = package.manifest_path.parent()?.to_owned();
        Some((package.name.to_string(), folder))
    });
    Ok(members.collect())
}

/// Reads the folders of unreleased pins; each must contain every crate of its family.
///
/// # Errors
///
/// Returns the errors of [`PathPin::read`].
pub fn locals(
    config: &Config,
    ladders: &[Ladder],
    cargo: &Toolchain,
    child_env: &ChildEnv,
) -> Result<BTreeMap<Utf8PathBuf, PathPin>> {
    let mut locals = BTreeMap::new();
    for (family, ladder) in config.families.iter().zip(ladders) {
        for pin in &ladder.rungs {
            let PinnedAt::Path { path, .. } = &pin.at else {
                continue;
            };
            let local = PathPin::read(path, &family.crate_names(), cargo, child_env)?;
            locals.insert(path.clone(), local);
        }
    }
    Ok(locals)
}
