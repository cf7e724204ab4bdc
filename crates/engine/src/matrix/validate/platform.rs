//! Platforms that a cargo config of the subject builds for.

use anyhow::Result;
use pinmatrix_core::config::Config;

use crate::machine::cargo_home::own_config;
use crate::machine::toolchain::{Toolchain, ToolchainLookup};
use crate::machine::{cargo_config, own_env};
use crate::subject::Subject;
use crate::subject::source_tree::SourceTree;

/// The variable that takes precedence over cargo configs.
const VARIABLE: &str = "CARGO_BUILD_TARGET";

/// Cargo's name for the host of the toolchain.
/// <https://doc.rust-lang.org/cargo/reference/config.html#buildtarget>
const HOST: &str = "host-tuple";

/// Rejects a platform of a row that no rustc here knows.
///
/// # Errors
///
/// Returns a [`UserError`](pinmatrix_core::error::UserError) at the first such row.
pub fn known(config: &Config, toolchains: &[ToolchainLookup], newest: &Toolchain) -> Result<()> {
    for (spec, lookup) in config.toolchains.iter().zip(toolchains) {
        let Some(target) = &spec.target else { continue };
        let triple = target.get_ref();
        if lookup.toolchain().is_none() && !newest.knows(triple) {
            let error = config
                .text
                .error_at(format!("rustc knows no platform `{triple}`"));
            let help = "`rustc --print=target-list` lists the platforms that it knows";
            return Err(error.at(target.span(), "this target").help(help).into());
        }
    }
    Ok(())
}

/// Makes toolchains without a `target` of their own build for the platform that a variable or a
/// cargo config names.
///
/// # Errors
///
/// Returns a [`UserError`](pinmatrix_core::error::UserError) that names the config if it names several
/// platforms, or one that a toolchain cannot build for, and other errors if a config cannot be read.
pub fn configured(
    config: &Config,
    trees: &[SourceTree],
    toolchains: &mut [ToolchainLookup],
) -> Result<()> {
    let mut effective = trees.iter().map(|tree| effective(config, &tree.subject));
    let (from, targets) = effective.next().transpose()?.unwrap_or_default();
    let first = toolchains.iter().find_map(ToolchainLookup::toolchain);
    let host = first.map_or(HOST, |toolchain| &toolchain.host).to_owned();
    let refuse = |why: String| {
        let error = config
            .text
            .error_at(why)
            .at(config.subject.span(), "this subject");
        error.help(format!(
            "`target` of a `[[toolchain]]` takes precedence; \
             under [env], `set = {{ {VARIABLE} = \"{host}\" }}` builds for {host}"
        ))
    };
    for other in effective {
        if other?.1 != targets {
            let why = "the revisions of the subject build for different platforms";
            return Err(refuse(why.to_owned()).into());
        }
    }
    let target = match targets.as_slice() {
        [] => return Ok(()),
        [target] => target,
        several => {
            let several = several.join(", ");
            return Err(refuse(format!("{from} builds for several platforms: {several}")).into());
        }
    };
    for lookup in &mut *toolchains {
        let Some(toolchain) = lookup.toolchain_mut() else {
            continue;
        };
        if toolchain.platform.is_some() {
            continue;
        }
        let triple = match target.as_str() {
            HOST => toolchain.host.clone(),
            triple => triple.to_owned(),
        };
        if let Err(error) = toolchain.builds_for(&triple) {
            let why = format!("{from} builds for `{triple}`, and {error:#}");
            return Err(refuse(why).into());
        }
    }
    Ok(())
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
