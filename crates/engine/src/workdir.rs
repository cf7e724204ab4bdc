//! The folders in which cells are laid out and built, and the disk space that they use.

pub(crate) mod units;
pub(crate) mod unit_reuse;
pub(crate) mod lane_dirs;
pub mod work_dirs;
pub(crate) mod build_groups;
pub(crate) mod disk_usage;
pub(crate) mod evict;
pub(crate) mod stage;
pub mod clean;
