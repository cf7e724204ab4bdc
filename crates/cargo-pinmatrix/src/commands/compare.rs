//! `compare`: compares two runs, or a run with the baseline.

use std::path::PathBuf;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};
use pinmatrix::read_config;
use pinmatrix::results;
use pinmatrix_core::analysis::baseline::judge;
use pinmatrix_core::compare::{Comparison, against_baseline, compare};
use pinmatrix_core::error::UserError;
use pinmatrix_report::comparison;

use crate::ExitStatus;
use crate::args::flags;
use crate::output::stdout;

/// The exit codes of a comparison.
pub const CODES: &str = "\
Exit codes:
  0    nothing broke
  1    something broke; with --baseline: something regressed, or is new and fails
  2    user error: no run, or another form of one
  3    inconclusive: the two have no cell in common that both have an answer for";

/// Flags of a comparison.
#[derive(Debug, Args)]
pub struct CompareFlags {
    /// The earlier run and the later run, each as a results folder or its run.json; with
    /// --baseline, the run alone [default: target/matrix beside the config]
    #[arg(value_name = "RUN", num_args = 0..=2)]
    pub runs: Vec<Utf8PathBuf>,
    /// Compare a run with the config's baseline
    #[arg(long)]
    pub baseline: bool,
    /// The config file [default: matrix.toml, here or in the nearest parent folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The output format of the differences
    #[arg(long, value_enum, default_value_t = ComparisonFormat::Text)]
    pub format: ComparisonFormat,
}

/// The format of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ComparisonFormat {
    /// For people
    Text,
    /// For a comment on a pull request
    Markdown,
    /// For programs
    Json,
}

/// Runs `compare`.
///
/// # Errors
///
/// Returns a user error if a run or the baseline is missing.
pub fn run(flags: &CompareFlags) -> Result<ExitStatus> {
    let config = flags::config(flags.config.as_ref());
    let compared = match (flags.baseline, flags.runs.as_slice()) {
        (false, [before, after]) => compare(&results::read(before)?, &results::read(after)?),
        (false, _) => {
            return Err(UserError::new("which two runs?")
                .help("name two results folders, the earlier one first; or --baseline and one")
                .into());
        }
        (true, []) => with_baseline(&config, &flags::results_folder(&config)?)?,
        (true, [run]) => with_baseline(&config, run)?,
        (true, _) => {
            return Err(
                UserError::new("one run is held against the baseline, and here are two")
                    .help("leave out --baseline to hold them against each other")
                    .into(),
            );
        }
    };
    match flags.format {
        ComparisonFormat::Text => stdout::write(&comparison::text(&compared))?,
        ComparisonFormat::Markdown => stdout::write(&comparison::markdown(&compared))?,
        ComparisonFormat::Json => {
            let json = serde_json::to_string_pretty(&compared).context("write what differs")?;
            stdout::write_json(&format!("{json}\n"))?;
        }
    }
    Ok(match (compared.has_broken(), compared.n_compared) {
        (true, _) => ExitStatus::Failed,
        (false, 0) => ExitStatus::Inconclusive,
        (false, _) => ExitStatus::Passed,
    })
}

fn with_baseline(config: &std::path::Path, run: &Utf8Path) -> Result<Comparison> {
    let config = read_config(config)?;
    let file = config.baseline_file().ok_or_else(|| {
        let error = config.text.error_at("the config names no baseline");
        error.help("add `baseline = \"ci/baseline.json\"` to [run]")
    })?;
    let baseline = pinmatrix::read_baseline(&file)?.ok_or_else(|| {
        UserError::new(format!("{file} is not there")).help("`bless` writes it from the last run")
    })?;
    let run = results::read(run)?;
    baseline.check(&run.families, &file)?;
    Ok(against_baseline(&run, &judge(&run, &baseline)))
}
