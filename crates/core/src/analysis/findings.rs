//! The findings of a run: a pure function of the run and of `matrix.toml`.

pub mod worklist;
mod min_toolchain;
mod undeclared;
mod claims;
mod inference_audit;

use crate::analysis::baseline;
use crate::analysis::baseline::Baseline;
use crate::analysis::findings::inference_audit::wrongly_inferred;
use crate::analysis::findings::worklist::worklist;
use crate::config::Config;
use crate::model::run::findings::Findings;
use crate::model::run::gaps::MergeGaps;
use crate::model::run::{FamilyRecord, Run};

/// Collects all findings of a run, without access to the machine.
#[must_use]
pub fn findings(run: &Run, config: &Config, baseline: Option<&Baseline>) -> Findings {
    let least = min_toolchain::min_toolchains(run);
    let at_last = |family: &FamilyRecord| {
        let last = family.pins.last()?.at.to_string();
        worklist(run, family, &last, &|_| true, &|_| true)
    };
    Findings {
        // Only sources tell them.
        causes: Vec::new(),
        verdict: baseline.map(|baseline| baseline::judge(run, baseline)),
        claims: claims::judge(run, &config.claims, &least),
        undeclared: undeclared::undeclared(run, config),
        reach: min_toolchain::newest_passing(run),
        worklists: run.families.iter().filter_map(at_last).collect(),
        wrongly_inferred: wrongly_inferred(run, &config.run),
        least,
        gaps: MergeGaps::default(),
    }
}
