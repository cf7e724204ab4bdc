//! The differences between the locks of two cells.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use pinmatrix_core::model::cell::CellId;
use serde::Deserialize;

/// The maximum size of a lock, in bytes: cargo does not write larger ones.
const LONGEST: u64 = 8 << 20;

/// The packages of a lock, each with its versions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packages(BTreeMap<String, BTreeSet<String>>);

/// The packages in the lock of a cell; `None` if it does not exist or cannot be read.
#[must_use]
pub fn packages(locks: &Utf8Path, cell: &CellId) -> Option<Packages> {
    // The name comes from a file: it must not lead out of the folder.
    if cell.as_str().contains(['/', '\\']) {
        return None;
    }
    let path = locks.join(format!("{cell}.lock"));
    let metadata = path.symlink_metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return None;
    }
    parsed(&std::fs::read_to_string(path).ok()?)
}

fn parsed(lock: &str) -> Option<Packages> {
    #[derive(Deserialize)]
    struct LockFile {
        package: Vec<LockPackage>,
    }
    #[derive(Deserialize)]
    struct LockPackage {
        name: String,
        version: String,
    }
    let lock: LockFile = toml::from_str(lock).ok()?;
    let mut packages = Packages::default();
    for LockPackage { name, version } in lock.package {
        packages.0.entry(name).or_default().insert(version);
    }
    Some(packages)
}

/// The differences from one lock to another, one line per package: `name 1.0.0 → 1.1.0`.
#[must_use]
pub fn differences(before: &Packages, after: &Packages) -> Vec<String> {
    let none = BTreeSet::new();
    let names: BTreeSet<&String> = before.0.keys().chain(after.0.keys()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let [old, new] = [before, after].map(|packages| packages.0.get(name).unwrap_or(&none));
        let gone = old.difference(new).map(String::as_str);
        let came = new.difference(old).map(String::as_str);
        let (gone, came) = (joined(gone), joined(came));
        match (gone.is_empty(), came.is_empty()) {
            (true, true) => None,
            (true, false) => Some(format!("{name} {came} is new")),
            (false, true) => Some(format!("{name} {gone} is gone")),
            (false, false) => Some(format!("{name} {gone} → {came}")),
        }
    });
    changed.collect()
}

fn joined<'a>(versions: impl Iterator<Item = &'a str>) -> String {
    versions.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(packages: &[(&str, &str)]) -> Packages {
        let entry = |(name, version): &(&str, &str)| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
        };
        let text: String = packages.iter().map(entry).collect();
        parsed(&format!("version = 4\n{text}")).expect("a lock")
    }

    #[test]
    fn each_package_that_moved_came_or_went_has_a_line() {
        let before = lock(&[
            ("a", "1.0.0"),
            ("b", "1.0.0"),
            ("c", "1.0.0"),
            ("c", "2.0.0"),
        ]);
        let after = lock(&[
            ("a", "1.1.0"),
            ("c", "1.0.0"),
            ("c", "2.1.0"),
            ("d", "0.1.0"),
        ]);
        assert_eq!(
            differences(&before, &after),
            [
                "a 1.0.0 → 1.1.0",
                "b 1.0.0 is gone",
                "c 2.0.0 → 2.1.0",
                "d 0.1.0 is new"
            ]
        );
        assert!(differences(&after, &after).is_empty());
    }

    #[test]
    fn what_is_no_lock_is_none() {
        for text in [
            "",
            "package = 1",
            "[[package]]\nname = 1",
            "\u{0}",
            "[[package]]",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }
}
