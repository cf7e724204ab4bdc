//! Runs the tests of one target by cargo-nextest: a process for each test, with the profile of the
//! subject's `.config/nextest.toml`.
//!
//! The target is compiled already. Nextest gets it by a description of executables, and its JUnit
//! report says what each test came to.
//! <https://nexte.st/docs/ci-features/archiving/>

mod binaries;
mod report;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{CaseOutcome, TargetOutcome};
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason, Status};
use pinmatrix_process::Stream;
use pinmatrix_process::child::{CommandSpec, Exit};

use crate::build::BuildResult;
use crate::cargo::first_error;
use crate::cargo::targets::{Target, Workspace};
use crate::fs_ext::remove;
use crate::machine::nextest::Nextest;
use crate::machine::toolchain::Toolchain;
use crate::phase::log::PhaseLog;
use crate::phase::timer::PhaseTimer;
use crate::test::executable::{TargetTests, TestExecutable, infra_failure};
use crate::test::libtest::keep_tail;
use crate::test::{libtest, outcome_of};

/// The exit codes of nextest if a test failed, and if tests could not be listed or set up, which is
/// their own fault.
/// <https://docs.rs/nextest-metadata/latest/nextest_metadata/enum.NextestExitCode.html>
const TEST_RUN_FAILED: i32 = 100;
const LISTING_FAILED: i32 = 104;
const SETUP_FAILED: i32 = 105;

/// What is known of a run that failed although no test of its report did: a profile can count a
/// flaky test as a failure.
const UNEXPLAINED: &str =
    "cargo-nextest says that the run failed, and its report has no failed test";

/// The variable that sets how many tests nextest runs in parallel.
const THREADS: &str = "NEXTEST_TEST_THREADS";

/// A target to be tested by nextest.
pub struct NextestTarget<'a> {
    /// The program and its profile.
    pub nextest: &'a Nextest,
    /// The target.
    pub target: &'a Target,
    /// Its executable.
    pub executable: &'a TestExecutable<'a>,
    /// The workspace that it belongs to.
    pub workspace: &'a Workspace,
    /// What was built.
    pub built: &'a BuildResult,
    /// The toolchain that built it.
    pub toolchain: &'a Toolchain,
}

impl NextestTarget<'_> {
    /// Runs the tests and adds to their phase's time.
    ///
    /// # Errors
    ///
    /// Returns an error if the lane's folders cannot be used.
    pub fn test(&self, log: &mut PhaseLog, clock: &mut PhaseTimer) -> Result<TargetOutcome> {
        let started = Instant::now();
        let folders = self.executable.folders;
        let reports = self.reports();
        remove(&reports)?;
        let mut command = self.command()?;
        log.note(&format!("$ cargo nextest run # {}", self.target.id));
        let waiting = Instant::now();
        let budget = self.executable.budget;
        let threads = budget.test_threads(usize::MAX)?;
        // The subject's own number may be one on purpose.
        let config = folders.subject.join(".config/nextest.toml");
        let config = fs::read_to_string(config).unwrap_or_default();
        let is_free = !config.contains("test-threads")
            && !self.executable.vars.contains_key(OsStr::new(THREADS));
        if !threads.is_plenty && is_free {
            command.command.env(THREADS, threads.count().to_string());
        }
        let waited = waiting.elapsed();
        let mut stderr_tail = String::new();
        let mut follower = |stream: Stream, line: &[u8]| {
            log.add(line);
            if stream == Stream::Err {
                keep_tail(&mut stderr_tail, line);
            }
        };
        let limit = self.executable.timeouts.target;
        let ended = self.executable.run(command, limit, &mut follower);
        log.note(&format!("[{}]", ended.exit));
        let (cases, error) = self.judge(&ended.exit, &reports, &stderr_tail);
        let tested = TargetTests {
            cases,
            error,
            cpu: ended.cpu,
            waited,
            exit: ended.exit,
        };
        Ok(outcome_of(self.target, tested, started, clock))
    }

    fn reports(&self) -> Utf8PathBuf {
        let store = self.executable.folders.subject.join("target/nextest");
        store.join(&self.nextest.profile)
    }

    /// Describes the executable, and returns the command that runs its tests.
    fn command(&self) -> Result<CommandSpec> {
        let folder = self.executable.folders.copy().join("nextest");
        fs::create_dir_all(&folder).with_context(|| format!("make {folder}"))?;
        let Nextest { profile, .. } = self.nextest;
        // The subject's own setting for the profile comes first.
        let config = format!("[profile.{profile:?}.junit]\npath = \"pinmatrix.xml\"\n");
        let files = [
            ("binaries.json", binaries::description(self)?),
            ("metadata.json", self.workspace.metadata_json()?),
            ("config.toml", config),
        ];
        for (name, text) in &files {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("write {path}"))?;
        }
        let [binaries, metadata, config] = files.map(|(name, _)| folder.join(name));
        let args = [
            "nextest".to_owned(),
            "run".to_owned(),
            format!("--binaries-metadata={binaries}"),
            format!("--cargo-metadata={metadata}"),
            format!("--tool-config-file=pinmatrix:{config}"),
            format!("--profile={profile}"),
            "--no-fail-fast".to_owned(),
            "--no-tests=pass".to_owned(),
            "--color=never".to_owned(),
        ];
        CommandSpec::new(
            Path::new("cargo-nextest"),
            &args.map(OsString::from),
            &self.executable.folders.subject,
            &self.executable.vars,
            self.executable.cancel.supervision(),
        )
    }

    /// Judges a run by its report, or by how it ended if there is none.
    fn judge(
        &self,
        exit: &Exit,
        reports: &Utf8PathBuf,
        stderr_tail: &str,
    ) -> (Vec<CaseOutcome>, Option<(Status, Diagnostic)>) {
        if let Some(doubt) = infra_failure(exit, stderr_tail) {
            let error = Diagnostic::from_message(exit.to_string());
            return (Vec::new(), Some((Status::Inconclusive { doubt }, error)));
        }
        if *exit == Exit::TimedOut {
            let limit = self.executable.target_limit();
            let error = Diagnostic::from_message(format!("still running after {limit}"));
            let status = Status::failed(FailureKind::Timeout);
            return (Vec::new(), Some((status, error)));
        }
        let failed = |message: String| {
            let error = Diagnostic::from_message(message);
            (Vec::new(), Some((Status::failed(FailureKind::Test), error)))
        };
        if !matches!(exit, Exit::Code(0 | TEST_RUN_FAILED)) {
            let words = self.executable.without_stage(stderr_tail);
            let message = format!("cargo-nextest: {}", first_error(&words).message);
            if matches!(exit, Exit::Code(LISTING_FAILED | SETUP_FAILED)) {
                return failed(message);
            }
            let error = Diagnostic::from_message(message.clone());
            let doubt = InconclusiveReason::Machine(message);
            return (Vec::new(), Some((Status::Inconclusive { doubt }, error)));
        }
        let entries = reports.read_dir_utf8().into_iter().flatten().flatten();
        let mut files = entries.map(|entry| entry.path().to_owned());
        let file = files.find(|path| path.extension() == Some("xml"));
        let text = file.as_ref().map(fs::read_to_string);
        match text {
            // A profile without tests writes no report.
            None if exit.is_success() => (Vec::new(), None),
            None => failed(format!(
                "cargo-nextest wrote no JUnit report below target/nextest/{}",
                self.nextest.profile
            )),
            Some(Err(e)) => failed(format!("the JUnit report of cargo-nextest: {e}")),
            Some(Ok(text)) => match report::cases(&text) {
                Ok(mut cases) => {
                    for case in &mut cases {
                        self.hide_copy(case);
                    }
                    let is_explained = exit.is_success() || cases.iter().any(has_failed);
                    if is_explained {
                        (cases, None)
                    } else {
                        let (_, error) = failed(UNEXPLAINED.to_owned());
                        (cases, error)
                    }
                }
                Err(e) => failed(format!("the JUnit report of cargo-nextest: {e:#}")),
            },
        }
    }

    fn hide_copy(&self, case: &mut CaseOutcome) {
        let of_flaky = case.flaky.iter_mut().map(|flaky| &mut flaky.output);
        for output in of_flaky.chain([&mut case.output]) {
            let text = output
                .as_deref()
                .map(|text| self.executable.without_stage(text));
            *output = text.as_deref().and_then(libtest::kept);
        }
    }
}

fn has_failed(case: &CaseOutcome) -> bool {
    case.status.is_failed() || matches!(case.status, Status::Inconclusive { .. })
}
