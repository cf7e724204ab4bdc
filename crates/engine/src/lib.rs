//! pinmatrix: a reproducible build and test matrix for a cargo workspace, over toolchains and
//! dependency pins.
//!
//! The modules stand from the ground up: each uses only those above it in this list.

mod fs_ext;
mod input;
pub mod results;
mod manifest;
mod machine;
mod registry;
mod subject;
mod matrix;
mod phase;
mod workdir;
mod cargo;
mod cache;
mod forecast;
mod resolve;
mod diagnose;
mod build;
mod test;
mod cell;
mod run;
mod repro;
mod bisect;
pub mod fuzzing;
#[cfg(test)]
mod testing;

pub use self::bisect::query::{
    Axis, AxisEnds, BisectQuery, Point, PointPlace, Question, points as bisect_points,
};
pub use self::bisect::{Bisected, FILE as BISECTION_FILE, axis as axis_text, bisect};
pub use self::forecast::{ForecastSettings, forecast};
pub use self::fs_ext::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, write_to_last, write_whole};
pub use self::input::{baseline_of, read_baseline, read_config};
pub use self::machine::toolchain::{LookupResult, ToolchainLookup, look_for_all};
pub use self::matrix::{Matrix, subject_root};
pub use self::repro::{ReproEvent, StagedCell, open as open_cell};
pub use self::run::verify::verify;
pub use self::run::{RunSettings, known_outcomes, run};
pub use self::workdir::clean::{UsageClass, UsageLine, clean, survey};
pub use self::workdir::work_dirs::cache as cache_folder;
