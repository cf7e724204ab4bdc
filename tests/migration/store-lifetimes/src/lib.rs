//! Stores whose data borrows from the embedder.
//!
//! Holds the guest. Whether `T` in `Store<T>` may hold a borrow is what changes.

/// Exports `seven`, which returns 7.
pub const GUEST: &[u8] = include_bytes!("../guests/seven.wasm");
