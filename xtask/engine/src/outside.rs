//! What reads what others wrote, by one name each: it must take any bytes, and fail in words or not at
//! all. For fuzzing (`fuzz`), and for the corpus that it has led to.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::analysis::Analysis;
use crate::config::Config;
use crate::config::mistake::Text;
use crate::exec;
use crate::index::Entry;
use crate::model::outcome::CaseOutcome;
use crate::model::run::Run;
use crate::published;
use crate::releases::{Release, Releases};
use crate::report;

/// A `matrix.toml`; the words that are said against it.
pub fn matrix_toml(bytes: &[u8]) -> Option<String> {
    let text = Text::new(
        Path::new("matrix.toml"),
        String::from_utf8_lossy(bytes).into_owned(),
    );
    Config::parse(text).err().map(|mistake| mistake.to_string())
}

/// What an index tells of a crate, or of a family of one.
#[derive(Debug)]
pub struct Indexed {
    /// What it is: versions, and lines that are passed over.
    pub entry: Entry,
    /// What is published of a family that consists of the crate.
    pub releases: Releases,
    /// Whatever is said of lines that are passed over and versions that cannot be used.
    pub words: Vec<String>,
}

/// The index of a crate, as a registry writes it and as cargo keeps it.
#[must_use]
pub fn index(bytes: &[u8]) -> Vec<Indexed> {
    let entries = [Some(Entry::of_lines(bytes)), Entry::of_cache(bytes)];
    let indexed = |entry: Entry| {
        let releases = Releases::of(&[("krate".to_owned(), Arc::new(entry.clone()))]);
        let unusable = releases.releases.iter().filter_map(Release::unusable);
        let words = unusable.map(|unusable| unusable.to_string());
        let words = words.chain(published::remark("krate", &entry.passed_over));
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
pub fn cargo_messages(bytes: &[u8]) -> Vec<crate::model::diagnostic::Diagnostic> {
    exec::heard::errors_in(bytes)
}

/// What a test executable says on standard output: the tests that ended.
#[must_use]
pub fn libtest_events(bytes: &[u8]) -> Vec<CaseOutcome> {
    let mut suite = exec::libtest::Suite::default();
    let now = Instant::now();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        suite.line(line, now);
    }
    suite.ended.into_values().collect()
}

/// What `cargo test --doc` prints: the doc tests in it.
#[must_use]
pub fn doc_tests(bytes: &[u8]) -> Vec<CaseOutcome> {
    exec::doctest::cases(&String::from_utf8_lossy(bytes))
}

/// Every report of a run.
#[derive(Debug)]
pub struct Reports {
    /// `junit.xml`
    pub junit: String,
    /// `summary.md`
    pub summary: String,
    /// `frontier.json`
    pub frontier: String,
    /// GitHub's workflow commands.
    pub annotations: String,
    /// GitLab's code quality report.
    pub code_quality: String,
    /// SARIF.
    pub sarif: String,
    /// `report.html`
    pub page: String,
}

/// A `run.json`, with every report made of it; `None` where it is none.
#[must_use]
pub fn run_json(bytes: &[u8]) -> Option<Reports> {
    let run: Run = serde_json::from_slice(bytes).ok()?;
    let analysis = Analysis::of(&run);
    Some(Reports {
        junit: report::junit::junit(&run).ok()?,
        summary: report::summary::summary(&analysis),
        frontier: report::points::json(&analysis).ok()?,
        annotations: report::annotations::annotations(&analysis),
        code_quality: report::code_quality::json(&analysis).ok()?,
        sarif: report::sarif::json(&analysis).ok()?,
        page: report::html::html(&analysis, None).ok()?,
    })
}
