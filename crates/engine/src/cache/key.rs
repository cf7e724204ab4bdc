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
    context: &CellContext<'_>,
    resolution: &impl Serialize,
    config: &Config,
    sandbox: &impl Serialize,
) -> Result<String> {
    let (toolchain, timeouts) = (context.toolchain, &config.timeouts);
    of(&(
        RULES,
        // It stands in what is kept.
        context.cell.id(),
        (&context.tree.sources, context.conditions()),
        pinned(context)?,
        resolution,
        (&toolchain.rustc_verbose, &toolchain.cargo_version),
        build(context, config),
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
pub fn pinned(context: &CellContext<'_>) -> Result<Arc<str>> {
    let pin_context = &context.pin_context;
    let tree = context.tree;
    // Paths that leave the subject are written into its manifests.
    let of = format!("{} {}", tree.subject.root, tree.sources);
    pin_context.digest(&of, || {
        let mut files = stage::pinned(context)?;
        if let Some((folder, _)) = &pin_context.local {
            for text in files.values_mut() {
                *text = text.replace(folder.as_str(), "<pin>");
            }
        }
        let content = pin_context.local.as_ref().map(|(_, content)| content);
        self::of(&(files, content))
    })
}

/// What of `[build]` and `[[features]]` decides; the rest of it is in the environment.
#[must_use]
pub fn build(context: &CellContext<'_>, config: &Config) -> impl Serialize + use<> {
    (
        config.build.flags(&context.toolchain.cargo),
        context.features.flags(),
        config.build.examples,
        config.build.doc_tests,
    )
}
