//! What cargo reads outside the subject: its home directory, and the configs in parent folders.

use std::path::{Path, PathBuf};

use crate::machine::own_env;

/// Returns the cargo configs of a folder and its parents, except cargo's home, that can affect a
/// result.
pub fn configs_above(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let home = cargo_home();
    let folders: Vec<PathBuf> = folder.ancestors().map(|f| f.join(".cargo")).collect();
    folders
        .into_iter()
        .filter(move |folder| Some(folder) != home.as_ref())
        .flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name)))
        .filter(|file| file.is_file() && cache_relevant(file))
}

/// Returns the folder in which cargo keeps its own config and everything it downloads.
/// <https://doc.rust-lang.org/cargo/guide/cargo-home.html>
#[must_use]
pub fn cargo_home() -> Option<PathBuf> {
    let home = own_env::var("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// Reads cargo's own config under each of the two names that it can have.
pub fn own_config() -> [Option<String>; 2] {
    let read = |name: &str| std::fs::read_to_string(cargo_home()?.join(name)).ok();
    ["config.toml", "config"].map(read)
}

/// Returns false for a config that only has aliases, which affect no result.
fn cache_relevant(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    match text.parse::<toml::Table>() {
        Ok(table) => table.keys().any(|key| key != "alias"),
        Err(_) => true,
    }
}
