//! Finds cargo-nextest.

use std::process::Command;

use anyhow::Result;
use pinmatrix_core::config::{Config, TestRunner};
use pinmatrix_core::error::UserError;
use semver::Version;
use xshell::{Shell, cmd};

use crate::machine::answer::answer;

/// The first version that has all of the flags that are used: `--no-tests` is the newest of them.
/// <https://nexte.st/changelog/#0975---2024-07-23>
const OLDEST: Version = Version::new(0, 9, 75);

/// cargo-nextest, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nextest {
    /// Its version.
    pub version: Version,
    /// The profile of the subject's `.config/nextest.toml`.
    pub profile: String,
}

/// Finds the cargo-nextest that a config asks for, if it asks for one.
///
/// # Errors
///
/// Returns a [`UserError`] if it is not installed, too old, or does not say its version.
pub fn find(config: &Config) -> Result<Option<Nextest>> {
    let TestRunner::Nextest { at, profile } = &config.run.runner else {
        return Ok(None);
    };
    let refused = |message: String, help: &str| -> UserError {
        config
            .text
            .error_at(message)
            .at(at.clone(), "runs the tests")
            .help(help)
    };
    let shell = Shell::new()?;
    let said = answer(Command::from(cmd!(
        shell,
        "cargo-nextest nextest --version"
    )));
    let said = said.map_err(|e| {
        let message = format!("cargo-nextest cannot be started: {e:#}");
        refused(message, "install cargo-nextest, or leave `runner` out")
    })?;
    let first = said.lines().next().unwrap_or_default();
    let version = first.split_whitespace().nth(1).map(Version::parse);
    let Some(Ok(version)) = version else {
        let message = format!("cargo-nextest does not say its version: `{first}`");
        return Err(refused(message, "reinstall cargo-nextest, or leave `runner` out").into());
    };
    if version < OLDEST {
        let message = format!("cargo-nextest {version} is too old");
        return Err(refused(message, &format!("install {OLDEST} or newer")).into());
    }
    Ok(Some(Nextest {
        version,
        profile: profile.clone(),
    }))
}
