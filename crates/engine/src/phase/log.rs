//! The log of a phase: all of what its commands said, up to a bound, head and tail kept.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::machine::secrets::Secrets;

/// How much of a phase's output is kept from its beginning, in bytes.
const HEAD: usize = 8 * 1024 * 1024;
/// How much is kept from its end.
const TAIL: usize = 2 * 1024 * 1024;

/// A log that is being written. It cannot grow beyond a bound, however much is said.
pub struct PhaseLog {
    path: PathBuf,
    file: BufWriter<File>,
    head_left: usize,
    tail: VecDeque<u8>,
    dropped: u64,
    secrets: Secrets,
}

impl PhaseLog {
    /// Begins a log, into which no secret is written.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn create(path: &Path, secrets: &Secrets) -> Result<Self> {
        // What stands there may be linked to what an earlier run keeps: write a new file, never
        // into the old one.
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

    /// Adds bytes. Losing a log must not lose an outcome, so a full disk is noticed at the end.
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

    /// Adds a line of the tool's own.
    pub fn note(&mut self, line: &str) {
        self.add(line.as_bytes());
        self.add(b"\n");
    }

    /// Ends the log.
    ///
    /// # Errors
    ///
    /// When it could not be written to its end.
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
