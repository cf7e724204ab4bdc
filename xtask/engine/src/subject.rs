//! The subject: which workspace it is, which manifests it has, what all its files hash to.
//!
//! The subject is read here and never written.

use std::path::Path;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use walkdir::{DirEntry, WalkDir};
use xshell::{Shell, cmd};

use crate::config::Config;
use crate::config::mistake::Mistake;
use crate::environment::Surroundings;
use crate::model::run::SubjectRecord;
use crate::toolchain::Toolchain;

/// The workspace under migration.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The workspace's root, absolute.
    pub root: Utf8PathBuf,
    /// The manifests of the root and of all members, relative to the root, sorted.
    pub manifests: Vec<Utf8PathBuf>,
    /// The names of the members, sorted.
    pub members: Vec<String>,
    /// Every file, sorted.
    pub files: Vec<SourceFile>,
    /// What reports keep of it.
    pub record: SubjectRecord,
}

/// One file of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, relative to the root.
    pub path: Utf8PathBuf,
    /// A hash of its content, or of where it leads for a symbolic link.
    pub hash: blake3::Hash,
    /// What it is.
    pub kind: FileKind,
}

/// What a file of the subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A plain file.
    Plain,
    /// A file that can be run.
    Executable,
    /// A symbolic link.
    Link,
}

impl Subject {
    /// Reads the subject that a config names.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] when it is no workspace or does not parse; any other error when its files
    /// cannot be read.
    pub fn read(config: &Config, cargo: &Toolchain, surroundings: &Surroundings) -> Result<Self> {
        let folder = config.subject_folder();
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
        let mut manifests = vec![Utf8PathBuf::from("Cargo.toml")];
        for package in metadata.workspace_packages() {
            match package.manifest_path.strip_prefix(&root) {
                Ok(path) => manifests.push(path.to_owned()),
                Err(_) => {
                    return Err(Mistake::new(format!(
                        "member `{}` of the subject stands outside its folder: {}",
                        package.name, package.manifest_path
                    ))
                    .help("cells work on a copy of the workspace's folder; move the member into it")
                    .into());
                }
            }
        }
        manifests.sort();
        manifests.dedup();
        let mut members: Vec<String> = metadata
            .workspace_packages()
            .iter()
            .map(|p| p.name.to_string())
            .collect();
        members.sort();
        let files = files(&root, &metadata.target_directory, config.text.file())?;
        let (revision, dirty) = git(&root);
        let record = SubjectRecord {
            path: config.subject.get_ref().clone(),
            content: content(&files),
            revision,
            dirty,
        };
        Ok(Self {
            root,
            manifests,
            members,
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

fn metadata(
    config: &Config,
    manifest: &Path,
    cargo: &Toolchain,
    surroundings: &Surroundings,
) -> Result<cargo_metadata::Metadata> {
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
    .context("ask cargo for the subject's metadata")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(config
            .text
            .mistake(format!("cargo cannot read {}", manifest.display()))
            .at(config.subject.span(), "this subject")
            .help(format!("cargo says:\n{}", said.trim()))
            .into());
    }
    let json = String::from_utf8(output.stdout).context("read cargo's metadata as text")?;
    cargo_metadata::MetadataCommand::parse(json).context("read cargo's metadata")
}

/// Every file below the root but version control, build folders (they carry a `CACHEDIR.TAG`) and
/// the config itself.
fn files(root: &Utf8Path, target: &Utf8Path, config_file: &Path) -> Result<Vec<SourceFile>> {
    let config_file = config_file.canonicalize().ok();
    let wanted = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let is_folder = entry.file_type().is_dir();
        let is_version_control = matches!(&*name, ".git" | ".hg" | ".jj" | ".svn");
        let is_build = is_folder
            && entry.depth() > 0
            && (entry.path() == target || entry.path().join("CACHEDIR.TAG").is_file());
        let is_config =
            !is_folder && entry.path().canonicalize().ok() == config_file && config_file.is_some();
        !is_version_control && !is_build && !is_config
    };
    let mut files = Vec::new();
    for entry in WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(wanted)
    {
        let entry = entry.context("list the subject's files")?;
        // A pipe or a socket holds nothing that a build could read.
        if !entry.file_type().is_file() && !entry.path_is_symlink() {
            continue;
        }
        let absolute = Utf8Path::from_path(entry.path())
            .with_context(|| format!("read the name {} as text", entry.path().display()))?;
        let path = absolute.strip_prefix(root).unwrap_or(absolute).to_owned();
        let (hash, kind) = look_at(absolute, &entry)?;
        files.push(SourceFile { path, hash, kind });
    }
    Ok(files)
}

fn look_at(path: &Utf8Path, entry: &DirEntry) -> Result<(blake3::Hash, FileKind)> {
    if entry.path_is_symlink() {
        let to = path
            .read_link_utf8()
            .with_context(|| format!("follow {path}"))?;
        return Ok((blake3::hash(to.as_str().as_bytes()), FileKind::Link));
    }
    let bytes = std::fs::read(path).with_context(|| format!("read {path}"))?;
    let metadata = entry
        .metadata()
        .with_context(|| format!("look at {path}"))?;
    Ok((blake3::hash(&bytes), kind_of(&metadata)))
}

#[cfg(unix)]
fn kind_of(metadata: &std::fs::Metadata) -> FileKind {
    use std::os::unix::fs::PermissionsExt;
    match metadata.permissions().mode() & 0o111 {
        0 => FileKind::Plain,
        _ => FileKind::Executable,
    }
}

#[cfg(not(unix))]
fn kind_of(_: &std::fs::Metadata) -> FileKind {
    FileKind::Plain
}

fn content<'a>(files: impl IntoIterator<Item = &'a SourceFile>) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&(file.path.as_str().len() as u64).to_le_bytes());
        hasher.update(file.path.as_str().as_bytes());
        hasher.update(&[file.kind as u8]);
        hasher.update(file.hash.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The commit the subject is at, and whether its folder has changes on top of it.
fn git(root: &Utf8Path) -> (Option<String>, bool) {
    let ask = || -> Result<(String, bool)> {
        let shell = Shell::new()?;
        shell.change_dir(root);
        let revision = cmd!(shell, "git rev-parse HEAD")
            .ignore_stderr()
            .quiet()
            .read()?;
        let changes = cmd!(shell, "git status --porcelain -- .")
            .ignore_stderr()
            .quiet()
            .read()?;
        Ok((revision, !changes.is_empty()))
    };
    match ask() {
        Ok((revision, dirty)) => (Some(revision), dirty),
        Err(_) => (None, false),
    }
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
        let files = files(&root, &root.join("target"), Path::new("matrix.toml")).expect("files");
        let record = SubjectRecord {
            path: ".".to_owned(),
            content: content(&files),
            revision: None,
            dirty: false,
        };
        let subject = Subject {
            root: root.clone(),
            manifests: Vec::new(),
            members: Vec::new(),
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
