//! Running a WASI preview 2 command: a component that exports `wasi:cli/run`.
//!
//! Holds the guest and what it prints. How a host hands over its context and
//! its table is what changes, three times.

/// Prints [`GREETING`] to stdout.
pub const GUEST: &[u8] = include_bytes!("../guests/hello.wasm");

/// What the guest prints.
pub const GREETING: &[u8] = b"hello from p2\n";
