//! Host imports through the `bindgen!` macro, from the world in `wit/`.
//!
//! Holds the guest. The code that the macro makes, and how a host joins it to a
//! linker, is what changes.

/// Multiplies its argument by seven, for which it asks the host.
pub const GUEST: &[u8] = include_bytes!("../guests/times_seven.wasm");
