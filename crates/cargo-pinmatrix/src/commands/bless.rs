//! `bless`: makes the results of the last run the expected results.

use anyhow::{Context, Result};
use pinmatrix::results;
use pinmatrix::{read_config, write_to_last};
use pinmatrix_core::analysis::baseline::{Baseline, BlessSummary};
use pinmatrix_core::error::UserError;

use crate::ExitStatus;
use crate::args::flags::Flags;
use crate::output::stdout;

/// Runs `bless`.
///
/// # Errors
///
/// Returns a user error if the config names no baseline or if the last run is unsuitable as one,
/// and other errors if the file cannot be written; the old file stays intact then.
pub fn run(flags: &Flags) -> Result<ExitStatus> {
    let config = read_config(&flags.config())?;
    let file = config.baseline_file().ok_or_else(|| {
        let error = config.text.error_at("the config names no baseline");
        error.help("add `baseline = \"ci/baseline.json\"` to [run]")
    })?;
    let run = results::read(&flags.out()?)?;
    let before = pinmatrix::read_baseline(&file)?;
    let (baseline, changed) = Baseline::of(&run, before.as_ref())?;
    if baseline.expectations.is_empty() {
        return Err(
            UserError::new("the last run tells nothing that could be expected")
                .help("run whole rows: without --pin, --cell, --toolchain and --ends")
                .into(),
        );
    }
    let text = baseline.text().context("write the baseline")?;
    write_to_last(&file, text.as_bytes())?;
    let BlessSummary {
        n_added,
        n_removed,
        kept,
        lost,
    } = changed;
    let n = baseline.expectations.len();
    let mut page = format!("{file}: {n} expectations, {n_added} new, {n_removed} gone\n");
    for row in kept {
        page.push_str(&format!(
            "{row}: the last run does not tell of it as a whole; its lines stay\n"
        ));
    }
    for line in lost {
        let line = serde_json::to_string(&line).context("write a line of the baseline")?;
        page.push_str(&format!(
            "nothing takes the place of a line that was written on: {line}\n"
        ));
    }
    stdout::write(&page)?;
    Ok(ExitStatus::Passed)
}
