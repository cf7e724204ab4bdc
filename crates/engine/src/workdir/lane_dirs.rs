//! The folders of one lane.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_process::sandbox::policy::{PrivateDir, SHARED};

use crate::fs_ext::write_program;
use crate::workdir::unit_reuse::{STORE, UnitStores};

/// The folders of one lane in one build group. Its cells use them one after another; each cell
/// starts with an emptied set.
#[derive(Clone, Debug)]
pub struct LaneDirs {
    /// The build group, which holds the folders of all its lanes.
    pub group: Utf8PathBuf,
    /// The copy of the checkout that contains the subject.
    pub checkout: Utf8PathBuf,
    /// The subject's workspace in that copy.
    pub subject: Utf8PathBuf,
    /// Cargo's target folder.
    pub target: Utf8PathBuf,
    /// The folder for temporary files of builds and tests. Where the system allows it, they see
    /// it as `/tmp`.
    pub tmp: Utf8PathBuf,
    /// The scripts that stand in for programs of toolchains; no cell writes here.
    pub programs: Utf8PathBuf,
}

impl LaneDirs {
    /// Returns the folder of everything that the lane's cells write, except temporary files.
    #[must_use]
    pub fn copy(&self) -> &Utf8Path {
        self.checkout.parent().unwrap_or(&self.checkout)
    }

    /// Returns true for a lane, and false for a cell that runs in the open, where the logs are
    /// beside the checkout.
    #[must_use]
    pub fn is_lane(&self) -> bool {
        self.copy().parent() == Some(&self.group)
    }

    /// Returns the stores that keep compiled units from cell to cell.
    #[must_use]
    pub fn stores(&self) -> UnitStores {
        UnitStores {
            common: self.group.join(STORE),
            of_lane: self.beside(STORE),
            lane: self.copy().to_owned(),
        }
    }

    /// Returns the home directory that builds and tests see instead of the user's.
    #[must_use]
    pub fn home(&self) -> Utf8PathBuf {
        self.copy().join("home")
    }

    /// Returns the folders that builds and tests see instead of those that all programs share.
    #[must_use]
    pub fn private(&self) -> [PrivateDir; 3] {
        let [temporary, of_var, of_memory] = ["", ".var", ".shm"];
        [
            (SHARED, temporary),
            ("/var/tmp", of_var),
            ("/dev/shm", of_memory),
        ]
        .map(|(place, ending)| PrivateDir {
            place: place.into(),
            folder: format!("{}{ending}", self.tmp).into(),
        })
    }

    /// Returns the path of a file that belongs to the tool itself for this lane; no cell writes it.
    #[must_use]
    pub fn beside(&self, name: &str) -> Utf8PathBuf {
        let lane = self.copy().file_name().unwrap_or_default();
        self.group.join(format!("{lane}-{name}"))
    }

    /// Writes a rustc wrapper that hides the copy's path from the compiled code, and returns its
    /// path. A flag would work as well, but cargo includes flags in the names of units.
    ///
    /// # Errors
    ///
    /// Returns an error if the wrapper cannot be written.
    pub fn remapper(&self, before: Option<&str>) -> Result<Utf8PathBuf> {
        let path = self.beside("rustc");
        let before = before
            .map(|wrapper| format!("'{wrapper}' "))
            .unwrap_or_default();
        let line = format!(
            "exec {before}\"$@\" --remap-path-prefix='{}'=/cell",
            self.copy()
        );
        write_program(&path, &line)?;
        Ok(path)
    }
}
