//! Core wasm functions with several results: the control of the matrix.
//!
//! Holds the guest. The multi-value proposal has been on by default since long
//! before 24, and nothing about it is expected to move.

/// Exports `relay`, which passes its two arguments to the import `host.bump`
/// and returns the two results.
pub const GUEST: &[u8] = include_bytes!("../guests/relay.wasm");
