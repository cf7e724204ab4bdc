//! `[subject]`: which workspace it is, and what of the files around it a cell gets.

use std::path::PathBuf;

use bytesize::ByteSize;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use toml::Spanned;

use super::values;
use crate::config::raw;
use crate::error::{SourceText, UserError};

/// What of the files around the subject a cell's copy holds.
#[derive(Clone, Debug)]
pub struct CheckoutConfig {
    /// The folder that is copied, relative to `matrix.toml`; `None` for the top of the repository
    /// that the subject lies in.
    pub root: Option<Spanned<PathBuf>>,
    /// Whether cells can read the repository's metadata, as `git describe` does.
    pub git: bool,
    /// Files that git ignores and that are copied all the same.
    pub include: PathGlobs,
    /// Files that are not copied.
    pub exclude: PathGlobs,
    /// How much is copied at the most; `None` for whatever there is.
    pub max_size: Option<ByteSize>,
}

/// Some globs, and how they are written.
#[derive(Clone, Debug, Default)]
pub struct PathGlobs {
    written: Vec<String>,
    set: GlobSet,
}

impl PathGlobs {
    /// Whether a path, relative to the copied folder, matches.
    #[must_use]
    pub fn matches(&self, path: &std::path::Path) -> bool {
        self.set.is_match(path)
    }

    /// The longest paths without wildcards that hold everything that can match.
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
            text.mistake(format!("`{}` is not a valid glob", glob.get_ref()))
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
        set: set.map_err(|e| text.mistake(format!("these globs cannot be used: {e}")))?,
    })
}
