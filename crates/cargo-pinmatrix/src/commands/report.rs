//! `report`: writes every report again, from `run.json` and the locks beside it.

use std::path::PathBuf;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use pinmatrix::results;
use pinmatrix::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, write_whole};
use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::error::UserError;
use pinmatrix_core::run_json;

use crate::args::flags;
use crate::output::ci::Ci;
use crate::output::reports::ReportFormat;
use crate::output::{ci, reports, stdout};
use crate::{ExitStatus, check_out};

/// Flags of `report`.
#[derive(Debug, Args)]
pub struct ReportFlags {
    /// A results folder, or its run.json [default: target/matrix beside the config]
    pub results: Option<Utf8PathBuf>,
    /// The config file [default: matrix.toml, here or in the nearest parent folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Another folder to write to, in which links to logs are broken [default: the results
    /// folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<Utf8PathBuf>,
    /// Write no files, and print this report
    #[arg(long, value_enum, value_name = "NAME", conflicts_with = "out")]
    pub format: Option<ReportFormat>,
    /// The CI system to report to as well
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Ci::Auto)]
    pub ci: Ci,
}

/// Runs `report`.
///
/// # Errors
///
/// Returns a user error if there is no run to read, or no folder to write to.
pub fn run(flags: &ReportFlags) -> Result<ExitStatus> {
    let results = match &flags.results {
        Some(results) => results.clone(),
        None => flags::results_folder(&flags::config(flags.config.as_ref()))?,
    };
    let run = results::read(&results)?;
    let analysis = Analysis::of(&run);
    if let Some(format) = flags.format {
        let text = reports::text(&analysis, folder(&results), format)?;
        match format {
            ReportFormat::Annotations => stdout::write_commands(&text)?,
            ReportFormat::CodeQuality | ReportFormat::Sarif | ReportFormat::Frontier => {
                stdout::write_json(&text)?
            }
            ReportFormat::Text
            | ReportFormat::Markdown
            | ReportFormat::Html
            | ReportFormat::Junit => stdout::write(&text)?,
        }
        return Ok(ExitStatus::Passed);
    }
    let out = place(&results, flags.out.as_deref())?;
    reports::write(&analysis, folder(&results), out)?;
    ci::publish(&analysis, out, flags.ci.host())?;
    Ok(ExitStatus::Passed)
}

/// Returns the folder to write to.
fn place<'a>(results: &'a Utf8Path, out: Option<&'a Utf8Path>) -> Result<&'a Utf8Path> {
    if let Some(out) = out {
        check_out(out)?;
        write_whole(&out.join(CACHEDIR_TAG_FILE), CACHEDIR_TAG.as_bytes())?;
        return Ok(out);
    }
    // A user who keeps runs under other names may keep other files beside them.
    if results.is_file() && results.file_name() != Some(run_json::FILE) {
        return Err(
            UserError::new(format!("where is what is made of {results} to go?"))
                .help("name a folder with --out, or show one format with --format")
                .into(),
        );
    }
    Ok(folder(results))
}

/// Returns the results folder, given either itself or its `run.json`.
fn folder(results: &Utf8Path) -> &Utf8Path {
    if results.is_file() {
        results
            .parent()
            .filter(|folder| !folder.as_str().is_empty())
            .unwrap_or(Utf8Path::new("."))
    } else {
        results
    }
}
