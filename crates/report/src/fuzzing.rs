//! Every report of whatever calls itself a run: it must take any bytes, and fail in words or not at
//! all. For fuzzing (`fuzz`), and for the corpus that it has led to.

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::run::Run;

use crate::{annotations, code_quality, html, junit, sarif, sections, summary};

/// Every report of a run.
#[derive(Debug)]
pub struct Reports {
    /// `junit.xml`
    pub junit: String,
    /// `summary.md`
    pub summary: String,
    /// `frontier.json`
    pub frontier: String,
    /// GitHub's workflow commands.
    pub annotations: String,
    /// GitLab's code quality report.
    pub code_quality: String,
    /// SARIF.
    pub sarif: String,
    /// `report.html`
    pub page: String,
}

/// A `run.json`, with every report made of it; `None` where it is none.
#[must_use]
pub fn run_json(bytes: &[u8]) -> Option<Reports> {
    let run: Run = serde_json::from_slice(bytes).ok()?;
    let analysis = Analysis::of(&run);
    Some(Reports {
        junit: junit::junit(&run).ok()?,
        summary: summary::summary(&analysis),
        frontier: sections::change_points::json(&analysis).ok()?,
        annotations: annotations::annotations(&analysis),
        code_quality: code_quality::json(&analysis).ok()?,
        sarif: sarif::json(&analysis).ok()?,
        page: html::html(&analysis, None).ok()?,
    })
}
