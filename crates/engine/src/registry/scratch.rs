//! An empty package that requires crates as the subject would get them: what cargo says of it, it would
//! say of the subject.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;
use xshell::Shell;

use crate::machine::cargo_config::{PLACES, anchored};

/// A package in a folder of its own, which is removed with it.
pub struct ScratchPackage {
    place: Utf8PathBuf,
    _folder: TempDir,
}

impl ScratchPackage {
    /// Creates a package that requires versions of crates, without their default features, under the
    /// cargo configs of a subject.
    ///
    /// # Errors
    ///
    /// Returns an error if its files cannot be written.
    pub fn create<'a>(
        subject: &Utf8Path,
        requires: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a folder for a package")?;
        let shell = Shell::new()?;
        let place = Utf8Path::from_path(folder.path()).context("read its path as text")?;
        // One nested folder per config, so that cargo prefers them in the same order.
        let mut place = place.to_owned();
        for (root, config) in configs(subject).into_iter().rev() {
            place.push("below");
            // No path is below this folder, so all paths become absolute.
            let config = anchored(&config, root, Utf8Path::new("/dev/null"), |_| false)?;
            shell.write_file(place.join(".cargo/config.toml"), config)?;
        }
        shell.create_dir(&place)?;
        shell.change_dir(&place);
        let requirements: String = requires
            .into_iter()
            .map(|(name, version)| {
                format!("{name} = {{ version = \"{version}\", default-features = false }}\n")
            })
            .collect();
        shell.write_file(
            "Cargo.toml",
            format!(
                "[package]\nname = \"ask\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                 [lib]\npath = \"lib.rs\"\n[dependencies]\n{requirements}[workspace]\n"
            ),
        )?;
        shell.write_file("lib.rs", "")?;
        Ok(Self {
            place,
            _folder: folder,
        })
    }

    /// Returns a shell in the folder of the package.
    ///
    /// # Errors
    ///
    /// Returns an error if this process has no working folder.
    pub fn shell(&self) -> Result<Shell> {
        let shell = Shell::new()?;
        shell.change_dir(&self.place);
        Ok(shell)
    }
}

/// Returns the cargo configs of a folder and its parents, each with the folder that its paths are
/// relative to, in order of precedence.
pub fn configs(subject: &Utf8Path) -> Vec<(&Utf8Path, String)> {
    let folders = subject.ancestors();
    let places = folders.flat_map(|folder| PLACES.map(|place| (folder, folder.join(place))));
    let read =
        |(folder, place): (_, Utf8PathBuf)| Some((folder, std::fs::read_to_string(place).ok()?));
    places.filter_map(read).collect()
}
