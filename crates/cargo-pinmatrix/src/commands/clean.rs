//! `clean`: shows what uses disk space, and removes it.

use anyhow::{Context, Result};
use bytesize::ByteSize;
use camino::Utf8PathBuf;
use pinmatrix::{UsageClass, UsageLine, cache_folder, clean, read_config, subject_root, survey};

use crate::ExitStatus;
use crate::args::flags::{CleanFlags, config};
use crate::output::stdout::{BOLD, DIM, RESET, write};

/// Shows how much disk space the work folders use, and removes what the flags select.
///
/// # Errors
///
/// Returns an error if a run is using them, or if something cannot be read or removed.
pub fn run(flags: &CleanFlags) -> Result<ExitStatus> {
    let read = read_config(&config(flags.config.as_ref()))?;
    let (cache, place) = (cache_folder()?, subject_root(&read)?);
    let parts = survey(&cache, &place)?;
    let goes = |part: &UsageLine| match part.kept {
        UsageClass::Compiled => true,
        UsageClass::Known => flags.outcomes || flags.all_subjects,
        UsageClass::Others => flags.all_subjects,
    };
    let is_kept = |part: &&UsageLine| !goes(part);
    write(&table(&parts, &goes))?;
    let total = |parts: &[&UsageLine]| ByteSize(parts.iter().map(|part| part.bytes).sum());
    let (kept, gone): (Vec<&UsageLine>, Vec<&UsageLine>) = parts.iter().partition(is_kept);
    let verb = if flags.dry_run {
        "would be removed"
    } else {
        clean(&cache, &place, &gone)?;
        "removed"
    };
    let cache = Utf8PathBuf::from_path_buf(cache)
        .ok()
        .context("read the cache's path as text")?;
    write(&format!(
        "{BOLD}{} {verb}, {} kept{RESET} in {cache}\n",
        total(&gone),
        total(&kept)
    ))?;
    Ok(ExitStatus::Passed)
}

fn table(parts: &[UsageLine], goes: &dyn Fn(&UsageLine) -> bool) -> String {
    let width = parts.iter().map(|part| part.what.len()).max();
    let width = width.unwrap_or_default();
    let line = |part: &UsageLine| {
        let note = match (part.kept, goes(part)) {
            (_, true) => String::new(),
            (UsageClass::Compiled, false) => String::new(),
            (UsageClass::Known, false) => format!("  {DIM}stays without --outcomes{RESET}"),
            (UsageClass::Others, false) => format!("  {DIM}stays without --all-subjects{RESET}"),
        };
        let size = ByteSize(part.bytes).to_string();
        format!("{:width$}  {size:>10}{note}\n", part.what)
    };
    parts.iter().map(line).collect()
}
