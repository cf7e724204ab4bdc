//! The fault campaign: runs are killed, interrupted, and given damaged records and full disks. What
//! is known at the end must be what an undisturbed run finds.
//!
//! `cargo test -p cargo-pinmatrix --test faults` does a few of each in a minute or two. More by hand:
//!
//! ```text
//! cargo test -p cargo-pinmatrix --test faults -- --full --seed 1,2,3
//! ```
//!
//! `--help` lists all flags. After every fault the campaign asks the same questions. Is any process
//! left? Is every result file whole? When the run has gone on to its end: does it exit with the same
//! code and the same results as the undisturbed run? A promise that does not hold is described and
//! counted, and the campaign goes on. A seed makes it repeatable, as far as moments in time can be.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]

mod campaign;
mod damage;
mod disk;
mod flags;
mod found;
mod place;
mod processes;
mod records;
#[path = "../oracle/rng.rs"]
#[allow(dead_code, reason = "the oracle uses more of it")]
mod rng;
mod tally;
mod undisturbed;

use std::process::ExitCode;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::campaign::Campaign;
use crate::flags::{Ask, Flags, HELP};

fn main() -> ExitCode {
    let done = match flags::read(std::env::args().skip(1)) {
        Ok(Ask::Campaigns(flags)) => campaigns(&flags),
        Ok(Ask::SmallDisk(folder)) => disk::run_inside(&folder).map(|()| 0),
        Ok(Ask::Help) => {
            print!("{HELP}");
            Ok(0)
        }
        Ok(Ask::Nothing) => Ok(0),
        Err(mistake) => {
            eprintln!("error: {mistake}\n\n`--help` lists all flags");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one campaign per seed, and returns how many promises did not hold.
fn campaigns(flags: &Flags) -> Result<usize> {
    if !cfg!(target_os = "linux") {
        println!("skipped: the campaign looks for processes in /proc, which only Linux has");
        return Ok(0);
    }
    let mut n_wrong = 0;
    for seed in &flags.seeds {
        let folder = new_folder(flags)?;
        let one = Campaign::begin(&folder, *seed).and_then(|campaign| campaign.run(&flags.scale));
        if !matches!(one, Ok(0)) {
            println!("seed {seed}: kept in {folder}");
        }
        match one? {
            0 => remove(&folder)?,
            n => n_wrong += n,
        }
    }
    Ok(n_wrong)
}

/// Makes a folder for one campaign. Its path has no links, as in `/proc`.
fn new_folder(flags: &Flags) -> Result<Utf8PathBuf> {
    let scratch = &flags.scratch;
    std::fs::create_dir_all(scratch).with_context(|| format!("create folder {scratch}"))?;
    let made = tempfile::Builder::new()
        .prefix("faults-")
        .tempdir_in(scratch);
    let made = made.with_context(|| format!("create a folder in {scratch}"))?;
    let folder = Utf8PathBuf::try_from(made.keep()).context("read the name of the new folder")?;
    let links = || format!("follow links of {folder}");
    folder.canonicalize_utf8().with_context(links)
}

/// Removes a folder and all that it holds.
fn remove(folder: &Utf8Path) -> Result<()> {
    std::fs::remove_dir_all(folder).with_context(|| format!("remove folder {folder}"))
}
