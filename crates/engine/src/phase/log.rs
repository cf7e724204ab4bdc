//! The log of a phase: the output of its commands, limited in size by keeping its beginning and its
//! end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::machine::secrets::Secrets;

/// How much of the beginning of a phase's output is kept, in bytes.
const HEAD: usize = 8 * 1024 * 1024;
/// How much of its end is kept, in bytes.
const TAIL: usize = 2 * 1024 * 1024;

/// A log that is being written. Its size is limited, whatever the amount of output.
pub struct PhaseLog {
    path: PathBuf,
    file: BufWriter<File>,
    head_left: usize,
    tail: VecDeque<u8>,
    dropped: u64,
    secrets: Secrets,
}

impl PhaseLog {
    /// Creates a log, into which no secret is written.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be created.
    pub fn create(path: &Path, secrets: &Secrets) -> Result<Self> {
        // The old file may be a hard link to a stored log of an earlier run, so create a new file
        // instead of writing into it.
        let _ = std::fs::remove_file(path);
        let file = File::create(path).with_context(|| format!("write {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            head_left: HEAD,
            tail: VecDeque::new(),
            dropped: 0,
            secrets: secrets.clone(),
        })
    }

    /// Appends bytes. A full disk is only reported at the end, so that a lost log does not lose an
    /// outcome.
    pub fn add(&mut self, bytes: &[u8]) {
        let bytes = &*self.secrets.hide(bytes);
        let (head, rest) = bytes.split_at(bytes.len().min(self.head_left));
        self.head_left -= head.len();
        if self.file.write_all(head).is_err() {
            self.dropped += head.len() as u64;
        }
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }

    /// Appends a line by the tool itself.
    pub fn note(&mut self, line: &str) {
        self.add(line.as_bytes());
        self.add(b"\n");
    }

    /// Finishes the log.
    ///
    /// # Errors
    ///
    /// Returns an error if it could not be written completely.
    pub fn finish(mut self) -> Result<()> {
        let context = || format!("write {}", self.path.display());
        if self.dropped > 0 {
            writeln!(self.file, "\n[... {} bytes left out ...]", self.dropped)
                .with_context(context)?;
        }
        let (a, b) = self.tail.as_slices();
        self.file.write_all(a).with_context(context)?;
        self.file.write_all(b).with_context(context)?;
        self.file.flush().with_context(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_in_the_middle_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.log");
        let mut log = PhaseLog::create(&path, &Secrets::default()).expect("a log");
        log.note("first");
        for _ in 0..40 {
            log.add(&[b'x'; 512 * 1024]);
        }
        log.note("last");
        log.finish().expect("written");
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.len() < HEAD + TAIL + 100);
        assert!(text.starts_with("first\n") && text.ends_with("last\n"));
        assert!(text.contains("bytes left out"));
    }
}
