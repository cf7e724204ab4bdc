//! A disk that is too small, and then large enough: a file system in memory, in a namespace of its
//! own.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::found::{judged, judged_otherwise};
use crate::place::{Place, read_run};
use crate::undisturbed::{Undisturbed, exit};

/// The exit codes of the two runs on one disk; `None` if a signal ended a run.
#[derive(Serialize, Deserialize)]
struct Exits {
    small: Option<i32>,
    large: Option<i32>,
}

/// Why the system does not allow such a disk; `None` if it does.
pub fn refused(folder: &Utf8Path) -> Result<Option<String>> {
    let output = with_disk(1, folder, &["true".into()])?;
    Ok((!output.status.success()).then(|| said(&output)))
}

/// Runs on a disk of so many MB, and then on a large one: what is judged on the small one, and what
/// is known at the end, must be what the undisturbed run finds.
pub fn check(place: &Place, megabytes: u32, undisturbed: &Undisturbed) -> Result<()> {
    let cache = place.cache();
    fs::create_dir_all(&cache).with_context(|| format!("create folder {cache}"))?;
    let this = std::env::current_exe().context("find this program")?;
    let this = Utf8PathBuf::try_from(this).context("read the path of this program")?;
    let inside = [this, "--small-disk".into(), place.folder.clone()];
    let output = with_disk(megabytes, &cache, &inside)?;
    ensure!(output.status.success(), "{}", said(&output));
    let exits: Exits = serde_json::from_slice(&output.stdout).context("read the exit codes")?;
    let (mut n_judged, mut n_doubtful) = (0, 0);
    let small = small(place);
    if small.exists() {
        let run = read_run(&small)?;
        n_judged = judged(&run).len();
        n_doubtful = run
            .cells
            .iter()
            .filter(|cell| cell.outcome().is_some())
            .count()
            - n_judged;
        if let Some(difference) = judged_otherwise(&undisturbed.run, &run) {
            bail!("judged otherwise, in {small}: {difference}");
        }
    }
    let exit = exit(exits.small);
    println!("  {megabytes} MB: {exit}, {n_judged} cells judged, {n_doubtful} inconclusive");
    undisturbed.check(exits.large, place)
}

/// The part of [`check`] that runs inside the namespace, in a process of its own. Prints the exit
/// codes.
pub fn run_inside(folder: &Utf8Path) -> Result<()> {
    let place = Place {
        folder: folder.to_owned(),
    };
    let small_exit = place.run()?;
    place.check_no_process_is_left()?;
    place.check_files_are_whole()?;
    if place.run_json().exists() {
        fs::copy(place.run_json(), small(&place)).context("keep the first run.json")?;
    }
    let mut mount = Command::new("mount");
    let mount = mount.args(["-o", "remount,size=2g"]).arg(place.cache());
    let status = mount.status().context("start mount")?;
    ensure!(status.success(), "make the disk larger: {status}");
    let exits = Exits {
        small: small_exit,
        large: place.run()?,
    };
    place.check_no_process_is_left()?;
    place.check_files_are_whole()?;
    println!("{}", serde_json::to_string(&exits)?);
    Ok(())
}

/// The results on the small disk.
fn small(place: &Place) -> Utf8PathBuf {
    place.folder.join("small.json")
}

/// Runs a command that finds a disk of so many MB at a folder.
fn with_disk(megabytes: u32, folder: &Utf8Path, command: &[Utf8PathBuf]) -> Result<Output> {
    let script = format!("mount -t tmpfs -o size={megabytes}m none \"$1\" && shift && exec \"$@\"");
    Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .args(["sh", "-c", &script, "sh"])
        .arg(folder)
        .args(command)
        .output()
        .context("start unshare")
}

/// What a command said, and how it ended.
fn said(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    format!(
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&said).trim()
    )
}
