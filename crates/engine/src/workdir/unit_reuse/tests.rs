//! A lane with one unit: what is stored, what is imported again, and what is removed.

use super::*;

const SERDE: &str = "serde-0123456789abcdef";

struct Lane {
    _folder: tempfile::TempDir,
    target: Utf8PathBuf,
    stores: UnitStores,
    used: UsedUnits,
}

/// A target folder in which one unit of a package was compiled.
fn lane() -> Lane {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Utf8Path::from_path(folder.path()).expect("text").to_owned();
    let lane = Lane {
        target: root.join("lane/target"),
        stores: UnitStores {
            common: root.join("units"),
            of_lane: root.join("lane-units"),
            lane: root.join("lane"),
        },
        used: BTreeMap::from([("0123456789abcdef".to_owned(), UnitDigest::of("serde"))]),
        _folder: folder,
    };
    lane.write("deps/libserde-0123456789abcdef.rlib", "code");
    lane.write("deps/serde-0123456789abcdef.d", lane.target.as_str());
    lane.write("build/serde-0123456789abcdef/out/deep/file", "generated");
    lane.write("build/serde-0123456789abcdef/output", lane.target.as_str());
    lane.write(".fingerprint/serde-0123456789abcdef/lib-serde", "hash");
    lane
}

impl Lane {
    fn write(&self, path: &str, text: &str) {
        let path = self.target.join("debug").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("written");
    }

    fn keep(&self) -> usize {
        self.stores
            .store_units(&self.used, &self.target)
            .expect("kept")
    }

    fn kept_in(&self, store: &Utf8Path) -> bool {
        store.join(UnitDigest::of("serde").to_string()).is_dir()
    }

    /// Another target folder, with the unit imported.
    fn import(&self) -> (usize, Utf8PathBuf) {
        let other = self.target.with_file_name("other");
        (self.import_into(&other, self.used.values()), other)
    }

    fn import_into<'a>(
        &self,
        other: &Utf8Path,
        packages: impl Iterator<Item = &'a UnitDigest>,
    ) -> usize {
        let packages = packages.copied().collect();
        let entries = self.stores.entries(&packages).expect("a listing");
        let imported = self.stores.import_units(&entries, other);
        imported.expect("imported").len()
    }
}

#[test]
fn a_hash_is_told_from_a_name() {
    assert_eq!(
        hash_of("libserde-0123456789abcdef.rmeta"),
        Some("0123456789abcdef")
    );
    assert_eq!(hash_of("ratio-0123456789abcdef"), Some("0123456789abcdef"));
    assert_eq!(hash_of("wasmtime-cranelift"), None);
    assert_eq!(hash_of("app"), None);
}

#[test]
fn a_unit_comes_back_with_its_times() {
    let lane = lane();
    let dated = lane.target.join("debug/deps/serde-0123456789abcdef.d");
    let past = SystemTime::UNIX_EPOCH;
    let file = File::options().write(true).open(&dated).expect("a file");
    file.set_modified(past).expect("a time");
    assert_eq!(lane.keep(), 1);
    assert_eq!(lane.keep(), 0, "it is there");
    let (n_units, other) = lane.import();
    assert_eq!(n_units, 1);
    let copy = other.join("debug/deps/serde-0123456789abcdef.d");
    let time = fs::metadata(copy).and_then(|m| m.modified());
    assert_eq!(time.expect("a time"), past);
    let deep = other.join("debug/build").join(SERDE).join("out/deep/file");
    assert_eq!(fs::read_to_string(deep).expect("a file"), "generated");
}

#[test]
fn a_package_with_other_features_is_looked_into_where_none_has_these() {
    let mut lane = lane();
    let serde = UnitDigest::of("serde");
    let hash = lane.used.keys().next().expect("a unit").clone();
    let import = |lane: &Lane, digest: UnitDigest| {
        let other = lane.target.with_file_name(digest.to_string());
        lane.import_into(&other, [digest].iter())
    };
    lane.keep();
    assert_eq!(import(&lane, serde.with("derive")), 1);
    assert_eq!(import(&lane, UnitDigest::of("serde_core")), 0);
    // Of many entries, the most recently used.
    for n in 0..MOST_OTHERS + 3 {
        lane.used.insert(hash.clone(), serde.with(&n.to_string()));
        lane.keep();
    }
    let packages = BTreeSet::from([serde.with("derive")]);
    let entries = lane.stores.entries(&packages).expect("a listing");
    assert_eq!(entries.len(), MOST_OTHERS);
    assert!(!entries.contains(&serde.to_string()));
    // A unit that several entries hold is imported once, and removed if no build used it.
    let other = lane.target.with_file_name("several");
    let imported = lane
        .stores
        .import_units(&entries, &other)
        .expect("imported");
    assert_eq!(imported.len(), 1);
    let file = other.join("debug/deps/libserde-0123456789abcdef.rlib");
    UnitStores::invalidate_newer_than(&imported, &BTreeSet::from([hash]), &other).expect("swept");
    assert!(file.exists());
    UnitStores::invalidate_newer_than(&imported, &BTreeSet::new(), &other).expect("swept");
    let left = ["deps", "build", ".fingerprint"].map(|folder| {
        names(&other.join("debug").join(folder))
            .expect("a listing")
            .len()
    });
    assert_eq!(left, [0, 0, 0]);
}

#[test]
fn what_is_written_into_a_copy_does_not_reach_the_store() {
    let lane = lane();
    lane.keep();
    let (_, other) = lane.import();
    let file = "debug/deps/libserde-0123456789abcdef.rlib";
    fs::write(other.join(file), "spoilt").expect("written");
    fs::remove_dir_all(&other).expect("removed");
    let (_, other) = lane.import();
    let code = fs::read_to_string(other.join(file)).expect("a file");
    assert_eq!(code, "code");
}

#[test]
fn a_unit_of_no_package_from_elsewhere_is_not_kept() {
    let mut lane = lane();
    lane.used.clear();
    assert_eq!(lane.keep(), 0);
}

#[test]
fn a_unit_that_someone_wrote_into_is_not_kept() {
    let lane = lane();
    let out = lane
        .target
        .join("debug/build")
        .join(SERDE)
        .join("out/deep/file");
    let file = File::options().write(true).open(out).expect("a file");
    let later = crate::machine::own_env::now() + std::time::Duration::from_secs(60);
    file.set_modified(later).expect("a time");
    assert_eq!(lane.keep(), 0);
}

#[test]
fn a_unit_that_holds_the_path_of_its_lane_stays_there() {
    let plain = lane();
    plain.keep();
    assert!(plain.kept_in(&plain.stores.common));
    let lane = lane();
    let path = format!("include {}", lane.target.join("debug/build"));
    lane.write("deps/libserde-0123456789abcdef.rmeta", &path);
    lane.write(".fingerprint/serde-0123456789abcdef/lib-serde", "hash");
    lane.keep();
    assert!(lane.kept_in(&lane.stores.of_lane) && !lane.kept_in(&lane.stores.common));
}

#[test]
fn profiles_are_found_below_a_target_triple_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Utf8Path::from_path(folder.path()).expect("text");
    for profile in ["debug", "x86_64-unknown-linux-gnu/release"] {
        fs::create_dir_all(target.join(profile).join(FINGERPRINTS)).expect("a folder");
    }
    fs::create_dir_all(target.join("tmp")).expect("a folder");
    let mut found = profiles(target).expect("profiles");
    found.sort();
    assert_eq!(found, ["debug", "x86_64-unknown-linux-gnu/release"]);
}
