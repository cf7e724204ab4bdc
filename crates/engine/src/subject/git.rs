//! Revisions of the subject: a commit, or files with a patch on top, laid out in a folder of their
//! own. The repository that they come from is only read.

use std::path::Path;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::config::{Config, SourceSpec};
use pinmatrix_core::error::UserError;
use xshell::{Cmd, Shell, cmd};

use crate::fs_ext::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, write_whole};

/// The folder in which revisions of subjects are laid out, below that of all work folders.
pub const SOURCES: &str = "sources";

/// A git repository.
#[derive(Debug)]
pub struct Repository {
    /// Its top folder.
    pub top: Utf8PathBuf,
    shell: Shell,
}

/// A revision of the subject that is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidOutRevision {
    /// The top folder of the revision.
    pub top: Utf8PathBuf,
    /// The top folder of its repository.
    pub repository: Utf8PathBuf,
    /// The commit that it is based on.
    pub commit: String,
    /// Whether it has changes on top of that commit.
    pub dirty: bool,
}

impl Repository {
    /// Finds the repository that contains a folder. Returns `None` if there is none, or if git is
    /// not installed.
    ///
    /// # Errors
    ///
    /// Returns an error if this process has no working directory.
    pub fn of(folder: &Utf8Path) -> Result<Option<Self>> {
        let shell = Shell::new()?;
        shell.change_dir(folder);
        let top = quiet(cmd!(shell, "git rev-parse --show-toplevel")).read();
        let Ok(top) = top else { return Ok(None) };
        let top = Utf8PathBuf::from(top);
        shell.change_dir(&top);
        Ok(Some(Self { top, shell }))
    }

    /// Resolves a revision to its full commit hash.
    #[must_use]
    pub fn commit(&self, rev: &str) -> Option<String> {
        let rev = format!("{rev}^{{commit}}");
        let asked = cmd!(
            self.shell,
            "git rev-parse --verify --quiet --end-of-options {rev}"
        );
        quiet(asked).read().ok()
    }

    /// Returns true if git ignores a folder in it.
    #[must_use]
    pub fn ignores(&self, folder: &Utf8Path) -> bool {
        quiet(cmd!(self.shell, "git check-ignore --quiet {folder}"))
            .run()
            .is_ok()
    }

    /// Runs a git command in the top folder that only reads.
    ///
    /// # Errors
    ///
    /// Returns an error if git fails.
    pub fn ask(&self, args: &[&str]) -> Result<String> {
        Ok(quiet(cmd!(self.shell, "git {args...}")).read()?)
    }

    /// Returns the commits from `good` to `bad` inclusive, oldest first. Where branches were
    /// merged, these are the commits of the main line.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] if `good` is not on the main line of `bad`, or if there are no
    /// commits between them.
    pub fn line(&self, good: &str, bad: &str) -> Result<Vec<String>> {
        let find = |rev: &str| {
            let top = &self.top;
            self.commit(rev).ok_or_else(|| {
                UserError::new(format!("there is no revision `{rev}` in {top}"))
                    .help("name a commit, a branch or a tag; a shallow clone has only some of them")
            })
        };
        let (good, bad) = (find(good)?, find(bad)?);
        let range = format!("{good}..{bad}");
        let listed = self.ask(&[
            "rev-list",
            "--first-parent",
            "--reverse",
            "--parents",
            &range,
        ])?;
        let mut line = vec![good.clone()];
        for listed in listed.lines() {
            let mut names = listed.split_whitespace();
            let (commit, parent) = (names.next(), names.next());
            if parent != line.last().map(String::as_str) {
                let message = format!(
                    "{} does not lead to {} in one line",
                    short(&good),
                    short(&bad)
                );
                let help = "bisecting takes commits of which each follows on the one before; name an ancestor";
                return Err(UserError::new(message).help(help).into());
            }
            line.extend(commit.map(str::to_owned));
        }
        match line.len() {
            1 => Err(UserError::new(format!(
                "no commits lead from {} to {}",
                short(&good),
                short(&bad)
            ))
            .help("the first is the older one: `GOOD..BAD`")
            .into()),
            _ => Ok(line),
        }
    }

    /// Writes all files of a commit to a folder.
    fn check_out(&self, commit: &str, into: &Utf8Path) -> Result<()> {
        // A separate index, so that the repository's own stays unchanged.
        let index = into.with_extension("index");
        let prefix = format!("{into}/");
        quiet(cmd!(self.shell, "git read-tree {commit}"))
            .env("GIT_INDEX_FILE", &index)
            .run()?;
        quiet(cmd!(
            self.shell,
            "git checkout-index --all --prefix={prefix}"
        ))
        .env("GIT_INDEX_FILE", &index)
        .run()?;
        Ok(())
    }

    /// Copies the files as they are now, except those that git ignores.
    fn copy_files(&self, into: &Utf8Path) -> Result<()> {
        let listed = self.ask(&[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])?;
        for name in listed.split('\0').filter(|name| !name.is_empty()) {
            let (from, to) = (self.top.join(name), into.join(name));
            if from.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                copy(from.as_std_path(), to.as_std_path())
                    .with_context(|| format!("copy {from} to {to}"))?;
            }
        }
        Ok(())
    }
}

/// Makes a git command work on the repository of its folder, whatever the environment says: hooks
/// and rebases leave variables that name their own repository.
pub fn alone(command: Cmd<'_>) -> Cmd<'_> {
    let left_behind = [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_COMMON_DIR",
        "GIT_PREFIX",
    ];
    left_behind
        .into_iter()
        .fold(command, Cmd::env_remove)
        .quiet()
}

/// Does the same as [`alone`], and drops git's error messages.
pub fn quiet(command: Cmd<'_>) -> Cmd<'_> {
    alone(command).ignore_stderr()
}

/// Copies a file or a link.
///
/// # Errors
///
/// Returns an error if it cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::read_link(from) {
        #[cfg(unix)]
        Ok(leads_to) => std::os::unix::fs::symlink(leads_to, to),
        #[cfg(not(unix))]
        Ok(_) => std::fs::copy(from, to).map(drop),
        Err(_) => std::fs::copy(from, to).map(drop),
    }
}

/// Lays out a revision of the subject below `cache`, unless it is there already.
///
/// The whole repository is laid out, since a subject may refer to files beside it by path.
///
/// # Errors
///
/// Returns a [`UserError`] if the subject is in no repository, if the repository lacks the
/// revision, or if the patch does not apply. Returns other errors if files cannot be written.
pub fn lay_out(
    source: &SourceSpec,
    config: &Config,
    subject: &Utf8Path,
    cache: &Utf8Path,
) -> Result<LaidOutRevision> {
    let repository = Repository::of(subject)?.ok_or_else(|| {
        let place = source.rev.as_ref().map(toml::Spanned::span);
        let place = place.or_else(|| source.patch.as_ref().map(toml::Spanned::span));
        let user_error = config
            .text
            .error_at(format!("{subject} is in no git repository"));
        let user_error = match place.filter(|span| !span.is_empty()) {
            Some(span) => user_error.at(span, "cannot be had"),
            None => user_error,
        };
        user_error.help("a revision or a patch of the subject needs git")
    })?;
    let commit = commit_of(source, config, &repository)?;
    let patch = source.patch.as_ref();
    let patch = patch.map(|patch| read_patch(patch, config)).transpose()?;
    std::fs::create_dir_all(cache).with_context(|| format!("make {cache}"))?;
    let tag = cache.join(CACHEDIR_TAG_FILE);
    if !tag.exists() {
        write_whole(&tag, CACHEDIR_TAG.as_bytes())?;
    }
    let work = tempfile::tempdir_in(cache).context("make a folder for a revision")?;
    let tree = Utf8Path::from_path(work.path())
        .context("read its path as text")?
        .join("tree");
    let dirty = patch.is_some() || source.rev.is_none();
    if !dirty {
        let name = short(&commit);
        if !cache.join(name).is_dir() {
            repository
                .check_out(&commit, &tree)
                .with_context(|| format!("lay out {commit}"))?;
            move_into_place(&tree, &cache.join(name))?;
        }
        return Ok(LaidOutRevision {
            top: cache.join(name),
            repository: repository.top,
            commit,
            dirty,
        });
    }
    match source.rev {
        Some(_) => repository
            .check_out(&commit, &tree)
            .with_context(|| format!("lay out {commit}"))?,
        None => repository.copy_files(&tree)?,
    }
    if let Some((file, span)) = patch {
        apply(&file, &tree).map_err(|stderr| {
            let user_error = config.text.error_at(format!("{file} does not apply"));
            user_error
                .at(span, "this patch")
                .help(format!("git says:\n{stderr}"))
        })?;
    }
    let name = format!("{}-{}", short(&commit), short(&hash(&tree)?));
    if !cache.join(&name).is_dir() {
        move_into_place(&tree, &cache.join(&name))?;
    }
    Ok(LaidOutRevision {
        top: cache.join(&name),
        repository: repository.top,
        commit,
        dirty,
    })
}

fn commit_of(source: &SourceSpec, config: &Config, repository: &Repository) -> Result<String> {
    let Some(rev) = &source.rev else {
        return repository
            .commit("HEAD")
            .context("find the commit that the subject is at");
    };
    let commit = repository.commit(rev.get_ref()).ok_or_else(|| {
        let user_error = config
            .text
            .error_at(format!("there is no revision `{}`", rev.get_ref()));
        let user_error = if rev.span().is_empty() {
            user_error
        } else {
            user_error.at(rev.span(), format!("not in {}", repository.top))
        };
        user_error.help("name a commit, a branch or a tag; a shallow clone has only some of them")
    })?;
    Ok(commit)
}

fn read_patch(
    patch: &toml::Spanned<std::path::PathBuf>,
    config: &Config,
) -> Result<(Utf8PathBuf, std::ops::Range<usize>)> {
    let file = std::path::absolute(config.folder().join(patch.get_ref()));
    let file = file
        .ok()
        .and_then(|file| Utf8PathBuf::from_path_buf(file).ok());
    match file.filter(|file| file.is_file()) {
        Some(file) => Ok((file, patch.span())),
        None => Err(config
            .text
            .error_at(format!("{} is not there", patch.get_ref().display()))
            .at(patch.span(), "no such file")
            .into()),
    }
}

/// Applies a patch to a folder; the error is git's message.
fn apply(patch: &Utf8Path, tree: &Utf8Path) -> std::result::Result<(), String> {
    let run = || -> Result<std::process::Output> {
        let shell = Shell::new()?;
        shell.change_dir(tree);
        // If a repository above the folder were found, git would skip all files.
        let above = tree.parent().unwrap_or(tree);
        let apply = alone(cmd!(shell, "git apply --whitespace=nowarn {patch}"));
        Ok(apply
            .env("GIT_CEILING_DIRECTORIES", above)
            .quiet()
            .ignore_status()
            .output()?)
    };
    match run() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// Moves a finished folder to its final path, so that it appears there completely or not at all.
///
/// # Errors
///
/// Returns an error if it cannot be moved.
pub fn move_into_place(tree: &Utf8Path, place: &Utf8Path) -> Result<()> {
    match std::fs::rename(tree, place) {
        // Another run was faster.
        Err(_) if place.is_dir() => Ok(()),
        renamed => renamed.with_context(|| format!("make {place}")),
    }
}

/// Returns a hash of all files below a folder and their names.
///
/// # Errors
///
/// Returns an error if a file cannot be read.
pub fn hash(folder: &Utf8Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let walk = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter();
    let is_ours = |entry: &walkdir::DirEntry| {
        entry.file_name() != ".git"
            && !(entry.depth() > 0 && entry.path().join("CACHEDIR.TAG").is_file())
    };
    for entry in walk.filter_entry(is_ours) {
        let entry = entry.with_context(|| format!("list {folder}"))?;
        let path = entry.path();
        let inside = path.strip_prefix(folder).unwrap_or(path);
        let content = match entry.file_type() {
            kind if kind.is_file() => std::fs::read(path),
            kind if kind.is_symlink() => link_bytes(path),
            _ => continue,
        };
        let content = content.with_context(|| format!("read {}", path.display()))?;
        hasher.update(blake3::hash(inside.as_os_str().as_encoded_bytes()).as_bytes());
        hasher.update(blake3::hash(&content).as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn link_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    Ok(std::fs::read_link(path)?
        .as_os_str()
        .as_encoded_bytes()
        .to_vec())
}

/// Shortens a hash to as many digits as distinguish it from others.
#[must_use]
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
