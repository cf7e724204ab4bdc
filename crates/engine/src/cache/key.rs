//! Keys: a hash of all that decides a result. Same key, same result, no work.

use std::sync::Arc;

use anyhow::{Context, Result};
use pinmatrix_core::config::Config;
use serde::Serialize;

use crate::matrix::cell_context::CellContext;
use crate::workdir::stage;

/// The rules by which this version of the tool gets from a cell to an outcome. Raised whenever a
/// change in the tool can change an outcome, so that nothing kept under older rules is taken over.
pub const RULES: u32 = 16;

/// A hash of any values.
///
/// # Errors
///
/// When a value has no JSON form; those used here all have.
pub fn of(parts: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(parts).context("write the parts of a key")?;
    Ok(blake3::hash(&json).to_hex().to_string())
}

/// The key of an outcome: what its cell is made of, what decides of its resolution and of moving it, how
/// the run goes, and what builds and tests may reach.
///
/// # Errors
///
/// As [`of`], and when the subject cannot be read.
pub fn outcome(
    setting: &CellContext<'_>,
    resolution: &impl Serialize,
    config: &Config,
    sandbox: &impl Serialize,
) -> Result<String> {
    let (toolchain, timeouts) = (setting.toolchain, &config.timeouts);
    of(&(
        RULES,
        // It stands in what is kept.
        setting.cell.id(),
        (&setting.tree.sources, setting.conditions()),
        pinned(setting)?,
        resolution,
        (&toolchain.rustc_verbose, &toolchain.cargo_version),
        build(setting, config),
        (timeouts.build, timeouts.target, timeouts.case),
        config.run.retries,
        sandbox,
    ))
}

/// A hash of the rewritten files of a cell: an unreleased pin by what is in its folder and not by
/// where that is.
///
/// # Errors
///
/// As [`outcome`].
pub fn pinned(setting: &CellContext<'_>) -> Result<Arc<str>> {
    let ground = &setting.ground;
    let tree = setting.tree;
    // Paths that leave the subject are written into its manifests.
    let of = format!("{} {}", tree.subject.root, tree.sources);
    ground.digest(&of, || {
        let mut files = stage::pinned(setting)?;
        if let Some((folder, _)) = &ground.local {
            for text in files.values_mut() {
                *text = text.replace(folder.as_str(), "<pin>");
            }
        }
        let content = ground.local.as_ref().map(|(_, content)| content);
        self::of(&(files, content))
    })
}

/// What of `[build]` and `[[features]]` decides; the rest of it is in the environment.
#[must_use]
pub fn build(setting: &CellContext<'_>, config: &Config) -> impl Serialize + use<> {
    (
        config.build.flags(&setting.toolchain.cargo),
        setting.features.flags(),
        config.build.examples,
        config.build.doc_tests,
    )
}
