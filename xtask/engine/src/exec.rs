//! Running a plan: lanes take cells from one queue, and what ends is recorded at once.
//!
//! The only floor that spawns builds and tests and that writes work files.

mod bounds;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod enclosure;
#[cfg(target_os = "linux")]
mod warden;
mod confine;
mod child;
mod interrupt;
pub mod process;
mod transcript;
mod clock;
mod log;
mod budget;
mod units;
mod unit_store;
mod records;
mod lane_folders;
mod workplace;
mod shop;
mod inventory;
mod disk;
mod stage;
mod missing_feature;
mod cargo;
mod msrv;
mod repair;
mod drift;
mod key;
mod resolution;
mod lockfile;
mod at_pin;
mod lock;
mod newest;
mod features;
mod targets;
mod refusal;
pub(crate) mod heard;
mod blame;
mod judgement;
mod broken;
mod call;
mod chosen;
mod build;
mod build_script;
pub(crate) mod libtest;
pub(crate) mod doctest;
mod rehearsal;
mod test_env;
mod executable;
mod retry;
mod cases;
mod programs;
mod test;
mod system;
pub mod store;
mod sandbox;
mod left_out;
mod work;
mod rustdoc;
mod trial;
mod old_lock;
mod cell;
pub mod recipe;
mod script;
mod times;
pub mod clean;
mod schedule;
mod board;
mod confirm;
mod lanes;
pub mod verify;
mod dependency;
pub mod bisection;
pub mod open;

pub use self::lanes::{Options, known_outcomes, run};
pub use self::process::Interrupt;
#[cfg(target_os = "linux")]
pub use self::warden::serve;
pub use self::workplace::cache;
