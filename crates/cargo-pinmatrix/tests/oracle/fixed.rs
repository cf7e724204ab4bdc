//! The seeds that every run of the tests holds against cargo.

use crate::draft::{TOOLCHAINS, Toolchain};

/// Toolchains and seeds: as many as take about two minutes on two cores.
pub fn seeds() -> Vec<(Toolchain, u64)> {
    let [stable, newer, oldest] = TOOLCHAINS;
    let stable = (0..6).map(|seed| (stable, seed));
    stable.chain([(newer, 6), (oldest, 7)]).collect()
}

/// Pieces that the fixed seeds do not draw, since the tool is known to differ there. Each line stands
/// with the reason.
pub const NOT_YET: &[&str] = &[
    // On purpose: an executable with libtest is asked for JSON by its arguments.
    "arguments*",
    // By this variable, which a test finds set to nothing, such an executable takes that argument.
    "unset-rustc_bootstrap*",
];
