//! What a test executable of libtest prints: which tests ran, which are running, and how each ended.

mod json;
pub(crate) mod text;
pub(crate) mod unlocking;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pinmatrix_core::model::outcome::CaseOutcome;
use pinmatrix_core::model::status::Status;
use pinmatrix_core::text::{CASE_OUTPUT, bounded, sanitize};
use pinmatrix_process::child::Exit;

use crate::test::libtest::text::TextReader;

/// How many bytes of a process's last output are kept.
const LAST_WORDS: usize = 8 * 1024;

/// The format of a test executable's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// JSON events. A stable executable prints them if a variable [unlocks](unlocking) them.
    Json,
    /// Text, which needs nothing and tells less.
    Text,
}

impl OutputFormat {
    /// Returns the flags that make a test executable print in this format.
    #[must_use]
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            OutputFormat::Json => &json::FLAGS,
            OutputFormat::Text => &text::FLAGS,
        }
    }
}

/// The output of one run of a test executable so far.
#[derive(Debug, Default)]
pub struct SuiteOutput {
    /// The tests that ended.
    pub ended: BTreeMap<String, CaseOutcome>,
    /// The running tests, with their start times.
    pub running: BTreeMap<String, Instant>,
    /// True once the suite has reported its end.
    pub is_complete: bool,
    /// The last lines that are not about tests: output that libtest did not capture.
    pub loose: String,
    /// The reader of text; `None` if the output is JSON.
    text: Option<TextReader>,
}

impl SuiteOutput {
    /// Creates the output of a process that begins to run these tests.
    #[must_use]
    pub fn new(format: OutputFormat, names: &[String], now: Instant) -> Self {
        let mut suite = Self::default();
        if format == OutputFormat::Text {
            suite.text = Some(TextReader::new(names));
            if let [name] = names {
                suite.running.insert(name.clone(), now);
            }
        }
        suite
    }

    /// Processes a line of the executable's standard output.
    pub fn line(&mut self, line: &[u8], now: Instant) {
        let line = String::from_utf8_lossy(line);
        match self.text.take() {
            None => json::read_line(self, &line, now),
            Some(mut reader) => {
                reader.read_line(self, &line);
                self.text = Some(reader);
            }
        }
    }

    /// Processes how the process ended.
    pub fn end(&mut self, now: Instant, exit: &Exit) {
        let open = self.text.take().map(|reader| reader.end(self, exit));
        for name in open.into_iter().flatten() {
            self.running.entry(name).or_insert(now);
        }
    }

    /// Returns the time at which the longest-running test exceeds `limit`, if there are both.
    #[must_use]
    pub fn deadline(&self, limit: Option<Duration>) -> Option<Instant> {
        self.running.values().min()?.checked_add(limit?)
    }

    fn keep_loose(&mut self, text: &str) {
        keep_tail(&mut self.loose, text.as_bytes());
    }
}

/// Creates the outcome of a test that ran once.
fn case(name: String, status: Status, seconds: f64) -> CaseOutcome {
    CaseOutcome {
        name,
        status,
        seconds,
        output: None,
        flaky: None,
        n_seen: 1,
    }
}

/// Returns output in the form in which it is stored, if there is any.
#[must_use]
pub fn kept(output: &str) -> Option<String> {
    let output = without_accidents(&sanitize(output));
    let output = output.trim();
    (!output.is_empty()).then(|| bounded(output, CASE_OUTPUT))
}

/// Appends to the last output of a process, and drops what is too old to keep.
pub fn keep_tail(tail: &mut String, line: &[u8]) {
    tail.push_str(&bounded(&String::from_utf8_lossy(line), LAST_WORDS));
    if tail.len() > 2 * LAST_WORDS {
        *tail = tail.split_off(tail.ceil_char_boundary(tail.len() - LAST_WORDS));
    }
}

/// Removes the parts of a panic message that differ from run to run: the thread ID (since Rust
/// 1.91), and the hint that is only printed for the first panic of a process, in whichever test
/// that is.
fn without_accidents(output: &str) -> String {
    let mut kept = String::with_capacity(output.len());
    for line in output.lines() {
        if line.starts_with("note: run with `RUST_BACKTRACE=1` environment variable") {
            continue;
        }
        match numbered_thread(line) {
            Some((thread, rest)) => kept.extend([thread, rest]),
            None => kept.push_str(line),
        }
        kept.push('\n');
    }
    kept
}

/// Splits `thread 'NAME' (NUMBER) panicked at PLACE` around the number.
fn numbered_thread(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.strip_prefix("thread '").and(line.split_once("' ("))?;
    let (number, rest) = rest.split_once(')')?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (is_number && rest.starts_with(" panicked at")).then(|| (&line[..=thread.len()], rest))
}

/// Returns the names in the output of `--list`: `NAME: test`, or `NAME: benchmark`, of which
/// libtest runs one iteration as a test.
#[must_use]
pub fn listed(list: &str) -> Vec<String> {
    let name = |line: &str| {
        let name = line.strip_suffix(": test");
        name.or_else(|| line.strip_suffix(": benchmark"))
            .map(str::to_owned)
    };
    list.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_not_kept() {
        let output = "thread 'a::b' (8153) panicked at src/lib.rs:1:1:\nno (12) panicked at\n\
                    note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let kept = kept(output).expect("output");
        assert_eq!(
            kept,
            "thread 'a::b' panicked at src/lib.rs:1:1:\nno (12) panicked at"
        );
    }

    #[test]
    fn last_words_are_bounded() {
        let mut tail = String::new();
        for n in 0..10_000 {
            keep_tail(&mut tail, format!("line {n}\n").as_bytes());
        }
        assert!(tail.len() <= 2 * LAST_WORDS && tail.ends_with("line 9999\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for format in [OutputFormat::Json, OutputFormat::Text] {
                let now = Instant::now();
                let mut suite = SuiteOutput::new(format, &["a".to_owned()], now);
                suite.line(&line, now);
                suite.end(now, &Exit::Code(0));
            }
        }
    }
}
