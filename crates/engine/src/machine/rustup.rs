//! The toolchains that rustup lists, and where it keeps them.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::machine::answer::answer;
use crate::machine::own_env;

/// A toolchain that rustup lists.
#[derive(Debug, PartialEq, Eq)]
pub struct RustupToolchain {
    /// Its full name, which `RUSTUP_TOOLCHAIN` holds.
    pub name: String,
    /// The folder that holds `bin`.
    pub sysroot: PathBuf,
}

impl RustupToolchain {
    /// Returns true if this is the toolchain that a user calls `name`: rustup lists `stable` as
    /// `stable-x86_64-unknown-linux-gnu`.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        let Some(rest) = self.name.strip_prefix(name) else {
            return false;
        };
        rest.is_empty() || rest.strip_prefix('-').is_some_and(is_host_triple)
    }
}

/// Returns true for `x86_64-unknown-linux-gnu`, but not for the `2026-11-01-x86_64-…` that follows
/// `nightly-`.
fn is_host_triple(text: &str) -> bool {
    text.split('-').count() >= 3 && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Returns the folder in which rustup keeps its settings and toolchains.
/// <https://rust-lang.github.io/rustup/environment-variables.html>
#[must_use]
pub fn home() -> Option<PathBuf> {
    let home = own_env::var("RUSTUP_HOME").map(PathBuf::from);
    home.or_else(|| Some(std::env::home_dir()?.join(".rustup")))
}

/// Returns true if the first cargo on a `PATH` is a proxy of rustup: if rustup is beside it.
#[must_use]
pub fn has_proxies(path: &OsStr) -> bool {
    let has = |folder: &PathBuf, name: &str| {
        let program = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        folder.join(program).is_file()
    };
    let mut folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    let first = folders.find(|folder| has(folder, "cargo"));
    first.is_some_and(|folder| has(&folder, "rustup"))
}

/// Lists all toolchains that rustup knows; empty if rustup is not installed.
///
/// # Errors
///
/// Returns an error if rustup does not respond.
pub fn toolchains() -> Result<Vec<RustupToolchain>> {
    let shell = Shell::new()?;
    let list = Command::from(cmd!(shell, "rustup toolchain list -v"));
    match answer(list) {
        Ok(list) => Ok(list.lines().filter_map(known).collect()),
        Err(e) if is_not_there(&e) => Ok(Vec::new()),
        Err(e) => Err(e.context("ask rustup for its toolchains")),
    }
}

fn is_not_there(e: &anyhow::Error) -> bool {
    let io = e.downcast_ref::<std::io::Error>();
    io.is_some_and(|e| e.kind() == ErrorKind::NotFound)
}

/// Parses a line of `rustup toolchain list -v`: `NAME [(FLAGS)] FOLDER`.
fn known(line: &str) -> Option<RustupToolchain> {
    let (name, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim();
    let folder = match rest.strip_prefix('(') {
        Some(flags) => flags.split_once(')')?.1.trim(),
        None => rest,
    };
    Some(RustupToolchain {
        name: name.to_owned(),
        sysroot: PathBuf::from(folder),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn rustup_lists_are_read_with_and_without_flags() {
        let line = "stable-x86_64-unknown-linux-gnu (active, default) /home/me/.rustup/a b";
        let stable = known(line).expect("a toolchain");
        assert_eq!(stable.sysroot, Path::new("/home/me/.rustup/a b"));
        assert!(stable.answers_to("stable"));
        assert!(!stable.answers_to("sta"));
        let linked = known("debian-1.78\t/opt/1.78/usr").expect("a toolchain");
        assert!(linked.answers_to("debian-1.78"));
        assert_eq!(
            known("no toolchains"),
            Some(RustupToolchain {
                name: "no".to_owned(),
                sysroot: PathBuf::from("toolchains"),
            })
        );
        assert_eq!(known(""), None);
    }

    #[test]
    fn a_dated_nightly_is_not_the_nightly() {
        let dated = known("nightly-2026-11-01-x86_64-unknown-linux-gnu /x").expect("a toolchain");
        assert!(!dated.answers_to("nightly"));
        assert!(dated.answers_to("nightly-2026-11-01"));
    }
}
