//! The sources of published versions, as cargo keeps them on this machine.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::MetadataCommand;
use semver::Version;
use xshell::cmd;

use crate::machine::cargo_home::cargo_home;
use crate::machine::child_env::ChildEnv;
use crate::machine::toolchain::Toolchain;
use crate::registry::published::Registry;
use crate::registry::scratch::ScratchPackage;

/// Finds sources, and lets cargo fetch those that are not there.
pub struct Sources<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// The folder of the workspace in the user's tree, whose cargo configs count.
    pub subject: &'a Utf8Path,
    /// The toolchain whose cargo fetches.
    pub cargo: &'a Toolchain,
    /// The environment of that cargo.
    pub child_env: &'a ChildEnv,
    /// Whether it may use the network.
    pub is_online: bool,
    /// Held while cargo fetches: it does one thing at a time. Where cargo unpacked a crate of a
    /// registry on this machine, it unpacks all of them.
    pub fetching: Mutex<Option<Utf8PathBuf>>,
}

impl Sources<'_> {
    /// Returns the folder of a version's sources; `None` if they are not there and cannot be had.
    ///
    /// # Errors
    ///
    /// Returns an error if the files of a package that asks for it cannot be written.
    pub fn of(&self, package: &str, version: &Version) -> Result<Option<Utf8PathBuf>> {
        let Some(folder) = self.registry.cargo_folder() else {
            return self.by_metadata(package, version);
        };
        let home = cargo_home().and_then(|home| Utf8PathBuf::from_path_buf(home).ok());
        let home = home.context("find cargo's home")?;
        let unpacked = home
            .join("registry/src")
            .join(folder)
            .join(format!("{package}-{version}"));
        // Cargo writes this file when all others are there.
        let is_whole = || unpacked.join(".cargo-ok").is_file();
        if !is_whole() && self.is_online {
            self.download(package, version)?;
        }
        Ok(is_whole().then_some(unpacked))
    }

    /// Lets cargo download and unpack one version and nothing that it requires.
    /// <https://doc.rust-lang.org/cargo/commands/cargo-info.html>
    fn download(&self, package: &str, version: &Version) -> Result<()> {
        let asks = ScratchPackage::create(self.subject, [])?;
        let shell = asks.shell()?;
        let program = self.cargo.program("cargo");
        let spec = format!("{package}@{version}");
        let _one = self.fetching.lock();
        // Whether it is there is seen afterwards.
        let _ = cmd!(shell, "{program} info {spec} --quiet")
            .env_clear()
            .envs(self.child_env.with_sysroot(&self.cargo.sysroot))
            .quiet()
            .ignore_status()
            .ignore_stderr()
            .ignore_stdout()
            .run();
        Ok(())
    }

    /// Asks cargo where it has a version of a registry that lies on this machine.
    fn by_metadata(&self, package: &str, version: &Version) -> Result<Option<Utf8PathBuf>> {
        if !self.registry.is_local() {
            return Ok(None);
        }
        let known = self.fetching.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        let unpacked = known
            .as_ref()
            .map(|folder| folder.join(format!("{package}-{version}")));
        if let Some(unpacked) = unpacked.filter(|folder| folder.join(".cargo-ok").is_file()) {
            return Ok(Some(unpacked));
        }
        let exact = format!("={version}");
        let asks = ScratchPackage::create(self.subject, [(package, exact.as_str())])?;
        let shell = asks.shell()?;
        let program = self.cargo.program("cargo");
        let output = cmd!(
            shell,
            "{program} metadata --format-version 1 --offline --quiet"
        )
        .env_clear()
        .envs(self.child_env.with_sysroot(&self.cargo.sysroot))
        .quiet()
        .ignore_status()
        .output()
        .context("ask cargo for metadata")?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let Ok(metadata) = MetadataCommand::parse(&printed) else {
            return Ok(None);
        };
        let mut packages = metadata.packages.iter();
        let found = packages.find(|found| *found.name == package && found.version == *version);
        let folder = found.and_then(|found| found.manifest_path.parent());
        *known = folder.and_then(Utf8Path::parent).map(Utf8Path::to_owned);
        Ok(folder.map(Utf8Path::to_owned))
    }
}
