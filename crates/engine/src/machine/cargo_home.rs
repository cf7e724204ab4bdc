//! What cargo reads outside the subject: its own home, and configs in folders above.

use std::path::{Path, PathBuf};

use crate::machine::own_env;

/// Cargo configs in a folder and above it, cargo's own home aside, that decide anything.
pub fn configs_above(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let home = cargo_home();
    let folders: Vec<PathBuf> = folder.ancestors().map(|f| f.join(".cargo")).collect();
    folders
        .into_iter()
        .filter(move |folder| Some(folder) != home.as_ref())
        .flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name)))
        .filter(|file| file.is_file() && cache_relevant(file))
}

/// Where cargo keeps its own config and all it fetches.
/// <https://doc.rust-lang.org/cargo/guide/cargo-home.html>
#[must_use]
pub fn cargo_home() -> Option<PathBuf> {
    let home = own_env::var("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// Its own config, by the two names that it can have.
pub fn own_config() -> [Option<String>; 2] {
    let read = |name: &str| std::fs::read_to_string(cargo_home()?.join(name)).ok();
    ["config.toml", "config"].map(read)
}

/// A config that only holds aliases decides nothing.
fn cache_relevant(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    match text.parse::<toml::Table>() {
        Ok(table) => table.keys().any(|key| key != "alias"),
        Err(_) => true,
    }
}
