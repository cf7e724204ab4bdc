//! Checks out commits of the family's own repository for a lane. That repository is only read.

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::subject::git::quiet;

/// Checks a commit out into `folder`, a clone that borrows the repository's objects. It moves from
/// one commit to the next, so that only files that differ are written and are new to cargo.
///
/// # Errors
///
/// Returns an error if git fails.
pub fn check_out(repository: &Utf8Path, commit: &str, folder: &Utf8Path) -> Result<()> {
    let shell = Shell::new()?;
    if !folder.join(".git").is_dir() {
        let above = folder.parent().unwrap_or(folder);
        std::fs::create_dir_all(above).with_context(|| format!("make {above}"))?;
        let clone = cmd!(
            shell,
            "git clone --quiet --shared --no-checkout {repository} {folder}"
        );
        let cloned = quiet(clone).run();
        cloned.with_context(|| format!("clone {repository}"))?;
    }
    shell.change_dir(folder);
    let checkout = cmd!(shell, "git checkout --quiet --force --detach {commit}");
    let checked_out = quiet(checkout).run();
    checked_out.with_context(|| format!("check {commit} out"))
}
