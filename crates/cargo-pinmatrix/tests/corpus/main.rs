//! What fuzzing has led to, and what is near it, read again on every machine: the corpora in `fuzz`
//! as they are, and each of their files changed in as many ways as a moment allows, always the same.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]

use std::path::{Path, PathBuf};

use pinmatrix::fuzzing;
use pinmatrix_core::model::cell::bare;
use quick_xml::Reader;
use quick_xml::events::Event;
use semver::Version;

/// How often each file of a corpus is changed.
const CHANGES: u64 = 150;

/// The files of a corpus, by name.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let entries = std::fs::read_dir(root.join(target)).expect("a corpus");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "the corpus of {target} is empty");
    let read = |path: PathBuf| (path.clone(), std::fs::read(&path).expect("bytes"));
    paths.into_iter().map(read).collect()
}

/// A row of numbers without a pattern that matters (xorshift), the same wherever it begins alike.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most.max(1) as u64).expect("small")
    }
}

/// Pieces that mean something to one reader or another.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "\n",
    "\u{1b}[31m",
    "]]>",
    "&",
    "<",
    "|",
    "::error::",
    "\u{202e}",
    "[[",
    "]]",
    "{",
    "}",
    "null",
    "-1",
    "1e999",
    "99999999999999999999",
    "\u{0}",
    "```",
    "\u{fffe}",
];

fn changed(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len());
        let until = (at + chance.below(24)).min(bytes.len());
        match chance.below(4) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 => drop(bytes.drain(at..until)),
            2 => {
                let piece = PIECES[chance.below(PIECES.len())].bytes();
                drop(bytes.splice(at..at, piece));
            }
            _ => {
                let again = bytes[at..until].to_vec();
                let place = chance.below(bytes.len());
                drop(bytes.splice(place..place, again));
            }
        }
    }
    bytes
}

/// Gives each file of a corpus to a reader, as it is and changed.
fn for_all(target: &str, read: impl Fn(&[u8])) {
    for (n, (path, bytes)) in corpus(target).into_iter().enumerate() {
        println!("{}", path.display());
        read(&bytes);
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15 ^ (n as u64 + 1));
        for _ in 0..CHANGES {
            read(&changed(&bytes, &mut chance));
        }
    }
}

#[test]
fn any_matrix_toml_is_taken_or_refused_in_words() {
    for_all("matrix_toml", |bytes| {
        if let Some(words) = fuzzing::matrix_toml(bytes) {
            assert!(!words.is_empty());
        }
    });
}

#[test]
fn whatever_an_index_holds_is_read_or_named_on_a_line() {
    for_all("index", |bytes| {
        for indexed in fuzzing::index(bytes) {
            let versions = &indexed.entry.versions;
            assert!(versions.is_sorted_by(|a, b| a.version <= b.version));
            let releases = &indexed.releases.releases;
            assert!(releases.is_sorted_by(|a, b| a.version < b.version));
            let is_named = |version: &Version| indexed.releases.release(version).is_some();
            assert!(versions.iter().all(|p| is_named(&bare(&p.version))));
            for words in indexed.words {
                assert!(!words.chars().any(char::is_control), "{words:?}");
            }
        }
    });
}

#[test]
fn whatever_cargo_says_errors_fit_on_a_line() {
    for_all("cargo_messages", |bytes| {
        for error in fuzzing::cargo_messages(bytes) {
            assert!(!error.message.chars().any(char::is_control), "{error:?}");
        }
    });
}

#[test]
fn whatever_a_test_says_names_and_output_are_fit_to_show() {
    for_all("libtest", |bytes| {
        let events = fuzzing::libtest_output(bytes).into_iter();
        for case in events.chain(fuzzing::doc_tests(bytes)) {
            assert!(!case.name.contains('\n'), "{case:?}");
            let output = case.output.unwrap_or_default();
            assert!(!output.contains('\u{1b}'), "{output:?}");
        }
    });
}

/// A page holds its own two scripts and no other, and data that can be read.
fn check_page(page: &str) {
    assert_eq!(page.matches("<script").count(), 2);
    let (_, rest) = page.split_once("id=\"data\">").expect("data");
    let (data, _) = rest.split_once("</script>").expect("an end");
    serde_json::from_str::<serde_json::Value>(data).expect("JSON");
}

#[test]
fn every_report_of_any_run_can_be_read_by_other_programs() {
    for_all("run_json", |bytes| {
        let Some(reports) = pinmatrix_report::fuzzing::run_json(bytes) else {
            return;
        };
        let mut reader = Reader::from_str(&reports.junit);
        while reader.read_event().expect("well-formed XML") != Event::Eof {}
        for json in [&reports.frontier, &reports.code_quality, &reports.sarif] {
            serde_json::from_str::<serde_json::Value>(json).expect("JSON");
        }
        for line in reports.annotations.lines() {
            let is_ours = ["::error ", "::warning ", "::notice "]
                .iter()
                .any(|c| line.starts_with(c));
            assert!(is_ours && !line.contains("##["), "another command: {line}");
        }
        for line in reports.summary.lines() {
            assert!(!line.starts_with("::"), "a command to a CI engine: {line}");
        }
        check_page(&reports.page);
    });
}

#[test]
fn what_is_in_the_corpus_gets_somewhere() {
    let gets = |target: &str, gets: fn(&[u8]) -> bool| {
        assert!(
            corpus(target).iter().any(|(_, bytes)| gets(bytes)),
            "{target}"
        );
    };
    gets("matrix_toml", |bytes| fuzzing::matrix_toml(bytes).is_none());
    gets("index", |bytes| {
        fuzzing::index(bytes)
            .iter()
            .any(|indexed| !indexed.words.is_empty() && indexed.entry.versions.len() > 1)
    });
    // One of them is a file of cargo's cache.
    gets("index", |bytes| {
        let indexed = fuzzing::index(bytes);
        indexed.len() == 2 && !indexed[1].entry.versions.is_empty()
    });
    gets("cargo_messages", |bytes| {
        !fuzzing::cargo_messages(bytes).is_empty()
    });
    gets("libtest", |bytes| {
        !fuzzing::libtest_output(bytes).is_empty()
    });
    gets("libtest", |bytes| !fuzzing::doc_tests(bytes).is_empty());
    gets("run_json", |bytes| {
        pinmatrix_report::fuzzing::run_json(bytes).is_some()
    });
}
