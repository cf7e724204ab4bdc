//! User errors: the file, the location, what is wrong, and how to fix it.
//!
//! A `UserError` holds the text and the location, as rustc's own errors do; the command line
//! renders them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file and its content, shared by all errors that point into it.
#[derive(Clone, Debug)]
pub struct SourceText(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    content: String,
}

impl SourceText {
    /// Creates a text from a file's path and content.
    #[must_use]
    pub fn new(file: &Path, content: String) -> Self {
        Self(Arc::new(Inner {
            file: file.to_owned(),
            content,
        }))
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// The folder that contains the file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match self.0.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        }
    }

    /// The content of the file.
    #[must_use]
    pub fn content(&self) -> &str {
        &self.0.content
    }

    /// Creates an error in this file.
    #[must_use]
    pub fn error_at(&self, message: impl Into<String>) -> UserError {
        UserError {
            message: message.into(),
            text: Some(self.clone()),
            place: None,
            help: None,
        }
    }
}

/// An error that the user can fix; the command line exits with 2.
#[derive(Clone, Debug)]
pub struct UserError {
    message: String,
    text: Option<SourceText>,
    place: Option<Annotation>,
    help: Option<String>,
}

/// A location in a text, with a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The location as a byte range.
    pub span: Range<usize>,
    /// A short label below the marked text.
    pub label: String,
}

impl UserError {
    /// Creates an error that is not in a file: about a flag, the subject or the machine.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            text: None,
            place: None,
            help: None,
        }
    }

    /// Adds the location.
    #[must_use]
    pub fn at(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.place = Some(Annotation {
            span,
            label: label.into(),
        });
        self
    }

    /// Adds a hint on how to fix it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a hint on how to fix it, if there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The file with the error.
    #[must_use]
    pub fn text(&self) -> Option<&SourceText> {
        self.text.as_ref()
    }

    /// The location in the file.
    #[must_use]
    pub fn place(&self) -> Option<&Annotation> {
        self.place.as_ref()
    }

    /// The hint on how to fix it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The line of the location, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        let content = self.text.as_ref()?.content();
        let start = self.place.as_ref()?.span.start;
        let before = content.get(..start)?;
        Some(before.matches('\n').count() + 1)
    }
}

/// One line, for logs and tests: `matrix.toml:3: message (label); help`.
impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            write!(f, "{}:", text.file().display())?;
            if let Some(line) = self.line() {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)?;
        if let Some(place) = &self.place {
            write!(f, " ({})", place.label)?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for UserError {}

/// Returns the name that the user most likely meant, if one is close enough for a hint.
#[must_use]
pub fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(written.len()).div_ceil(3))
        .min()
        .map(|(_, name)| name)
}
