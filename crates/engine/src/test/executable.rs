//! One test executable: how to run it as cargo would, and what the results can be.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use anyhow::Result;
use camino::Utf8Path;
use pinmatrix_core::config::Timeouts;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::CaseOutcome;
use pinmatrix_core::model::status::{InconclusiveReason, Status};
use pinmatrix_process::cancel::Cancel;
use pinmatrix_process::child::{CommandSpec, Exit};
use pinmatrix_process::jobserver::JobBudget;
use pinmatrix_process::sandbox::policy::Policy;
use pinmatrix_process::{Follower, Limits, ProcessResult, run};
use semver::Version;

use crate::cargo::path_scrubber::without_copy;
use crate::machine::failure::{self, is_refused_memory};
use crate::phase::timer::limit_in_words;
use crate::test::libtest::OutputFormat;
use crate::workdir::lane_dirs::LaneDirs;

/// The variable with which the user sets how many tests libtest runs in parallel.
/// <https://doc.rust-lang.org/rustc/tests/index.html#--test-threads-num_threads>
pub const THREADS: &str = "RUST_TEST_THREADS";

/// A test executable, with everything needed to run it.
pub struct TestExecutable<'a> {
    /// Its path.
    pub path: &'a Utf8Path,
    /// The program through which it is started, with its arguments; empty if there is none.
    pub runner: Vec<OsString>,
    /// The package's folder.
    pub folder: &'a Utf8Path,
    /// The rustc that compiled it.
    pub rustc: &'a Version,
    /// The format in which it prints its results.
    pub format: OutputFormat,
    /// Whether a program runs it that stands for another machine, and may take only flags that tell
    /// which tests to run.
    pub is_elsewhere: bool,
    /// Whether it is WebAssembly: its tests run one after another, and a panic ends the process.
    pub is_wasm: bool,
    /// Its complete environment.
    pub vars: BTreeMap<OsString, OsString>,
    /// What it may access.
    pub policy: Policy,
    /// The timeouts of its tests.
    pub timeouts: &'a Timeouts,
    /// How often a failed case is retried.
    pub retries: usize,
    /// Tells whether the run should stop.
    pub cancel: &'a Cancel,
    /// The budget that its threads are taken from.
    pub budget: &'a JobBudget,
    /// The folders of the copy, which must not appear in stored results, since they differ by
    /// lane.
    pub folders: &'a LaneDirs,
}

/// The results of a target's tests.
pub struct TargetTests {
    /// Its cases, sorted by name.
    pub cases: Vec<CaseOutcome>,
    /// The error of the executable as a whole.
    pub error: Option<(Status, Diagnostic)>,
    /// The CPU time of all its runs.
    pub cpu: Duration,
    /// How long it waited for jobs of the budget.
    pub waited: Duration,
    /// The exit: that of the last run that did not end well, if there was one.
    pub exit: Exit,
}

impl TargetTests {
    /// Returns true if the executable did not say which tests it has.
    #[must_use]
    pub fn is_unlisted(&self) -> bool {
        let is_failed = |(status, _): &(Status, Diagnostic)| status.is_failed();
        self.cases.is_empty() && self.error.as_ref().is_some_and(is_failed)
    }
}

impl TestExecutable<'_> {
    /// Returns the command that runs the executable with some arguments.
    ///
    /// # Errors
    ///
    /// Returns an error if this process has no working directory.
    pub fn command(&self, args: &[String]) -> Result<CommandSpec> {
        let path = OsStr::new(self.path);
        let own = args.iter().map(OsString::from);
        let (program, args): (&OsStr, Vec<OsString>) = match self.runner.split_first() {
            None => (path, own.collect()),
            Some((runner, more)) => {
                let more = more.iter().cloned().chain([path.to_owned()]);
                (runner, more.chain(own).collect())
            }
        };
        CommandSpec::new(
            program.as_ref(),
            &args,
            self.folder,
            &self.vars,
            self.cancel.supervision(),
        )
    }

    /// Runs a command with a timeout.
    pub fn run(
        &self,
        command: CommandSpec,
        limit: Duration,
        follower: &mut dyn Follower,
    ) -> ProcessResult {
        let limits = Limits {
            limit,
            policy: &self.policy,
            cancel: self.cancel,
        };
        run(command, limits, follower)
    }

    /// Returns the timeout of a case, as a person would write it and with its key in `matrix.toml`,
    /// if a test has used it up by itself.
    #[must_use]
    pub fn limit_of(&self, took: Duration) -> Option<String> {
        let limit = self.timeouts.case.filter(|limit| took >= *limit)?;
        Some(limit_in_words(limit, "case"))
    }

    /// Returns the timeout of all tests in the same format.
    #[must_use]
    pub fn target_limit(&self) -> String {
        limit_in_words(self.timeouts.target, "target")
    }

    /// Replaces the path of the copy in a text.
    #[must_use]
    pub fn without_stage(&self, text: &str) -> String {
        let LaneDirs {
            subject, checkout, ..
        } = self.folders;
        without_copy(text, subject, checkout)
    }
}

/// The signal with which a process aborts itself.
const ABORT: i32 = 6;

/// Returns the last lines, in which a process says why it died.
fn last_lines(output: &str) -> &str {
    let at = output.rmatch_indices('\n').nth(10);
    at.map_or(output, |(at, _)| &output[at..])
}

/// Returns why an exit says nothing about the code, judging by how the process ended and by its
/// last output. A silent kill by the system means that memory ran out.
#[must_use]
pub fn infra_failure(exit: &Exit, output: &str) -> Option<InconclusiveReason> {
    let is_refused = *exit == Exit::Signal(ABORT) && is_refused_memory(last_lines(output));
    failure::of_exit(exit).or(is_refused.then_some(InconclusiveReason::OutOfMemory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_abort_for_little_memory_is_the_machines_fault() {
        let little = "memory allocation of 4096 bytes failed\n";
        assert_eq!(
            infra_failure(&Exit::Signal(6), little),
            Some(InconclusiveReason::OutOfMemory)
        );
        assert_eq!(infra_failure(&Exit::Signal(11), little), None);
        let much = "memory allocation of 70368744177664 bytes failed\n";
        assert_eq!(infra_failure(&Exit::Signal(6), much), None);
        let long_ago = format!("{little}{}", "line\n".repeat(20));
        assert_eq!(infra_failure(&Exit::Signal(6), &long_ago), None);
    }
}
