//! All reports of arbitrary input that claims to be a run: any bytes are accepted or rejected with
//! an error. For fuzzing (`fuzz`), and for the corpus that it has produced.

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::run::Run;

use crate::{annotations, code_quality, html, junit, sarif, sections, summary};

/// All reports of a run.
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

/// Parses a `run.json` and creates all its reports; `None` if it is not a run.
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
