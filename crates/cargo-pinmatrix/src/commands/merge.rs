//! `merge`: combines the results of several machines into one run, with the usual reports.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix::results;
use pinmatrix::results::untrusted_input;
use pinmatrix::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, read_config, write_whole};
use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::analysis::findings::findings;
use pinmatrix_core::config::Strategy;
use pinmatrix_core::error::UserError;
use pinmatrix_core::merge::{Merged, ShardResult, merge};
use pinmatrix_core::model::cell::Pin;
use pinmatrix_core::model::command::{LOCKED, NO_TODAY};
use pinmatrix_core::model::event::{Event, Listener};
use pinmatrix_core::model::run::findings::Findings;
use pinmatrix_core::model::run::{Run, State};
use pinmatrix_core::model::status::SkipReason;
use pinmatrix_core::text::count;

use crate::args::flags::MergeFlags;
use crate::output::progress::Progress;
use crate::output::{ci, reports, stdout};
use crate::{ExitStatus, Program, check_out, command_line, judge};

/// Runs `merge`.
///
/// # Errors
///
/// Returns a user error if a part cannot be read or the parts do not belong to one run, and other
/// errors if the results cannot be written.
pub fn run(program: Program, flags: &MergeFlags) -> Result<ExitStatus> {
    let mut config = read_config(&flags.flags.config())?;
    if flags.no_baseline {
        config.run.baseline = None;
    }
    if let Some(rev) = &flags.flags.rev {
        config.take_revision(rev);
    }
    let out = flags.flags.out()?;
    check_out(&out)?;
    if let Some(part) = flags
        .parts
        .iter()
        .find(|p| untrusted_input::is_same(untrusted_input::folder(p), &out))
    {
        let message = format!("{part} cannot be a part: the merged results would take its place");
        return Err(UserError::new(message)
            .help("name another folder with --out")
            .into());
    }
    let (parts, unread) = readable(&flags.parts)?;
    let is_locked = |part: &ShardResult| part.run.command.ends_with(LOCKED);
    let are_locked = !parts.is_empty() && parts.iter().all(is_locked);
    let is_without_today = parts.iter().any(|part| part.run.command.contains(NO_TODAY));
    config.run.today &= !is_without_today;
    config.blocked = blocked(&parts);
    let Merged {
        mut run,
        gaps,
        taken,
        mut notes,
    } = merge(parts, &config)?;
    let baseline = pinmatrix::baseline_of(&config, &run.families, &mut notes)?;
    run.command = command_line(program, "run", &flags.flags);
    if is_without_today {
        run.command.push_str(NO_TODAY);
    }
    if are_locked {
        run.command.push_str(LOCKED);
    }
    run.out = out.to_string();
    run.findings = Findings {
        gaps,
        ..findings(&run, &config, baseline.as_ref())
    };
    notes.extend(unread);
    notes.extend(unfinished(&run, config.run.strategy));
    write_whole(&out.join(CACHEDIR_TAG_FILE), CACHEDIR_TAG.as_bytes())?;
    untrusted_input::clear(&out)?;
    for (cell, part) in &taken {
        untrusted_input::take_over(Utf8Path::new(part), cell, &out)?;
    }
    results::write(&run, &out).context("keep the merged run")?;
    let progress = Progress::new();
    notes
        .iter()
        .for_each(|note| progress.on_event(Event::Noted(note)));
    progress.end();
    let analysis = Analysis::of(&run);
    reports::write(&analysis, &out, &out)?;
    stdout::results(&analysis, &out)?;
    ci::publish(&analysis, &out, flags.ci.host())?;
    Ok(judge(&run))
}

/// Returns the parts that can be read, and notes about the others: a machine can die before it has
/// written a complete file.
fn readable(named: &[camino::Utf8PathBuf]) -> Result<(Vec<ShardResult>, Vec<String>), UserError> {
    let (mut parts, mut unread) = (Vec::new(), Vec::new());
    let mut first = None;
    for name in named {
        match read(std::slice::from_ref(name)) {
            Ok(part) => parts.extend(part),
            Err(error) => {
                unread.push(format!("{}; the other parts are merged", error.message()));
                first.get_or_insert(error);
            }
        }
    }
    match first {
        Some(error) if parts.is_empty() => Err(error),
        Some(_) | None => Ok((parts, unread)),
    }
}

/// Returns the pins that the parts skipped because a follower does not go with them.
fn blocked(parts: &[ShardResult]) -> BTreeMap<Pin, String> {
    let cells = parts.iter().flat_map(|part| &part.run.cells);
    let blocked = cells.filter_map(|record| match &record.state {
        State::Skipped {
            reason: SkipReason::Blocked(why),
        } => Some((Pin::clone(&record.cell.pin), why.clone())),
        State::Skipped { .. } | State::Pending | State::Ended { .. } => None,
    });
    blocked.collect()
}

/// Returns a note about cells that every part excludes by name: in rounds, only the planner knows
/// whether any of them still has to run.
fn unfinished(run: &Run, strategy: Strategy) -> Option<String> {
    let left_out = State::Skipped {
        reason: SkipReason::NotSelected("--cell".to_owned()),
    };
    let n = run.cells.iter().filter(|c| c.state == left_out).count();
    (n > 0 && strategy == Strategy::Frontier).then(|| {
        format!(
            "in no part: {}; of rounds, `plan --round --results` tells whether all is done",
            count(n, "cell")
        )
    })
}

/// Reads results, each given as a folder or as the `run.json` in it.
///
/// # Errors
///
/// Returns a user error that names the file if one cannot be read.
pub fn read(named: &[camino::Utf8PathBuf]) -> Result<Vec<ShardResult>, UserError> {
    let read = |named: &camino::Utf8PathBuf| {
        let folder = untrusted_input::folder(named);
        Ok(ShardResult {
            name: folder.to_string(),
            run: untrusted_input::read(folder)?,
        })
    };
    named.iter().map(read).collect()
}
