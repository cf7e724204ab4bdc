//! Stores records from run to run, each under its key. A damaged record is moved away.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::event::{Event, Listener};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::fs_ext::{remove, write_to_last, write_whole};

/// The format version of records. A record of another version is ignored.
const SCHEMA: u32 = 1;

/// Reads and writes records.
pub struct RecordStore<'a> {
    /// The folder for damaged records.
    quarantine: Utf8PathBuf,
    /// Receives a note about each damaged record.
    listener: &'a dyn Listener,
}

/// The contents of a record's file.
#[derive(Serialize, Deserialize)]
struct StoredRecord {
    schema: u32,
    key: String,
    /// A hash of the content, which reveals damage on disk.
    check: String,
    content: String,
}

impl<'a> RecordStore<'a> {
    /// Creates a record store that moves damaged records to the folder `quarantine`, and reports
    /// each.
    #[must_use]
    pub fn new(quarantine: Utf8PathBuf, listener: &'a dyn Listener) -> Self {
        Self {
            quarantine,
            listener,
        }
    }

    /// Reads the record under a key. A damaged file is moved away and reported once.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self, path: &Utf8Path, key: &str) -> Option<T> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return None,
            // A folder in its place is damage; a machine that cannot read says nothing about the
            // record.
            Err(_) if path.is_dir() => Vec::new(),
            Err(e) => {
                let message = format!("a kept record cannot be read: {path}: {e}");
                self.listener.on_event(Event::Noted(&message));
                return None;
            }
        };
        match content(&bytes, key) {
            Ok(content) => content,
            Err(why) => {
                self.quarantine(path, key, &why);
                None
            }
        }
    }

    /// Writes a record under a key. It can be lost if the machine is switched off soon after.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be written.
    pub fn write(&self, path: &Utf8Path, key: &str, value: &impl Serialize) -> Result<()> {
        self.make_way(path, key);
        write_whole(path, &record(key, value)?)
    }

    /// Writes a record as [`RecordStore::write`] does, and returns once it is on disk.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`RecordStore::write`].
    pub fn write_to_last(&self, path: &Utf8Path, key: &str, value: &impl Serialize) -> Result<()> {
        self.make_way(path, key);
        write_to_last(path, &record(key, value)?)
    }

    /// Moves a folder in the place of a record away, which is damage. A fresh run writes without
    /// having read.
    fn make_way(&self, path: &Utf8Path, key: &str) {
        if path.is_dir() {
            self.quarantine(path, key, &anyhow::anyhow!("it is a folder"));
        }
    }

    fn quarantine(&self, path: &Utf8Path, key: &str, why: &anyhow::Error) {
        let quarantine = self.quarantine.join(key);
        // An earlier damaged record with the same key may be in the way.
        let _ = remove(&quarantine);
        let moved =
            fs::create_dir_all(&self.quarantine).and_then(|()| fs::rename(path, &quarantine));
        let message = match moved {
            // Another lane or another run was faster.
            Err(e) if e.kind() == ErrorKind::NotFound => return,
            Err(e) => format!("a kept record is damaged, and stays at {path} ({e}): {why:#}"),
            Ok(()) => format!("a kept record was damaged, and is now {quarantine}: {why:#}"),
        };
        self.listener.on_event(Event::Noted(&message));
    }
}

fn record(key: &str, value: &impl Serialize) -> Result<Vec<u8>> {
    let content = serde_json::to_string(value).context("write a record")?;
    let record = StoredRecord {
        schema: SCHEMA,
        key: key.to_owned(),
        check: blake3::hash(content.as_bytes()).to_hex().to_string(),
        content,
    };
    serde_json::to_vec(&record).context("write a record")
}

/// Returns the content of a record; `None` if its format version differs.
fn content<T: DeserializeOwned>(bytes: &[u8], key: &str) -> Result<Option<T>> {
    let record: StoredRecord = serde_json::from_slice(bytes).context("it is not a record")?;
    if record.schema != SCHEMA {
        return Ok(None);
    }
    ensure!(record.key == key, "it is kept under another key");
    let check = blake3::hash(record.content.as_bytes()).to_hex();
    ensure!(record.check == check.as_str(), "its content has changed");
    let content = serde_json::from_str(&record.content).context("read its content")?;
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct DamagedNotes(Mutex<Vec<String>>);

    impl Listener for DamagedNotes {
        fn on_event(&self, event: Event<'_>) {
            if let Event::Noted(message) = event {
                self.0.lock().expect("the notes").push(message.to_owned());
            }
        }
    }

    /// Writes a record, changes its bytes, and returns what is read from it and what is reported.
    fn after(change: impl FnOnce(&mut Vec<u8>)) -> (Option<Vec<String>>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let notes = DamagedNotes::default();
        let records = RecordStore::new(folder.join("quarantine"), &notes);
        let path = folder.join("kept/k.json");
        let value = vec!["one".to_owned(), "two".to_owned()];
        records.write_to_last(&path, "k", &value).expect("kept");
        let mut bytes = fs::read(&path).expect("a record");
        change(&mut bytes);
        fs::write(&path, &bytes).expect("changed");
        let read = records.read(&path, "k");
        let is_quarantined = folder.join("quarantine/k").exists();
        let message = notes.0.into_inner().expect("the notes");
        assert_eq!(is_quarantined, !message.is_empty(), "{message:?}");
        (read, message)
    }

    #[test]
    fn what_was_written_is_read() {
        let (read, message) = after(|_| {});
        assert_eq!(read.map(|r| r.len()), Some(2));
        assert!(message.is_empty());
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_noticed() {
        let (whole, _) = after(|_| {});
        let n_bytes = record("k", &whole).expect("a record").len();
        for index in 0..n_bytes {
            for damage in ["flip", "cut"] {
                let (read, message) = after(|bytes| match damage {
                    "flip" => bytes[index] ^= 1,
                    _ => bytes.truncate(index),
                });
                // A different format version or an unknown name means another version of the tool.
                assert!(read.is_none(), "{damage} at {index}");
                assert!(message.len() <= 1, "{message:?}");
            }
        }
    }

    #[test]
    fn damage_after_damage_is_set_aside_and_room_is_made_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let notes = DamagedNotes::default();
        let records = RecordStore::new(folder.join("quarantine"), &notes);
        let path = folder.join("kept/k.json");
        fs::create_dir(folder.join("kept")).expect("a folder");
        for way in ["file", "folder", "folder", "file"] {
            match way {
                "file" => fs::write(&path, "nonsense").expect("written"),
                _ => fs::create_dir(&path).expect("a folder"),
            }
            assert_eq!(records.read::<u32>(&path, "k"), None);
            records.write(&path, "k", &7).expect("there is room");
            assert_eq!(records.read(&path, "k"), Some(7));
            fs::remove_file(&path).expect("removed");
        }
        assert_eq!(notes.0.into_inner().expect("the notes").len(), 4);
    }

    /// As a fresh run does, which reads nothing.
    #[test]
    fn a_folder_in_the_place_of_a_record_makes_way_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let notes = DamagedNotes::default();
        let records = RecordStore::new(folder.join("quarantine"), &notes);
        for (name, lasts) in [("a", false), ("b", true)] {
            let path = folder.join(name);
            fs::create_dir(&path).expect("a folder");
            if lasts {
                records.write_to_last(&path, name, &7)
            } else {
                records.write(&path, name, &7)
            }
            .expect("there is room");
            assert_eq!(records.read(&path, name), Some(7));
        }
        assert_eq!(notes.0.into_inner().expect("the notes").len(), 2);
    }

    #[test]
    fn what_is_kept_under_another_key_is_set_aside() {
        let foreign = record("other", &["one"]).expect("a record");
        let (read, message) = after(|bytes| *bytes = foreign);
        assert_eq!(read, None);
        assert!(message[0].contains("another key"), "{message:?}");
    }

    #[test]
    fn what_was_written_in_another_form_is_left_where_it_is() {
        let (read, message) = after(|bytes| {
            let text = String::from_utf8_lossy(bytes).replace("\"schema\":1", "\"schema\":7");
            *bytes = text.into_bytes();
        });
        assert_eq!((read, message), (None, Vec::new()));
    }
}
