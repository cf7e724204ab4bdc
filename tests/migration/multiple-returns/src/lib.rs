//! Component functions with several results: behind a gate on 24, gone from 31.
//!
//! Holds the guests. Core wasm is another matter, and unaffected: see the crate
//! `multi-value`.

/// Exports `pair`, which returns two results, a `u8` and an `s8`.
pub const TWO_RESULTS: &[u8] = include_bytes!("../guests/two_results.wasm");

/// Exports `pair`, which returns one result, a tuple of a `u8` and an `s8`.
pub const ONE_TUPLE: &[u8] = include_bytes!("../guests/one_tuple.wasm");
