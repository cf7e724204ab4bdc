//! What the rows of a run consist of: revisions of the subject, and toolchains.

use serde::{Deserialize, Serialize};

/// One revision of the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The `[[source]]` label; `None` if the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The subject at this revision.
    #[serde(flatten)]
    pub subject: SubjectRecord,
}

/// The subject of the migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectRecord {
    /// The workspace's folder, as written in `matrix.toml`.
    pub path: String,
    /// A hash of all its files.
    pub content: String,
    /// The current commit, if the subject is in a git repository.
    pub revision: Option<String>,
    /// True if it has uncommitted changes.
    pub dirty: bool,
    /// The workspace's folder within its git repository, with `/` separators; empty if it is the
    /// top, and `None` if there is no repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// One toolchain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolchainRecord {
    /// The label in `matrix.toml`.
    pub label: String,
    /// Where it was found; `None` if it is not on this machine.
    pub source: Option<String>,
    /// The output of `rustc -V`.
    pub rustc: Option<String>,
    /// The output of `cargo -V`; its version can differ from that of rustc.
    pub cargo: Option<String>,
    /// The triple of the platform that it builds for; `None` for its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl ToolchainRecord {
    /// The output of `rustc -V`, with the platform that it builds for unless that is the host.
    #[must_use]
    pub fn compiler(&self) -> Option<String> {
        let rustc = self.rustc.as_ref()?;
        Some(match &self.target {
            Some(target) => format!("{rustc} for {target}"),
            None => rustc.clone(),
        })
    }
}
