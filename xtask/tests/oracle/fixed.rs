//! The seeds that every run of the tests holds against cargo.

use crate::draft::{TOOLCHAINS, Toolchain};

/// Toolchains and seeds: as many as take about two minutes on two cores.
pub fn seeds() -> Vec<(Toolchain, u64)> {
    let [stable, newer, oldest] = TOOLCHAINS;
    let stable = (0..6).map(|seed| (stable, seed));
    stable.chain([(newer, 6), (oldest, 7)]).collect()
}

/// Pieces that the tool is known to be wrong about. The fixed seeds draw none of them; each line goes
/// with the fault behind it.
pub const NOT_YET: &[&str] = &[
    // A file name that is no text.
    "odd-name-latin*",
    // A test that runs an example passes only when it is run again.
    "*@example-found*",
    // What tests see.
    "nested*",
    "temporary-tmp*",
    "temporary-var-tmp*",
    "temporary-dev-shm*",
    "shallow*",
    "unset*",
    "profile-debug*",
    "backtrace*",
    "arguments*",
    // Doc tests: their features, and of a library whose unit tests do not compile.
    "*feature@doc*",
    "gated*",
    "asks",
    "flags",
    "turn@lib*",
    "break*@lib*",
];
