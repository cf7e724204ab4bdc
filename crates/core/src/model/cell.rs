//! A cell of the matrix: a row × a pin, and the names they go by everywhere.

use std::fmt;
use std::sync::Arc;

use camino::Utf8PathBuf;
use semver::{BuildMetadata, Version};
use serde::{Deserialize, Serialize};

/// One place on a family's ladder: what all its crates are held at together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pin {
    /// The family's name in `matrix.toml`.
    pub family: String,
    /// What its crates are held at.
    #[serde(flatten)]
    pub at: PinSource,
}

/// What the crates of a family are held at. What is not released yet comes after all that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PinSource {
    /// One exact published version.
    Version {
        /// The version.
        version: Version,
    },
    /// A revision of the git repository that all crates of the family are in.
    Git {
        /// What it goes by, filename-safe.
        label: String,
        /// Where the repository is.
        git: String,
        /// The revision.
        rev: String,
    },
    /// A folder with the workspace that all crates of the family are in.
    Path {
        /// What it goes by, filename-safe.
        label: String,
        /// The folder, absolute.
        path: Utf8PathBuf,
    },
}

impl PinSource {
    /// The published version, where it is one.
    #[must_use]
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Version { version } => Some(version),
            Self::Git { .. } | Self::Path { .. } => None,
        }
    }
}

/// A version as a pin holds it, without build metadata.
impl From<Version> for PinSource {
    fn from(version: Version) -> Self {
        Self::Version {
            version: bare(&version),
        }
    }
}

/// A version without its build metadata, of which requirements take no notice: `=4.0.0` takes
/// `4.0.0+up1`.
#[must_use]
pub fn bare(version: &Version) -> Version {
    Version {
        build: BuildMetadata::EMPTY,
        ..version.clone()
    }
}

/// The version, or the label of what is not released.
impl fmt::Display for PinSource {
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

/// Cells that differ in nothing but their pin: a toolchain, and a source revision and a feature set
/// where the matrix has several.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The toolchain's label in `matrix.toml`.
    pub toolchain: String,
    /// The label of its `[[source]]`; none where the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The label of its `[[features]]`; none where the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
}

impl Row {
    /// A row of a matrix whose only rows are toolchains.
    #[must_use]
    pub fn of_toolchain(label: impl Into<String>) -> Self {
        Self {
            toolchain: label.into(),
            ..Self::default()
        }
    }

    /// What follows a name to tell the row from others of its toolchain: `~SOURCE+FEATURES`.
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

/// `TOOLCHAIN~SOURCE+FEATURES`, as far as the matrix has those axes.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.toolchain, self.suffix())
    }
}

/// The name of a cell: filename-safe, and the same in logs, JUnit, reports and `--cell`.
///
/// Labels and family names are checked when the config is read, and a semantic version holds
/// nothing but letters, digits, `.`, `-` and `+`; so no further escaping is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CellId(String);

impl CellId {
    /// The name as it is written.
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
    /// The pin all crates of the family are held at, shared by all rows.
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
        let path = PinSource::Path {
            label: "a".to_owned(),
            path: "/a".into(),
        };
        assert!(PinSource::from(Version::new(999, 0, 0)) < path);
    }
}
