//! The subject: which workspace it is, which manifests it has, what all its files hash to.
//!
//! The subject is read here and never written.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Edition, Package};
use semver::Version;
use walkdir::{DirEntry, WalkDir};
use xshell::{Shell, cmd};

use crate::config::Config;
use crate::config::mistake::Mistake;
use crate::environment::Surroundings;
use crate::files::normal;
use crate::manifest::Manifest;
use crate::model::run::SubjectRecord;
use crate::revision::quiet;
use crate::source_files::{FileKind, SourceFile, config_within, content, files};
use crate::toolchain::Toolchain;

/// The workspace under migration.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The workspace's root, absolute.
    pub root: Utf8PathBuf,
    /// The manifests of the root, of all members, and of all else below the root that they reach
    /// by path; relative to the root, sorted.
    pub manifests: Vec<Utf8PathBuf>,
    /// True when its root manifest declares a workspace; a single package need not.
    pub is_workspace: bool,
    /// What its members declare, sorted by name.
    pub members: Vec<Member>,
    /// A hash of all that the subject reaches by a path or a link outside its folder; empty where
    /// it reaches nothing there.
    pub outside: String,
    /// Where that is.
    pub reaches: Vec<Utf8PathBuf>,
    /// Every file, sorted.
    pub files: Vec<SourceFile>,
    /// What reports keep of it.
    pub record: SubjectRecord,
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
    /// Reads the subject that a config names, in `folder`.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] when it is no workspace or does not parse; any other error when its files
    /// cannot be read.
    pub fn read(
        config: &Config,
        folder: &Path,
        cargo: &Toolchain,
        surroundings: &Surroundings,
    ) -> Result<Self> {
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(config
                .text
                .mistake(format!("{} is no cargo workspace", folder.display()))
                .at(config.subject.span(), "has no Cargo.toml")
                .help("name the folder of the workspace's root manifest, relative to this file")
                .into());
        }
        let metadata = metadata(config, &manifest, cargo, surroundings)?;
        let root = metadata.workspace_root.clone();
        let given = folder.canonicalize().context("find the subject's folder")?;
        if given
            != root
                .as_std_path()
                .canonicalize()
                .context("find the workspace's folder")?
        {
            return Err(config
                .text
                .mistake(format!(
                    "{} is a member of a larger workspace",
                    folder.display()
                ))
                .at(config.subject.span(), format!("the workspace is {root}"))
                .help("name the workspace's own folder")
                .into());
        }
        let mut manifests = BTreeSet::from([root.join("Cargo.toml")]);
        let mut members = Vec::new();
        for package in metadata.workspace_packages() {
            if !package.manifest_path.starts_with(&root) {
                return Err(Mistake::new(format!(
                    "member `{}` of the subject stands outside its folder: {}",
                    package.name, package.manifest_path
                ))
                .help("cells work on a copy of the workspace's folder; move the member into it")
                .into());
            }
            manifests.insert(package.manifest_path.clone());
            members.push(Member {
                name: package.name.to_string(),
                version: package.version.clone(),
                needs: needs(package),
                features: package.features.keys().cloned().collect(),
            });
        }
        members.sort();
        let files = files(
            &root,
            &manifests,
            &metadata.target_directory,
            config_within(config).as_deref(),
        )?;
        let mut reached = reached(manifests)?;
        let links = files.iter().filter(|f| f.kind == FileKind::Link);
        reached.extend(links.filter_map(|link| target_of(&root.join(&link.path))));
        let (inside, outside): (Vec<_>, Vec<_>) = reached
            .into_iter()
            .partition(|path| path.starts_with(&root));
        let reaches: Vec<_> = outside.into_iter().map(whole).collect();
        let outside = hash_outside(&reaches)?;
        let manifests = inside
            .iter()
            .filter(|path| path.file_name() == Some("Cargo.toml"))
            .filter_map(|path| Some(path.strip_prefix(&root).ok()?.to_owned()))
            .collect();
        let (revision, dirty) = git(&root);
        let folder = folder_in_repository(&root);
        let record = SubjectRecord {
            path: config.subject.get_ref().clone(),
            content: content(&files),
            revision,
            dirty,
            folder,
        };
        let text = std::fs::read_to_string(root.join("Cargo.toml")).context("read its manifest")?;
        let is_workspace = Manifest::parse(&text)?.is_workspace();
        Ok(Self {
            root,
            is_workspace,
            manifests,
            members,
            outside,
            reaches,
            files,
            record,
        })
    }

    /// The bytes of a file, which must still be what it held when the subject was read: an outcome
    /// is kept under a hash of that.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or has changed since.
    pub fn bytes_of(&self, file: &SourceFile) -> Result<Vec<u8>> {
        let path = self.root.join(&file.path);
        let bytes = std::fs::read(&path).with_context(|| format!("read {path}"))?;
        anyhow::ensure!(
            blake3::hash(&bytes) == file.hash,
            "{path} has changed since the run began"
        );
        Ok(bytes)
    }

    /// The text of a file of the subject, if it has it.
    ///
    /// # Errors
    ///
    /// As [`Subject::bytes_of`], and when it is no text.
    pub fn text_of(&self, path: &str) -> Result<Option<String>> {
        let Some(file) = self.files.iter().find(|f| f.path == path) else {
            return Ok(None);
        };
        let text = String::from_utf8(self.bytes_of(file)?);
        text.map(Some)
            .with_context(|| format!("read {} as text", self.root.join(path)))
    }

    /// A hash of everything but the subject's own lock: what a cell builds besides its own lock.
    #[must_use]
    pub fn sources(&self) -> String {
        content(self.files.iter().filter(|f| f.path != "Cargo.lock"))
    }
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

/// All manifests that some manifests reach by path, themselves included.
fn reached(manifests: BTreeSet<Utf8PathBuf>) -> Result<BTreeSet<Utf8PathBuf>> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<Utf8PathBuf> = manifests.into_iter().collect();
    while let Some(path) = open.pop() {
        if !path.is_file() || !reached.insert(path.clone()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let manifest = Manifest::parse(&text).with_context(|| format!("read {path}"))?;
        let folder = path.parent().unwrap_or(&path);
        open.extend(
            manifest
                .paths(folder)
                .into_iter()
                .map(|p| p.join("Cargo.toml")),
        );
    }
    Ok(reached)
}

/// Where a symbolic link leads.
fn target_of(link: &Utf8Path) -> Option<Utf8PathBuf> {
    let leads_to = link.read_link_utf8().ok()?;
    Some(normal(&link.parent()?.join(leads_to)))
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
    manifest: &Path,
    cargo: &Toolchain,
    surroundings: &Surroundings,
) -> Result<cargo_metadata::Metadata> {
    workspace(manifest, cargo, surroundings)?.map_err(|said| {
        config
            .text
            .mistake(format!("cargo cannot read {}", manifest.display()))
            .at(config.subject.span(), "this subject")
            .help(format!("cargo says:\n{said}"))
            .into()
    })
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
    surroundings: &Surroundings,
) -> Result<std::result::Result<cargo_metadata::Metadata, String>> {
    let shell = Shell::new()?;
    let program = cargo.program("cargo");
    let output = cmd!(
        shell,
        "{program} metadata --no-deps --format-version 1 --manifest-path {manifest}"
    )
    .env_clear()
    .envs(surroundings.with_sysroot(&cargo.sysroot))
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

/// The commit the subject is at, and whether its folder has changes on top of it.
fn git(root: &Utf8Path) -> (Option<String>, bool) {
    let ask = || -> Result<(String, bool)> {
        let shell = Shell::new()?;
        shell.change_dir(root);
        let revision = quiet(cmd!(shell, "git rev-parse HEAD")).read()?;
        let changes = quiet(cmd!(shell, "git status --porcelain -- .")).read()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_under_a_run_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Utf8PathBuf::try_from(folder.path().to_owned()).expect("text");
        std::fs::write(root.join("a.rs"), "one").expect("written");
        std::fs::create_dir_all(root.join("target")).expect("a folder");
        std::fs::write(root.join("target/b.rs"), "").expect("written");
        let files = files(
            &root,
            &BTreeSet::new(),
            &root.join("target"),
            Some(Path::new("matrix.toml")),
        )
        .expect("files");
        let record = SubjectRecord {
            path: ".".to_owned(),
            content: content(&files),
            revision: None,
            dirty: false,
            folder: None,
        };
        let subject = Subject {
            root: root.clone(),
            is_workspace: false,
            manifests: Vec::new(),
            members: Vec::new(),
            outside: String::new(),
            reaches: Vec::new(),
            files,
            record,
        };
        let [file] = subject.files.as_slice() else {
            panic!("{:?}", subject.files)
        };
        assert_eq!(subject.bytes_of(file).expect("unchanged"), b"one");
        std::fs::write(root.join("a.rs"), "two").expect("written");
        let error = subject.bytes_of(file).expect_err("changed");
        assert!(
            error
                .to_string()
                .ends_with("has changed since the run began"),
            "{error}"
        );
    }
}
