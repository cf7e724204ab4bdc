//! What a program that asks git finds in a cell: a repository of its own, at the same commit and with
//! the same tags, which borrows the objects of the user's and can write nothing there.

use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::fs_ext::write_whole;
use crate::subject::git::Repository;

/// The metadata of a repository.
#[derive(Clone, Debug)]
pub struct GitMetadata {
    /// Where git keeps it.
    pub folder: Utf8PathBuf,
    /// Where its objects are.
    pub objects: Utf8PathBuf,
    /// The commit that is checked out, and the branch where there is one.
    head: GitHead,
    /// Its tags, as git packs references.
    tags: String,
    /// What git knows of the files that are checked out.
    index: Option<Utf8PathBuf>,
    /// The commits at which a shallow clone ends.
    shallow: Option<Utf8PathBuf>,
}

#[derive(Clone, Debug)]
struct GitHead {
    branch: Option<String>,
    commit: Option<String>,
}

impl GitMetadata {
    /// The metadata of the repository that a folder lies in, at `commit` or at what is checked out;
    /// none where there is no repository.
    ///
    /// # Errors
    ///
    /// When git does not answer.
    pub fn of(folder: &Utf8Path, commit: Option<&str>) -> Result<Option<Self>> {
        let Some(repository) = Repository::of(folder)? else {
            return Ok(None);
        };
        let place = |name: &str| -> Result<Utf8PathBuf> {
            let path = repository.ask(&["rev-parse", "--git-path", name])?;
            Ok(repository.top.join(path))
        };
        let there = |path: Utf8PathBuf| path.is_file().then_some(path);
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
            index: there(place("index")?).filter(|_| commit.is_none()),
            shallow: there(place("shallow")?),
            tags: repository.ask(&tags)?,
            head,
        }))
    }

    /// What of it decides what a program that asks git learns.
    #[must_use]
    pub fn state(&self) -> String {
        let GitHead { branch, commit } = &self.head;
        format!("{branch:?} {commit:?}\n{}", self.tags)
    }

    /// Makes the folder `.git` in a copy of the checkout.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
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
