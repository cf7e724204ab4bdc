//! An error message from a compiler, cargo or pinmatrix itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One error: its code, location and message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// `E0425`, or the name of a denied lint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The first line of the message.
    pub message: String,
    /// The file, relative to the subject, or absolute if it is outside the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The full message, as the compiler renders it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<String>,
    /// The package that contains the error, if it is not one of the subject's: `axum-core 0.5.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
}

impl Diagnostic {
    /// All texts that can contain output of a child process.
    pub fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self {
            message, rendered, ..
        } = self;
        std::iter::once(message).chain(rendered)
    }
}

impl Diagnostic {
    /// Creates an error that has a message but no location.
    #[must_use]
    pub fn from_message(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// The message, plus the package that contains the error if it is not one of the subject's.
    #[must_use]
    pub fn words(&self) -> String {
        let message = &self.message;
        match self.package.as_ref() {
            Some(package) if !message.starts_with(package.as_str()) => {
                format!("{message} (in {package}, not in the subject's code)")
            }
            Some(_) | None => message.clone(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, "{code} ")?;
        }
        if let Some(file) = &self.file {
            match self.line {
                Some(line) => write!(f, "{file}:{line}: ")?,
                None => write!(f, "{file}: ")?,
            }
        }
        f.write_str(&self.words())
    }
}
