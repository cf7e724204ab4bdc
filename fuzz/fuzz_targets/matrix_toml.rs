//! Any text as a `matrix.toml`: taken, or refused in words.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(words) = pinmatrix::fuzzing::matrix_toml(bytes) {
        assert!(!words.is_empty());
    }
});
