//! The subcommands, one file each.

pub(crate) mod bisect;
pub(crate) mod bless;
pub(crate) mod clean;
pub(crate) mod compare;
pub(crate) mod forecast;
pub(crate) mod merge;
pub(crate) mod report;
pub(crate) mod repro;
pub(crate) mod sharding;
pub(crate) mod toolchains;
pub(crate) mod verify;
pub(crate) mod worklist;
