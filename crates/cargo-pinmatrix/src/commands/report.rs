//! `report`: every report made again, from `run.json` alone.

use std::path::PathBuf;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use pinmatrix::fs_ext::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, write_whole};
use pinmatrix::results;
use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::error::UserError;
use pinmatrix_core::run_json;

use crate::args::flags;
use crate::output::ci::Ci;
use crate::output::reports::ReportFormat;
use crate::output::{ci, reports, stdout};
use crate::{ExitStatus, check_out};

/// Flags of making reports again.
#[derive(Debug, Args)]
pub struct ReportFlags {
    /// A results folder, or its run.json [default: target/matrix beside the config]
    pub results: Option<Utf8PathBuf>,
    /// The config [default: matrix.toml, here or in the nearest folder above]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Another folder to write into, in which links to logs lead nowhere [default: where the
    /// results are]
    #[arg(long, value_name = "DIR")]
    pub out: Option<Utf8PathBuf>,
    /// Write nothing, and show this one
    #[arg(long, value_enum, value_name = "NAME", conflicts_with = "out")]
    pub format: Option<ReportFormat>,
    /// Whether a CI engine is told of it too
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Ci::Auto)]
    pub ci: Ci,
}

/// Obeys `report`.
///
/// # Errors
///
/// A mistake when there is no run to be read, or no place to write.
pub fn run(flags: &ReportFlags) -> Result<ExitStatus> {
    let results = match &flags.results {
        Some(results) => results.clone(),
        None => flags::results_folder(&flags::config(flags.config.as_ref()))?,
    };
    let run = results::read(&results)?;
    if let Some(format) = flags.format {
        let text = reports::text(&Analysis::of(&run), folder(&results), format)?;
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
    reports::write(&run, folder(&results), out)?;
    ci::publish(&run, out, flags.ci.host())?;
    Ok(ExitStatus::Passed)
}

/// The folder to write into.
fn place<'a>(results: &'a Utf8Path, out: Option<&'a Utf8Path>) -> Result<&'a Utf8Path> {
    if let Some(out) = out {
        check_out(out)?;
        write_whole(&out.join(CACHEDIR_TAG_FILE), CACHEDIR_TAG.as_bytes())?;
        return Ok(out);
    }
    // Whoever keeps runs under names of their own may keep other things beside them.
    if results.is_file() && results.file_name() != Some(run_json::FILE) {
        return Err(
            UserError::new(format!("where is what is made of {results} to go?"))
                .help("name a folder with --out, or show one format with --format")
                .into(),
        );
    }
    Ok(folder(results))
}

/// The folder of results that are named by it or by their `run.json`.
fn folder(results: &Utf8Path) -> &Utf8Path {
    match results.is_file() {
        true => results
            .parent()
            .filter(|folder| !folder.as_str().is_empty())
            .unwrap_or(Utf8Path::new(".")),
        false => results,
    }
}
