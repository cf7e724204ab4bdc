//! The workspace under migration: the checkout that it lies in, its revisions, what of it decides a
//! result. Nothing here writes to it.

pub mod git;
pub(crate) mod cell_git;
pub(crate) mod working_tree;
pub mod checkout;
pub(crate) mod path_pin;
pub mod source_tree;
pub(crate) mod today;
mod workspace;

pub use self::workspace::{CargoConfig, Member, Subject, folder_in_repository, needs, workspace};
