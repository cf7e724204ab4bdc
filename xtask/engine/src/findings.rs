//! What follows from a run: a function of it and of what `matrix.toml` asks.

use crate::hindsight::wrongly_inferred;
use crate::matrix::Matrix;
use crate::model::findings::Findings;
use crate::model::run::{FamilyRecord, Run};
use crate::worklist::worklist;
use crate::{baseline, claims, least};

/// Everything that follows from a run.
#[must_use]
pub fn findings(run: &Run, matrix: &Matrix) -> Findings {
    let least = least::least(run);
    let at_last = |family: &FamilyRecord| {
        let last = family.pins.last()?.at.to_string();
        worklist(run, family, &last, &|_| true, &|_| true)
    };
    let baseline = matrix.baseline.as_ref();
    Findings {
        verdict: baseline.map(|baseline| baseline::judge(run, baseline)),
        claims: claims::judge(run, &matrix.config.claims, &least),
        reach: least::reach(run),
        worklists: run.families.iter().filter_map(at_last).collect(),
        wrongly_inferred: wrongly_inferred(run, matrix.config.run.probes),
        least,
    }
}
