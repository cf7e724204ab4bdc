//! Platforms that a cargo config of the subject builds for.

use std::collections::BTreeSet;

use anyhow::Result;
use pinmatrix_core::config::Config;

use crate::machine::cargo_config;
use crate::machine::toolchain::ToolchainLookup;
use crate::subject::Subject;

/// Rejects a cargo config that builds for another platform than any toolchain's host: nothing of it
/// would run.
///
/// # Errors
///
/// Returns a [`UserError`](pinmatrix_core::error::UserError) that names the config, and other errors if a
/// config cannot be read.
pub fn runs_here(config: &Config, subject: &Subject, toolchains: &[ToolchainLookup]) -> Result<()> {
    const VARIABLE: &str = "CARGO_BUILD_TARGET";
    if config.environment.set.contains_key(VARIABLE) {
        return Ok(());
    }
    let found = toolchains.iter().filter_map(ToolchainLookup::toolchain);
    let hosts: BTreeSet<&str> = found.map(|toolchain| toolchain.host.as_str()).collect();
    let Some(first) = hosts.first() else {
        return Ok(());
    };
    for own in subject.cargo_configs()? {
        let targets = cargo_config::build_targets(&own.text);
        if let Some(other) = targets
            .iter()
            .find(|target| !hosts.contains(target.as_str()))
        {
            let path = &own.path;
            let message = format!("{path} builds for `{other}`, and tests run on {first}");
            let help =
                format!("under [env], `set = {{ {VARIABLE} = \"{first}\" }}` builds for {first}");
            return Err(config
                .text
                .error_at(message)
                .at(config.subject.span(), "this subject")
                .help(help)
                .into());
        }
    }
    Ok(())
}
