//! The subject: which workspace it is, which manifests it has, what all its files hash to.
//!
//! The subject is read here, in the copy of its checkout, and never written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Edition, Package};
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
use crate::subject::working_tree::EntryKind;

/// The workspace under migration.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The checkout that it lies in.
    pub checkout: Checkout,
    /// The workspace's root in the copy of that, absolute.
    pub root: Utf8PathBuf,
    /// Where the workspace lies in the checkout; empty for the top.
    pub inside: Utf8PathBuf,
    /// The manifests of the root, of all members, and of all else in the checkout that they reach by
    /// path; relative to the top of the checkout, sorted.
    pub manifests: Vec<Utf8PathBuf>,
    /// True when its root manifest declares a workspace; a single package need not.
    pub is_workspace: bool,
    /// What its members declare, sorted by name.
    pub members: Vec<Member>,
    /// A hash of all that decides and is not in the checkout: what the subject reaches by a path or a
    /// link outside it, and git's metadata where cells can read that; empty where there is nothing.
    pub outside: String,
    /// What it reaches outside the checkout.
    pub reaches: Vec<Utf8PathBuf>,
    /// The repository's metadata, where cells can read it.
    pub git: Option<cell_git::GitMetadata>,
    /// What reports keep of it.
    pub record: SubjectRecord,
    /// Files that belong to the matrix and decide nothing: the config, its baseline and its locks.
    of_matrix: Vec<PathBuf>,
}

/// A cargo config in the checkout that cargo reads for the workspace.
#[derive(Clone, Debug)]
pub struct CargoConfig {
    /// Its path, relative to the top of the checkout.
    pub path: Utf8PathBuf,
    /// The folder that relative paths in it are relative to, relative to the top of the checkout.
    pub folder: Utf8PathBuf,
    /// What stands in it.
    pub text: String,
}

/// A member of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The rustc it needs, and whether only its edition tells so.
    pub needs: Option<(Version, bool)>,
    /// Its features.
    pub features: BTreeSet<String>,
}

impl Subject {
    /// Reads the subject that a config names, whose folder the user has at `place`, in a checkout.
    ///
    /// # Errors
    ///
    /// A [`UserError`] when it is no workspace or does not parse; any other error when its files
    /// cannot be read.
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
            let why = match place.join("Cargo.toml").is_file() {
                true => "has a Cargo.toml that the copy of its repository does not have",
                false => "has no Cargo.toml",
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
                .mistake(format!("{place} is a member of a larger workspace"))
                .at(
                    config.subject.span(),
                    format!("the workspace is {}", checkout.in_origin(&workspace)),
                )
                .help("name the workspace's own folder")
                .into());
        }
        let mut manifests = BTreeSet::from([folder.join("Cargo.toml")]);
        let mut members = Vec::new();
        for package in metadata.workspace_packages() {
            let manifest = in_checkout(&checkout, &package.manifest_path);
            // A fresh checkout does not have it: git ignores it, and a pattern of members finds it.
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
            });
        }
        members.sort();
        let git = match config.checkout.git || asks_git(&metadata) {
            true => cell_git::GitMetadata::of(&checkout.origin, checkout.commit.as_deref())?,
            false => None,
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
        let text = std::fs::read_to_string(folder.join("Cargo.toml"));
        let text = text.context("read its manifest")?;
        let is_workspace = Manifest::parse(&text)?.is_workspace();
        let (revision, dirty) = match &checkout.commit {
            Some(commit) => (Some(commit.clone()), checkout.dirty),
            None => uncommitted(&checkout.origin, &of_matrix),
        };
        let mut subject = Self {
            root: checkout.top.join(&inside),
            inside,
            is_workspace,
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

    /// The text of a file of the workspace, if it has it; its path is relative to the workspace.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not UTF-8.
    pub fn text_of(&self, path: &str) -> Result<Option<String>> {
        self.checkout.text_of(&self.inside.join(path))
    }

    /// Whether the checkout holds a file, whose path is relative to the workspace.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        let path = normalized(&self.inside.join(path));
        self.checkout.entry(path.as_std_path()).is_some()
    }

    /// The place of its lock, relative to the top of the checkout.
    #[must_use]
    pub fn lock(&self) -> Utf8PathBuf {
        self.inside.join("Cargo.lock")
    }

    /// The cargo configs in the checkout that cargo reads for the workspace, those that come first
    /// before the others.
    /// <https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>
    ///
    /// # Errors
    ///
    /// As [`Subject::text_of`].
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

    /// A hash of everything but the subject's own lock: what a cell builds besides its own lock.
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
        self.checkout
            .entries
            .iter()
            .filter(move |entry| !is_of_matrix(entry))
    }
}

/// Where the workspace that the user has at `place` lies in its checkout.
fn inside(place: &Utf8Path, checkout: &Checkout) -> Result<Utf8PathBuf> {
    let real = |folder: &Utf8Path| folder.canonicalize_utf8();
    let (real_place, real_origin) = (real(place), real(&checkout.origin));
    let place = real_place.unwrap_or_else(|_| place.to_owned());
    let origin = real_origin.unwrap_or_else(|_| checkout.origin.clone());
    let inside = place.strip_prefix(&origin).map(Utf8Path::to_owned);
    inside.with_context(|| format!("find {place} in {origin}"))
}

/// What the config names in the checkout and writes itself, relative to its top.
fn of_matrix(config: &Config, origin: &Utf8Path) -> Vec<PathBuf> {
    let folder = config.folder();
    let named = [&config.run.baseline, &config.run.locks];
    let named = named.into_iter().flatten().map(|path| folder.join(path));
    let named = named.chain([config.text.file().to_owned()]);
    let inside = |path: PathBuf| {
        let path = std::path::absolute(path).ok()?;
        // It need not be there yet.
        let (parent, name) = (path.parent()?.canonicalize().ok()?, path.file_name()?);
        let path = parent.join(name);
        let inside = path.strip_prefix(origin.as_std_path()).ok()?;
        // The whole checkout is no folder of locks.
        (!inside.as_os_str().is_empty()).then(|| inside.to_owned())
    };
    named.filter_map(inside).collect()
}

/// Whether a build script of the workspace has cargo run it again when git's metadata change, so that
/// it asks git for something.
fn asks_git(metadata: &cargo_metadata::Metadata) -> bool {
    let packages = metadata.workspace_packages().into_iter();
    let targets = packages.flat_map(|package| &package.targets);
    let scripts = targets.filter(|target| target.is_custom_build());
    let texts = scripts.filter_map(|script| std::fs::read_to_string(&script.src_path).ok());
    texts
        .into_iter()
        .any(|text| text.contains("rerun-if-changed") && names_git(&text))
}

/// Whether a text names `.git`, and not a longer name such as `.gitignore`.
fn names_git(text: &str) -> bool {
    let mut after = text.split(".git").skip(1);
    after.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// The rustc a package needs: what it declares, and at the least what can read its edition; with
/// whether only the edition tells. <https://doc.rust-lang.org/edition-guide/editions/>
#[must_use]
pub fn needs(package: &Package) -> Option<(Version, bool)> {
    let by_edition = match package.edition {
        Edition::E2015 => None,
        Edition::E2018 => Some(Version::new(1, 31, 0)),
        Edition::E2021 => Some(Version::new(1, 56, 0)),
        // Any later edition is read by a later compiler still, which its packages declare.
        Edition::E2024 | _ => Some(Version::new(1, 85, 0)),
    };
    match (package.rust_version.clone(), by_edition) {
        (Some(declared), Some(edition)) if edition > declared => Some((edition, true)),
        (Some(declared), _) => Some((declared, false)),
        (None, Some(edition)) => Some((edition, true)),
        (None, None) => None,
    }
}

/// All manifests that some manifests reach by path, themselves included: in the copy of the checkout,
/// or outside it.
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

/// Where a file of the user's tree is in the copy, by the path that no link is a part of; a path
/// outside stays as it is.
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

/// Where a symbolic link of the checkout leads.
fn target_of(checkout: &Checkout, link: &Utf8Path) -> Option<Utf8PathBuf> {
    let leads_to = checkout.top.join(link).read_link_utf8().ok()?;
    let from = checkout.origin.join(link);
    let leads_to = normalized(&from.parent()?.join(leads_to));
    // One that leads above the checkout leads to the checkout too, and to whatever else is there.
    (!checkout.origin.starts_with(&leads_to)).then(|| checkout.in_copy(&leads_to))
}

/// The folder of a manifest, or what else a path leads to.
fn whole(path: Utf8PathBuf) -> Utf8PathBuf {
    match path.parent() {
        Some(folder) if path.file_name() == Some("Cargo.toml") => folder.to_owned(),
        Some(_) | None => path,
    }
}

/// A hash of files and folders, with their names.
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
            // A link may lead nowhere.
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
    workspace(manifest.as_std_path(), cargo, child_env)?.map_err(|said| {
        let said = said.replace(checkout.top.as_str(), checkout.origin.as_str());
        let manifest = checkout.in_origin(manifest);
        let help = match missing_submodule(checkout, &said) {
            Some(submodule) => format!(
                "submodule {} is not checked out: `git submodule update --init` gets it; \
                 cargo says:\n{said}",
                submodule.display()
            ),
            None => format!("cargo says:\n{said}"),
        };
        config
            .text
            .mistake(format!("cargo cannot read {manifest}"))
            .at(config.subject.span(), "this subject")
            .help(help)
            .into()
    })
}

/// The submodule that is not checked out and that some words name.
fn missing_submodule<'a>(checkout: &'a Checkout, said: &str) -> Option<&'a PathBuf> {
    let mut submodules = checkout.missing_submodules.iter();
    submodules.find(|path| path.to_str().is_some_and(|path| said.contains(path)))
}

/// What cargo says of the workspace of a manifest, without what it depends on; or what it says
/// against it.
///
/// # Errors
///
/// When cargo does not start or answers in another form.
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

/// The commit that a checkout is at, and whether anything is changed on top of it but what belongs to
/// the matrix.
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

/// Where a folder is within its git repository, with `/`; empty for the top.
#[must_use]
pub fn folder_in_repository(folder: &Utf8Path) -> Option<String> {
    let shell = Shell::new().ok()?;
    shell.change_dir(folder);
    let inside = quiet(cmd!(shell, "git rev-parse --show-prefix")).read();
    Some(inside.ok()?.trim_end_matches('/').to_owned())
}
