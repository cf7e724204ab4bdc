//! Toolchains: found through rustup or in a folder, and asked what they are.
//!
//! A toolchain is used by its folder, never through rustup's proxies: no override file, no
//! `RUSTUP_TOOLCHAIN` and no automatic installation can then change what a cell runs.

use std::io::{ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use pinmatrix_core::config::{Config, ToolchainOrigin, ToolchainSpec};
use pinmatrix_core::model::run::ToolchainRecord;
use pinmatrix_core::text;
use rayon::prelude::*;
use semver::Version;
use serde::Serialize;
use xshell::{Shell, cmd};

use crate::machine::child_env::{library_path_variable, prepend};
use crate::machine::own_env;

/// A toolchain of the matrix, looked for on this machine.
#[derive(Clone, Debug)]
pub struct ToolchainLookup {
    /// Its label in `matrix.toml`.
    pub label: String,
    /// What was found.
    pub found: LookupResult,
}

/// What was found under a label.
#[derive(Clone, Debug)]
pub enum LookupResult {
    /// A toolchain that answers.
    Here(Box<Toolchain>),
    /// Nothing, and why.
    Missing {
        /// What was looked for and not found.
        why: String,
    },
    /// A toolchain that gives no answer, which is the machine's fault or its own.
    Broken {
        /// What went wrong when it was asked.
        why: String,
    },
}

/// A toolchain that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Toolchain {
    /// Where it was found, in words: `rustup stable`, `folder /opt/rust`.
    pub source: String,
    /// The folder that holds `bin`.
    pub sysroot: PathBuf,
    /// Where rustc says that it has its libraries: elsewhere, where `bin/rustc` only calls one.
    #[serde(skip)]
    pub libraries: PathBuf,
    /// `rustc -vV`, whole: part of every key.
    pub rustc_verbose: String,
    /// `cargo -V`, whole: part of every key.
    pub cargo_version: String,
    /// rustc's release.
    pub rustc: Version,
    /// cargo's release; Debian's cargo 1.65 works with rustc 1.63.
    pub cargo: Version,
    /// The host triple.
    pub host: String,
    /// What its files were when it answered.
    #[serde(skip)]
    stamp: FileStamps,
}

impl Toolchain {
    /// The program of that name in this toolchain.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        program_in(&self.sysroot, name)
    }

    /// The folder of the standard library, where tests find it that link it dynamically.
    #[must_use]
    pub fn standard_library(&self) -> PathBuf {
        standard_library_in(&self.libraries, &self.host)
    }

    /// Why nothing that it said since it was found is to be trusted: an update or a removal came in
    /// between.
    #[must_use]
    pub fn change(&self) -> Option<String> {
        let now = FileStamps::of_programs(&self.sysroot);
        let is_as_found = now.with_libraries(&self.libraries, &self.host) == self.stamp;
        (!is_as_found).then(|| format!("{} changed during the run", self.source))
    }

    /// The first line of `rustc -vV`, which is what `rustc -V` prints.
    #[must_use]
    pub fn rustc_short(&self) -> &str {
        self.rustc_verbose.lines().next().unwrap_or_default()
    }
}

/// Length and time of the programs that make a toolchain what it is, and of the folder of its
/// standard library, whose time is when something last came or went. What is not there has neither.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileStamps(Vec<Option<(u64, SystemTime)>>);

impl FileStamps {
    fn of_programs(sysroot: &Path) -> Self {
        let programs = ["rustc", "cargo", "rustdoc"].map(|name| program_in(sysroot, name));
        Self(programs.iter().map(|program| look(program)).collect())
    }

    fn with_libraries(mut self, libraries: &Path, host: &str) -> Self {
        self.0.push(look(&standard_library_in(libraries, host)));
        self
    }
}

fn standard_library_in(libraries: &Path, host: &str) -> PathBuf {
    libraries.join("lib/rustlib").join(host).join("lib")
}

fn look(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = path.metadata().ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

impl ToolchainLookup {
    /// The toolchain, if it is here.
    #[must_use]
    pub fn toolchain(&self) -> Option<&Toolchain> {
        match &self.found {
            LookupResult::Here(toolchain) => Some(toolchain),
            LookupResult::Missing { .. } | LookupResult::Broken { .. } => None,
        }
    }

    /// What is wrong with it, if it is there and gives no answer.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        match &self.found {
            LookupResult::Broken { why } => Some(why),
            LookupResult::Here(_) | LookupResult::Missing { .. } => None,
        }
    }

    /// It as reports keep it.
    #[must_use]
    pub fn record(&self) -> ToolchainRecord {
        let here = self.toolchain();
        ToolchainRecord {
            label: self.label.clone(),
            source: here.map(|t| t.source.clone()),
            rustc: here.map(|t| t.rustc_short().to_owned()),
            cargo: here.map(|t| t.cargo_version.clone()),
        }
    }
}

/// Looks for every toolchain of the matrix, and asks those that are here what they are.
///
/// # Errors
///
/// Only when this machine does not let the tool look at all.
pub fn look_for_all(config: &Config) -> Result<Vec<ToolchainLookup>> {
    let known = known_to_rustup()?;
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
    let candidates: Vec<(String, PathBuf)> = match &spec.origin {
        ToolchainOrigin::Rustup(names) => names
            .iter()
            .filter_map(|name| {
                let sysroot = &known.iter().find(|k| k.answers_to(name))?.sysroot;
                Some((format!("rustup {name}"), sysroot.clone()))
            })
            .collect(),
        ToolchainOrigin::Directory(dir) => {
            // Children work in other folders, where a relative path leads elsewhere.
            let sysroot = std::path::absolute(folder.join(dir));
            vec![(
                format!("folder {}", dir.display()),
                sysroot.unwrap_or_else(|_| folder.join(dir)),
            )]
        }
    };
    let mut why = match &spec.origin {
        ToolchainOrigin::Rustup(names) => format!("rustup has no {}", names.join(" or ")),
        ToolchainOrigin::Directory(dir) => format!("{} is not there", dir.display()),
    };
    let mut broken = None;
    for (source, sysroot) in candidates {
        let lacks = ["rustc", "cargo"].map(|name| program_in(&sysroot, name));
        let lacks = lacks.into_iter().find(|program| !program.is_file());
        match (lacks, probe(source, &sysroot)) {
            (_, Ok(toolchain)) => return LookupResult::Here(Box::new(toolchain)),
            (Some(program), Err(_)) => why = format!("{} is not there", program.display()),
            (None, Err(e)) => broken = Some(format!("{e:#}")),
        }
    }
    match broken {
        Some(why) => LookupResult::Broken { why },
        None => LookupResult::Missing { why },
    }
}

/// Asks a folder what toolchain it is.
///
/// # Errors
///
/// When `bin/rustc` or `bin/cargo` is missing, does not start, or answers in another form.
pub fn probe(source: String, sysroot: &Path) -> Result<Toolchain> {
    let programs = FileStamps::of_programs(sysroot);
    let rustc_verbose = ask(sysroot, "rustc", "-vV")?;
    let cargo_version = ask(sysroot, "cargo", "-V")?;
    let libraries = ask(sysroot, "rustc", "--print=sysroot");
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
        rustc: parse_version(field("release: ")?)?,
        cargo: parse_version(cargo)?,
        stamp: programs.with_libraries(&libraries, &host),
        host,
        sysroot: sysroot.to_owned(),
        libraries,
        rustc_verbose,
        cargo_version,
    })
}

/// The release that a version belongs to: what a rust-version is compared with, and all that one
/// may hold. `1.97.0-nightly` stands for 1.97.0, as it does for cargo.
fn parse_version(written: &str) -> Result<Version> {
    let version = Version::parse(written);
    let version = version.with_context(|| format!("read `{written}` as a version"))?;
    Ok(Version::new(version.major, version.minor, version.patch))
}

fn ask(sysroot: &Path, name: &str, flag: &str) -> Result<String> {
    let program = program_in(sysroot, name);
    anyhow::ensure!(program.is_file(), "{} is not there", program.display());
    let mut vars = own_env::vars().collect();
    prepend(&mut vars, library_path_variable(), [sysroot.join("lib")]);
    let shell = Shell::new()?;
    let command = cmd!(shell, "{program} {flag}").envs(vars);
    let context = || format!("ask {} for its version", program.display());
    answer(Command::from(command)).with_context(context)
}

/// What a program prints, if it does so within a patience: a row that does not answer must not
/// hold up the others.
fn answer(mut command: Command) -> Result<String> {
    // Not a pipe, which a wrapper that says a lot would fill.
    let mut words = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(words.try_clone()?);
    let mut child = command.spawn()?;
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("it gave no answer within {} seconds", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        words.rewind()?;
        let last = said(words)?;
        let last = last.lines().last().map(|line| format!(": {line}"));
        anyhow::bail!("it ended with {status}{}", last.unwrap_or_default());
    }
    let out = child.stdout.context("read its answer")?;
    Ok(said(out)?.trim_end().to_owned())
}

/// What was said, as text.
fn said(mut words: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    words.read_to_end(&mut bytes)?;
    Ok(text::sanitize(&String::from_utf8_lossy(&bytes)))
}

/// How long a toolchain may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);

fn program_in(sysroot: &Path, name: &str) -> PathBuf {
    sysroot
        .join("bin")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// A toolchain that rustup knows.
#[derive(Debug, PartialEq, Eq)]
struct RustupToolchain {
    name: String,
    sysroot: PathBuf,
}

impl RustupToolchain {
    /// rustup lists `stable-x86_64-unknown-linux-gnu` for what people call `stable`.
    fn answers_to(&self, name: &str) -> bool {
        let Some(rest) = self.name.strip_prefix(name) else {
            return false;
        };
        rest.is_empty() || rest.strip_prefix('-').is_some_and(is_host_triple)
    }
}

/// `x86_64-unknown-linux-gnu`, but not the `2026-11-01-x86_64-…` that follows `nightly-`.
fn is_host_triple(text: &str) -> bool {
    text.split('-').count() >= 3 && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// All toolchains that rustup knows; none where there is no rustup.
fn known_to_rustup() -> Result<Vec<RustupToolchain>> {
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

/// A line of `rustup toolchain list -v`: `NAME [(FLAGS)] FOLDER`.
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
    fn a_nightly_stands_for_the_release_it_leads_to() {
        let nightly = parse_version("1.97.0-nightly").expect("a version");
        assert_eq!(nightly, Version::new(1, 97, 0));
    }

    #[test]
    fn a_dated_nightly_is_not_the_nightly() {
        let dated = known("nightly-2026-11-01-x86_64-unknown-linux-gnu /x").expect("a toolchain");
        assert!(!dated.answers_to("nightly"));
        assert!(dated.answers_to("nightly-2026-11-01"));
    }

    #[test]
    fn a_folder_without_rustc_is_missing_and_says_so() {
        let empty = tempfile::tempdir().expect("a folder");
        let error = probe("folder".to_owned(), empty.path()).expect_err("nothing there");
        assert!(error.to_string().ends_with("is not there"), "{error}");
    }
}
