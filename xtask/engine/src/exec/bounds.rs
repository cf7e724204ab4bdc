//! What a child, and all that it starts, may reach of the machine.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// What a child may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The files it may reach; `None` for all that the user may.
    pub files: Option<Files>,
    /// Whether it may reach the network. A loopback of its own it has in any case.
    pub network: bool,
}

/// Files that may be reached: each path with all that is below it. A path where nothing is says
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// What may be read and run.
    pub read: Vec<Utf8PathBuf>,
    /// What may be written, too.
    pub write: Vec<Utf8PathBuf>,
}

impl Bounds {
    /// No bounds: all that the user may.
    pub const OPEN: Self = Self {
        files: None,
        network: true,
    };
}
