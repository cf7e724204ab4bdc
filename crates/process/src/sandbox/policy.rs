//! The policy of a child: what it and its descendants may access on the machine.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

/// The default folder for temporary files.
pub const SHARED: &str = "/tmp";

/// What a child may access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The accessible files; `None` for all that the user can access.
    pub files: Option<FilePolicy>,
    /// Whether it may access the network. It always has its own loopback.
    pub network: bool,
}

/// Accessible files: each path with everything below it. Paths that do not exist are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePolicy {
    /// What may be read and executed.
    pub read: Vec<Utf8PathBuf>,
    /// What may also be written.
    pub write: Vec<Utf8PathBuf>,
    /// The mounts for the child; `None` if it sees the mounts of the machine.
    pub mounts: Option<MountPolicy>,
}

/// The mounts for a child: the machine is read-only, except for `/proc` and what is listed here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPolicy {
    /// What stays writable. Each path becomes one mount: files can be moved and linked within it,
    /// but not to another one.
    pub write: Vec<Utf8PathBuf>,
    /// Folders that it sees in other places, and can write.
    pub private: Vec<PrivateDir>,
    /// A script that replaces a program.
    pub shim: Option<Shim>,
}

/// A script that replaces a program and calls it by another path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shim {
    /// The program.
    pub program: Utf8PathBuf,
    /// The script to mount over the program.
    pub script: Utf8PathBuf,
    /// The path at which the program itself is mounted: an empty file elsewhere.
    pub itself: Utf8PathBuf,
}

/// A folder that a child sees in place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateDir {
    /// The place. It is ignored if it is not a folder.
    pub place: Utf8PathBuf,
    /// The folder that is mounted there.
    pub folder: Utf8PathBuf,
}

impl FilePolicy {
    /// Whether a place is covered by a private folder of the cell.
    #[must_use]
    pub fn has_private(&self, place: &str) -> bool {
        let private = self.mounts.iter().flat_map(|mounts| &mounts.private);
        private.into_iter().any(|own| own.place == place)
    }

    /// All readable paths.
    pub fn all(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        self.read.iter().chain(&self.write)
    }
}

impl Policy {
    /// No restrictions: everything that the user may access.
    pub const OPEN: Self = Self {
        files: None,
        network: true,
    };

    /// Replaces a program with a script, if the child has its own mounts.
    ///
    /// # Errors
    ///
    /// The errors of `make`.
    pub fn put_in_place(&mut self, make: impl FnOnce() -> Result<Option<Shim>>) -> Result<()> {
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        if let Some(mounts) = &mut files.mounts {
            mounts.shim = make()?;
            let folder = mounts.shim.as_ref().and_then(|shim| shim.script.parent());
            files.read.extend(folder.map(Utf8Path::to_owned));
        }
        Ok(())
    }
}
