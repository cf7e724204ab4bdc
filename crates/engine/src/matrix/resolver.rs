//! Which toolchain's cargo resolves the locks of all cells.

use anyhow::Result;
use pinmatrix_core::error::UserError;
use semver::Version;

use crate::machine::toolchain::{LookupResult, Toolchain, ToolchainLookup};

/// The oldest cargo that can resolve for all toolchains: the first that can fall back to versions
/// that fit a rust-version.
/// <https://doc.rust-lang.org/cargo/reference/config.html#resolverincompatible-rust-versions>
const OLDEST_RESOLVER: Version = Version::new(1, 84, 0);

/// Explains for each unavailable toolchain why it is unavailable.
pub(super) fn missing(toolchains: &[ToolchainLookup]) -> String {
    let why = |sought: &ToolchainLookup| match &sought.found {
        LookupResult::Found(_) => None,
        LookupResult::Missing { why } => Some(format!("\n{} is missing: {why}", sought.label)),
        LookupResult::Broken { why } => Some(format!("\n{} does not respond: {why}", sought.label)),
    };
    toolchains.iter().filter_map(why).collect()
}

/// Chooses the newest available cargo, which resolves for all toolchains.
pub(super) fn resolver(toolchains: &[ToolchainLookup]) -> Result<Toolchain> {
    let newest = toolchains
        .iter()
        .filter_map(ToolchainLookup::toolchain)
        .max_by(|a, b| a.cargo.cmp(&b.cargo));
    match newest {
        Some(toolchain) if toolchain.cargo >= OLDEST_RESOLVER => Ok(toolchain.clone()),
        Some(toolchain) => Err(UserError::new(format!(
            "the newest cargo of the matrix is {}, and resolving for several toolchains takes {OLDEST_RESOLVER}",
            toolchain.cargo
        ))
        .help(format!(
            "add a newer toolchain to matrix.toml, for example `rustup = \"stable\"`{}",
            missing(toolchains)
        ))
        .into()),
        None => Err(UserError::new("no toolchain of the matrix is on this machine")
            .help(format!(
                "`toolchains install` gets those that rustup or Debian has{}",
                missing(toolchains)
            ))
            .into()),
    }
}
