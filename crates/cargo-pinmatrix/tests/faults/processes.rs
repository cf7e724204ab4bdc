//! Processes: which of them work in a folder, as `/proc` tells.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::Utf8Path;

/// How long the last process of a run may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks that no process works in a folder any more, and waits a while for the last to end.
pub fn check_none_is_left(folder: &Utf8Path) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = that_work_in(folder)?;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            let commands: Vec<String> = left.into_iter().map(command).collect();
            bail!(
                "{} processes are left: {}",
                commands.len(),
                commands.join("; ")
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes, except this one, whose environment or working folder names a folder.
fn that_work_in(folder: &Utf8Path) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("list /proc")? {
        let entry = entry.context("list /proc")?;
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process can end at any moment, and those of other users cannot be read.
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let working = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        let names = [&environment[..], working.as_os_str().as_encoded_bytes()];
        let folder = folder.as_str().as_bytes();
        let is_named = |text: &[u8]| text.windows(folder.len()).any(|part| part == folder);
        if id != std::process::id() && names.into_iter().any(is_named) {
            found.push(id);
        }
    }
    Ok(found)
}

/// The beginning of a process's command line.
fn command(id: u32) -> String {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    let text: String = text.chars().take(200).collect();
    format!("{id} `{}`", text.trim())
}
