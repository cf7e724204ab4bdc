//! What follows from a run: a function of it and of what `matrix.toml` asks.

use crate::baseline::Baseline;
use crate::config::Config;
use crate::hindsight::wrongly_inferred;
use crate::model::findings::Findings;
use crate::model::gaps::Gaps;
use crate::model::run::{FamilyRecord, Run};
use crate::worklist::worklist;
use crate::{baseline, claims, least, undeclared};

/// Everything that follows from a run, whatever it takes from a machine.
#[must_use]
pub fn findings(run: &Run, config: &Config, baseline: Option<&Baseline>) -> Findings {
    let least = least::least(run);
    let at_last = |family: &FamilyRecord| {
        let last = family.pins.last()?.at.to_string();
        worklist(run, family, &last, &|_| true, &|_| true)
    };
    Findings {
        verdict: baseline.map(|baseline| baseline::judge(run, baseline)),
        claims: claims::judge(run, &config.claims, &least),
        undeclared: undeclared::undeclared(run, config),
        reach: least::reach(run),
        worklists: run.families.iter().filter_map(at_last).collect(),
        wrongly_inferred: wrongly_inferred(run, &config.run),
        least,
        gaps: Gaps::default(),
    }
}
