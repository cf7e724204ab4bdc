//! Typed calls into a function that a component exports inside an interface.
//!
//! Holds the guest and its names. Finding the nested export is what changes;
//! calling it is not.

/// Exports the interface [`INTERFACE`] with `add` and `len`.
pub const GUEST: &[u8] = include_bytes!("../guests/calculator.wasm");

/// The instance that the guest exports, by its versioned name.
pub const INTERFACE: &str = "example:calculator/api@0.1.0";
