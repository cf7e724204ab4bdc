//! `[subject]`: the workspace, and which of the surrounding files a cell's copy contains.

use std::path::PathBuf;

use bytesize::ByteSize;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use toml::Spanned;

use super::values;
use crate::config::raw;
use crate::error::{SourceText, UserError};

/// Which of the files around the subject a cell's copy contains.
#[derive(Clone, Debug)]
pub struct CheckoutConfig {
    /// The folder to copy, relative to `matrix.toml`; `None` for the top of the subject's
    /// repository.
    pub root: Option<Spanned<PathBuf>>,
    /// Whether cells can read the repository's metadata, as `git describe` does.
    pub git: bool,
    /// Files to copy although git ignores them.
    pub include: PathGlobs,
    /// Files not to copy.
    pub exclude: PathGlobs,
    /// The maximum size of the copy; `None` for no limit.
    pub max_size: Option<ByteSize>,
}

/// A set of globs, with their text.
#[derive(Clone, Debug, Default)]
pub struct PathGlobs {
    written: Vec<String>,
    set: GlobSet,
}

impl PathGlobs {
    /// Whether a path relative to the copied folder matches.
    #[must_use]
    pub fn matches(&self, path: &std::path::Path) -> bool {
        self.set.is_match(path)
    }

    /// For each glob, the longest path without wildcards that contains everything the glob can
    /// match.
    pub fn bases(&self) -> impl Iterator<Item = PathBuf> {
        let is_plain = |part: &&str| !part.contains(['*', '?', '[', '{']);
        let base = move |glob: &String| glob.split('/').take_while(is_plain).collect();
        self.written.iter().map(base)
    }
}

pub(super) fn checkout(
    text: &SourceText,
    written: raw::Subject,
) -> Result<CheckoutConfig, UserError> {
    Ok(CheckoutConfig {
        root: written.root,
        git: written.git,
        include: globs(text, &written.include)?,
        exclude: globs(text, &written.exclude)?,
        max_size: values::disk(text, &written.max_size)?,
    })
}

fn globs(text: &SourceText, written: &[Spanned<String>]) -> Result<PathGlobs, UserError> {
    let mut builder = GlobSetBuilder::new();
    for glob in written {
        let invalid = |why: String| {
            text.error_at(format!("`{}` is not a valid glob", glob.get_ref()))
                .at(glob.span(), why)
                .help("for example `data/*.bin`, relative to the top of the repository")
        };
        let parsed = GlobBuilder::new(glob.get_ref())
            .literal_separator(true)
            .build();
        builder.add(parsed.map_err(|e| invalid(e.kind().to_string()))?);
    }
    let set = builder.build();
    Ok(PathGlobs {
        written: written.iter().map(|glob| glob.get_ref().clone()).collect(),
        set: set.map_err(|e| text.error_at(format!("these globs cannot be used: {e}")))?,
    })
}
