//! The outcome of one test, and its flaky attempts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::status::Status;

/// The outcome of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseOutcome {
    /// The test's path, as libtest prints it.
    pub name: String,
    /// Its status.
    #[serde(flatten)]
    pub status: Status,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Its output, kept unless it passed; long output is cut in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The failed attempts if it failed before it passed: it is flaky, not broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaky: Option<Flaky>,
    /// How many of its runs agree with its status.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub n_seen: usize,
}

fn once() -> usize {
    1
}

fn is_once(n_seen: &usize) -> bool {
    *n_seen == once()
}

/// The failed attempts of a flaky case, before the one that passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flaky {
    /// How many attempts failed before one passed.
    pub n_failed: usize,
    /// The output of the first failed attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

impl Flaky {
    /// The most telling line of the first failure's output.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        telling(self.output.as_deref()?)
    }
}

/// `flaky: failed 1 of 2 attempts`.
impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_failed = self.n_failed;
        write!(f, "flaky: failed {n_failed} of {} attempts", n_failed + 1)
    }
}

impl CaseOutcome {
    /// The file and line (from 1) of the panic.
    #[must_use]
    pub fn panicked_at(&self) -> Option<(String, usize)> {
        panicked_at(self.output.as_deref()?)
    }

    /// The most telling line of the output: the panic message, or else the first line.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        telling(self.output.as_deref()?)
    }
}

/// The location of the panic in a test's output: `thread 'x' panicked at FILE:LINE:COLUMN:`, and
/// before Rust 1.73 `thread 'x' panicked at 'WORDS', FILE:LINE:COLUMN`.
fn panicked_at(output: &str) -> Option<(String, usize)> {
    let (_, rest) = output.split_once("panicked at ")?;
    let mut lines = rest.lines();
    let first = lines.next()?;
    let place = match first.strip_prefix('\'') {
        None => first,
        // The message can span several lines.
        Some(_) => {
            let mut lines = std::iter::once(first).chain(lines);
            lines.find_map(|line| Some(line.rsplit_once("', ")?.1))?
        }
    };
    let mut parts = place.trim_end_matches(':').rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some((file.to_owned(), line.parse().ok()?))
}

/// The most telling line of a test's output.
fn telling(output: &str) -> Option<&str> {
    let mut lines = output.lines().map(str::trim).filter(|l| !l.is_empty());
    // Since Rust 1.73 the panic message is on the line after the location.
    let after_panic = output
        .lines()
        .skip_while(|l| !(l.starts_with("thread '") && l.contains("panicked at")))
        .nth(1)
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with("note:"));
    after_panic.or_else(|| lines.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_tells_its_place() {
        let place = |file: &str, line| Some((file.to_owned(), line));
        let output = "thread 'a' (7) panicked at app/tests/a.rs:12:5:\nno";
        assert_eq!(panicked_at(output), place("app/tests/a.rs", 12));
        let output =
            "thread 'a' panicked at 'left: `1`,\n right: `2`', app/tests/a.rs:12:5\nnote: x";
        assert_eq!(panicked_at(output), place("app/tests/a.rs", 12));
        assert_eq!(panicked_at("hm"), None);
        assert_eq!(panicked_at("thread 'a' panicked at 'no"), None);
    }
}
