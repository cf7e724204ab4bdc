//! The whole program, with real cargo, on the tiny offline registry in `tests/fixtures`.
//!
//! Expected results are data: `tests/fixtures/expected/SUBJECT.txt` holds a line a fact, and
//! `run.json`, `junit.xml` and `summary.md` are all held against it. Rows of older toolchains need
//! those toolchains; `ci/test` gets them, and so does `ci/toolchains 1.63 1.78`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]

mod as_cargo;
mod axes;
mod baseline;
mod checkout;
mod checkout_errors;
mod bisect;
mod blame;
mod compare;
mod disk;
mod doc_tests;
mod drift;
mod facts;
#[cfg(unix)]
mod faults;
mod findings;
mod fixtures;
mod flaky;
mod forecast;
mod git_family;
mod harness;
mod index;
mod keys;
mod ladders;
mod machines;
mod members;
mod merge;
mod user_errors;
#[cfg(unix)]
mod nextest;
mod old_lock;
mod packages;
mod patches;
mod nested;
#[cfg(target_os = "linux")]
mod places;
mod platforms;
mod reports;
mod repro;
mod reuse;
#[cfg(target_os = "linux")]
mod sandbox;
mod shards;
#[cfg(unix)]
mod sharing;
#[cfg(target_os = "linux")]
mod starved;
mod terminal;
mod text_results;
mod today;
mod verdicts;
mod verify;
mod version_sets;
