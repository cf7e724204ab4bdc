//! The reports of a run: every format, each made from the run alone.

use anyhow::{Context, Result};
use camino::Utf8Path;
use clap::ValueEnum;
use pinmatrix::fs_ext::write_whole;
use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::run::Run;
use pinmatrix_report::sections::change_points;
use pinmatrix_report::{annotations, code_quality, html, junit, sarif, summary, terminal};

use crate::output::stdout;

/// A format that a run can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// The page that a run ends with on the terminal
    Text,
    /// summary.md, for people
    Markdown,
    /// report.html, to be looked at in a browser
    Html,
    /// junit.xml, for the test view of a CI engine
    Junit,
    /// frontier.json: every change point
    Frontier,
    /// GitHub's workflow commands: problems beside the lines that they are at
    Annotations,
    /// GitLab's code quality report: the same, for a merge request
    CodeQuality,
    /// SARIF 2.1.0: the same, for code scanning
    Sarif,
}

/// The formats that every run leaves in its results folder, by the names of their files.
const FILES: [(&str, ReportFormat); 4] = [
    (junit::FILE, ReportFormat::Junit),
    (summary::FILE, ReportFormat::Markdown),
    (html::FILE, ReportFormat::Html),
    (change_points::FILE, ReportFormat::Frontier),
];

/// Writes the reports of a run, whose results are in a folder, into one.
///
/// # Errors
///
/// When one cannot be written.
pub fn write(run: &Run, results: &Utf8Path, out: &Utf8Path) -> Result<()> {
    let analysis = Analysis::of(run);
    for (file, format) in FILES {
        write_whole(
            &out.join(file),
            text(&analysis, results, format)?.as_bytes(),
        )?;
    }
    Ok(())
}

/// Removes the reports of another run, which would stand beside this one's `run.json` until it
/// ends.
pub fn remove(out: &Utf8Path) {
    let names = FILES.map(|(file, _)| file);
    for file in names.into_iter().chain([code_quality::FILE]) {
        let _ = std::fs::remove_file(out.join(file));
    }
}

/// A run in one format; `results` is the folder that what it left is in.
///
/// # Errors
///
/// When the format's writer refuses; none has a reason to.
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
