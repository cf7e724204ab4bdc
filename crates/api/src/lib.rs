//! Reads sources without compiling them: what the crates of a family offer, what a target uses of
//! it, and what changes for the target from one version to another.
//!
//! ```text
//! text ─ tree ─▶ CrateTree ─ offer ─▶ Offer ─┐
//! text ─ uses ─▶ Uses ───────────────────────┴─ forecast ─▶ changes
//! ```
//!
//! Everything is a function from text to values. Nothing here reads a file, and what is foretold is
//! never a result: what a macro or a build script makes is not seen.

pub mod tree;
pub mod names;
pub mod offer;
pub mod uses;

pub mod forecast;
