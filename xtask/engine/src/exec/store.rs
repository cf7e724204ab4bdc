//! What is kept from run to run: outcomes with their logs, each under its key.
//!
//! A record is written beside its place and moved into it, so that it is there whole or not at
//! all; one that cannot be read is as good as none.

use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::files::write_to_last;
use crate::model::outcome::{Outcome, Phase};

/// The kept outcomes.
#[derive(Clone, Debug)]
pub struct Store {
    folder: Utf8PathBuf,
}

/// What stands in a record's file.
#[derive(Serialize, Deserialize)]
struct Record {
    key: String,
    /// A hash of the outcome's own text: a record that was bent on disk does not answer.
    check: String,
    outcome: String,
}

impl Store {
    /// The store in a folder.
    #[must_use]
    pub fn new(folder: Utf8PathBuf) -> Self {
        Self { folder }
    }

    /// The outcome kept under a key, if it is there and whole.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Outcome> {
        let text = fs::read_to_string(self.record(key)).ok()?;
        let record: Record = serde_json::from_str(&text).ok()?;
        let check = blake3::hash(record.outcome.as_bytes()).to_hex().to_string();
        let holds = record.key == key && record.check == check;
        holds
            .then(|| serde_json::from_str(&record.outcome).ok())
            .flatten()
    }

    /// Keeps an outcome, and the logs in `logs`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn put(&self, key: &str, outcome: &Outcome, logs: &Utf8Path) -> Result<()> {
        let folder = self.folder.join(key);
        fs::create_dir_all(&folder).with_context(|| format!("make {folder}"))?;
        copy_logs(logs, &folder)?;
        let outcome = serde_json::to_string(outcome).context("write an outcome")?;
        let record = Record {
            key: key.to_owned(),
            check: blake3::hash(outcome.as_bytes()).to_hex().to_string(),
            outcome,
        };
        let text = serde_json::to_string(&record).context("write a record")?;
        write_to_last(&self.record(key), text.as_bytes())
    }

    /// Makes `logs` hold the logs kept under a key, and no others.
    ///
    /// # Errors
    ///
    /// When they cannot be copied.
    pub fn restore_logs(&self, key: &str, logs: &Utf8Path) -> Result<()> {
        let kept = self.folder.join(key);
        let is_there = |name: &String| match (logs.join(name), kept.join(name)) {
            (there, kept) if kept.exists() => is_same(&there, &kept),
            (there, _) => !there.exists(),
        };
        if logs.is_dir() && LOGS.map(log_of).iter().all(is_there) {
            return Ok(());
        }
        clear_logs(logs)?;
        copy_logs(&kept, logs)
    }

    fn record(&self, key: &str) -> Utf8PathBuf {
        self.folder.join(key).join("outcome.json")
    }
}

/// The phases that have a log.
const LOGS: [Phase; 3] = [Phase::Resolve, Phase::Build, Phase::Test];

fn log_of(phase: Phase) -> String {
    format!("{phase}.log")
}

/// Makes room for a cell's logs: those of an earlier run would tell of another outcome.
///
/// # Errors
///
/// When the folder cannot be emptied.
pub fn clear_logs(logs: &Utf8Path) -> Result<()> {
    match fs::remove_dir_all(logs) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("empty {logs}"));
        }
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(logs).with_context(|| format!("make {logs}"))
}

/// True for two names of one file.
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
    for name in LOGS.map(log_of) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::Status;

    #[test]
    fn a_bent_or_foreign_record_does_not_answer() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let store = Store::new(folder.join("outcomes"));
        let outcome = Outcome::whole(Status::Passed, Vec::new());
        store
            .put("k", &outcome, &folder.join("logs"))
            .expect("kept");
        assert_eq!(store.get("k"), Some(outcome));
        assert_eq!(store.get("other"), None);

        let whole = fs::read_to_string(store.record("k")).expect("a record");
        fs::write(store.record("k"), whole.replace("passed", "failed")).expect("bent");
        assert_eq!(store.get("k"), None);
        fs::write(store.record("k"), &whole[..whole.len() / 2]).expect("cut");
        assert_eq!(store.get("k"), None);
        fs::create_dir_all(folder.join("outcomes/foreign")).expect("a folder");
        fs::write(store.record("foreign"), &whole).expect("put elsewhere");
        assert_eq!(store.get("foreign"), None);
    }
}
