//! `verify`: runs cells twice, and compares the results.

use anyhow::{Context, Result};
use bytesize::ByteSize;
use clap::Args;
use pinmatrix::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, RunSettings, cache_folder, verify, write_whole};
use pinmatrix_core::config::Strategy;
use pinmatrix_core::model::run::reproducibility::{ExecutableDifference, Reproducibility};
use pinmatrix_process::cancel::Cancel;

use crate::args::flags::{OutputFormat, ParallelismArgs, SelectionArgs};
use crate::output::{progress, stdout};
use crate::{ExitStatus, Program, check_out, listen_for_signals, make_plan, open_selected};

/// The name of the file in the results folder.
const FILE: &str = "verify.json";

/// The exit codes of `verify`, and the default selection.
pub const CODES: &str = "\
Without a selection, the first and the last pin of each row. Takes twice the disk of a run; what was
built is removed at the end.

Exit codes:
  0    every cell showed the same and had the same lock both times
  1    one did not
  2    user error in matrix.toml, the flags or the subject
  3    inconclusive: the machine failed, or nothing ran
  130  interrupted";

/// Flags of a verification.
#[derive(Debug, Args)]
pub struct VerifyFlags {
    #[command(flatten)]
    pub selecting: SelectionArgs,
    #[command(flatten)]
    pub load: ParallelismArgs,
    /// The output format of the result
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// Runs `verify`.
///
/// # Errors
///
/// Returns the same errors as `run`.
pub fn run(program: Program, flags: &VerifyFlags) -> Result<ExitStatus> {
    let cancel = Cancel::with_supervisors();
    listen_for_signals(&cancel)?;
    let progress = progress::Progress::new();
    let selecting = &flags.selecting;
    let mut matrix = open_selected(selecting, &progress)?;
    // Only the selected cells run twice, and nothing is compared with today.
    matrix.config.run.today = false;
    let out = selecting.flags.out()?;
    check_out(&out)?;
    let options = RunSettings {
        jobs: flags.load.jobs.or(matrix.config.run.jobs),
        lanes: flags.load.lanes.or(matrix.config.run.lanes),
        network: selecting.flags.network(),
        remaps: true,
        fresh: true,
        ..RunSettings::new(&out, cache_folder()?, program.words(), &cancel, &progress)
    };
    matrix.check_cache(&options.cache)?;
    let is_selected = [&selecting.toolchain, &selecting.pin, &selecting.cell]
        .iter()
        .any(|globs| !globs.is_empty());
    let strategy = if is_selected {
        Strategy::Full
    } else {
        Strategy::Ends
    };
    let plan = make_plan(&matrix, selecting, strategy, &options)?;
    let verified = match verify(&matrix, &plan, &options) {
        Err(_) if cancel.is_cancelled_by_user() => return Ok(ExitStatus::Interrupted),
        verified => verified?,
    };
    progress.end();
    let json = serde_json::to_string_pretty(&verified).context("write what came of it")? + "\n";
    write_whole(&out.join(CACHEDIR_TAG_FILE), CACHEDIR_TAG.as_bytes())?;
    write_whole(&out.join(FILE), json.as_bytes())?;
    match flags.format {
        OutputFormat::Text => stdout::write(&describe(&verified))?,
        OutputFormat::Json => stdout::write_json(&json)?,
    }
    if cancel.is_cancelled_by_user() {
        return Ok(ExitStatus::Interrupted);
    }
    let differs = |cell: &Reproducibility| cell.is_certain && !cell.is_reproduced();
    Ok(if verified.iter().any(differs) {
        ExitStatus::Failed
    } else if verified.is_empty() || verified.iter().any(|cell| !cell.is_certain) {
        ExitStatus::Inconclusive
    } else {
        ExitStatus::Passed
    })
}

/// Formats one line per cell, and one for each executable that differs.
fn describe(verified: &[Reproducibility]) -> String {
    let mut message = String::new();
    for cell in verified {
        let same = |is_same: bool| if is_same { "same" } else { "another" };
        let n_same = cell
            .executables
            .iter()
            .filter(|e| e.first_difference.is_none());
        let certain = if cell.is_certain {
            ""
        } else {
            ", inconclusive"
        };
        message.push_str(&format!(
            "{}: {} outcome, {} lock, {} of {} executables the same{certain}\n",
            cell.cell,
            same(cell.same_outcome),
            same(cell.same_lock),
            n_same.count(),
            cell.executables.len(),
        ));
        message.extend(cell.executables.iter().filter_map(difference));
    }
    message
}

fn difference(executable: &ExecutableDifference) -> Option<String> {
    let at = executable.first_difference?;
    let why = if executable.tells_its_place {
        "; it embeds the build path"
    } else {
        ""
    };
    let target = &executable.target;
    Some(format!("    {target}: differs {} in{why}\n", ByteSize(at)))
}
