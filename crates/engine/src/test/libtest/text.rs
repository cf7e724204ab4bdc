//! libtest's text output, as a person reads it: also that of rustdoc about doc tests.
//!
//! Unlike the JSON, it needs no unstable flag. It does not say which tests are running, unless they
//! run one after another, and not how long each took.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};
use pinmatrix_core::text;

use crate::test::libtest::{SuiteOutput, case, kept};

/// The flags that make a test executable print text, whatever the environment says.
pub const FLAGS: [&str; 4] = ["--format", "pretty", "--color", "never"];

/// What is between the name of a test and its result.
const RESULT: &str = " ... ";

/// What libtest adds to the name of a test that has to panic.
const SHOULD_PANIC: &str = " - should panic";

/// The text output of one process so far.
#[derive(Debug, Default)]
pub struct TextReader {
    /// The tests that run in the process.
    names: BTreeSet<String>,
    /// The test whose line has begun and has no result yet.
    begun: Option<String>,
    failures: FailureSections,
    /// The line `test result: …`.
    result: Option<String>,
}

impl TextReader {
    /// Creates a reader for a process that runs these tests.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        Self {
            names: names.iter().cloned().collect(),
            ..Self::default()
        }
    }

    /// Processes a line of the executable's standard output.
    pub fn read_line(&mut self, suite: &mut SuiteOutput, line: &str) {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.starts_with("test result: ") {
            self.result = Some(line.to_owned());
        } else if self.failures.read_line(line) {
            // What a test printed can look like a result.
        } else if let Some((name, word)) = self.test_in(line) {
            match status_of(word) {
                Some(status) => {
                    self.begun = None;
                    suite.running.remove(&name);
                    suite.ended.insert(name.clone(), case(name, status, 0.0));
                }
                None => self.begun = Some(name),
            }
        } else {
            suite.keep_loose(&format!("{line}\n"));
        }
    }

    /// Finds the test that a line is about, and what it says of it. Something else can stand before
    /// it, because a test can print without a newline.
    fn test_in<'a>(&self, line: &'a str) -> Option<(String, &'a str)> {
        let mut starts = line.match_indices("test ");
        starts.find_map(|(at, found)| {
            let (name, word) = line[at + found.len()..].split_once(RESULT)?;
            let name = name.trim_end();
            let plain = name.strip_suffix(SHOULD_PANIC).unwrap_or(name);
            let names = [name, plain].into_iter();
            let known = names
                .map(text::one_line)
                .find(|name| self.names.contains(name))?;
            Some((known, word))
        })
    }

    /// Returns the tests of which the output of a process that has ended shows no result, although
    /// they ran or may have run.
    pub fn end(self, suite: &mut SuiteOutput) -> Vec<String> {
        suite.is_complete = self.result.is_some();
        for (name, output) in self.failures.outputs {
            let case = suite.ended.get_mut(&name);
            if let Some(case) = case.filter(|case| case.status.is_failed()) {
                case.output = kept(&output);
            }
        }
        let has_no_result = |name: &&String| !suite.ended.contains_key(*name);
        let open: Vec<String> = self.names.iter().filter(has_no_result).cloned().collect();
        match (&self.result, open.as_slice(), &self.begun) {
            // Its own line is garbled, but it is the only test that the last line counts.
            (Some(result), [name], _) if self.names.len() == 1 => match counted(result) {
                Some(status) => {
                    suite.running.remove(name);
                    let case = case(name.clone(), status, 0.0);
                    suite.ended.insert(name.clone(), case);
                    Vec::new()
                }
                None => open,
            },
            (None, _, Some(begun)) => vec![begun.clone()],
            (Some(_), ..) | (None, _, None) => open,
        }
    }
}

/// The output of the tests that failed, which libtest prints after all results.
#[derive(Debug, Default)]
pub struct FailureSections {
    has_begun: bool,
    current: Option<String>,
    /// The output, by test.
    pub outputs: BTreeMap<String, String>,
}

impl FailureSections {
    /// Processes a line: `failures:`, `---- NAME stdout ----`, and what follows them. Returns false
    /// before the first of these. rustdoc can run several groups of doc tests, one after another, each
    /// of which ends with its own sections.
    pub fn read_line(&mut self, line: &str) -> bool {
        let heading = line
            .strip_prefix("---- ")
            .and_then(|l| l.strip_suffix(" stdout ----"));
        if line == "failures:" {
            self.has_begun = true;
            self.current = None;
        } else if !self.has_begun {
            return false;
        } else if let Some(name) = heading {
            self.current = Some(name.to_owned());
        } else if let Some(name) = &self.current {
            let output = self.outputs.entry(name.clone()).or_default();
            if output.len() < 2 * text::CASE_OUTPUT {
                output.push_str(line);
                output.push('\n');
            }
        }
        true
    }

    /// Processes the start of another group of tests, of which there are no failures yet.
    pub fn begin_group(&mut self) {
        self.has_begun = false;
        self.current = None;
    }
}

/// Returns the status that the result of a test stands for, if it is one.
#[must_use]
pub fn status_of(word: &str) -> Option<Status> {
    match word.trim_end().split(',').next() {
        Some("ok") => Some(Status::Passed),
        Some("FAILED") => Some(Status::failed(FailureKind::Test)),
        Some("ignored") => Some(Status::Skipped {
            reason: SkipReason::Ignored,
        }),
        Some(_) | None => None,
    }
}

/// Returns the status of the only test that a line like `test result: ok. 1 passed; 0 failed; …`
/// counts.
fn counted(result: &str) -> Option<Status> {
    let words = [
        ("1 passed", "ok"),
        ("1 failed", "FAILED"),
        ("1 ignored", "ignored"),
    ];
    let mut parts = result.split([';', '.']).map(str::trim);
    let word = parts.find_map(|part| words.iter().find(|(count, _)| *count == part))?;
    status_of(word.1)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::test::libtest::OutputFormat;

    /// Reads the output of a process with the tests `a` to `d`, or with `a` alone. Returns the
    /// statuses, and the tests without a result.
    fn read(names: &[&str], printed: &str) -> (Vec<String>, Vec<String>, SuiteOutput) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut suite = SuiteOutput::new(OutputFormat::Text, &names, Instant::now());
        for line in printed.split_inclusive('\n') {
            suite.line(line.as_bytes(), Instant::now());
        }
        suite.end(Instant::now());
        let cases = suite.ended.values();
        let cases = cases.map(|case| format!("{} {}", case.name, case.status));
        let open = suite.running.keys().cloned().collect();
        (cases.collect(), open, suite)
    }

    const ALL: [&str; 4] = ["a", "b", "c", "d"];
    const NOTHING: [String; 0] = [];

    #[test]
    fn results_and_outputs_are_read() {
        let (cases, open, suite) = read(
            &ALL,
            "\nrunning 4 tests\ntest a ... ok\ntest b - should panic ... FAILED\n\
             test c ... ignored, needs test c ... data\ntest d   ... ok\n\nfailures:\n\n\
             ---- b stdout ----\ntest did not panic as expected\n\n\nfailures:\n    b\n\n\
             test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out\n",
        );
        assert_eq!(
            cases,
            [
                "a passed",
                "b failed(test)",
                "c skipped(ignored)",
                "d passed"
            ]
        );
        assert_eq!(open, NOTHING);
        assert!(suite.is_complete);
        let output = suite.ended["b"].output.as_deref();
        assert_eq!(output, Some("test did not panic as expected"));
    }

    #[test]
    fn a_test_that_was_printing_when_the_process_died_is_the_one_that_was_running() {
        let (cases, open, suite) = read(&ALL, "running 4 tests\ntest a ... ok\ntest b ... ");
        assert_eq!((cases.len(), open), (1, vec!["b".to_owned()]));
        assert!(!suite.is_complete);
    }

    #[test]
    fn of_tests_side_by_side_all_without_a_result_may_have_been_running() {
        let (_, open, _) = read(&ALL, "running 4 tests\ntest c ... ok\n");
        assert_eq!(open, ["a", "b", "d"]);
    }

    #[test]
    fn a_garbled_result_is_no_result_unless_the_test_is_the_only_one() {
        let end = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out\n";
        let printed = format!("hellotest b ... ok\ntest a ... hello\nok\n{end}");
        let (cases, open, _) = read(&["a", "b"], &printed);
        assert_eq!(
            (cases, open),
            (vec!["b passed".to_owned()], vec!["a".to_owned()])
        );
        let (cases, open, _) = read(&["a"], &format!("test a ... hello\nok\n{end}"));
        assert_eq!((cases, open.len()), (vec!["a passed".to_owned()], 0));
    }

    #[test]
    fn what_a_failed_test_printed_is_no_result() {
        let (cases, open, suite) = read(
            &["a", "b"],
            "test a ... FAILED\ntest b ... ok\n\nfailures:\n\n---- a stdout ----\n\
             test a ... ok\ntest b ... FAILED\n\nfailures:\n    a\n\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored\n",
        );
        assert_eq!(
            (cases, open.len()),
            (vec!["a failed(test)".to_owned(), "b passed".to_owned()], 0)
        );
        let output = suite.ended["a"].output.as_deref();
        assert_eq!(output, Some("test a ... ok\ntest b ... FAILED"));
    }

    #[test]
    fn a_test_that_the_executable_does_not_have_is_output() {
        let (cases, open, suite) = read(&["a"], "test other ... ok\n");
        assert_eq!((cases, open), (Vec::new(), vec!["a".to_owned()]));
        assert_eq!(suite.loose, "test other ... ok\n");
    }
}
