//! Anything in the place of a registry's index, or of cargo's copy of it: versions that are told apart,
//! and words that fit on a line for what is passed over.
#![no_main]

use pinmatrix_core::model::cell::bare;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for indexed in pinmatrix::fuzzing::index(bytes) {
        let releases = &indexed.releases.releases;
        assert!(releases.is_sorted_by(|a, b| a.version < b.version));
        for published in &indexed.entry.versions {
            assert!(
                indexed
                    .releases
                    .release(&bare(&published.version))
                    .is_some()
            );
        }
        for words in indexed.words {
            assert!(!words.chars().any(char::is_control), "{words:?}");
        }
    }
});
