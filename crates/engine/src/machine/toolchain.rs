//! Finds toolchains through rustup or in a folder, and asks them for their versions.
//!
//! The tool starts a toolchain's cargo from its folder, and not through rustup's proxies. What that
//! cargo starts in turn can be a proxy, and `RUSTUP_TOOLCHAIN` tells it which toolchain is meant, so no
//! override file can change what a cell runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};
use pinmatrix_core::config::{Config, ToolchainOrigin, ToolchainSpec};
use pinmatrix_core::model::run::ToolchainRecord;
use rayon::prelude::*;
use semver::Version;
use serde::Serialize;
use xshell::{Shell, cmd};

use crate::machine::answer::answer;
use crate::machine::child_env::{ChildEnv, library_path_variable, prepend};
use crate::machine::own_env;
use crate::machine::platform::{self, Cfgs, Platform};
use crate::machine::rustup::{self, RustupToolchain};

/// A toolchain of the matrix, and what was found of it on this machine.
#[derive(Clone, Debug)]
pub struct ToolchainLookup {
    /// Its label in `matrix.toml`.
    pub label: String,
    /// The result of looking for it.
    pub found: LookupResult,
}

/// The result of looking for a toolchain.
#[derive(Clone, Debug)]
pub enum LookupResult {
    /// A toolchain that responds.
    Found(Box<Toolchain>),
    /// There is no such toolchain.
    Missing {
        /// What was looked for and not found.
        why: String,
    },
    /// A toolchain that does not respond, which is its own fault or the machine's.
    Broken {
        /// What went wrong when it was run.
        why: String,
    },
}

/// A toolchain that responds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Toolchain {
    /// Where it was found, for the user: `rustup stable`, `folder /opt/rust`.
    pub source: String,
    /// The name under which rustup starts it, if it was found through rustup.
    #[serde(skip)]
    pub rustup: Option<String>,
    /// The folder that holds `bin`.
    pub sysroot: PathBuf,
    /// The sysroot that rustc reports. It differs from `sysroot` if `bin/rustc` is only a wrapper.
    #[serde(skip)]
    pub libraries: PathBuf,
    /// The complete output of `rustc -vV`: part of every key.
    pub rustc_verbose: String,
    /// The complete output of `cargo -V`: part of every key.
    pub cargo_version: String,
    /// rustc's release.
    pub rustc: Version,
    /// cargo's release, which can differ: Debian's cargo 1.65 works with rustc 1.63.
    pub cargo: Version,
    /// The host triple.
    pub host: String,
    /// The platform that it builds for; `None` for what cargo chooses, which is the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The state of its files when it responded.
    #[serde(skip)]
    stamp: FileStamps,
}

impl Toolchain {
    /// Returns the path of a program in this toolchain.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        program_in(&self.sysroot, name)
    }

    /// Returns all variables for a child that uses it. If rustup has it, they are those that its
    /// proxy passes on: a test or a build script can start another toolchain by name
    /// (`cargo +nightly`).
    /// <https://rust-lang.github.io/rustup/concepts/proxies.html>
    #[must_use]
    pub fn vars(&self, child_env: &ChildEnv) -> BTreeMap<OsString, OsString> {
        let mut vars = child_env.with_sysroot(&self.sysroot);
        let Some(name) = &self.rustup else {
            return vars;
        };
        // Outside a cell, the proxies come before what is in the toolchain.
        if let Some(path) = child_env.path().filter(|path| rustup::has_proxies(path)) {
            let folders = std::env::split_paths(path).chain([self.sysroot.join("bin")]);
            // A folder whose own name contains the separator cannot be in such a list.
            if let Ok(joined) = std::env::join_paths(folders) {
                vars.insert("PATH".into(), joined);
            }
        }
        let own = vars.entry("RUSTUP_TOOLCHAIN".into());
        own.or_insert_with(|| name.into());
        let home = rustup::home().map(|home| ("RUSTUP_HOME".into(), home.into()));
        vars.extend(home);
        vars
    }

    /// Returns the triple that it builds for.
    #[must_use]
    pub fn triple(&self) -> &str {
        match &self.platform {
            Some(platform) => &platform.triple,
            None => &self.host,
        }
    }

    /// Returns the flag that makes cargo build for its platform.
    #[must_use]
    pub fn target_flag(&self) -> Option<String> {
        let platform = self.platform.as_ref()?;
        Some(format!("--target={}", platform.triple))
    }

    /// Returns the triples of the packages that a build of it uses: build scripts and procedural
    /// macros are for the host.
    #[must_use]
    pub fn triples(&self) -> Vec<&str> {
        let mut triples = vec![self.host.as_str(), self.triple()];
        triples.dedup();
        triples
    }

    /// Returns true if its host satisfies a `cfg(…)` expression; false if that cannot be told.
    #[must_use]
    pub fn satisfies(&self, expression: &str) -> bool {
        self.cfgs(None).is_ok_and(|cfgs| cfgs.satisfy(expression))
    }

    /// Makes it build for a platform. The error says why it cannot, and how to mend that.
    ///
    /// # Errors
    ///
    /// Returns an error if its rustc does not know the platform, or if the standard library for it
    /// is missing.
    pub fn builds_for(&mut self, triple: &str) -> Result<()> {
        let rustc = &self.rustc;
        let cfgs = self.cfgs(Some(triple));
        let cfgs = cfgs.map_err(|_| anyhow!("rustc {rustc} knows no platform `{triple}`"))?;
        if !platform::standard_library(&self.libraries, triple).is_dir() {
            let named = self.rustup.as_ref().map(|name| {
                let words = format!("rustup target add {triple} --toolchain {name}");
                format!("; `{words}` adds it")
            });
            let lacks = format!("{} has no standard library for {triple}", self.source);
            bail!("{lacks}{}", named.unwrap_or_default());
        }
        self.platform = Some(Platform::new(triple, cfgs, &self.cfgs(None)?));
        Ok(())
    }

    /// Returns true if its rustc knows a platform.
    #[must_use]
    pub fn knows(&self, triple: &str) -> bool {
        self.cfgs(Some(triple)).is_ok()
    }

    /// Asks its rustc what holds on a platform, or on the host.
    fn cfgs(&self, triple: Option<&str>) -> Result<Cfgs> {
        let of_triple = triple.map(|triple| format!("--target={triple}"));
        let flags: Vec<&str> = ["--print=cfg"]
            .into_iter()
            .chain(of_triple.as_deref())
            .collect();
        Ok(Cfgs::parse(&ask(&self.sysroot, "rustc", &flags)?))
    }

    /// Returns the folder of the standard library for a triple, which tests that link it dynamically
    /// need.
    #[must_use]
    pub fn standard_library(&self, triple: &str) -> PathBuf {
        platform::standard_library(&self.libraries, triple)
    }

    /// Returns why its results since it was found cannot be trusted, if it was updated or removed
    /// meanwhile.
    #[must_use]
    pub fn change(&self) -> Option<String> {
        let now = FileStamps::of_programs(&self.sysroot);
        let is_as_found = now.with_libraries(&self.libraries, &self.host) == self.stamp;
        (!is_as_found).then(|| format!("{} changed during the run", self.source))
    }

    /// Returns the first line of `rustc -vV`, which is what `rustc -V` prints.
    #[must_use]
    pub fn rustc_short(&self) -> &str {
        self.rustc_verbose.lines().next().unwrap_or_default()
    }
}

/// The sizes and modification times of a toolchain's main programs and of its standard library's
/// folder, whose time shows when an entry was last added or removed. The value is `None` for a
/// missing file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileStamps(Vec<Option<(u64, SystemTime)>>);

impl FileStamps {
    fn of_programs(sysroot: &Path) -> Self {
        let programs = ["rustc", "cargo", "rustdoc"].map(|name| program_in(sysroot, name));
        Self(programs.iter().map(|program| look(program)).collect())
    }

    fn with_libraries(mut self, libraries: &Path, host: &str) -> Self {
        self.0
            .push(look(&platform::standard_library(libraries, host)));
        self
    }
}

fn look(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = path.metadata().ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

impl ToolchainLookup {
    /// Returns the toolchain, if it is available.
    #[must_use]
    pub fn toolchain(&self) -> Option<&Toolchain> {
        match &self.found {
            LookupResult::Found(toolchain) => Some(toolchain),
            LookupResult::Missing { .. } | LookupResult::Broken { .. } => None,
        }
    }

    /// Returns the toolchain to change, if it is available.
    pub fn toolchain_mut(&mut self) -> Option<&mut Toolchain> {
        match &mut self.found {
            LookupResult::Found(toolchain) => Some(toolchain),
            LookupResult::Missing { .. } | LookupResult::Broken { .. } => None,
        }
    }

    /// Returns what is wrong with it, if it exists and does not respond.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        match &self.found {
            LookupResult::Broken { why } => Some(why),
            LookupResult::Found(_) | LookupResult::Missing { .. } => None,
        }
    }

    /// Converts it to the form in which reports store it.
    #[must_use]
    pub fn record(&self) -> ToolchainRecord {
        let toolchain = self.toolchain();
        ToolchainRecord {
            label: self.label.clone(),
            source: toolchain.map(|t| t.source.clone()),
            rustc: toolchain.map(|t| t.rustc_short().to_owned()),
            cargo: toolchain.map(|t| t.cargo_version.clone()),
            target: toolchain.and_then(|t| Some(t.platform.as_ref()?.triple.clone())),
        }
    }
}

/// Looks for every toolchain of the matrix, and asks those that exist for their versions.
///
/// # Errors
///
/// Returns an error only if this machine does not let the tool look at all.
pub fn look_for_all(config: &Config) -> Result<Vec<ToolchainLookup>> {
    let known = rustup::toolchains()?;
    let folder = config.folder();
    Ok(config
        .toolchains
        .par_iter()
        .map(|spec| ToolchainLookup {
            label: spec.label.clone(),
            found: look_for(spec, &known, folder),
        })
        .collect())
}

fn look_for(spec: &ToolchainSpec, known: &[RustupToolchain], folder: &Path) -> LookupResult {
    let candidates: Vec<(String, Option<String>, PathBuf)> = match &spec.origin {
        ToolchainOrigin::Rustup(names) => names
            .iter()
            .filter_map(|name| {
                let known = known.iter().find(|k| k.answers_to(name))?;
                let own = Some(known.name.clone());
                Some((format!("rustup {name}"), own, known.sysroot.clone()))
            })
            .collect(),
        ToolchainOrigin::Directory(dir) => {
            // Children run in other folders, where a relative path leads elsewhere.
            let sysroot = std::path::absolute(folder.join(dir));
            vec![(
                format!("folder {}", dir.display()),
                None,
                sysroot.unwrap_or_else(|_| folder.join(dir)),
            )]
        }
    };
    let mut why = match &spec.origin {
        ToolchainOrigin::Rustup(names) => format!("rustup has no {}", names.join(" or ")),
        ToolchainOrigin::Directory(dir) => format!("{} is not there", dir.display()),
    };
    let mut broken = None;
    for (source, rustup, sysroot) in candidates {
        let lacks = ["rustc", "cargo"].map(|name| program_in(&sysroot, name));
        let lacks = lacks.into_iter().find(|program| !program.is_file());
        match (lacks, probe(source, &sysroot)) {
            (_, Ok(toolchain)) => {
                let mut toolchain = Toolchain {
                    rustup,
                    ..toolchain
                };
                match spec
                    .target
                    .as_ref()
                    .map(|triple| toolchain.builds_for(triple.get_ref()))
                {
                    None | Some(Ok(())) => return LookupResult::Found(Box::new(toolchain)),
                    Some(Err(error)) => why = error.to_string(),
                }
            }
            (Some(program), Err(_)) => why = format!("{} is not there", program.display()),
            (None, Err(e)) => broken = Some(format!("{e:#}")),
        }
    }
    match broken {
        Some(why) => LookupResult::Broken { why },
        None => LookupResult::Missing { why },
    }
}

/// Identifies the toolchain in a folder.
///
/// # Errors
///
/// Returns an error if `bin/rustc` or `bin/cargo` is missing, does not start, or prints something
/// unexpected.
pub fn probe(source: String, sysroot: &Path) -> Result<Toolchain> {
    let programs = FileStamps::of_programs(sysroot);
    let rustc_verbose = ask(sysroot, "rustc", &["-vV"])?;
    let cargo_version = ask(sysroot, "cargo", &["-V"])?;
    let libraries = ask(sysroot, "rustc", &["--print=sysroot"]);
    let field = |name: &str| {
        rustc_verbose
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .with_context(|| format!("find `{name}` in what rustc -vV prints"))
    };
    let cargo = cargo_version
        .split_whitespace()
        .nth(1)
        .context("find the version in what cargo -V prints")?;
    let host = field("host: ")?.to_owned();
    let libraries = libraries.map_or(sysroot.to_owned(), PathBuf::from);
    Ok(Toolchain {
        source,
        rustup: None,
        rustc: parse_version(field("release: ")?)?,
        cargo: parse_version(cargo)?,
        stamp: programs.with_libraries(&libraries, &host),
        host,
        platform: None,
        sysroot: sysroot.to_owned(),
        libraries,
        rustc_verbose,
        cargo_version,
    })
}

/// Parses a version without its pre-release and build metadata, since a rust-version has neither.
/// For cargo too, `1.97.0-nightly` counts as 1.97.0.
fn parse_version(written: &str) -> Result<Version> {
    let version = Version::parse(written);
    let version = version.with_context(|| format!("read `{written}` as a version"))?;
    Ok(Version::new(version.major, version.minor, version.patch))
}

fn ask(sysroot: &Path, name: &str, flags: &[&str]) -> Result<String> {
    let program = program_in(sysroot, name);
    anyhow::ensure!(program.is_file(), "{} is not there", program.display());
    let mut vars = own_env::vars().collect();
    prepend(&mut vars, library_path_variable(), [sysroot.join("lib")]);
    let shell = Shell::new()?;
    let command = cmd!(shell, "{program} {flags...}").envs(vars);
    let context = || format!("ask {} for its version", program.display());
    answer(Command::from(command)).with_context(context)
}

fn program_in(sysroot: &Path, name: &str) -> PathBuf {
    sysroot
        .join("bin")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_stands_for_the_release_it_leads_to() {
        let nightly = parse_version("1.97.0-nightly").expect("a version");
        assert_eq!(nightly, Version::new(1, 97, 0));
    }

    #[test]
    fn a_folder_without_rustc_is_missing_and_says_so() {
        let empty = tempfile::tempdir().expect("a folder");
        let error = probe("folder".to_owned(), empty.path()).expect_err("nothing there");
        assert!(error.to_string().ends_with("is not there"), "{error}");
    }
}
