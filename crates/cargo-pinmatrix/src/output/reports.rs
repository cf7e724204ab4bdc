//! The reports of a run: every format, made from the run and, for HTML, the locks beside it.

use anyhow::{Context, Result};
use camino::Utf8Path;
use clap::ValueEnum;
use pinmatrix::write_whole;
use pinmatrix_core::analysis::Analysis;
use pinmatrix_report::sections::change_points;
use pinmatrix_report::{annotations, code_quality, html, junit, sarif, summary, terminal};

use crate::output::stdout;

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// The page that a run prints at the end
    Text,
    /// summary.md, for people
    Markdown,
    /// report.html, for a browser
    Html,
    /// junit.xml, for the test view of a CI system
    Junit,
    /// frontier.json: every change point
    Frontier,
    /// GitHub's workflow commands: problems shown at the lines that cause them
    Annotations,
    /// GitLab's code quality report: the same, for a merge request
    CodeQuality,
    /// SARIF 2.1.0: the same, for code scanning
    Sarif,
}

/// The formats that every run writes to its results folder, by file name.
const FILES: [(&str, ReportFormat); 4] = [
    (junit::FILE, ReportFormat::Junit),
    (summary::FILE, ReportFormat::Markdown),
    (html::FILE, ReportFormat::Html),
    (change_points::FILE, ReportFormat::Frontier),
];

/// Writes the reports of an analysed run to `out`; `results` is the run's results folder.
///
/// # Errors
///
/// Returns an error if a report cannot be written.
pub fn write(analysis: &Analysis<'_>, results: &Utf8Path, out: &Utf8Path) -> Result<()> {
    for (file, format) in FILES {
        write_whole(&out.join(file), text(analysis, results, format)?.as_bytes())?;
    }
    Ok(())
}

/// Removes the reports of another run, which would stay beside this run's `run.json` until it ends.
pub fn remove(out: &Utf8Path) {
    let names = FILES.map(|(file, _)| file);
    for file in names.into_iter().chain([code_quality::FILE]) {
        let _ = std::fs::remove_file(out.join(file));
    }
}

/// Formats a run; `results` is its results folder.
///
/// # Errors
///
/// Returns an error if the format cannot be written, which has no known cause.
pub fn text(analysis: &Analysis<'_>, results: &Utf8Path, format: ReportFormat) -> Result<String> {
    match format {
        ReportFormat::Text => Ok(terminal::page(analysis, results, stdout::columns())),
        ReportFormat::Markdown => Ok(summary::summary(analysis)),
        ReportFormat::Html => html::html(analysis, Some(&results.join(html::LOCKS))),
        ReportFormat::Junit => junit::junit(analysis.run),
        ReportFormat::Frontier => change_points::json(analysis).context("write the frontier"),
        ReportFormat::Annotations => Ok(annotations::annotations(analysis)),
        ReportFormat::CodeQuality => {
            code_quality::json(analysis).context("write the code quality report")
        }
        ReportFormat::Sarif => sarif::json(analysis).context("write SARIF"),
    }
}
