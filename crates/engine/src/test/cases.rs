//! Runs the cases of a libtest executable, one process after another, so that no case is lost
//! because another one hangs or kills the process.

mod rerun;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::time::{Duration, Instant};

use anyhow::Result;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::CaseOutcome;
use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};
use pinmatrix_core::text;
use pinmatrix_process::bounded_output::BoundedOutput;
use pinmatrix_process::child::{CommandSpec, Exit};
use pinmatrix_process::jobserver::TestThreads;
use pinmatrix_process::{Follower, ProcessResult, Stream};

use crate::phase::log::PhaseLog;
use crate::test::executable::{THREADS, TargetTests, TestExecutable, infra_failure};
use crate::test::libtest;
use crate::test::libtest::unlocking::unlocking;
use crate::test::libtest::{OutputFormat, SuiteOutput, keep_tail};

/// The maximum number of names passed to an executable at once, because systems limit the length of
/// a command.
const MOST_NAMES: usize = 200;

/// What the standard library prints of a panic.
const PANIC: &str = "panicked at ";

/// The cases of one executable while their results are collected.
pub struct Cases<'a, 'b> {
    executable: &'a TestExecutable<'a>,
    log: &'b mut PhaseLog,
    /// All tests of the executable. A test can print events for tests that do not exist.
    names: BTreeSet<String>,
    results: BTreeMap<String, CaseOutcome>,
    aborts: Vec<Abort>,
    /// The tests that were running when their target's time limit expired, and for how long.
    timed_out_together: BTreeMap<String, Duration>,
    deadline: Instant,
    cpu: Duration,
    waited: Duration,
    exit: Exit,
}

/// A process that ended before its tests did.
struct Abort {
    exit: Exit,
    /// The tests that were running.
    under_way: BTreeSet<String>,
}

/// What went wrong with the executable as a whole.
type ExecutableError = Option<(Status, Diagnostic)>;

impl<'a, 'b> Cases<'a, 'b> {
    /// Runs all tests at once. If the process hangs or dies, the tests that were running are rerun
    /// one at a time, and then the remaining tests together.
    ///
    /// # Errors
    ///
    /// When this process has no working folder.
    pub fn run_all(
        executable: &'a TestExecutable<'a>,
        log: &'b mut PhaseLog,
    ) -> Result<TargetTests> {
        let mut cases = Cases {
            executable,
            log,
            names: BTreeSet::new(),
            results: BTreeMap::new(),
            aborts: Vec::new(),
            timed_out_together: BTreeMap::new(),
            deadline: Instant::now() + executable.timeouts.target,
            cpu: Duration::ZERO,
            waited: Duration::ZERO,
            exit: Exit::Code(0),
        };
        let error = match cases.list()? {
            Some(error) => Some(error),
            None => cases.run_each()?,
        };
        if !matches!(error, Some((Status::Inconclusive { .. }, _))) {
            cases.retry()?;
        }
        cases.mark_cut_as_flaky();
        if error.is_none() && !cases.results.values().any(|c| c.status.is_failed()) {
            // The tests that failed at first are flaky.
            cases.exit = Exit::Code(0);
        }
        if let Some((status, _)) = &error {
            cases.mark_not_run(status);
        }
        Ok(TargetTests {
            cases: cases.results.into_values().collect(),
            error,
            cpu: cases.cpu,
            waited: cases.waited,
            exit: cases.exit,
        })
    }

    fn list(&mut self) -> Result<ExecutableError> {
        let (mut list, mut stderr_tail) = (BoundedOutput::default(), String::new());
        let mut follower = |stream: Stream, line: &[u8]| match stream {
            Stream::Out => list.add(line),
            Stream::Err => {
                self.log.add(line);
                keep_tail(&mut stderr_tail, line);
            }
        };
        let command = self.executable.command(&["--list".to_owned()])?;
        let limit = self.executable.timeouts.target;
        let ended = self.executable.run(command, limit, &mut follower);
        let ended = list.ended(ended);
        self.names = libtest::listed(&list.text()).into_iter().collect();
        if ended.exit.is_success() {
            return Ok(None);
        }
        self.exit = ended.exit.clone();
        let status = match infra_failure(&ended.exit, &stderr_tail) {
            Some(doubt) => {
                let error = Diagnostic::from_message(ended.exit.to_string());
                return Ok(Some((Status::Inconclusive { doubt }, error)));
            }
            None if ended.exit == Exit::TimedOut => Status::failed(FailureKind::Timeout),
            None => Status::failed(FailureKind::Crash),
        };
        let last = stderr_tail
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty());
        let last = last
            .map(|line| format!(": {}", text::one_line(line)))
            .unwrap_or_default();
        let message = format!("it did not list its tests ({}){last}", ended.exit);
        Ok(Some((
            status,
            Diagnostic::from_message(self.executable.without_stage(&message)),
        )))
    }

    fn run_each(&mut self) -> Result<ExecutableError> {
        let mut is_first = true;
        // Hitting the time limit once is not conclusive.
        let mut n_more = self.executable.retries.min(1);
        let mut alone = self.tests_to_run_alone();
        loop {
            let batch: Vec<String> = match alone.pop_first() {
                Some(name) => vec![name],
                None => self.open().into_iter().take(MOST_NAMES).collect(),
            };
            if batch.is_empty() {
                return match self.unexplained() {
                    Some(trouble) => self.retry_together(trouble),
                    None => Ok(None),
                };
            }
            let n_before = self.results.len();
            let everything = std::mem::take(&mut is_first) && batch.len() == self.names.len();
            let (ended, suite) = self.attempt(if everything { &[] } else { &batch })?;
            if let Some(doubt) = infra_failure(&ended.exit, &suite.loose) {
                self.take(&suite);
                let error = Diagnostic::from_message(ended.exit.to_string());
                return Ok(Some((Status::Inconclusive { doubt }, error)));
            }
            if let Some(error) = failed_after_passing(&ended.exit, &suite) {
                self.take(&suite);
                return Ok(Some(error));
            }
            alone.extend(self.record_attempt(&batch, &ended, &suite));
            if Instant::now() >= self.deadline && !self.open().is_empty() {
                if n_more == 0 {
                    let limit = self.executable.target_limit();
                    let error = format!("its tests did not end within {limit}");
                    let error = Diagnostic::from_message(error);
                    return Ok(Some((Status::failed(FailureKind::Timeout), error)));
                }
                n_more -= 1;
                self.deadline = Instant::now() + self.executable.timeouts.target;
            }
            if self.results.len() == n_before && alone.is_empty() {
                let error = format!("it ended without running its tests: {}", ended.exit);
                return Ok(Some((
                    Status::failed(FailureKind::Crash),
                    Diagnostic::from_message(error),
                )));
            }
        }
    }

    /// Returns the tests that cannot run beside others: all of them if each has a time limit and
    /// the output does not say when each starts.
    fn tests_to_run_alone(&self) -> BTreeSet<String> {
        let executable = self.executable;
        match (executable.format, executable.timeouts.case) {
            (OutputFormat::Text, Some(_)) => self.names.clone(),
            (OutputFormat::Text, None) | (OutputFormat::Json, _) => BTreeSet::new(),
        }
    }

    /// Returns the command that runs some of the tests, or all of them if no names are given.
    fn command(&self, names: &[String], threads: &TestThreads) -> Result<CommandSpec> {
        let executable = self.executable;
        let has = |variable: &str| executable.vars.contains_key(OsStr::new(variable));
        let flags = executable.format.flags().iter().copied();
        let flags = flags.map(str::to_owned);
        let flags = flags.chain(threads.flag().filter(|_| !has(THREADS)));
        let mut args: Vec<String> = flags.filter(|_| !executable.is_elsewhere).collect();
        if executable.is_wasm && names.len() == 1 {
            // What is captured is lost with the process.
            args.push("--nocapture".to_owned());
        }
        if !names.is_empty() {
            args.push("--exact".to_owned());
            args.extend(names.iter().cloned());
        }
        let mut spec = executable.command(&args)?;
        if executable.format == OutputFormat::Json
            && let Some((name, value)) = unlocking(executable.rustc)
            && !has(name)
        {
            spec.command.env(name, value);
        }
        Ok(spec)
    }

    /// Runs the executable once, with some of its tests or with all.
    fn attempt(&mut self, names: &[String]) -> Result<(ProcessResult, SuiteOutput)> {
        let all: Vec<String> = self.names.iter().cloned().collect();
        let running = if names.is_empty() { &all } else { names };
        let waiting = Instant::now();
        let n_threads = if self.executable.is_wasm {
            1
        } else {
            running.len()
        };
        let threads = self.executable.budget.test_threads(n_threads)?;
        let waited = waiting.elapsed();
        self.waited += waited;
        self.deadline += waited;
        let command = self.command(names, &threads)?;
        let mut listener = CaseReader {
            suite: SuiteOutput::new(self.executable.format, running, Instant::now()),
            case_limit: self.executable.timeouts.case,
            log: self.log,
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let ended = self.executable.run(command, left, &mut listener);
        let mut suite = listener.suite;
        suite.end(Instant::now(), &ended.exit);
        self.log.note(&format!("[{}]", ended.exit));
        self.cpu += ended.cpu;
        if !ended.exit.is_success() {
            self.exit = ended.exit.clone();
        }
        Ok((ended, suite))
    }

    /// Records the results of one process. Returns the tests that must be rerun alone: those that
    /// were running when it ended, unless their result is already clear.
    fn record_attempt(
        &mut self,
        batch: &[String],
        ended: &ProcessResult,
        suite: &SuiteOutput,
    ) -> BTreeSet<String> {
        self.take(suite);
        let now = Instant::now();
        let is_open = |name: &&String| self.names.contains(*name);
        let under_way: BTreeSet<String> = suite.running.keys().filter(is_open).cloned().collect();
        if suite.is_complete && under_way.is_empty() {
            return under_way;
        }
        if let [name] = batch {
            // It ran alone, so it caused whatever happened.
            if !self.results.contains_key(name) || under_way.contains(name) {
                self.attribute(name, ended, suite);
            }
            return BTreeSet::new();
        }
        if suite.is_complete && self.executable.format == OutputFormat::Text {
            // All ran, and which of them came to what is not certain.
            return under_way;
        }
        if ended.exit != Exit::TimedOut {
            let abort = Abort {
                exit: ended.exit.clone(),
                under_way: under_way.clone(),
            };
            self.aborts.push(abort);
            return under_way;
        }
        let has_used_up = |name: &String| {
            let since = suite.running.get(name);
            since.is_some_and(|since| self.executable.limit_of(now - *since).is_some())
        };
        let (too_long, others): (Vec<_>, Vec<_>) = under_way.into_iter().partition(has_used_up);
        for name in &too_long {
            self.attribute(name, ended, suite);
        }
        if too_long.is_empty() {
            let since = |name: &String| suite.running.get(name).map_or(now, |since| *since);
            let timed_out_together = others.iter().map(|name| (name.clone(), now - since(name)));
            self.timed_out_together.extend(timed_out_together);
        }
        others.into_iter().collect()
    }

    fn attribute(&mut self, name: &str, ended: &ProcessResult, suite: &SuiteOutput) {
        let (class, what) = match &ended.exit {
            Exit::TimedOut => {
                let limit = self.executable.limit_of(ended.wall);
                let limit = limit.unwrap_or_else(|| self.executable.target_limit());
                (FailureKind::Timeout, format!("still running after {limit}"))
            }
            Exit::Code(0) => {
                let what = "the process ended with exit 0 before the test did";
                (FailureKind::Crash, what.to_owned())
            }
            // libtest exits with this code if tests failed; its event for this test was lost.
            Exit::Code(101) => (
                FailureKind::Test,
                "the process ended with exit 101".to_owned(),
            ),
            exit @ (Exit::Code(_) | Exit::Signal(_) | Exit::Interrupted | Exit::Lost(_)) => {
                let has_panicked = self.executable.is_wasm && suite.loose.contains(PANIC);
                if has_panicked {
                    let what = format!("a panic ended the process: {exit}");
                    (FailureKind::Test, what)
                } else {
                    (FailureKind::Crash, format!("the process died: {exit}"))
                }
            }
        };
        let loose = self.executable.without_stage(&suite.loose);
        let case = CaseOutcome {
            name: name.to_owned(),
            status: Status::failed(class),
            seconds: ended.wall.as_secs_f64(),
            output: libtest::kept(&format!("{what}\n{loose}")),
            flaky: None,
            n_seen: if self.timed_out_together.contains_key(name) && class == FailureKind::Timeout {
                2
            } else {
                1
            },
        };
        self.results.insert(name.to_owned(), case);
    }

    /// Records what a process reported about tests that exist.
    fn take(&mut self, suite: &SuiteOutput) {
        for (name, case) in &suite.ended {
            if self.names.contains(name) && !suite.running.contains_key(name) {
                let mut case = case.clone();
                case.output = case
                    .output
                    .map(|output| self.executable.without_stage(&output));
                self.results.insert(name.clone(), case);
            }
        }
    }

    /// Marks the tests that have no result because of an error in the executable as a whole. This
    /// is never a verdict on a test.
    fn mark_not_run(&mut self, trouble: &Status) {
        let status = match trouble {
            Status::Inconclusive { .. } => trouble.clone(),
            Status::Passed | Status::Failed { .. } | Status::Skipped { .. } => Status::Skipped {
                reason: SkipReason::NotReached,
            },
        };
        for name in self.open() {
            let case = not_run(name.clone(), status.clone());
            self.results.insert(name, case);
        }
    }

    fn open(&self) -> Vec<String> {
        let open = self
            .names
            .iter()
            .filter(|name| !self.results.contains_key(*name));
        open.cloned().collect()
    }
}

fn not_run(name: String, status: Status) -> CaseOutcome {
    CaseOutcome {
        name,
        status,
        seconds: 0.0,
        output: None,
        flaky: None,
        n_seen: 1,
    }
}

/// Returns an error if all tests passed and the executable then failed: something that it does at
/// its end, such as a leak check, reported a problem. `cargo test` counts that as a failure too.
fn failed_after_passing(exit: &Exit, suite: &SuiteOutput) -> ExecutableError {
    let failed = suite.ended.values().any(|case| case.status.is_failed());
    let ended_badly = matches!(exit, Exit::Signal(_)) || matches!(exit, Exit::Code(n) if *n != 0);
    let is_whole = suite.is_complete && suite.running.is_empty();
    (is_whole && !failed && ended_badly).then(|| {
        let error =
            Diagnostic::from_message(format!("its tests passed, and then it ended with {exit}"));
        (Status::failed(FailureKind::Crash), error)
    })
}

struct CaseReader<'a> {
    suite: SuiteOutput,
    case_limit: Option<Duration>,
    log: &'a mut PhaseLog,
}

impl Follower for CaseReader<'_> {
    fn line(&mut self, stream: Stream, line: &[u8]) {
        self.log.add(line);
        match stream {
            Stream::Out => self.suite.line(line, Instant::now()),
            Stream::Err => keep_tail(&mut self.suite.loose, line),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.suite.deadline(self.case_limit)
    }
}

#[cfg(test)]
mod tests;
