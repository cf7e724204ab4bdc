//! What reads what others wrote, by one name each: it must take any bytes, and fail in words or not at
//! all. For fuzzing (`fuzz`), and for the corpus that it has led to.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pinmatrix_core::config::Config;
use pinmatrix_core::error::SourceText;
use pinmatrix_core::model::outcome::CaseOutcome;

use crate::cargo::messages;
use crate::registry::index::CrateEntry;
use crate::registry::published;
use crate::registry::releases::{Release, Releases};
use crate::test::{doctest, libtest};

/// A `matrix.toml`; the words that are said against it.
pub fn matrix_toml(bytes: &[u8]) -> Option<String> {
    let text = SourceText::new(
        Path::new("matrix.toml"),
        String::from_utf8_lossy(bytes).into_owned(),
    );
    Config::parse(text).err().map(|error| error.to_string())
}

/// What an index tells of a crate, or of a family of one.
#[derive(Debug)]
pub struct Indexed {
    /// What it is: versions, and lines that are passed over.
    pub entry: CrateEntry,
    /// What is published of a family that consists of the crate.
    pub releases: Releases,
    /// Whatever is said of lines that are passed over and versions that cannot be used.
    pub words: Vec<String>,
}

/// The index of a crate, as a registry writes it and as cargo keeps it.
#[must_use]
pub fn index(bytes: &[u8]) -> Vec<Indexed> {
    let entries = [
        Some(CrateEntry::of_lines(bytes)),
        CrateEntry::of_cache(bytes),
    ];
    let indexed = |entry: CrateEntry| {
        let releases = Releases::of(&[("krate".to_owned(), Arc::new(entry.clone()))]);
        let unusable = releases.releases.iter().filter_map(Release::unusable);
        let words = unusable.map(|unusable| unusable.to_string());
        let words = words.chain(published::skipped_lines_note("krate", &entry.passed_over));
        Indexed {
            words: words.collect(),
            releases,
            entry,
        }
    };
    entries.into_iter().flatten().map(indexed).collect()
}

/// What cargo says on standard output of a build: the errors that are kept.
#[must_use]
pub fn cargo_messages(bytes: &[u8]) -> Vec<pinmatrix_core::model::diagnostic::Diagnostic> {
    messages::errors_in(bytes)
}

/// What a test executable says on standard output: the tests that ended.
#[must_use]
pub fn libtest_events(bytes: &[u8]) -> Vec<CaseOutcome> {
    let mut suite = libtest::SuiteOutput::default();
    let now = Instant::now();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        suite.line(line, now);
    }
    suite.ended.into_values().collect()
}

/// What `cargo test --doc` prints: the doc tests in it.
#[must_use]
pub fn doc_tests(bytes: &[u8]) -> Vec<CaseOutcome> {
    doctest::cases(&String::from_utf8_lossy(bytes))
}
