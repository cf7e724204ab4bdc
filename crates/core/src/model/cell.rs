//! A cell of the matrix (a row × a pin) and the names of cells.

use std::fmt;
use std::sync::Arc;

use camino::Utf8PathBuf;
use semver::{BuildMetadata, Version};
use serde::{Deserialize, Serialize};

/// One point on a family's ladder: the version or source that pins all its crates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pin {
    /// The family's name in `matrix.toml`.
    pub family: String,
    /// The version or source of its crates.
    #[serde(flatten)]
    pub at: PinnedAt,
}

/// The version or source that the crates of a family are pinned to. Unreleased sources sort after
/// all published versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PinnedAt {
    /// One exact published version.
    Version {
        /// The version.
        version: Version,
    },
    /// A revision of the git repository that contains all crates of the family.
    Git {
        /// The filename-safe label.
        label: String,
        /// The repository's URL.
        git: String,
        /// The revision.
        rev: String,
    },
    /// A folder with the workspace that contains all crates of the family.
    Path {
        /// The filename-safe label.
        label: String,
        /// The absolute path of the folder.
        path: Utf8PathBuf,
    },
}

impl PinnedAt {
    /// The published version, if it is one.
    #[must_use]
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Version { version } => Some(version),
            Self::Git { .. } | Self::Path { .. } => None,
        }
    }
}

/// Converts a version to a pin source and drops its build metadata.
impl From<Version> for PinnedAt {
    fn from(version: Version) -> Self {
        Self::Version {
            version: bare(&version),
        }
    }
}

/// Returns the version without its build metadata, which requirements ignore: `=4.0.0` matches
/// `4.0.0+up1`.
#[must_use]
pub fn bare(version: &Version) -> Version {
    Version {
        build: BuildMetadata::EMPTY,
        ..version.clone()
    }
}

/// The version, or the label of an unreleased source.
impl fmt::Display for PinnedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { version } => write!(f, "{version}"),
            Self::Git { label, .. } | Self::Path { label, .. } => f.write_str(label),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.family, self.at)
    }
}

/// Cells that differ only in their pin: a toolchain, plus a source revision and a feature set if
/// the matrix has several of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The toolchain's label in `matrix.toml`.
    pub toolchain: String,
    /// The `[[source]]` label; `None` if the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The `[[features]]` label; `None` if the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
}

impl Row {
    /// Creates a row for a matrix whose only axis is the toolchain.
    #[must_use]
    pub fn of_toolchain(label: impl Into<String>) -> Self {
        Self {
            toolchain: label.into(),
            ..Self::default()
        }
    }

    /// The part of a cell's name that distinguishes this row from others on its toolchain:
    /// `~SOURCE+FEATURES`.
    fn suffix(&self) -> String {
        let part = |mark: char, label: &Option<String>| {
            label
                .iter()
                .map(|label| format!("{mark}{label}"))
                .collect::<String>()
        };
        part('~', &self.source) + &part('+', &self.features)
    }
}

/// `TOOLCHAIN~SOURCE+FEATURES`; an axis that the matrix does not have is omitted.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.toolchain, self.suffix())
    }
}

/// The name of a cell: filename-safe, and the same in logs, JUnit, reports and `--cell`.
///
/// Labels and family names are checked when the config is read, and a semantic version contains
/// only letters, digits, `.`, `-` and `+`, so no further escaping is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CellId(String);

impl CellId {
    /// The name as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A row × a pin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// The row, shared by its cells.
    #[serde(flatten)]
    pub row: Arc<Row>,
    /// The pin of the family's crates, shared by all rows.
    pub pin: Arc<Pin>,
}

impl Cell {
    /// `TOOLCHAIN@FAMILY-VERSION~SOURCE+FEATURES`, for example `stable@wasmtime-36.0.3`.
    #[must_use]
    pub fn id(&self) -> CellId {
        let Row { toolchain, .. } = &*self.row;
        CellId(format!("{toolchain}@{}{}", self.pin, self.row.suffix()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_as_much_as_the_matrix_has_axes() {
        let mut cell = Cell {
            row: Row::of_toolchain("stable").into(),
            pin: Arc::new(Pin {
                family: "gadget".to_owned(),
                at: Version::new(1, 2, 3).into(),
            }),
        };
        assert_eq!(cell.id().as_str(), "stable@gadget-1.2.3");
        let row = Arc::make_mut(&mut cell.row);
        row.source = Some("before".to_owned());
        row.features = Some("minimal".to_owned());
        assert_eq!(cell.id().as_str(), "stable@gadget-1.2.3~before+minimal");
        assert_eq!(cell.row.to_string(), "stable~before+minimal");
        let json = serde_json::to_string(&cell).expect("JSON");
        assert_eq!(serde_json::from_str::<Cell>(&json).expect("a cell"), cell);
    }

    #[test]
    fn what_is_not_released_comes_after_all_that_is() {
        let path = PinnedAt::Path {
            label: "a".to_owned(),
            path: "/a".into(),
        };
        assert!(PinnedAt::from(Version::new(999, 0, 0)) < path);
    }
}
