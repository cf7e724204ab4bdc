//! The vocabulary of the project: cells, statuses, outcomes, runs and events.
//!
//! Plain values with serde forms. Nothing here reads a file, a clock or the environment.

pub mod cell;
pub mod rust_version;
pub mod failure_kind;
pub mod status;
pub mod diagnostic;
pub mod outcome;
pub mod forecast;
pub mod run;
pub mod command;
pub mod event;
