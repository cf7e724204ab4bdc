//! Keys: a hash of all that decides a result. Same key, same result, no work.

use anyhow::{Context, Result};
use serde::Serialize;

use crate::config::{Build, Timeouts};
use crate::toolchain::Toolchain;

/// The rules by which this version of the tool gets from a cell to an outcome. Raised whenever a
/// change in the tool can change an outcome, so that nothing kept under older rules is taken over.
pub const RULES: u32 = 2;

/// A hash of any values.
///
/// # Errors
///
/// When a value has no JSON form; those used here all have.
pub fn of(parts: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(parts).context("write the parts of a key")?;
    Ok(blake3::hash(&json).to_hex().to_string())
}

/// What decides an outcome.
#[derive(Serialize)]
pub struct Parts<'a> {
    /// A hash of the subject's files.
    pub sources: &'a str,
    /// A hash of what is outside the subject and decides all the same.
    pub conditions: &'a str,
    /// The rewritten manifests and configs.
    pub rewritten: &'a crate::exec::stage::Rewritten,
    /// A hash of what decides of the resolution.
    pub resolution: String,
    /// The names of the cell; they stand in what is kept.
    pub cell: &'a str,
}

/// The key of an outcome.
///
/// # Errors
///
/// As [`of`].
pub fn outcome(
    parts: &Parts<'_>,
    toolchain: &Toolchain,
    build: &Build,
    timeouts: &Timeouts,
) -> Result<String> {
    of(&(
        RULES,
        parts,
        (&toolchain.rustc_verbose, &toolchain.cargo_version),
        self::build(build),
        (timeouts.build, timeouts.target, timeouts.case),
    ))
}

/// What of `[build]` decides; debug info is in the environment.
#[must_use]
pub fn build(build: &Build) -> impl Serialize + use<> {
    (
        build.profile.get_ref().clone(),
        feature_flags(build),
        build.doc_tests,
    )
}

/// The flags that choose features.
#[must_use]
pub fn feature_flags(build: &Build) -> Vec<String> {
    let mut flags = Vec::new();
    if build.all_features {
        flags.push("--all-features".to_owned());
    }
    if !build.default_features {
        flags.push("--no-default-features".to_owned());
    }
    if !build.features.is_empty() {
        let features = build.features.iter().map(|f| f.get_ref().as_str());
        flags.push(format!(
            "--features={}",
            features.collect::<Vec<_>>().join(",")
        ));
    }
    flags
}
