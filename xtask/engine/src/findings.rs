//! What follows from a run: a function of it and of what `matrix.toml` asks.

use crate::baseline::judge;
use crate::matrix::Matrix;
use crate::model::findings::Findings;
use crate::model::run::Run;

/// Everything that follows from a run.
#[must_use]
pub fn findings(run: &Run, matrix: &Matrix) -> Findings {
    Findings {
        verdict: matrix
            .baseline
            .as_ref()
            .map(|baseline| judge(run, baseline)),
    }
}
