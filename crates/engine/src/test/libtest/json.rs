//! libtest's JSON events. The format has been the same since 1.63.
//! <https://github.com/rust-lang/rust/issues/49359>

use std::time::Instant;

use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};
use pinmatrix_core::text;
use serde::Deserialize;

use crate::test::libtest::{SuiteOutput, case, kept};

/// The flags that make a test executable print JSON.
pub const FLAGS: [&str; 5] = [
    "-Z",
    "unstable-options",
    "--format",
    "json",
    "--report-time",
];

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

/// Processes a line of the executable's standard output.
pub fn read_line(suite: &mut SuiteOutput, line: &str, now: Instant) {
    // A test can write without a trailing newline, and an event follows on the same line.
    let start = line.rfind("{ \"type\": \"");
    let event = start.and_then(|s| serde_json::from_str::<LibtestEvent>(line[s..].trim_end()).ok());
    let Some(event) = event else {
        suite.keep_loose(line);
        return;
    };
    if let Some(start) = start.filter(|s| *s > 0) {
        suite.keep_loose(&line[..start]);
    }
    take(suite, event, now);
}

fn take(suite: &mut SuiteOutput, event: LibtestEvent, now: Instant) {
    let word = event.event.as_deref().unwrap_or_default();
    if event.kind == "suite" {
        suite.is_complete |= matches!(word, "ok" | "failed");
        return;
    }
    let Some(name) = event.name else { return };
    let name = text::one_line(&name);
    let status = match (event.kind.as_str(), word) {
        ("test", "started") => {
            suite.running.insert(name, now);
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
    let since = suite.running.remove(&name);
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
    let mut case = case(name, status, seconds);
    if case.status.is_failed() {
        case.output = kept(&parts.join("\n"));
    }
    suite.ended.insert(case.name.clone(), case);
}

/// Parses `0.25`, or `"0.250s"` as some versions write it.
fn seconds(value: &serde_json::Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str()?.trim_end_matches('s').parse().ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test::libtest::OutputFormat;

    fn suite_of(lines: &[&str]) -> SuiteOutput {
        let mut suite = SuiteOutput::new(OutputFormat::Json, &[], Instant::now());
        for line in lines {
            suite.line(format!("{line}\n").as_bytes(), Instant::now());
        }
        suite
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
    fn a_test_that_does_not_end_stays_running() {
        let suite = suite_of(&[r#"{ "type": "test", "event": "started", "name": "a" }"#]);
        assert!(suite.running.contains_key("a"));
        assert!(suite.deadline(Some(Duration::from_secs(1))).is_some());
    }
}
