//! The values of pinmatrix, and what follows from them: no files, no processes, no clock.
//!
//! What a person wrote becomes a [`config::Config`]; a [`search`] says which cells are worth
//! running; what they showed is a [`model::run::Run`]; and [`analysis`] says what that means.

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
