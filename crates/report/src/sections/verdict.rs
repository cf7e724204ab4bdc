//! The verdict for readers: a headline, and the deviations.

use std::fmt::Write;

use pinmatrix_core::analysis::judgement;
use pinmatrix_core::model::command::reproduce;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::verdict::{Deviation, DeviationKind, Judgement, Verdict};
use pinmatrix_core::text;

use crate::{escaped, line};

/// The verdict on a run on one line; `None` if there is no baseline.
#[must_use]
pub fn headline(run: &Run) -> Option<String> {
    let verdict = run.findings.verdict.as_ref()?;
    let count = |kind: DeviationKind| {
        let n = verdict.deviations.iter().filter(|d| d.kind == kind).count();
        (n > 0).then(|| format!("{n} {kind}"))
    };
    let kinds = [
        DeviationKind::Regressed,
        DeviationKind::Gone,
        DeviationKind::New,
        DeviationKind::Fixed,
    ];
    let mut parts: Vec<String> = kinds.into_iter().filter_map(count).collect();
    parts.push(format!("{} as expected", verdict.n_expected));
    if verdict.n_inconclusive > 0 {
        let cells = text::count(verdict.n_inconclusive, "cell");
        parts.push(format!("{cells} inconclusive"));
    }
    if verdict.n_unjudged > 0 {
        let cells = text::count(verdict.n_unjudged, "cell");
        parts.push(format!("{cells} not judged, since no one ran them"));
    }
    let rows: Vec<&str> = verdict.unknown_rows.keys().map(String::as_str).collect();
    if !rows.is_empty() {
        let (are, them) = if rows.len() == 1 {
            ("is", "it")
        } else {
            ("are", "them")
        };
        let rows = rows.join(", ");
        parts.push(format!(
            "{rows} {are} not in the baseline and judged without it: `bless` adds {them}"
        ));
    }
    let judgement = match judgement(run)? {
        Judgement::AsExpected => "as expected",
        Judgement::Regressed => "regressed",
        Judgement::Fixed => "fixed; `bless` makes that what is expected",
        Judgement::Inconclusive => "inconclusive",
    };
    Some(format!("verdict: {judgement} ({})", parts.join(", ")))
}

/// The deviations, the most important first.
#[must_use]
pub fn sorted(verdict: &Verdict) -> Vec<&Deviation> {
    let mut deviations: Vec<&Deviation> = verdict.deviations.iter().collect();
    deviations.sort_by_key(|deviation| deviation.kind);
    deviations
}

/// Writes the section of a summary.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write(out: &mut String, run: &Run) -> std::fmt::Result {
    let (Some(verdict), Some(headline)) = (&run.findings.verdict, headline(run)) else {
        return Ok(());
    };
    writeln!(out, "**{}**\n", escaped(&headline))?;
    for deviation in sorted(verdict) {
        let command = text::one_line(&reproduce(run, &deviation.cell));
        writeln!(out, "- {}, `{command}`", line(&deviation.to_string()))?;
    }
    if verdict.deviations.is_empty() {
        Ok(())
    } else {
        writeln!(out)
    }
}
