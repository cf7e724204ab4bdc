//! The text of a `Cargo.lock`: its format, and entries that cargo would not choose by itself.

use anyhow::{Context, Result};
use semver::Version;
use toml_edit::{DocumentMut, Item, Table};

/// A lock in a format that `cargo` reads. The fourth, which only spells git addresses in another
/// way, is newer than 1.78; cargo keeps it in a lock that had it.
/// <https://doc.rust-lang.org/cargo/CHANGELOG.html#cargo-178-2024-05-02>
#[must_use]
pub fn readable(lock: String, cargo: &Version) -> String {
    match *cargo < Version::new(1, 78, 0) {
        true => lock.replacen("\nversion = 4\n", "\nversion = 3\n", 1),
        false => lock,
    }
}

/// A lock that holds some of its packages at another version. Cargo takes a version that was
/// withdrawn only where a lock has it already.
/// <https://doc.rust-lang.org/cargo/commands/cargo-yank.html>
///
/// # Errors
///
/// When the lock is not TOML.
pub fn holding(lock: &str, packages: &[(String, Version)]) -> Result<String> {
    let mut document: DocumentMut = lock.parse().context("read Cargo.lock")?;
    let entries = document
        .get_mut("package")
        .and_then(Item::as_array_of_tables_mut);
    for entry in entries.into_iter().flat_map(|entries| entries.iter_mut()) {
        let name = entry.get("name").and_then(Item::as_str).unwrap_or_default();
        let held = packages.iter().find(|(package, _)| package == name);
        if let Some((_, version)) = held.filter(|_| entry.contains_key("source")) {
            hold(entry, version);
        }
    }
    Ok(document.to_string())
}

/// What depends on the version goes; cargo fills it in.
fn hold(entry: &mut Table, version: &Version) {
    entry.insert("version", toml_edit::value(version.to_string()));
    entry.remove("checksum");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_held_and_members_are_not() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"r\"\n\
                    checksum = \"c\"\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n";
        let held = ["a", "b"].map(|name| (name.to_owned(), Version::new(1, 0, 1)));
        let held = holding(lock, &held).expect("TOML");
        assert_eq!(
            held,
            "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.1\"\nsource = \"r\"\n\n\
             [[package]]\nname = \"b\"\nversion = \"1.0.0\"\n"
        );
        assert!(readable(held, &Version::new(1, 65, 0)).contains("version = 4\n"));
        let old = readable("#\nversion = 4\n".to_owned(), &Version::new(1, 65, 0));
        assert_eq!(old, "#\nversion = 3\n");
    }
}
