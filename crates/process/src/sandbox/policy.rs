//! What a child, and all that it starts, may reach of the machine.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

/// The folder for temporary files where nothing names another.
pub const SHARED: &str = "/tmp";

/// What a child may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The files it may reach; `None` for all that the user may.
    pub files: Option<FilePolicy>,
    /// Whether it may reach the network. A loopback of its own it has in any case.
    pub network: bool,
}

/// Files that may be reached: each path with all that is below it. A path where nothing is says
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePolicy {
    /// What may be read and run.
    pub read: Vec<Utf8PathBuf>,
    /// What may be written, too.
    pub write: Vec<Utf8PathBuf>,
    /// What is mounted for it; `None` where it sees the mounts of the machine as they are.
    pub mounts: Option<MountPolicy>,
}

/// What is mounted for a child: the machine read-only, but for `/proc` and for this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPolicy {
    /// What stays writable. Each is one mount: within it, files can be moved and linked, and not from
    /// one to another.
    pub write: Vec<Utf8PathBuf>,
    /// Folders that it sees in other places than where they are, and can write.
    pub private: Vec<PrivateDir>,
    /// A script that it finds in the place of a program.
    pub shim: Option<Shim>,
}

/// A script in the place of a program, which it calls by another path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shim {
    /// The program.
    pub program: Utf8PathBuf,
    /// The script that is seen there.
    pub script: Utf8PathBuf,
    /// Where the program itself is seen: an empty file elsewhere.
    pub itself: Utf8PathBuf,
}

/// A folder that a child sees in the place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateDir {
    /// The place. Where there is no folder, none is put.
    pub place: Utf8PathBuf,
    /// The folder that is seen there.
    pub folder: Utf8PathBuf,
}

impl FilePolicy {
    /// Whether a place is covered by a folder of the cell's own.
    #[must_use]
    pub fn has_private(&self, place: &str) -> bool {
        let private = self.mounts.iter().flat_map(|mounts| &mounts.private);
        private.into_iter().any(|own| own.place == place)
    }

    /// All that may be read.
    pub fn all(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        self.read.iter().chain(&self.write)
    }
}

impl Policy {
    /// No bounds: all that the user may.
    pub const OPEN: Self = Self {
        files: None,
        network: true,
    };

    /// Puts a script in the place of a program, where the child has mounts of its own.
    ///
    /// # Errors
    ///
    /// Those of `make`.
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
