//! The workspace under migration: its checkout, its revisions, and which parts of it affect a
//! result. Nothing here writes to it.

pub mod git;
pub(crate) mod cell_git;
pub(crate) mod working_tree;
pub mod checkout;
pub(crate) mod path_pin;
pub(crate) mod lockfile;
pub(crate) mod selection;
pub mod source_tree;
pub(crate) mod tags;
pub(crate) mod today;
pub(crate) mod required_rust;
mod workspace;

pub use self::required_rust::needs;
pub use self::workspace::{CargoConfig, Member, Subject, workspace};
