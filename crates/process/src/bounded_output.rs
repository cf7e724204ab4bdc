//! The output of a child on one stream, kept up to a limit.

use crate::ProcessResult;
use crate::child::Exit;

/// The maximum amount to keep, in bytes: enough for the metadata of thousands of packages.
const MOST: usize = 64 * 1024 * 1024;

/// The output of a child on one stream.
#[derive(Debug, Default)]
pub struct BoundedOutput {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl BoundedOutput {
    /// Adds a line. Anything beyond the limit is dropped.
    pub fn add(&mut self, line: &[u8]) {
        let kept = line.len().min(MOST - self.bytes.len());
        self.is_cut |= kept < line.len();
        self.bytes.extend_from_slice(&line[..kept]);
    }

    /// The output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The result of the child, for callers that need its complete output: lost if the output was
    /// cut.
    #[must_use]
    pub fn ended(&self, ended: ProcessResult) -> ProcessResult {
        if !self.is_cut {
            return ended;
        }
        let why = format!("it printed more than {} MiB", MOST / 1024 / 1024);
        ProcessResult {
            exit: Exit::Lost(why),
            ..ended
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_answers_nothing() {
        let mut transcript = BoundedOutput::default();
        transcript.add(b"a\n");
        assert_eq!(transcript.ended(ProcessResult::NOTHING).exit, Exit::Code(0));
        for _ in 0..65 {
            transcript.add(&[b'x'; 1024 * 1024]);
        }
        assert_eq!(transcript.text().len(), MOST);
        let exit = transcript.ended(ProcessResult::NOTHING).exit;
        assert_eq!(exit, Exit::Lost("it printed more than 64 MiB".to_owned()));
    }
}
