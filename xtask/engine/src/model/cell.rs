//! A cell of the matrix: one toolchain × one pin, and the name it goes by everywhere.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

/// One exact published version of a family: `wasmtime =36.0.3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pin {
    /// The family's name in `matrix.toml`.
    pub family: String,
    /// The version all crates of the family are held at.
    pub version: Version,
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.family, self.version)
    }
}

/// The name of a cell: filename-safe, and the same in logs, JUnit, reports and `--cell`.
///
/// Toolchain labels and family names are checked when the config is read, and a semantic version
/// holds nothing but letters, digits, `.`, `-` and `+`; so no further escaping is needed.
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

/// One toolchain × one pin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// The toolchain's label in `matrix.toml`.
    pub toolchain: String,
    /// The pin all crates of the family are held at.
    pub pin: Pin,
}

impl Cell {
    /// `TOOLCHAIN@FAMILY-VERSION`, for example `stable@wasmtime-36.0.3`.
    #[must_use]
    pub fn id(&self) -> CellId {
        CellId(format!("{}@{}", self.toolchain, self.pin))
    }
}
