//! Edits and compares the text of `Cargo.lock`: its format version, and entries that cargo would
//! not choose by itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use semver::Version;
use toml_edit::{DocumentMut, Item, Table};

/// Converts a lock to a format that `cargo` can read. Version 4, which differs only in how it
/// encodes git URLs, is not readable before cargo 1.78; cargo keeps version 4 in a lock that
/// already has it.
/// <https://doc.rust-lang.org/cargo/CHANGELOG.html#cargo-178-2024-05-02>
#[must_use]
pub fn readable(lock: String, cargo: &Version) -> String {
    if *cargo < Version::new(1, 78, 0) {
        lock.replacen("\nversion = 4\n", "\nversion = 3\n", 1)
    } else {
        lock
    }
}

/// Returns the lock with some packages set to other versions. Cargo uses a yanked version only if a
/// lock already holds it.
/// <https://doc.rust-lang.org/cargo/commands/cargo-yank.html>
///
/// # Errors
///
/// Returns an error if the lock is not valid TOML.
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

/// Sets an entry's version and removes whatever depends on it; cargo fills that in again.
fn hold(entry: &mut Table, version: &Version) {
    entry.insert("version", toml_edit::value(version.to_string()));
    entry.remove("checksum");
}

/// Returns the packages with a source that two locks hold at different versions: name, old version
/// and new version. A package that only one of them holds has not moved.
///
/// # Errors
///
/// Returns an error if a lock is not valid TOML.
pub fn moves(before: &str, after: &str) -> Result<Vec<(String, Version, Version)>> {
    let (before, after) = (packages(before)?, packages(after)?);
    let mut moves = Vec::new();
    for (name, was) in &before {
        let is = after.get(name).map(Vec::as_slice).unwrap_or_default();
        let gone = was.iter().filter(|version| !is.contains(version));
        let mut new: Vec<&Version> = is.iter().filter(|version| !was.contains(version)).collect();
        for from in gone {
            // If there are several, pair each with the one that the same requirements admit.
            let is_compatible = |to: &&Version| compatible(to) == compatible(from);
            let first = (!new.is_empty()).then_some(0);
            if let Some(index) = new.iter().position(is_compatible).or(first) {
                moves.push((name.clone(), from.clone(), new.remove(index).clone()));
            }
        }
    }
    Ok(moves)
}

/// The part of a version number that [`compatible`] versions share.
pub type Compatible = (u64, u64, u64);

/// Returns the part of a version that all versions admitted by the same caret requirement share.
/// <https://doc.rust-lang.org/cargo/reference/semver.html>
#[must_use]
pub fn compatible(version: &Version) -> Compatible {
    match (version.major, version.minor) {
        (0, 0) => (0, 0, version.patch),
        (0, minor) => (0, minor, 0),
        (major, _) => (major, 0, 0),
    }
}

/// Returns the versions of each package that has a source.
fn packages(lock: &str) -> Result<BTreeMap<String, Vec<Version>>> {
    let document: DocumentMut = lock.parse().context("read Cargo.lock")?;
    let entries = document.get("package").and_then(Item::as_array_of_tables);
    let mut packages: BTreeMap<String, Vec<Version>> = BTreeMap::new();
    for entry in entries.into_iter().flatten() {
        let text = |key: &str| entry.get(key).and_then(Item::as_str);
        let (Some(name), Some(version), Some(_)) = (text("name"), text("version"), text("source"))
        else {
            continue;
        };
        let version = Version::parse(version).context("read a version in Cargo.lock")?;
        packages.entry(name.to_owned()).or_default().push(version);
    }
    for versions in packages.values_mut() {
        versions.sort();
    }
    Ok(packages)
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

    #[test]
    fn what_moved_goes_to_the_version_that_took_its_place() {
        let lock = |packages: &[(&str, &str)]| -> String {
            let entry = |(name, version): &(&str, &str)| {
                let source = "source = \"r\"";
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}\n")
            };
            packages.iter().map(entry).collect()
        };
        let before = [
            ("a", "0.3.1"),
            ("a", "1.0.0"),
            ("b", "1.0.0"),
            ("gone", "1.0.0"),
        ];
        let after = [
            ("a", "0.3.4"),
            ("a", "1.2.0"),
            ("b", "1.0.0"),
            ("new", "1.0.0"),
        ];
        let moved = moves(&lock(&before), &lock(&after)).expect("TOML");
        let message = moved
            .iter()
            .map(|(name, from, to)| format!("{name} {from} {to}"));
        let message: Vec<String> = message.collect();
        assert_eq!(message, ["a 0.3.1 0.3.4", "a 1.0.0 1.2.0"]);
        // If several versions replace one, it is paired with the compatible one.
        let after = [("b", "0.9.0"), ("b", "1.4.0")];
        let moved = moves(&lock(&[("b", "1.0.0")]), &lock(&after)).expect("TOML");
        assert_eq!(moved[0].2, Version::new(1, 4, 0));
        assert_eq!(moved.len(), 1);
    }
}
