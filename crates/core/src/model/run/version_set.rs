//! The versions that go together at a pin: that of the family, and those of the crates that follow
//! it under numbers of their own.

use std::collections::BTreeMap;
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

/// The followers of a family at one of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionSet {
    /// The version of the family.
    pub version: Version,
    /// The version of each follower.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub followers: BTreeMap<String, Version>,
    /// What keeps a follower from going with that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocker: Option<Blocker>,
}

/// `arbor 0.9.0, chuck 2.0.0`.
impl fmt::Display for VersionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.followers.iter();
        let words: Vec<String> = words
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        f.write_str(&words.join(", "))
    }
}

/// A follower that does not go with a version of the family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blocker {
    /// The follower.
    pub package: String,
    /// Its version that the subject is on, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<Version>,
    /// The requirement that is in the way: `arbor 0.10.0 requires spindle ^4`.
    pub why: String,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
