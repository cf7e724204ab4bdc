//! Commits of the family's own repository, checked out for a lane. The repository is only read.

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::{Shell, cmd};

/// Checks a commit out into `folder`: a clone that borrows the repository's objects, brought from
/// one commit to the next, so that only files that differ are written and are new to cargo.
///
/// # Errors
///
/// When git refuses.
pub fn check_out(repository: &Utf8Path, commit: &str, folder: &Utf8Path) -> Result<()> {
    let shell = Shell::new()?;
    if !folder.join(".git").is_dir() {
        let above = folder.parent().unwrap_or(folder);
        std::fs::create_dir_all(above).with_context(|| format!("make {above}"))?;
        cmd!(
            shell,
            "git clone --quiet --shared --no-checkout {repository} {folder}"
        )
        .quiet()
        .ignore_stderr()
        .run()
        .with_context(|| format!("clone {repository}"))?;
    }
    shell.change_dir(folder);
    cmd!(shell, "git checkout --quiet --force --detach {commit}")
        .quiet()
        .ignore_stderr()
        .run()
        .with_context(|| format!("check {commit} out"))
}
