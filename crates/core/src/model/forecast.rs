//! What the sources of a family say will change for each target, from one version to the next. A
//! forecast is never a result: nothing was compiled.

use std::fmt;

use camino::Utf8PathBuf;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::outcome::TargetId;

/// The forecast of one family for a revision of the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The family's name.
    pub family: String,
    /// The versions that were read, in ascending order. The steps lie between neighbours.
    pub versions: Vec<Version>,
    /// The crates whose sources were not there. A version is not among those that were read if one of
    /// the family's own is missing.
    pub unread: Vec<UnreadVersion>,
    /// The targets that name anything of the family, by themselves or through libraries of the
    /// subject, sorted.
    pub targets: Vec<TargetForecast>,
}

/// A version that was not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnreadVersion {
    /// The version.
    pub version: Version,
    /// The crate whose sources were not there.
    pub package: String,
}

/// What changes for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetForecast {
    /// The target.
    pub target: TargetId,
    /// How many paths of the family it names.
    pub n_paths: usize,
    /// What of the target itself was not seen, and why.
    pub unseen: Vec<String>,
    /// The steps at which something changes or was not seen.
    pub steps: Vec<StepForecast>,
}

/// What changes for a target from one version to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepForecast {
    /// The version before.
    pub from: Version,
    /// The version after.
    pub to: Version,
    /// What changes, sorted.
    pub findings: Vec<Finding>,
    /// How many of the paths that the target names could not be followed, because a part of the
    /// sources was not seen.
    pub n_unseen: usize,
}

/// Something that a target names and that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// What changes, by its path; a method by the name of its type.
    pub named: String,
    /// How it changes.
    #[serde(flatten)]
    pub change: Change,
    /// Whether the target certainly means it. A method that several types have may be another's.
    pub is_strong: bool,
    /// Where the target, or a library of the subject that it uses, names it first.
    pub place: Place,
}

/// How something that a target names changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// It is no longer offered.
    Gone,
    /// It is offered under another path.
    Moved {
        /// That path.
        to: String,
    },
    /// Its signature differs.
    Changed {
        /// The signature before.
        before: String,
        /// The signature after.
        after: String,
    },
    /// It asks for something that it did not ask for.
    AsksMore {
        /// What it asks for.
        what: String,
    },
    /// It was not offered before.
    Appears,
    /// It stands under another condition of compilation.
    Gated {
        /// The condition.
        by: String,
    },
    /// It is deprecated.
    Deprecated {
        /// The note; empty if there is none.
        note: String,
    },
}

/// Where something is named first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file, relative to the workspace, or to the folder of its package where that is unknown.
    pub file: Utf8PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl Finding {
    /// Whether an error names what changes: the last name of its path, as a word.
    #[must_use]
    pub fn is_in(&self, error: &str) -> bool {
        let name = self.named.rsplit("::").next().unwrap_or_default();
        let mut words = error.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.any(|word| word == name)
    }

    /// Whether it can make a difference to a compiler that reads the target.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        self.is_strong
            && !matches!(
                self.change,
                Change::Deprecated { .. } | Change::Gated { .. }
            )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = &self.named;
        match &self.change {
            Change::Gone => write!(f, "`{named}` is gone"),
            Change::Moved { to } => write!(f, "`{named}` is now `{to}`"),
            Change::Changed { before, after } => {
                write!(f, "`{named}` was `{before}` and is `{after}`")
            }
            Change::AsksMore { what } => write!(f, "`{named}` asks for {what}"),
            Change::Appears => write!(f, "`{named}` is new"),
            Change::Gated { by } => write!(f, "`{named}` is only there with {by}"),
            Change::Deprecated { note } if note.is_empty() => {
                write!(f, "`{named}` is deprecated")
            }
            Change::Deprecated { note } => write!(f, "`{named}` is deprecated: {note}"),
        }
    }
}

impl StepForecast {
    /// Whether something changes that the target certainly means and that can make a difference.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.findings.iter().any(Finding::is_telling)
    }
}

impl TargetForecast {
    /// The forecast of a step, if anything changes at it.
    #[must_use]
    pub fn step(&self, to: &Version) -> Option<&StepForecast> {
        self.steps.iter().find(|step| step.to == *to)
    }
}
