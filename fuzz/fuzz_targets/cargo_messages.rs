//! Anything in the place of what cargo says: errors that fit on a line of a report.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for error in pinmatrix::fuzzing::cargo_messages(bytes) {
        assert!(!error.message.chars().any(char::is_control));
    }
});
