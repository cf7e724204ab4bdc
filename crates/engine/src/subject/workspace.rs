//! The subject: its workspace, its manifests, and a hash of its files.
//!
//! It is read in the copy of its checkout, and never written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::config::Config;
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::run::SubjectRecord;
use pinmatrix_core::path::normalized;
use semver::Version;
use walkdir::{DirEntry, WalkDir};
use xshell::{Shell, cmd};

use crate::machine::cargo_config;
use crate::machine::child_env::ChildEnv;
use crate::machine::toolchain::Toolchain;
use crate::manifest::Manifest;
use crate::subject::cell_git;
use crate::subject::checkout::{Checkout, CheckoutEntry, content, no_workspace};
use crate::subject::git::quiet;
use crate::subject::required_rust::{RequiredRust, needs};
use crate::subject::working_tree::EntryKind;

/// The workspace under migration.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The checkout that contains it.
    pub checkout: Checkout,
    /// The workspace root in the copy of the checkout, as an absolute path.
    pub root: Utf8PathBuf,
    /// The path of the workspace in the checkout; empty for the top.
    pub inside: Utf8PathBuf,
    /// The manifests of the root, of all members, and of every package in the checkout that they
    /// reach by path; relative to the top of the checkout, sorted.
    pub manifests: Vec<Utf8PathBuf>,
    /// Whether the root manifest declares a workspace; a single package need not.
    pub is_workspace: bool,
    /// Its members, sorted by name.
    pub members: Vec<Member>,
    /// A hash of what affects results outside the checkout: what the subject reaches by a path or a
    /// link, and git's metadata if cells can read it; empty if there is nothing.
    pub outside: String,
    /// The paths outside the checkout that it reaches.
    pub reaches: Vec<Utf8PathBuf>,
    /// The repository's metadata, if cells can read it.
    pub git: Option<cell_git::GitMetadata>,
    /// The subject as reports store it.
    pub record: SubjectRecord,
    /// Files of the matrix that affect no result: the config, its baseline and its locks.
    of_matrix: Vec<PathBuf>,
}

/// A cargo config in the checkout that cargo reads for the workspace.
#[derive(Clone, Debug)]
pub struct CargoConfig {
    /// Its path, relative to the top of the checkout.
    pub path: Utf8PathBuf,
    /// The folder that its paths are relative to, itself relative to the top of the checkout.
    pub folder: Utf8PathBuf,
    /// Its text.
    pub text: String,
}

/// A member of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The rustc version that it needs.
    pub needs: Option<RequiredRust>,
    /// Its features.
    pub features: BTreeSet<String>,
    /// Whether the workspace names it among its default members.
    pub is_default: bool,
}

impl Subject {
    /// Reads a subject in a checkout; `place` is its folder in the user's tree.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] if it is not a valid workspace, and other errors if its files cannot
    /// be read.
    pub fn read(
        config: &Config,
        place: &Utf8Path,
        checkout: Checkout,
        cargo: &Toolchain,
        child_env: &ChildEnv,
    ) -> Result<Self> {
        let inside = inside(place, &checkout)?;
        let folder = checkout.top.join(&inside);
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            let why = if place.join("Cargo.toml").is_file() {
                "has a Cargo.toml that the copy of its repository does not have"
            } else {
                "has no Cargo.toml"
            };
            return Err(no_workspace(config, place, why).into());
        }
        let live = checkout.live();
        let manifest = live.join(&inside).join("Cargo.toml");
        let metadata = metadata(config, &checkout, &manifest, cargo, child_env)?;
        let workspace = metadata.workspace_root.clone();
        let real = |folder: &Utf8Path| folder.canonicalize().context("find the workspace's folder");
        if real(&live.join(&inside))? != real(&workspace)? {
            return Err(config
                .text
                .error_at(format!("{place} is a member of a larger workspace"))
                .at(
                    config.subject.span(),
                    format!("the workspace is {}", checkout.in_origin(&workspace)),
                )
                .help("name the workspace's own folder")
                .into());
        }
        let text = std::fs::read_to_string(folder.join("Cargo.toml"));
        let root = Manifest::parse(&text.context("read its manifest")?)?;
        let names_defaults = root.names_default_members();
        let mut manifests = BTreeSet::from([folder.join("Cargo.toml")]);
        let mut members = Vec::new();
        for package in metadata.workspace_packages() {
            let manifest = in_checkout(&checkout, &package.manifest_path);
            // A glob in `members` matches it, but git ignores it: a fresh checkout has no such
            // file.
            if manifest.starts_with(&checkout.top) && !manifest.is_file() {
                continue;
            }
            if !manifest.starts_with(&checkout.top) {
                return Err(UserError::new(format!(
                    "member `{}` of the subject lies outside {}: {}",
                    package.name, checkout.origin, package.manifest_path
                ))
                .help(
                    "cells work on a copy of that folder; move the member into it, or name a folder \
                     that holds both as `root` under [subject]",
                )
                .into());
            }
            manifests.insert(manifest);
            members.push(Member {
                name: package.name.to_string(),
                version: package.version.clone(),
                needs: needs(package),
                features: package.features.keys().cloned().collect(),
                is_default: names_defaults && is_default(&metadata, &package.id),
            });
        }
        members.sort();
        let git = if config.checkout.git || asks_git(&metadata) {
            cell_git::GitMetadata::of(&checkout.origin, checkout.commit.as_deref())?
        } else {
            None
        };
        let mut reached = reached(&checkout, manifests)?;
        let links = checkout
            .entries
            .iter()
            .filter(|e| e.kind == EntryKind::Link);
        let links = links.filter_map(|link| Utf8Path::from_path(&link.path));
        reached.extend(links.filter_map(|link| target_of(&checkout, link)));
        let (in_copy, outside): (Vec<_>, Vec<_>) = reached
            .into_iter()
            .partition(|path| path.starts_with(&checkout.top));
        let reaches: Vec<_> = outside.into_iter().map(whole).collect();
        let mut outside = hash_outside(&reaches)?;
        outside.extend(git.iter().map(cell_git::GitMetadata::state));
        let manifests = in_copy
            .iter()
            .filter(|path| path.file_name() == Some("Cargo.toml"))
            .filter_map(|path| Some(path.strip_prefix(&checkout.top).ok()?.to_owned()))
            .collect();
        let of_matrix = of_matrix(config, &checkout.origin);
        let (revision, dirty) = match &checkout.commit {
            Some(commit) => (Some(commit.clone()), checkout.dirty),
            None => uncommitted(&checkout.origin, &of_matrix),
        };
        let mut subject = Self {
            root: checkout.top.join(&inside),
            inside,
            is_workspace: root.is_workspace(),
            manifests,
            members,
            outside,
            reaches,
            git,
            record: SubjectRecord {
                path: config.subject.get_ref().clone(),
                content: String::new(),
                revision,
                dirty,
                folder: folder_in_repository(place),
            },
            of_matrix,
            checkout,
        };
        subject.record.content = content(subject.cache_relevant());
        Ok(subject)
    }

    /// Reads a file, given its path relative to the workspace; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be read or is not UTF-8.
    pub fn text_of(&self, path: &str) -> Result<Option<String>> {
        self.checkout.text_of(&self.inside.join(path))
    }

    /// Returns true if the checkout contains a file, given its path relative to the workspace.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        let path = normalized(&self.inside.join(path));
        self.checkout.entry(path.as_std_path()).is_some()
    }

    /// Returns the path of its lock, relative to the top of the checkout.
    #[must_use]
    pub fn lock(&self) -> Utf8PathBuf {
        self.inside.join("Cargo.lock")
    }

    /// Returns the workspace's cargo configs in the checkout, in order of precedence.
    /// <https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Subject::text_of`].
    pub fn cargo_configs(&self) -> Result<Vec<CargoConfig>> {
        let mut configs = Vec::new();
        for folder in self.inside.ancestors() {
            for name in cargo_config::PLACES {
                let path = folder.join(name);
                if let Some(text) = self.checkout.text_of(&path)? {
                    let folder = folder.to_owned();
                    configs.push(CargoConfig { path, folder, text });
                }
            }
        }
        Ok(configs)
    }

    /// Returns a hash of what a cell builds besides its own lock: all but the subject's lock.
    #[must_use]
    pub fn sources(&self) -> String {
        let lock = self.lock();
        content(
            self.cache_relevant()
                .filter(|entry| entry.path != lock.as_std_path()),
        )
    }

    fn cache_relevant(&self) -> impl Iterator<Item = &CheckoutEntry> {
        let is_of_matrix =
            |entry: &CheckoutEntry| self.of_matrix.iter().any(|own| entry.path.starts_with(own));
        let entries = self.checkout.entries.iter();
        entries.filter(move |entry| !is_of_matrix(entry))
    }
}

/// Returns true if cargo lists a package among the workspace's default members, which it does since
/// 1.71.
fn is_default(metadata: &cargo_metadata::Metadata, package: &cargo_metadata::PackageId) -> bool {
    let defaults = &metadata.workspace_default_members;
    defaults.is_available() && defaults.contains(package)
}

/// Returns the path within its checkout of the workspace that the user has at `place`.
fn inside(place: &Utf8Path, checkout: &Checkout) -> Result<Utf8PathBuf> {
    let real = |folder: &Utf8Path| folder.canonicalize_utf8();
    let (real_place, real_origin) = (real(place), real(&checkout.origin));
    let place = real_place.unwrap_or_else(|_| place.to_owned());
    let origin = real_origin.unwrap_or_else(|_| checkout.origin.clone());
    let inside = place.strip_prefix(&origin).map(Utf8Path::to_owned);
    inside.with_context(|| format!("find {place} in {origin}"))
}

/// Returns the config and the files it names that the tool writes, relative to the checkout's top.
fn of_matrix(config: &Config, origin: &Utf8Path) -> Vec<PathBuf> {
    let folder = config.folder();
    let named = [&config.run.baseline, &config.run.locks, &config.run.log];
    let named = named.into_iter().flatten().map(|path| folder.join(path));
    let named = named.chain([config.text.file().to_owned()]);
    let inside = |path: PathBuf| {
        let path = std::path::absolute(path).ok()?;
        // It need not exist yet.
        let (parent, name) = (path.parent()?.canonicalize().ok()?, path.file_name()?);
        let path = parent.join(name);
        let inside = path.strip_prefix(origin.as_std_path()).ok()?;
        // The top of the checkout cannot be the folder of locks.
        (!inside.as_os_str().is_empty()).then(|| inside.to_owned())
    };
    named.filter_map(inside).collect()
}

/// Returns true if a build script of the workspace uses git: if it makes cargo run it again when
/// git's metadata change.
fn asks_git(metadata: &cargo_metadata::Metadata) -> bool {
    let packages = metadata.workspace_packages().into_iter();
    let targets = packages.flat_map(|package| &package.targets);
    let scripts = targets.filter(|target| target.is_custom_build());
    let texts = scripts.filter_map(|script| std::fs::read_to_string(&script.src_path).ok());
    texts
        .into_iter()
        .any(|text| text.contains("rerun-if-changed") && names_git(&text))
}

/// Returns true if a text contains `.git`, but not as part of a longer name such as `.gitignore`.
fn names_git(text: &str) -> bool {
    let mut after = text.split(".git").skip(1);
    after.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Returns the given manifests and all manifests that they reach by path, in the copy of the
/// checkout or outside of it.
fn reached(checkout: &Checkout, manifests: BTreeSet<Utf8PathBuf>) -> Result<BTreeSet<Utf8PathBuf>> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<Utf8PathBuf> = manifests.into_iter().collect();
    while let Some(path) = open.pop() {
        if !path.is_file() || !reached.insert(path.clone()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let manifest = Manifest::parse(&text).with_context(|| format!("read {path}"))?;
        let origin = checkout.in_origin(path.parent().unwrap_or(&path));
        let paths = manifest.paths(&origin).into_iter();
        open.extend(paths.map(|path| in_checkout(checkout, &path.join("Cargo.toml"))));
    }
    Ok(reached)
}

/// Converts the path of a file in the user's tree to one in the copy without links; a path outside
/// stays as it is.
fn in_checkout(checkout: &Checkout, path: &Utf8Path) -> Utf8PathBuf {
    let path = checkout.in_copy(path);
    let real = |path: &Utf8Path| path.canonicalize_utf8();
    match (real(&path), real(&checkout.top)) {
        (Ok(real_path), Ok(real_top)) => match real_path.strip_prefix(&real_top) {
            Ok(inside) => checkout.top.join(inside),
            Err(_) => path,
        },
        (Err(_), _) | (_, Err(_)) => path,
    }
}

/// Returns the target of a symbolic link in the checkout.
fn target_of(checkout: &Checkout, link: &Utf8Path) -> Option<Utf8PathBuf> {
    let leads_to = checkout.top.join(link).read_link_utf8().ok()?;
    let from = checkout.origin.join(link);
    let leads_to = normalized(&from.parent()?.join(leads_to));
    // A link to a parent of the checkout leads to the checkout too, and to everything beside it.
    (!checkout.origin.starts_with(&leads_to)).then(|| checkout.in_copy(&leads_to))
}

/// Returns the folder of a manifest, or any other path unchanged.
fn whole(path: Utf8PathBuf) -> Utf8PathBuf {
    match path.parent() {
        Some(folder) if path.file_name() == Some("Cargo.toml") => folder.to_owned(),
        Some(_) | None => path,
    }
}

/// Returns a hash of files and folders with their names.
fn hash_outside(paths: &[Utf8PathBuf]) -> Result<String> {
    if paths.is_empty() {
        return Ok(String::new());
    }
    let mut hasher = blake3::Hasher::new();
    for whole in paths {
        let is_left_out = |entry: &DirEntry| {
            entry.file_name() == ".git" || entry.path().join("CACHEDIR.TAG").is_file()
        };
        let walk = WalkDir::new(whole).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|e| !is_left_out(e)) {
            // A link may be broken.
            let Ok(entry) = entry else { continue };
            if entry.file_type().is_file() {
                let at = entry.path();
                let bytes = std::fs::read(at).with_context(|| format!("read {}", at.display()))?;
                hasher.update(blake3::hash(at.as_os_str().as_encoded_bytes()).as_bytes());
                hasher.update(blake3::hash(&bytes).as_bytes());
            }
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn metadata(
    config: &Config,
    checkout: &Checkout,
    manifest: &Utf8Path,
    cargo: &Toolchain,
    child_env: &ChildEnv,
) -> Result<cargo_metadata::Metadata> {
    workspace(manifest.as_std_path(), cargo, child_env)?.map_err(|stderr| {
        let stderr = stderr.replace(checkout.top.as_str(), checkout.origin.as_str());
        let manifest = checkout.in_origin(manifest);
        let help = match missing_submodule(checkout, &stderr) {
            Some(submodule) => format!(
                "submodule {} is not checked out: `git submodule update --init` gets it; \
                 cargo says:\n{stderr}",
                submodule.display()
            ),
            None => format!("cargo says:\n{stderr}"),
        };
        config
            .text
            .error_at(format!("cargo cannot read {manifest}"))
            .at(config.subject.span(), "this subject")
            .help(help)
            .into()
    })
}

/// Returns the submodule that is not checked out and that a message names.
fn missing_submodule<'a>(checkout: &'a Checkout, stderr: &str) -> Option<&'a PathBuf> {
    let mut submodules = checkout.missing_submodules.iter();
    submodules.find(|path| path.to_str().is_some_and(|path| stderr.contains(path)))
}

/// Runs `cargo metadata` for the workspace of a manifest, without dependencies. The inner error is
/// cargo's message.
///
/// # Errors
///
/// Returns an error if cargo does not start or prints something unexpected.
pub fn workspace(
    manifest: &Path,
    cargo: &Toolchain,
    child_env: &ChildEnv,
) -> Result<std::result::Result<cargo_metadata::Metadata, String>> {
    let shell = Shell::new()?;
    let program = cargo.program("cargo");
    let output = cmd!(
        shell,
        "{program} metadata --no-deps --format-version 1 --manifest-path {manifest}"
    )
    .env_clear()
    .envs(child_env.with_sysroot(&cargo.sysroot))
    .quiet()
    .ignore_status()
    .output()
    .context("ask cargo for a workspace's metadata")?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr)
            .trim()
            .to_owned()));
    }
    let json = String::from_utf8(output.stdout).context("read cargo's metadata as text")?;
    let metadata = cargo_metadata::MetadataCommand::parse(json);
    Ok(Ok(metadata.context("read cargo's metadata")?))
}

/// Returns the commit of a checkout, and whether it has uncommitted changes apart from the matrix's
/// own files.
fn uncommitted(top: &Utf8Path, of_matrix: &[PathBuf]) -> (Option<String>, bool) {
    let ask = || -> Result<(String, bool)> {
        let shell = Shell::new()?;
        shell.change_dir(top);
        let revision = quiet(cmd!(shell, "git rev-parse HEAD")).read()?;
        let others = of_matrix.iter().filter_map(|path| path.to_str());
        let others = others.map(|path| format!(":(exclude){path}"));
        let changes = quiet(cmd!(
            shell,
            "git --no-optional-locks status --porcelain -- . {others...}"
        ))
        .read()?;
        Ok((revision, !changes.is_empty()))
    };
    match ask() {
        Ok((revision, dirty)) => (Some(revision), dirty),
        Err(_) => (None, false),
    }
}

/// Returns the path of a folder within its git repository, separated by `/`; empty for the top.
#[must_use]
pub fn folder_in_repository(folder: &Utf8Path) -> Option<String> {
    let shell = Shell::new().ok()?;
    shell.change_dir(folder);
    let inside = quiet(cmd!(shell, "git rev-parse --show-prefix")).read();
    Some(inside.ok()?.trim_end_matches('/').to_owned())
}
