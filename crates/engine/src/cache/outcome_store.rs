//! Stores outcomes with their logs from run to run, each under its key.

use std::fs;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::outcome::{Outcome, Phase};
use serde::{Deserialize, Serialize};

use crate::cache::record_store::RecordStore;
use crate::machine::host_fingerprint;

/// The stored outcomes.
pub struct OutcomeStore<'a> {
    folder: Utf8PathBuf,
    records: &'a RecordStore<'a>,
    installed: OnceLock<String>,
}

/// The value stored under a key.
#[derive(Serialize, Deserialize)]
pub struct StoredOutcome {
    /// The installed packages, if they may have affected the outcome. If they differ, the outcome
    /// is ignored.
    installed: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// The lock that the outcome is based on, if it is not the one that the cell was resolved to.
    #[serde(default)]
    pub lock: Option<String>,
}

impl<'a> OutcomeStore<'a> {
    /// Creates a store in a folder.
    #[must_use]
    pub fn new(folder: Utf8PathBuf, records: &'a RecordStore<'a>) -> Self {
        Self {
            folder,
            records,
            installed: OnceLock::new(),
        }
    }

    /// Returns the outcome under a key, if it exists and is complete.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<StoredOutcome> {
        let kept: StoredOutcome = self.records.read(&self.record(key), key)?;
        let then = kept.installed.as_ref();
        let still_holds = then.is_none_or(|then| then == self.installed());
        still_holds.then_some(kept)
    }

    /// Stores an outcome, the logs in `logs`, and the lock that the outcome is based on if it is
    /// not the one that the cell was resolved to.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be written.
    pub fn put(
        &self,
        key: &str,
        outcome: &Outcome,
        lock: Option<&str>,
        logs: &Utf8Path,
    ) -> Result<()> {
        let folder = self.folder.join(key);
        fs::create_dir_all(&folder).with_context(|| format!("make {folder}"))?;
        copy_logs(logs, &folder)?;
        let kept = StoredOutcome {
            installed: outcome
                .may_lie_in_the_system()
                .then(|| self.installed().to_owned()),
            outcome: outcome.clone(),
            lock: lock.map(str::to_owned),
        };
        self.records.write_to_last(&self.record(key), key, &kept)
    }

    /// Makes `logs` contain exactly the logs stored under a key.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be copied.
    pub fn restore_logs(&self, key: &str, logs: &Utf8Path) -> Result<()> {
        let kept = self.folder.join(key);
        let is_there = |name: &String| match (logs.join(name), kept.join(name)) {
            (local, kept) if kept.exists() => is_same(&local, &kept),
            (local, _) => !local.exists(),
        };
        if logs.is_dir() && Phase::ALL.map(log_of).iter().all(is_there) {
            return Ok(());
        }
        clear_logs(logs)?;
        copy_logs(&kept, logs)
    }

    fn installed(&self) -> &str {
        self.installed.get_or_init(host_fingerprint::installed)
    }

    fn record(&self, key: &str) -> Utf8PathBuf {
        self.folder.join(key).join("outcome.json")
    }
}

fn log_of(phase: Phase) -> String {
    format!("{phase}.log")
}

/// Creates an empty folder for a cell's logs: logs of an earlier run would describe another
/// outcome.
///
/// # Errors
///
/// Returns an error if the folder cannot be emptied.
pub fn clear_logs(logs: &Utf8Path) -> Result<()> {
    match fs::remove_dir_all(logs) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("empty {logs}"));
        }
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(logs).with_context(|| format!("make {logs}"))
}

/// Returns true for two names of one file.
#[cfg(unix)]
fn is_same(one: &Utf8Path, other: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Utf8Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
    id(one).is_some_and(|one| id(other) == Some(one))
}

#[cfg(not(unix))]
fn is_same(_: &Utf8Path, _: &Utf8Path) -> bool {
    false
}

fn copy_logs(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("make {to}"))?;
    for name in Phase::ALL.map(log_of) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_file() {
            let _ = fs::remove_file(&to);
            fs::hard_link(&from, &to)
                .or_else(|_| fs::copy(&from, &to).map(drop))
                .with_context(|| format!("copy {from} to {to}"))?;
        }
    }
    Ok(())
}
