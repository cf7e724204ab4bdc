//! The folders in which one lane works.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_process::sandbox::policy::{PrivateDir, SHARED};

use crate::fs_ext::write_program;
use crate::workdir::unit_reuse::{STORE, UnitStores};

/// Where one lane works in one shop. Cells follow one another in the same folders, each of which is
/// emptied for each cell.
#[derive(Clone, Debug)]
pub struct LaneDirs {
    /// The shop, which holds the folders of all its lanes.
    pub group: Utf8PathBuf,
    /// The copy of the checkout that the subject lies in.
    pub checkout: Utf8PathBuf,
    /// The subject's workspace in that copy.
    pub subject: Utf8PathBuf,
    /// Cargo's target folder.
    pub target: Utf8PathBuf,
    /// The folder for temporary files that builds and tests see, in the place of `/tmp` where the
    /// system allows that.
    pub tmp: Utf8PathBuf,
    /// Where scripts lie that stand for programs of toolchains; no cell writes there.
    pub programs: Utf8PathBuf,
}

impl LaneDirs {
    /// The folder of all that the lane's cells write, but for temporary files.
    #[must_use]
    pub fn copy(&self) -> &Utf8Path {
        self.checkout.parent().unwrap_or(&self.checkout)
    }

    /// Whether they are a lane's, and not those of a cell in the open, where logs lie beside the checkout.
    #[must_use]
    pub fn is_lane(&self) -> bool {
        self.copy().parent() == Some(&self.group)
    }

    /// Where compiled units are kept from cell to cell.
    #[must_use]
    pub fn stores(&self) -> UnitStores {
        UnitStores {
            common: self.group.join(STORE),
            of_lane: self.beside(STORE),
            lane: self.copy().to_owned(),
        }
    }

    /// The home folder that builds and tests see in place of the user's.
    #[must_use]
    pub fn home(&self) -> Utf8PathBuf {
        self.copy().join("home")
    }

    /// Folders that builds and tests see in the place of those that all programs share.
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

    /// A file of the tool's own for this lane, which no cell writes.
    #[must_use]
    pub fn beside(&self, name: &str) -> Utf8PathBuf {
        let lane = self.copy().file_name().unwrap_or_default();
        self.group.join(format!("{lane}-{name}"))
    }

    /// A wrapper of rustc that hides where the copy lies from what is compiled. A flag would do as
    /// well, but cargo names units by their flags.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
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
