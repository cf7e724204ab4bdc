//! Running a WASI preview 1 command: a core module that exports `_start`.
//!
//! Holds the guests and what they do. How to run them is what changes.

/// Prints [`GREETING`] to stdout.
pub const HELLO: &[u8] = include_bytes!("../guests/hello.wasm");

/// What [`HELLO`] prints.
pub const GREETING: &[u8] = b"hello from p1\n";

/// Exits with [`EXIT_CODE`].
pub const EXIT: &[u8] = include_bytes!("../guests/exit.wasm");

/// The code that [`EXIT`] exits with.
pub const EXIT_CODE: i32 = 3;
