//! A module for two versions of wasmtime.

/// Exports `f`, which returns 1 and 2.
pub const MODULE: &[u8] = &[
    0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 0, 2, 127, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10,
    8, 1, 6, 0, 65, 1, 65, 2, 11,
];
