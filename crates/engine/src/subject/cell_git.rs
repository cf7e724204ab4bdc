//! The repository that git finds in a cell: at the same commit and with the same tags as the
//! user's. It borrows the objects of the user's repository and cannot write there.

use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::fs_ext::write_whole;
use crate::subject::git::Repository;

/// The metadata of a repository.
#[derive(Clone, Debug)]
pub struct GitMetadata {
    /// The folder in which git keeps it.
    pub folder: Utf8PathBuf,
    /// The folder of its objects.
    pub objects: Utf8PathBuf,
    /// The commit that is checked out, and the branch if there is one.
    head: GitHead,
    /// Its tags, in git's packed-refs format.
    tags: String,
    /// The index of the files that are checked out.
    index: Option<Utf8PathBuf>,
    /// The file that lists where a shallow clone ends.
    shallow: Option<Utf8PathBuf>,
}

#[derive(Clone, Debug)]
struct GitHead {
    branch: Option<String>,
    commit: Option<String>,
}

impl GitMetadata {
    /// Reads the metadata of the repository that contains a folder, at `commit` or at what is
    /// checked out. Returns `None` if there is no repository.
    ///
    /// # Errors
    ///
    /// Returns an error if git does not respond.
    pub fn of(folder: &Utf8Path, commit: Option<&str>) -> Result<Option<Self>> {
        let Some(repository) = Repository::of(folder)? else {
            return Ok(None);
        };
        let place = |name: &str| -> Result<Utf8PathBuf> {
            let path = repository.ask(&["rev-parse", "--git-path", name])?;
            Ok(repository.top.join(path))
        };
        let existing = |path: Utf8PathBuf| path.is_file().then_some(path);
        let tags = [
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            "refs/tags",
        ];
        let head = match commit {
            Some(commit) => GitHead {
                branch: None,
                commit: Some(commit.to_owned()),
            },
            None => GitHead {
                branch: repository.ask(&["symbolic-ref", "--quiet", "HEAD"]).ok(),
                // A repository without commits has none.
                commit: repository.commit("HEAD"),
            },
        };
        Ok(Some(Self {
            folder: repository.ask(&["rev-parse", "--absolute-git-dir"])?.into(),
            objects: place("objects")?,
            index: existing(place("index")?).filter(|_| commit.is_none()),
            shallow: existing(place("shallow")?),
            tags: repository.ask(&tags)?,
            head,
        }))
    }

    /// Returns the part of it that programs can learn from git.
    #[must_use]
    pub fn state(&self) -> String {
        let GitHead { branch, commit } = &self.head;
        format!("{branch:?} {commit:?}\n{}", self.tags)
    }

    /// Creates the `.git` folder in a copy of the checkout.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read or written.
    pub fn write(&self, checkout: &Utf8Path) -> Result<()> {
        let git = checkout.join(".git");
        let write = |name: &str, text: &str| write_whole(&git.join(name), text.as_bytes());
        let GitHead { branch, commit } = &self.head;
        let head = match (branch, commit) {
            (Some(branch), _) => format!("ref: {branch}\n"),
            (None, Some(commit)) => format!("{commit}\n"),
            (None, None) => "ref: refs/heads/main\n".to_owned(),
        };
        write("HEAD", &head)?;
        write(
            "config",
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
        )?;
        write("objects/info/alternates", &format!("{}\n", self.objects))?;
        if !self.tags.is_empty() {
            write("packed-refs", &format!("{}\n", self.tags))?;
        }
        fs::create_dir_all(git.join("refs/heads")).context("make a folder for branches")?;
        if let (Some(branch), Some(commit)) = (branch, commit) {
            write(branch, &format!("{commit}\n"))?;
        }
        for (file, name) in [(&self.index, "index"), (&self.shallow, "shallow")] {
            if let Some(file) = file {
                let to = git.join(name);
                fs::copy(file, &to).with_context(|| format!("copy {file} to {to}"))?;
            }
        }
        Ok(())
    }
}
