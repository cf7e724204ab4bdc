//! One entry point for each parser of untrusted input, which must accept any bytes and fail only
//! with an error. Used for fuzzing (`fuzz`) and for the corpus that fuzzing has produced.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pinmatrix_core::config::Config;
use pinmatrix_core::error::SourceText;
use pinmatrix_core::model::outcome::CaseOutcome;
use pinmatrix_process::child::Exit;

use crate::cargo::messages;
use crate::registry::index::CrateEntry;
use crate::registry::published;
use crate::registry::releases::{Release, Releases};
use crate::test::{doctest, libtest};

/// Parses a `matrix.toml`, and returns the error message, if any.
pub fn matrix_toml(bytes: &[u8]) -> Option<String> {
    let text = SourceText::new(
        Path::new("matrix.toml"),
        String::from_utf8_lossy(bytes).into_owned(),
    );
    Config::parse(text).err().map(|error| error.to_string())
}

/// What an index says about a crate, and about a family that consists of it.
#[derive(Debug)]
pub struct Indexed {
    /// The versions, and the lines that are skipped.
    pub entry: CrateEntry,
    /// The releases of a family that consists of the crate.
    pub releases: Releases,
    /// The messages about skipped lines and unusable versions.
    pub words: Vec<String>,
}

/// Parses the index of a crate in both formats: as a registry writes it, and as cargo caches it.
#[must_use]
pub fn index(bytes: &[u8]) -> Vec<Indexed> {
    let entries = [
        Some(CrateEntry::of_lines(bytes)),
        CrateEntry::of_cache(bytes),
    ];
    let indexed = |entry: CrateEntry| {
        let releases = Releases::of(&[("krate".to_owned(), Arc::new(entry.clone()))], |_, _| {
            true
        });
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

/// Parses the standard output of a cargo build, and returns the errors that are kept.
#[must_use]
pub fn cargo_messages(bytes: &[u8]) -> Vec<pinmatrix_core::model::diagnostic::Diagnostic> {
    messages::errors_in(bytes)
}

/// Parses the standard output of a test executable as JSON and as text, and returns the tests that
/// ended.
#[must_use]
pub fn libtest_output(bytes: &[u8]) -> Vec<CaseOutcome> {
    let names = ["a", "b", "c::d"].map(str::to_owned);
    let now = Instant::now();
    let formats = [libtest::OutputFormat::Json, libtest::OutputFormat::Text];
    let ended = formats.into_iter().flat_map(|format| {
        let mut suite = libtest::SuiteOutput::new(format, &names, now);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            suite.line(line, now);
        }
        suite.end(now, &Exit::Code(0));
        suite.ended.into_values()
    });
    ended.collect()
}

/// Parses the output of `cargo test --doc`, and returns its doc tests.
#[must_use]
pub fn doc_tests(bytes: &[u8]) -> Vec<CaseOutcome> {
    doctest::cases(&String::from_utf8_lossy(bytes))
}
