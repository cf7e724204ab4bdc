//! Platforms that a cargo config of the subject builds for.

use std::collections::BTreeSet;

use anyhow::Result;
use pinmatrix_core::config::Config;

use crate::machine::cargo_home::own_config;
use crate::machine::toolchain::ToolchainLookup;
use crate::machine::{cargo_config, own_env};
use crate::subject::Subject;

/// The variable that takes precedence over cargo configs.
const VARIABLE: &str = "CARGO_BUILD_TARGET";

/// Cargo's name for the host of the toolchain.
/// <https://doc.rust-lang.org/cargo/reference/config.html#buildtarget>
const HOST: &str = "host-tuple";

/// Rejects a variable or a cargo config that builds for another platform than any toolchain's host:
/// nothing of it would run.
///
/// # Errors
///
/// Returns a [`UserError`](pinmatrix_core::error::UserError) that names the config, and other errors
/// if a config cannot be read.
pub fn runs_here(config: &Config, subject: &Subject, toolchains: &[ToolchainLookup]) -> Result<()> {
    let found = toolchains.iter().filter_map(ToolchainLookup::toolchain);
    let hosts: BTreeSet<&str> = found.map(|toolchain| toolchain.host.as_str()).collect();
    let Some(first) = hosts.first() else {
        return Ok(());
    };
    let (from, targets) = effective(config, subject)?;
    let is_host = |target: &str| target == HOST || hosts.contains(target);
    let Some(other) = targets.iter().find(|target| !is_host(target)) else {
        return Ok(());
    };
    let help = format!("under [env], `set = {{ {VARIABLE} = \"{first}\" }}` builds for {first}");
    Err(config
        .text
        .error_at(format!(
            "{from} builds for `{other}`, and tests run on {first}"
        ))
        .at(config.subject.span(), "this subject")
        .help(help)
        .into())
}

/// Returns the platforms that cargo builds for, and what says so: a variable, or the config with the
/// highest precedence that names any.
fn effective(config: &Config, subject: &Subject) -> Result<(String, Vec<String>)> {
    let environment = &config.environment;
    let set = environment.set.get(VARIABLE).cloned();
    let passed = environment.pass.iter().any(|name| name == VARIABLE);
    let outside = own_env::var(VARIABLE).filter(|_| passed);
    let variable = set.or_else(|| outside?.into_string().ok());
    if let Some(target) = variable {
        return Ok((VARIABLE.to_owned(), vec![target]));
    }
    let own = subject.cargo_configs()?.into_iter();
    let own = own.map(|own| (own.path.into_string(), own.text));
    let of_home = own_config().into_iter().flatten();
    let of_home = of_home.map(|text| ("the config in cargo's home".to_owned(), text));
    let all = own.chain(of_home);
    let mut named = all.map(|(from, text)| (from, cargo_config::build_targets(&text)));
    let first = named.find(|(_, targets)| !targets.is_empty());
    Ok(first.unwrap_or_default())
}
