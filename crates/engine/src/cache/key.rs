//! Keys: a hash of everything that decides a result. The same key means the same result, and no
//! work.

use std::sync::Arc;

use anyhow::{Context, Result};
use pinmatrix_core::config::Config;
use serde::Serialize;

use crate::matrix::cell_context::CellContext;
use crate::workdir::stage;

/// The version of the rules by which the tool turns a cell into an outcome. It is raised whenever a
/// change to the tool can change an outcome, so that nothing stored under older rules is reused.
pub const RULES: u32 = 16;

/// Returns a hash of any values.
///
/// # Errors
///
/// Returns an error if a value cannot be written as JSON; all values used here can.
pub fn of(parts: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(parts).context("write the parts of a key")?;
    Ok(blake3::hash(&json).to_hex().to_string())
}

/// Returns the key of an outcome: a hash of what its cell consists of, what affects it in its
/// resolution, how the run is configured, and what builds and tests may access.
///
/// # Errors
///
/// Returns the errors of [`of`], and an error if the subject cannot be read.
pub fn outcome(
    context: &CellContext<'_>,
    resolution: &impl Serialize,
    config: &Config,
    sandbox: &impl Serialize,
) -> Result<String> {
    let (toolchain, timeouts) = (context.toolchain, &config.timeouts);
    of(&(
        RULES,
        // The stored outcome contains it.
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

/// Returns a hash of the rewritten files of a cell. An unreleased pin is identified by its folder's
/// contents, not its path.
///
/// # Errors
///
/// Returns the errors of [`outcome`].
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

/// Returns the parts of `[build]` and `[[features]]` that affect results; the rest is in the
/// environment.
#[must_use]
pub fn build(context: &CellContext<'_>, config: &Config) -> impl Serialize + use<> {
    (
        config.build.flags(&context.toolchain.cargo),
        context.features.flags(),
        config.build.examples,
        config.build.doc_tests,
    )
}
