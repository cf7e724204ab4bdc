//! The data types of pinmatrix and the pure logic on them: no files, no processes, no clock.
//!
//! `matrix.toml` becomes a [`config::Config`]; a [`search`] decides which cells are worth running;
//! their outcomes form a [`model::run::Run`]; and [`analysis`] works out what that run means.

pub mod text;
pub mod path;
pub mod model;
pub mod error;
pub mod config;
pub mod search;
pub mod analysis;
pub mod run_json;
pub mod compare;
pub mod merge;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
