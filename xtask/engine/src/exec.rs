//! Running a plan: lanes take cells from one queue, and what ends is recorded at once.
//!
//! The only floor that spawns builds and tests and that writes work files.

mod build;
mod cargo;
mod cell;
mod doctest;
mod key;
mod lanes;
mod libtest;
mod lock;
mod log;
mod msrv;
pub mod process;
mod repair;
mod stage;
pub mod store;
mod targets;
mod test;
mod test_env;
mod workplace;

pub use self::lanes::{Options, known_outcomes, run};
pub use self::process::Interrupt;
pub use self::workplace::cache;
