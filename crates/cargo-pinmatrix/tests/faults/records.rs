//! The records that a cache holds.

use camino::{Utf8Path, Utf8PathBuf};

/// The records of outcomes and of resolutions, sorted. An earlier damage can have left a folder in
/// the place of one that no run asks for.
pub fn records(cache: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut records = Vec::new();
    for subject in entries(cache) {
        let outcomes = entries(&subject.join("outcomes"));
        records.extend(outcomes.iter().map(|outcome| outcome.join("outcome.json")));
        records.extend(entries(&subject.join("resolutions")));
    }
    records.retain(|record| record.extension() == Some("json") && record.is_file());
    records
}

/// What a folder holds, sorted; nothing if it is none.
fn entries(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let mut paths: Vec<Utf8PathBuf> = entries.map(|entry| entry.into_path()).collect();
    paths.sort();
    paths
}
