//! Anything in the place of what a test executable or `cargo test --doc` says.
#![no_main]

use pinmatrix::fuzzing::{doc_tests, libtest_output};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for case in libtest_output(bytes).into_iter().chain(doc_tests(bytes)) {
        assert!(!case.name.contains('\n'));
        assert!(case.output.is_none_or(|output| !output.contains('\u{1b}')));
    }
});
