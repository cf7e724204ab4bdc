//! Reads libtest's JSON events: which tests ran, which are running, and how each ended.
//!
//! Stable executables produce JSON if the run (never the build) has [`UNLOCKING`] set; the format
//! has been the same since 1.63. <https://github.com/rust-lang/rust/issues/49359>

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pinmatrix_core::model::outcome::CaseOutcome;
use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};
use pinmatrix_core::text;
use semver::Version;
use serde::Deserialize;

/// The flags that make a test executable print JSON.
pub const FLAGS: [&str; 5] = [
    "-Z",
    "unstable-options",
    "--format",
    "json",
    "--report-time",
];

/// The variable that unlocks unstable flags of a stable executable.
///
/// libtest only checks whether it is set, and accepts any value. A compiler that a test starts
/// inherits it: rustc reads its value as a list of crates that may use unstable features
/// (<https://doc.rust-lang.org/unstable-book/compiler-environment-variables/RUSTC_BOOTSTRAP.html>),
/// and cargo ignores every value but `1`. No crate has an empty name, so with an empty value both
/// behave as if it were unset.
const UNLOCKING: &str = "RUSTC_BOOTSTRAP";

/// Returns the variable that a test executable compiled by `rustc` needs to print JSON. If that
/// rustc allows unstable features anyway, none is needed.
#[must_use]
pub fn unlocking(rustc: &Version) -> Option<(&'static str, &'static str)> {
    let channel = rustc.pre.as_str();
    let is_unlocked = channel.starts_with("nightly") || channel.starts_with("dev");
    (!is_unlocked).then_some((UNLOCKING, ""))
}

/// How many bytes of a process's last output are kept.
const LAST_WORDS: usize = 8 * 1024;

/// The output of one run of a test executable so far.
#[derive(Debug, Default)]
pub struct SuiteOutput {
    /// The tests that ended.
    pub ended: BTreeMap<String, CaseOutcome>,
    /// The running tests, with their start times.
    pub running: BTreeMap<String, Instant>,
    /// True once the suite has reported its end.
    pub is_complete: bool,
    /// The last lines that are not events: output that libtest did not capture.
    pub loose: String,
}

#[derive(Deserialize)]
struct LibtestEvent {
    #[serde(rename = "type")]
    kind: String,
    event: Option<String>,
    name: Option<String>,
    exec_time: Option<serde_json::Value>,
    stdout: Option<String>,
    message: Option<String>,
    reason: Option<String>,
}

impl SuiteOutput {
    /// Processes a line of the executable's standard output.
    pub fn line(&mut self, line: &[u8], now: Instant) {
        let line = String::from_utf8_lossy(line);
        // A test can write without a trailing newline, and an event follows on the same line.
        let start = line.rfind("{ \"type\": \"");
        let event =
            start.and_then(|s| serde_json::from_str::<LibtestEvent>(line[s..].trim_end()).ok());
        let Some(event) = event else {
            self.keep_loose(&line);
            return;
        };
        if let Some(start) = start.filter(|s| *s > 0) {
            self.keep_loose(&line[..start]);
        }
        self.take(event, now);
    }

    /// Returns the time at which the longest-running test exceeds `limit`, if there are both.
    #[must_use]
    pub fn deadline(&self, limit: Option<Duration>) -> Option<Instant> {
        self.running.values().min()?.checked_add(limit?)
    }

    fn take(&mut self, event: LibtestEvent, now: Instant) {
        let word = event.event.as_deref().unwrap_or_default();
        if event.kind == "suite" {
            self.is_complete |= matches!(word, "ok" | "failed");
            return;
        }
        let Some(name) = event.name else { return };
        let name = text::one_line(&name);
        let status = match (event.kind.as_str(), word) {
            ("test", "started") => {
                self.running.insert(name, now);
                return;
            }
            // Only a warning that a test is slow; libtest does not decide whether it is too slow.
            ("test", "timeout") => return,
            ("test", "ok") | ("bench", _) => Status::Passed,
            ("test", "failed") => Status::failed(FailureKind::Test),
            ("test", "ignored") => Status::Skipped {
                reason: SkipReason::Ignored,
            },
            _ => return,
        };
        let since = self.running.remove(&name);
        let seconds = event
            .exec_time
            .as_ref()
            .and_then(seconds)
            .or_else(|| since.map(|since| (now - since).as_secs_f64()))
            .unwrap_or_default();
        let parts: Vec<String> = [event.stdout, event.message, event.reason]
            .into_iter()
            .flatten()
            .collect();
        let output = status
            .is_failed()
            .then(|| kept(&parts.join("\n")))
            .flatten();
        self.ended.insert(
            name.clone(),
            CaseOutcome {
                name,
                status,
                seconds,
                output,
                flaky: None,
                n_seen: 1,
            },
        );
    }

    fn keep_loose(&mut self, text: &str) {
        keep_tail(&mut self.loose, text.as_bytes());
    }
}

/// Returns output in the form in which it is stored, if there is any.
#[must_use]
pub fn kept(output: &str) -> Option<String> {
    let output = without_accidents(&text::sanitize(output));
    let output = output.trim();
    (!output.is_empty()).then(|| text::bounded(output, text::CASE_OUTPUT))
}

/// Appends to the last output of a process, and drops what is too old to keep.
pub fn keep_tail(tail: &mut String, line: &[u8]) {
    tail.push_str(&text::bounded(&String::from_utf8_lossy(line), LAST_WORDS));
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

/// Parses `0.25`, or `"0.250s"` as some versions write it.
fn seconds(value: &serde_json::Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str()?.trim_end_matches('s').parse().ok())
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

    fn suite_of(lines: &[&str]) -> SuiteOutput {
        let mut suite = SuiteOutput::default();
        for line in lines {
            suite.line(format!("{line}\n").as_bytes(), Instant::now());
        }
        suite
    }

    #[test]
    fn an_executable_is_unlocked_by_a_value_that_unlocks_no_compiler() {
        let unlocking = |rustc: &str| unlocking(&Version::parse(rustc).expect("a version"));
        for stable in ["1.63.0", "1.95.0", "1.96.0-beta.3"] {
            assert_eq!(unlocking(stable), Some(("RUSTC_BOOTSTRAP", "")));
        }
        for unlocked in ["1.97.0-nightly", "1.97.0-dev"] {
            assert_eq!(unlocking(unlocked), None);
        }
    }

    #[test]
    fn events_become_cases() {
        let suite = suite_of(&[
            r#"{ "type": "suite", "event": "started", "test_count": 3 }"#,
            r#"{ "type": "test", "event": "started", "name": "a" }"#,
            r#"{ "type": "test", "event": "started", "name": "b" }"#,
            r#"{ "type": "test", "name": "a", "event": "ok", "exec_time": 0.5 }"#,
            r#"{ "type": "test", "name": "b", "event": "failed", "exec_time": "0.250s", "stdout": "left\u001b[0m: 1\n" }"#,
            r#"{ "type": "test", "name": "c", "event": "ignored" }"#,
            r#"{ "type": "suite", "event": "failed", "passed": 1 }"#,
        ]);
        assert!(suite.is_complete && suite.running.is_empty());
        let cases: Vec<String> = suite
            .ended
            .values()
            .map(|c| format!("{} {} {} {:?}", c.name, c.status, c.seconds, c.output))
            .collect();
        assert_eq!(
            cases,
            [
                "a passed 0.5 None",
                "b failed(test) 0.25 Some(\"left: 1\")",
                "c skipped(ignored) 0 None"
            ]
        );
    }

    #[test]
    fn an_event_behind_loose_output_is_heard_and_a_feigned_end_of_suite_needs_a_whole_line() {
        let suite = suite_of(&[
            r#"loose{ "type": "test", "name": "a", "event": "ok" }"#,
            r#"{ "type": "suite", "event": "ok" } trailing"#,
        ]);
        assert_eq!(suite.ended.len(), 1);
        assert!(!suite.is_complete);
        assert!(suite.loose.starts_with("loose"));
    }

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

    #[test]
    fn a_test_that_does_not_end_stays_running() {
        let suite = suite_of(&[r#"{ "type": "test", "event": "started", "name": "a" }"#]);
        assert!(suite.running.contains_key("a"));
        assert!(suite.deadline(Some(Duration::from_secs(1))).is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            SuiteOutput::default().line(&line, Instant::now());
        }
    }
}
