//! Sections that several reports share.

pub mod grid;
pub mod strips;
pub mod change_points;
pub mod untested;
pub mod verdict;
pub mod gaps;
pub mod sandbox_denials;
pub mod left_out;
pub mod findings;
pub mod flaky;
pub mod packages;
pub mod timeline;
