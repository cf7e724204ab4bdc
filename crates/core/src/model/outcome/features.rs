//! Features that packages lack because only some members of the workspace are built.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A package that has fewer features in a cell than in a build of the whole workspace: another
/// member enables the rest.
/// <https://doc.rust-lang.org/cargo/reference/features.html#feature-unification>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FewerFeatures {
    /// The package and its version.
    pub package: String,
    /// The features that it lacks.
    pub lacks: Vec<String>,
}

/// `gadget 1.0.0 (fast, net)`.
impl fmt::Display for FewerFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.package, self.lacks.join(", "))
    }
}
