//! libtest's text output, as a person reads it: also that of rustdoc about doc tests.
//!
//! Unlike the JSON, it needs no unstable flag. It does not say which tests are running, unless they
//! run one after another, and not how long each took.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::model::outcome::CaseOutcome;
use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};
use pinmatrix_core::text;
use pinmatrix_process::child::Exit;

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
    /// The last line `test result: …`.
    result: Option<String>,
    /// How many lines say that tests begin: with several, a test started another executable.
    n_groups: usize,
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
        } else if is_start_of_group(line) {
            self.n_groups += 1;
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

    /// Processes the end of the process. Returns the tests whose results are not certain, although
    /// they ran or may have run: they have to run by themselves.
    ///
    /// What the process printed last says how many tests came to what. Its exit has to agree, and so
    /// do the lines of the tests: what a test starts can print such lines too.
    pub fn end(self, suite: &mut SuiteOutput, exit: &Exit) -> Vec<String> {
        for (name, output) in &self.failures.outputs {
            let case = suite.ended.get_mut(name);
            if let Some(case) = case.filter(|case| case.status.is_failed()) {
                case.output = kept(output);
            }
        }
        let counts = self.result.as_deref().and_then(Counts::parse);
        let counts = counts.filter(|counts| counts.go_with(exit));
        suite.is_complete = counts.is_some();
        let names: Vec<String> = self.names.iter().cloned().collect();
        if let [name] = names.as_slice() {
            return self.end_of_one(name, counts, suite);
        }
        let has_no_result = |name: &&String| !suite.ended.contains_key(*name);
        let open: Vec<String> = names.iter().filter(has_no_result).cloned().collect();
        let missing = match &counts {
            Some(counts) => counts.without(suite.ended.values(), open.len()),
            None => Some(Counts::default()),
        };
        let Some(missing) = missing.filter(|_| self.n_groups <= 1) else {
            suite.ended.clear();
            return names;
        };
        match (counts, self.begun) {
            (None, Some(begun)) => vec![begun],
            (Some(_), _) if missing.failed + missing.ignored == 0 => {
                let passed = open.into_iter().map(|name| case(name, Status::Passed, 0.0));
                suite
                    .ended
                    .extend(passed.map(|case| (case.name.clone(), case)));
                Vec::new()
            }
            (Some(_), _) | (None, None) => open,
        }
    }

    /// Ends a process with one test: only its last line counts.
    fn end_of_one(
        &self,
        name: &str,
        counts: Option<Counts>,
        suite: &mut SuiteOutput,
    ) -> Vec<String> {
        let before = suite.ended.remove(name);
        let Some(status) = counts.and_then(|counts| counts.of_one()) else {
            return vec![name.to_owned()];
        };
        suite.running.remove(name);
        let printed = self
            .failures
            .outputs
            .get(name)
            .and_then(|output| kept(output));
        let output = before.and_then(|case| case.output).or(printed);
        let output = output.or_else(|| kept(&suite.loose));
        let mut case = case(name.to_owned(), status, 0.0);
        case.output = output.filter(|_| case.status.is_failed());
        suite.ended.insert(name.to_owned(), case);
        Vec::new()
    }
}

/// How many tests came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Counts {
    /// Reads a line like `test result: ok. 1 passed; 0 failed; 2 ignored; …`.
    fn parse(line: &str) -> Option<Self> {
        let count = |what: &str| {
            let mut parts = line.split([';', '.']).map(str::trim);
            parts.find_map(|part| part.strip_suffix(what)?.trim().parse().ok())
        };
        Some(Self {
            passed: count(" passed")?,
            failed: count(" failed")?,
            ignored: count(" ignored")?,
        })
    }

    /// Returns true if a process that printed this can end like that.
    fn go_with(self, exit: &Exit) -> bool {
        match exit {
            Exit::Code(0) => self.failed == 0,
            Exit::Code(_) | Exit::Signal(_) => true,
            Exit::TimedOut | Exit::Interrupted | Exit::Lost(_) => false,
        }
    }

    /// Returns what is left of this without some results; `None` if they contradict it, or if it is
    /// not as many as `n`.
    fn without<'c>(self, cases: impl Iterator<Item = &'c CaseOutcome>, n: usize) -> Option<Self> {
        let mut left = self;
        for case in cases {
            let count = match &case.status {
                Status::Passed => &mut left.passed,
                Status::Failed { .. } => &mut left.failed,
                Status::Skipped { .. } | Status::Inconclusive { .. } => &mut left.ignored,
            };
            *count = count.checked_sub(1)?;
        }
        (left.passed + left.failed + left.ignored == n).then_some(left)
    }

    /// Returns the status of the only test.
    fn of_one(self) -> Option<Status> {
        let word = match (self.passed, self.failed, self.ignored) {
            (1, 0, 0) => "ok",
            (0, 1, 0) => "FAILED",
            (0, 0, 1) => "ignored",
            (_, _, _) => return None,
        };
        status_of(word)
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

/// Returns true for `running 3 tests`.
#[must_use]
pub fn is_start_of_group(line: &str) -> bool {
    let n = line.strip_prefix("running ");
    let n = n.and_then(|n| n.strip_suffix(" tests").or(n.strip_suffix(" test")));
    n.is_some_and(|n| n.parse::<usize>().is_ok())
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::test::libtest::OutputFormat;

    /// Reads the output of a process with the tests `a` to `d`, or with `a` alone. Returns the
    /// statuses, and the tests without a result.
    fn read(names: &[&str], printed: &str, exit: &Exit) -> (Vec<String>, Vec<String>, SuiteOutput) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut suite = SuiteOutput::new(OutputFormat::Text, &names, Instant::now());
        for line in printed.split_inclusive('\n') {
            suite.line(line.as_bytes(), Instant::now());
        }
        suite.end(Instant::now(), exit);
        let cases = suite.ended.values();
        let cases = cases.map(|case| format!("{} {}", case.name, case.status));
        let open = suite.running.keys().cloned().collect();
        (cases.collect(), open, suite)
    }

    const ALL: [&str; 4] = ["a", "b", "c", "d"];
    const NOTHING: [String; 0] = [];
    const FAILED: Exit = Exit::Code(101);

    #[test]
    fn results_and_outputs_are_read() {
        let printed = "\nrunning 4 tests\ntest a ... ok\ntest b - should panic ... FAILED\n\
             test c ... ignored, needs test c ... data\ntest d   ... ok\n\nfailures:\n\n\
             ---- b stdout ----\ntest did not panic as expected\n\n\nfailures:\n    b\n\n\
             test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out\n";
        let (cases, open, suite) = read(&ALL, printed, &FAILED);
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
        let printed = "running 4 tests\ntest a ... ok\ntest b ... ";
        let (cases, open, suite) = read(&ALL, printed, &Exit::Signal(6));
        assert_eq!((cases.len(), open), (1, vec!["b".to_owned()]));
        assert!(!suite.is_complete);
    }

    #[test]
    fn of_tests_side_by_side_all_without_a_result_may_have_been_running() {
        let printed = "running 4 tests\ntest c ... ok\n";
        let (_, open, _) = read(&ALL, printed, &Exit::Signal(6));
        assert_eq!(open, ["a", "b", "d"]);
    }

    #[test]
    fn what_the_last_line_counts_settles_garbled_lines() {
        let start = "running 2 tests\nhellotest b ... ok\ntest a ... hello\nok\n";
        let passed = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n";
        let (cases, open, suite) = read(&["a", "b"], &format!("{start}{passed}"), &Exit::Code(0));
        assert_eq!(
            (cases.join(", "), open),
            ("a passed, b passed".to_owned(), Vec::new())
        );
        assert!(suite.is_complete);
        // Which of two it was is not known.
        let failed = "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n";
        let (_, open, _) = read(&["a", "b"], &format!("{start}{failed}"), &FAILED);
        assert_eq!(open, ["a"]);
    }

    #[test]
    fn of_one_test_only_the_last_line_and_the_exit_count() {
        let child = "running 1 test\ntest a ... running 1 test\ntest a ... FAILED\n\nfailures:\n\
             \ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n";
        let own = "ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        let (cases, open, _) = read(&["a"], &format!("{child}{own}"), &Exit::Code(0));
        assert_eq!((cases.join(""), open), ("a passed".to_owned(), Vec::new()));
        for exit in [Exit::TimedOut, Exit::Code(0)] {
            let (cases, open, suite) = read(&["a"], child, &exit);
            assert_eq!((cases.len(), open), (0, vec!["a".to_owned()]));
            assert!(!suite.is_complete, "{exit:?}");
        }
    }

    #[test]
    fn results_that_another_executable_printed_are_not_believed() {
        let printed = "running 2 tests\nrunning 1 test\ntest a ... ok\n\
             test result: ok. 1 passed; 0 failed; 0 ignored\ntest b ... ok\n";
        let (_, open, _) = read(&["a", "b"], printed, &Exit::TimedOut);
        assert_eq!(open, ["a", "b"]);
        // Nor are those that contradict the last line.
        let printed = "running 2 tests\ntest b ... FAILED\ntest a ... ok\ntest b ... FAILED\n\
             test result: ok. 2 passed; 0 failed; 0 ignored\n";
        let (cases, open, _) = read(&["a", "b"], printed, &Exit::Code(0));
        assert_eq!((cases.len(), open.len()), (0, 2));
    }

    #[test]
    fn a_line_that_looks_like_the_report_of_failures_hides_no_test() {
        let printed = "running 2 tests\nfailures:\ntest a ... ok\ntest b ... ok\n\
             test result: ok. 2 passed; 0 failed; 0 ignored\n";
        let (cases, open, _) = read(&["a", "b"], printed, &Exit::Code(0));
        assert_eq!(
            (cases.join(", "), open),
            ("a passed, b passed".to_owned(), Vec::new())
        );
    }

    #[test]
    fn what_a_failed_test_printed_is_no_result() {
        let printed = "test a ... FAILED\ntest b ... ok\n\nfailures:\n\n---- a stdout ----\n\
             test a ... ok\ntest b ... FAILED\n\nfailures:\n    a\n\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored\n";
        let (cases, open, suite) = read(&["a", "b"], printed, &FAILED);
        assert_eq!(cases, ["a failed(test)", "b passed"]);
        assert_eq!(open, NOTHING);
        let output = suite.ended["a"].output.as_deref();
        assert_eq!(output, Some("test a ... ok\ntest b ... FAILED"));
    }

    #[test]
    fn a_test_that_the_executable_does_not_have_is_output() {
        let (cases, open, suite) = read(&["a", "b"], "test other ... ok\n", &Exit::Signal(6));
        assert_eq!((cases.len(), open.len()), (0, 2));
        assert_eq!(suite.loose, "test other ... ok\n");
    }
}
