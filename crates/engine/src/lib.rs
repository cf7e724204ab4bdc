//! pinmatrix: a reproducible build and test matrix for a cargo workspace, over toolchains and
//! dependency pins.
//!
//! The modules stand from the ground up: each uses only those above it in this list.

pub mod fs_ext;
pub mod input;
pub mod results;
pub mod manifest;
pub mod machine;
pub mod registry;
pub mod subject;
pub mod matrix;
mod phase;
pub mod workdir;
mod cargo;
mod cache;
mod resolve;
mod diagnose;
mod build;
mod test;
mod cell;
pub mod run;
pub mod repro;
pub mod bisect;
pub mod fuzzing;
#[cfg(test)]
mod testing;
