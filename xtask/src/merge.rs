//! `merge`: the results of several machines become one run, with the reports of one.

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix::baseline::Baseline;
use pinmatrix::config::Config;
use pinmatrix::config::mistake::Mistake;
use pinmatrix::files::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, write_whole};
use pinmatrix::findings::findings;
use pinmatrix::merge::{Merged, Part, merge};
use pinmatrix::model::event::{Event, Listener};
use pinmatrix::model::findings::Findings;
use pinmatrix::{parts, record};

use crate::flags::MergeFlags;
use crate::progress::Progress;
use crate::{Exit, Program, check_out, ci, judge, repeating, reports, show};

/// Obeys `merge`.
///
/// # Errors
///
/// A mistake where a part cannot be read, or parts are not of one run; other errors when the
/// results cannot be written.
pub fn obey(program: Program, flags: &MergeFlags) -> Result<Exit> {
    let mut config = Config::read(&flags.flags.config())?;
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
        .find(|p| parts::is_same(parts::folder(p), &out))
    {
        let message = format!("{part} cannot be a part: the merged results would take its place");
        return Err(Mistake::new(message)
            .help("name another folder with --out")
            .into());
    }
    let Merged {
        mut run,
        gaps,
        taken,
        mut notes,
    } = merge(read(&flags.parts)?, &config)?;
    let baseline = Baseline::of_config(&config, &run.families, &mut notes)?;
    run.command = repeating(program, &flags.flags);
    run.out = out.to_string();
    run.findings = Findings {
        gaps,
        ..findings(&run, &config, baseline.as_ref())
    };
    write_whole(&out.join(CACHEDIR_TAG_FILE), CACHEDIR_TAG.as_bytes())?;
    parts::clear(&out)?;
    for (cell, part) in &taken {
        parts::take_over(Utf8Path::new(part), cell, &out)?;
    }
    record::write(&run, &out).context("keep the merged run")?;
    let progress = Progress::new();
    notes
        .iter()
        .for_each(|note| progress.hear(Event::Noted(note)));
    progress.end();
    reports::write(&run, &out, &out)?;
    show::results(&run, &out)?;
    ci::tell(&run, &out, flags.ci.host())?;
    Ok(judge(&run))
}

/// Reads results, each by its folder or by the `run.json` in it.
///
/// # Errors
///
/// A mistake that names the file, where one cannot be read.
pub fn read(named: &[camino::Utf8PathBuf]) -> Result<Vec<Part>, Mistake> {
    let read = |named: &camino::Utf8PathBuf| {
        let folder = parts::folder(named);
        Ok(Part {
            name: folder.to_string(),
            run: parts::read(folder)?,
        })
    };
    named.iter().map(read).collect()
}
