//! The checkout that contains a subject: the files of its repository as they are when a run begins.
//! They are read and copied once, so later changes to the working tree have no effect.

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytesize::ByteSize;
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::config::{Config, SourceSpec};
use pinmatrix_core::error::UserError;
use pinmatrix_core::text::count;
use rayon::prelude::*;
use xshell::{Shell, cmd};

use crate::fs_ext::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, folders, remove, write_whole};
use crate::manifest::Manifest;
use crate::subject::git;
use crate::subject::git::{Repository, short};
use crate::subject::working_tree::{EntryKind, ListedEntry, WorkingTree};

/// A snapshot of the files of a repository, or of a folder that is in no repository.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// Its path in the user's tree.
    pub origin: Utf8PathBuf,
    /// The folder that its files were copied to.
    pub top: Utf8PathBuf,
    /// Its files, links and folders, sorted by path.
    pub entries: Vec<CheckoutEntry>,
    /// Its commit, if it has one.
    pub commit: Option<String>,
    /// Whether it has changes on top of that commit.
    pub dirty: bool,
    /// Submodules that are not checked out, relative to the top.
    pub missing_submodules: Vec<PathBuf>,
    /// Notes for the user.
    pub notes: Vec<String>,
    /// The working tree that it was read from; `None` for a commit.
    tree: Option<Arc<WorkingTree>>,
    /// Held so that no other run removes the copy.
    _held: Option<Arc<File>>,
}

/// One file, link or folder of a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutEntry {
    /// Its path, relative to the top.
    pub path: PathBuf,
    /// Its kind.
    pub kind: EntryKind,
    /// Its permissions; `None` if the system has no such thing.
    pub mode: Option<u32>,
    /// A hash of its content, or of a link's target.
    pub hash: blake3::Hash,
}

/// The suffix of a lock file for copies.
pub const IN_USE: &str = ".in-use";

/// How often to read a working tree that changes while it is being read.
const TRIES: usize = 3;

/// The first bytes of a file that is a Git LFS pointer.
/// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1";

impl Checkout {
    /// Reads the files as they are now, from the working tree of the repository that contains
    /// `subject`, or from the folder that `[subject] root` names.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] for what the user can fix, and other errors if files cannot be read
    /// or copied.
    pub fn of_working_tree(config: &Config, subject: &Utf8Path, cache: &Utf8Path) -> Result<Self> {
        let origin = top_of(config, subject)?;
        let mut last = None;
        for _ in 0..TRIES {
            let tree = WorkingTree::list(&origin, &config.checkout)?;
            check_size(config, &origin, &tree)?;
            match Self::copied(&origin, tree, cache) {
                Ok(checkout) => return Ok(checkout),
                Err(error) => last = Some(error),
            }
        }
        let error = last.context("read the working tree")?;
        Err(error.context(format!("copy {origin}")))
    }

    fn copied(origin: &Utf8Path, tree: WorkingTree, cache: &Utf8Path) -> Result<Self> {
        let read = tree.entries.par_iter().map(|listed| read(origin, listed));
        let read: Vec<(CheckoutEntry, bool)> = read.collect::<Result<_>>()?;
        let n_pointers = read.iter().filter(|(_, is_pointer)| *is_pointer).count();
        let entries: Vec<CheckoutEntry> = read.into_iter().map(|(entry, _)| entry).collect();
        let of_origin = blake3::hash(origin.as_str().as_bytes()).to_hex();
        let of_origin = short(&of_origin);
        let name = format!("{of_origin}-{}", short(&content(&entries)));
        let sources = cache.join(git::SOURCES);
        let held = hold(&sources, of_origin, &name)?;
        let top = sources.join(&name);
        if !top.is_dir() {
            let work = tempfile::tempdir_in(&sources).context("make a folder for a copy")?;
            let folder = Utf8Path::from_path(work.path()).context("read its path as text")?;
            let folder = folder.join("tree");
            copy(&entries, origin, &folder)?;
            git::move_into_place(&folder, &top)?;
        }
        let mut notes = Vec::new();
        if n_pointers > 0 {
            let files = count(n_pointers, "file");
            notes.push(format!(
                "Git LFS pointers stand in the place of {files}; run `git lfs pull`"
            ));
        }
        if tree.n_absent > 0 {
            notes.push(format!(
                "{} tracked files are not in the working tree, and cells do not have them either",
                tree.n_absent
            ));
        }
        Ok(Self {
            origin: origin.to_owned(),
            top,
            entries,
            commit: None,
            dirty: false,
            missing_submodules: tree.missing_submodules.clone(),
            notes,
            tree: Some(Arc::new(tree)),
            _held: Some(Arc::new(held)),
        })
    }

    /// Lays out a commit of the repository that contains `subject`, or files with a patch on top.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`git::lay_out`].
    pub fn of_revision(
        source: &SourceSpec,
        config: &Config,
        subject: &Utf8Path,
        cache: &Utf8Path,
    ) -> Result<Self> {
        let laid_out = git::lay_out(source, config, subject, &cache.join(git::SOURCES))?;
        let origin = match &config.checkout.root {
            Some(_) => top_of(config, subject)?,
            None => laid_out.repository.clone(),
        };
        let inside = origin.strip_prefix(&laid_out.repository);
        let top = match inside {
            Ok(inside) => laid_out.top.join(inside),
            Err(_) => laid_out.top.clone(),
        };
        let tree = WorkingTree::all(&top, &config.checkout)?;
        let read = tree.entries.par_iter().map(|listed| read(&top, listed));
        let entries = read.map(|read| read.map(|(entry, _)| entry));
        Ok(Self {
            entries: entries.collect::<Result<_>>()?,
            origin,
            top,
            commit: Some(laid_out.commit),
            dirty: laid_out.dirty,
            missing_submodules: Vec::new(),
            notes: Vec::new(),
            tree: None,
            _held: None,
        })
    }

    /// Returns the entry at a path relative to the top.
    #[must_use]
    pub fn entry(&self, path: &Path) -> Option<&CheckoutEntry> {
        let found = self
            .entries
            .binary_search_by(|entry| entry.path.as_path().cmp(path));
        self.entries.get(found.ok()?)
    }

    /// Reads the manifests at some paths, in the same order; missing ones are left out.
    ///
    /// # Errors
    ///
    /// Returns an error if one cannot be read or is not valid TOML.
    pub fn manifests(&self, paths: &[Utf8PathBuf]) -> Result<Vec<Manifest>> {
        let texts = paths.iter().filter_map(|path| {
            let text = self.text_of(path).transpose()?;
            Some((path, text))
        });
        let read = |(path, text): (&Utf8PathBuf, Result<String>)| {
            Manifest::parse(&text?).with_context(|| format!("read {path}"))
        };
        texts.map(read).collect()
    }

    /// Reads the file at a path relative to the top; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be read or is not UTF-8.
    pub fn text_of(&self, path: &Utf8Path) -> Result<Option<String>> {
        if self
            .entry(path.as_std_path())
            .is_none_or(|entry| entry.kind == EntryKind::Folder)
        {
            return Ok(None);
        }
        let text = fs::read_to_string(self.top.join(path));
        text.map(Some)
            .with_context(|| format!("read {}", self.origin.join(path)))
    }

    /// Returns the empty folders whose paths are UTF-8.
    #[must_use]
    pub fn empty_folders(&self) -> Vec<Utf8PathBuf> {
        let mut after = self.entries.iter().skip(1).map(Some).chain([None]);
        let mut empty = Vec::new();
        for entry in &self.entries {
            // The contents of a folder follow it.
            let is_empty = after
                .next()
                .flatten()
                .is_none_or(|next| !next.path.starts_with(&entry.path));
            if entry.kind == EntryKind::Folder && is_empty {
                empty.extend(Utf8Path::from_path(&entry.path).map(Utf8Path::to_owned));
            }
        }
        empty
    }

    /// Returns where to run cargo to read its metadata, which follows paths that lead out of it: in
    /// the working tree, or in the folder where a commit is laid out.
    #[must_use]
    pub fn live(&self) -> &Utf8Path {
        match &self.tree {
            Some(_) => &self.origin,
            None => &self.top,
        }
    }

    /// Converts a path in the user's tree to one in the copy; a path outside stays as it is.
    #[must_use]
    pub fn in_copy(&self, path: &Utf8Path) -> Utf8PathBuf {
        // The copy can be inside the user's tree, since the work folders can be.
        if path.starts_with(&self.top) {
            return path.to_owned();
        }
        match path.strip_prefix(&self.origin) {
            Ok(inside) => self.top.join(inside),
            Err(_) => path.to_owned(),
        }
    }

    /// Converts a path in the copy to one in the user's tree.
    #[must_use]
    pub fn in_origin(&self, path: &Utf8Path) -> Utf8PathBuf {
        match path.strip_prefix(&self.top) {
            Ok(inside) => self.origin.join(inside),
            Err(_) => path.to_owned(),
        }
    }

    /// Returns true if a path, relative to the top, exists in the user's tree but not in the
    /// checkout: mostly what git ignores.
    #[must_use]
    pub fn leaves_out(&self, path: &Utf8Path) -> bool {
        !path.as_str().is_empty()
            && self.entry(path.as_std_path()).is_none()
            && self.origin.join(path).exists()
    }

    /// Returns the paths that changed in the working tree since it was read, relative to its top;
    /// empty for a commit.
    ///
    /// # Errors
    ///
    /// Returns an error if the working tree cannot be listed.
    pub fn changed_since(&self, config: &Config) -> Result<BTreeSet<PathBuf>> {
        match &self.tree {
            Some(tree) => Ok(tree.changed(&WorkingTree::list(&self.origin, &config.checkout)?)),
            None => Ok(BTreeSet::new()),
        }
    }
}

/// Computes a hash of entries: their names, kinds, contents and owner permissions. The permissions
/// of others depend on the machine's configuration.
pub fn content<'a>(entries: impl IntoIterator<Item = &'a CheckoutEntry>) -> String {
    let mut hasher = blake3::Hasher::new();
    for entry in entries {
        let path = entry.path.as_os_str().as_encoded_bytes();
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path);
        let owner = entry.mode.map_or(0, |mode| (mode >> 6) & 7);
        hasher.update(&[entry.kind as u8, u8::try_from(owner).unwrap_or_default()]);
        hasher.update(entry.hash.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Copies entries from one folder to another, and fails if they changed since they were read.
fn copy(entries: &[CheckoutEntry], from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("make {to}"))?;
    let (from, to) = (from.as_std_path(), to.as_std_path());
    for entry in entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Folder)
    {
        let folder = to.join(&entry.path);
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let others = entries
        .par_iter()
        .filter(|entry| entry.kind != EntryKind::Folder);
    others.try_for_each(|entry| {
        let (from, to) = (from.join(&entry.path), to.join(&entry.path));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        let bytes = bytes_of(&from, entry.kind)?;
        let is_same = blake3::hash(&bytes) == entry.hash;
        ensure!(is_same, "{} changes while it is read", from.display());
        match entry.kind {
            EntryKind::Link => git::copy(&from, &to),
            EntryKind::File | EntryKind::Folder => fs::write(&to, bytes),
        }
        .with_context(|| format!("write {}", to.display()))
    })
}

/// Reads an entry with its hash, and returns whether it is a Git LFS pointer.
fn read(top: &Utf8Path, listed: &ListedEntry) -> Result<(CheckoutEntry, bool)> {
    let bytes = match listed.kind {
        EntryKind::Folder => Vec::new(),
        EntryKind::File | EntryKind::Link => {
            bytes_of(&top.as_std_path().join(&listed.path), listed.kind)?
        }
    };
    let entry = CheckoutEntry {
        path: listed.path.clone(),
        kind: listed.kind,
        mode: listed.mode,
        hash: blake3::hash(&bytes),
    };
    Ok((entry, bytes.starts_with(LFS_POINTER)))
}

fn bytes_of(path: &Path, kind: EntryKind) -> Result<Vec<u8>> {
    match kind {
        EntryKind::Link => fs::read_link(path).map(|to| to.into_os_string().into_encoded_bytes()),
        EntryKind::File | EntryKind::Folder => fs::read(path),
    }
    .with_context(|| format!("read {}", path.display()))
}

/// Locks the copies of one working tree, so that no other run removes them, and removes copies that
/// no run uses any more.
fn hold(sources: &Utf8Path, of_origin: &str, name: &str) -> Result<File> {
    fs::create_dir_all(sources).with_context(|| format!("make {sources}"))?;
    let tag = sources.join(CACHEDIR_TAG_FILE);
    if !tag.exists() {
        write_whole(&tag, CACHEDIR_TAG.as_bytes())?;
    }
    let path = sources.join(format!("{of_origin}{IN_USE}"));
    let lock = File::create(&path).with_context(|| format!("write {path}"))?;
    if lock.try_lock().is_ok() {
        for other in folders(sources)? {
            if other.starts_with(of_origin) && other != name {
                // Move it first, so that no half-removed copy looks complete later.
                let gone = sources.join(format!("{of_origin}.gone"));
                if sources.join(&other) != gone {
                    remove(&gone)?;
                    fs::rename(sources.join(&other), &gone)
                        .with_context(|| format!("move {other}"))?;
                }
                remove(&gone)?;
            }
        }
        lock.unlock().with_context(|| format!("unlock {path}"))?;
    }
    lock.lock_shared().with_context(|| format!("lock {path}"))?;
    Ok(lock)
}

/// Returns the top of what is copied.
fn top_of(config: &Config, subject: &Utf8Path) -> Result<Utf8PathBuf> {
    let real = |folder: &Utf8Path| folder.canonicalize_utf8();
    let subject = real(subject).map_err(|_| no_workspace(config, subject, "is not there"))?;
    let Some(root) = &config.checkout.root else {
        return match Repository::of(&subject)? {
            Some(repository) if !repository.ignores(&subject) => Ok(repository.top),
            Some(_) => Ok(subject),
            None => refused_by_git(&subject).map_or(Ok(subject), |error| Err(error.into())),
        };
    };
    let written = config.folder().join(root.get_ref());
    let user_error = |label: &str| {
        let message = format!("{} cannot be the root of the subject", written.display());
        let error = config.text.error_at(message).at(root.span(), label);
        error.help("name a folder that the subject lies in, relative to this file")
    };
    let folder = Utf8PathBuf::from_path_buf(written.clone());
    let folder = folder.ok().and_then(|folder| real(&folder).ok());
    match folder.filter(|folder| folder.is_dir()) {
        None => Err(user_error("there is no such folder").into()),
        Some(folder) if subject.starts_with(&folder) => Ok(folder),
        Some(_) => Err(user_error("the subject does not lie in it").into()),
    }
}

/// Creates the error for a subject's folder that is not a workspace.
pub fn no_workspace(config: &Config, place: &Utf8Path, why: &str) -> UserError {
    config
        .text
        .error_at(format!("{place} is not a cargo workspace"))
        .at(config.subject.span(), why)
        .help("name the folder of the workspace's root manifest, relative to this file")
}

/// Creates an error if git refuses to work with what looks like the repository of a folder: without
/// git, other files would be copied than with it.
fn refused_by_git(folder: &Utf8Path) -> Option<UserError> {
    let top = folder
        .ancestors()
        .find(|above| above.join(".git").exists())?;
    let shell = Shell::new().ok()?;
    shell.change_dir(top);
    let asked = git::alone(cmd!(shell, "git rev-parse --show-toplevel"));
    let stderr = match asked.ignore_status().output() {
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let user_error = UserError::new(format!("git does not read the repository in {top}"));
    Some(user_error.help(format!("git says:\n{stderr}")))
}

/// Rejects a checkout that is too large before it is copied.
fn check_size(config: &Config, top: &Utf8Path, tree: &WorkingTree) -> Result<(), UserError> {
    let Some(most) = config.checkout.max_size else {
        return Ok(());
    };
    let bytes = tree.bytes();
    if bytes <= most.as_u64() {
        return Ok(());
    }
    let largest: Vec<String> = tree
        .largest(3)
        .into_iter()
        .map(|(path, bytes)| format!("{} {}", path.display(), ByteSize(bytes)))
        .collect();
    Err(config
        .text
        .error_at(format!(
            "{top} holds {}, and a cell works on a copy of at most {most}",
            ByteSize(bytes)
        ))
        .at(config.subject.span(), "lies in it")
        .help(format!(
            "the largest parts are {}; under [subject], `exclude = [\"GLOB\"]` leaves files out, \
             `root = \"FOLDER\"` copies less, and `max-size` allows more",
            largest.join(", ")
        )))
}
