//! One test executable: how it is run by itself, as cargo would run it, and what can come of it.

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
use pinmatrix_process::jobserver::{JobBudget, TestThreads};
use pinmatrix_process::sandbox::policy::Policy;
use pinmatrix_process::{Follower, Limits, ProcessResult, run};
use semver::Version;

use crate::cargo::path_scrubber::without_copy;
use crate::machine::failure::{self, is_refused_memory};
use crate::phase::timer::limit_in_words;
use crate::workdir::lane_dirs::LaneDirs;

/// How many tests libtest runs at a time.
/// <https://doc.rust-lang.org/rustc/tests/index.html#--test-threads-num_threads>
pub const THREADS: &str = "RUST_TEST_THREADS";

/// A test executable, with everything that running it takes.
pub struct TestExecutable<'a> {
    /// Where it is.
    pub path: &'a Utf8Path,
    /// The package's folder.
    pub folder: &'a Utf8Path,
    /// The rustc that it is compiled with.
    pub rustc: &'a Version,
    /// All it sees of the environment.
    pub vars: BTreeMap<OsString, OsString>,
    /// What it may reach.
    pub policy: Policy,
    /// How long tests may take.
    pub timeouts: &'a Timeouts,
    /// How often a case that failed is run again.
    pub retries: usize,
    /// Whether the run should end.
    pub cancel: &'a Cancel,
    /// The budget that its threads are taken from.
    pub budget: &'a JobBudget,
    /// The folders of the copy, which must not stand in what is kept: they differ by lane.
    pub folders: &'a LaneDirs,
}

/// What came of a target's tests.
pub struct TargetTests {
    /// Each of its cases, sorted by name.
    pub cases: Vec<CaseOutcome>,
    /// What went wrong with the executable as a whole.
    pub error: Option<(Status, Diagnostic)>,
    /// CPU time of all its runs.
    pub cpu: Duration,
    /// How long it waited for jobs of the budget.
    pub waited: Duration,
    /// How it ended: the last time it did not end well, if there was one.
    pub exit: Exit,
}

impl TestExecutable<'_> {
    /// The command that runs the executable with some arguments.
    ///
    /// # Errors
    ///
    /// When this process has no working folder.
    pub fn command(&self, args: &[String]) -> Result<CommandSpec> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        CommandSpec::new(
            self.path.as_ref(),
            &args,
            self.folder,
            &self.vars,
            self.cancel.supervision(),
        )
    }

    /// Runs it for so long at the most.
    pub fn run(
        &self,
        command: CommandSpec,
        limit: Duration,
        follower: &mut dyn Follower,
    ) -> ProcessResult {
        let terms = Limits {
            limit,
            policy: &self.policy,
            cancel: self.cancel,
        };
        run(command, terms, follower)
    }

    /// As many jobs as are free for so many tests, and a command that keeps to them. Where they are
    /// as many as it would take by itself, it is told nothing.
    ///
    /// # Errors
    ///
    /// When the budget is broken.
    pub fn within_budget(&self, spec: &mut CommandSpec, n_tests: usize) -> Result<TestThreads> {
        let threads = self.budget.test_threads(n_tests)?;
        if !threads.is_plenty && !self.vars.contains_key(OsStr::new(THREADS)) {
            spec.command.env(THREADS, threads.count().to_string());
        }
        Ok(threads)
    }

    /// The limit that a test has used up by itself, as a person would write it, with its key in
    /// `matrix.toml`; `None` where it has not.
    #[must_use]
    pub fn limit_of(&self, took: Duration) -> Option<String> {
        let limit = self.timeouts.case.filter(|limit| took >= *limit)?;
        Some(limit_in_words(limit, "case"))
    }

    /// The limit of all tests, in the same way.
    #[must_use]
    pub fn target_limit(&self) -> String {
        limit_in_words(self.timeouts.target, "target")
    }

    /// Text without the place of the copy.
    #[must_use]
    pub fn without_stage(&self, text: &str) -> String {
        let LaneDirs {
            subject, checkout, ..
        } = self.folders;
        without_copy(text, subject, checkout)
    }
}

/// The signal that a process ends itself with.
const ABORT: i32 = 6;

/// The lines among which a process says why it died.
fn last_lines(said: &str) -> &str {
    let at = said.rmatch_indices('\n').nth(10);
    at.map_or(said, |(at, _)| &said[at..])
}

/// Why an end says nothing about the code, from how it was and what was said last. What the system
/// kills without a word, it kills for memory.
#[must_use]
pub fn infra_failure(exit: &Exit, said: &str) -> Option<InconclusiveReason> {
    let is_refused = *exit == Exit::Signal(ABORT) && is_refused_memory(last_lines(said));
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
