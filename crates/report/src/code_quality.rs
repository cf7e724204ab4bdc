//! GitLab's code quality report: problems next to the lines of a merge request. GitLab uses the
//! fingerprints to tell new problems from existing ones.
//! <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::analysis::problems::{Problem, Severity, SourcePlace, place_of_all};
use pinmatrix_core::model::run::Run;
use serde::Serialize;

/// The file's name in the results folder.
pub const FILE: &str = "gl-code-quality-report.json";

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: LineRange,
}

#[derive(Serialize)]
struct LineRange {
    begin: usize,
}

/// The problems of a run in GitLab's format.
///
/// # Errors
///
/// If they have no JSON form; they always have one.
pub fn json(analysis: &Analysis<'_>) -> serde_json::Result<String> {
    let run = analysis.run;
    let issues = analysis.problems.iter().map(|problem| issue(run, problem));
    let issues: Vec<Issue> = issues.collect();
    Ok(serde_json::to_string_pretty(&issues)? + "\n")
}

fn issue(run: &Run, problem: &Problem) -> Issue {
    // GitLab drops issues without a location.
    let description = format!("{}\n{}", problem.title(), problem.message());
    let SourcePlace { file, line } = problem.place.clone().unwrap_or_else(|| place_of_all(run));
    Issue {
        description,
        check_name: format!("pinmatrix/{}", problem.check),
        fingerprint: problem.fingerprint.clone(),
        severity: match problem.severity {
            Severity::New => "critical",
            Severity::Fixed | Severity::Unsure => "minor",
            Severity::Known => "info",
        },
        location: Location {
            path: file,
            lines: LineRange { begin: line },
        },
    }
}
