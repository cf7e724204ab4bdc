//! Reruns tests that failed, hung or killed the process.

use std::time::Instant;

use anyhow::Result;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{CaseOutcome, Flaky};
use pinmatrix_core::model::status::{FailureKind, Status};

use crate::test::cases::{Abort, Cases, ExecutableError, failed_after_passing, not_run};
use crate::test::executable::infra_failure;
use crate::test::retry::retried;

impl Cases<'_, '_> {
    /// Reruns each failed test by itself, as often as configured. All reruns together get the
    /// target's time limit once more, since it may be used up.
    pub(super) fn retry(&mut self) -> Result<()> {
        self.deadline = Instant::now() + self.executable.timeouts.target;
        let failed = self.results.values().filter(|c| c.status.is_failed());
        let failed: Vec<CaseOutcome> = failed.cloned().collect();
        for case in failed {
            let name = case.name.clone();
            let case = retried(case, self.executable.retries, || self.alone(&name))?;
            self.results.insert(name, case);
        }
        Ok(())
    }

    /// Runs one test by itself; `None` if the target's time limit has expired.
    fn alone(&mut self, name: &str) -> Result<Option<CaseOutcome>> {
        if Instant::now() >= self.deadline {
            return Ok(None);
        }
        self.results.remove(name);
        let batch = [name.to_owned()];
        let (ended, suite) = self.attempt(&batch)?;
        if let Some(doubt) = infra_failure(&ended.exit, &suite.loose) {
            let status = Status::Inconclusive { doubt };
            return Ok(Some(not_run(name.to_owned(), status)));
        }
        self.record_attempt(&batch, &ended, &suite);
        if failed_after_passing(&ended.exit, &suite).is_some() {
            self.attribute(name, &ended, &suite);
        }
        Ok(self.results.get(name).cloned())
    }

    /// Reruns all tests together if a process died and no test fails alone. If that succeeds, every
    /// test that was running when the process died is flaky.
    pub(super) fn retry_together(
        &mut self,
        trouble: (Status, Diagnostic),
    ) -> Result<ExecutableError> {
        for n_failed in 1..=self.executable.retries {
            if Instant::now() >= self.deadline || self.aborts.iter().any(|d| d.under_way.is_empty())
            {
                break;
            }
            let (ended, suite) = self.attempt(&[])?;
            if let Some(doubt) = infra_failure(&ended.exit, &suite.loose) {
                let error = Diagnostic::from_message(ended.exit.to_string());
                return Ok(Some((Status::Inconclusive { doubt }, error)));
            }
            let is_whole = suite.is_complete && suite.running.is_empty();
            let fails = |name: &String| suite.ended.get(name).is_some_and(|c| c.status.is_failed());
            let recurs = self.aborts.iter().any(|d| d.under_way.iter().any(fails));
            if is_whole && !recurs && failed_after_passing(&ended.exit, &suite).is_none() {
                self.mark_flaky(n_failed);
                return Ok(None);
            }
        }
        Ok(Some(trouble))
    }

    /// Marks every test as flaky that was running when a process died.
    fn mark_flaky(&mut self, n_failed: usize) {
        for Abort { exit, under_way } in &self.aborts {
            let output = format!("the process died while it was under way: {exit}");
            for name in under_way {
                let output = Some(output.clone());
                let flaky = Flaky { n_failed, output };
                let case = self.results.get_mut(name);
                case.map(|case| case.flaky.get_or_insert(flaky));
            }
        }
    }

    /// Marks tests as flaky that were running when the target's time limit expired, and that passed
    /// by themselves in less time than they had already taken. Tests that had only just started are
    /// not to blame.
    pub(super) fn mark_cut_as_flaky(&mut self) {
        for (name, took) in &self.timed_out_together {
            let case = self.results.get_mut(name);
            let passed = case.filter(|case| case.status == Status::Passed);
            if let Some(case) = passed.filter(|case| case.seconds < took.as_secs_f64()) {
                let limit = self.executable.target_limit();
                let output = Some(format!("still running when its target had run for {limit}"));
                let n_failed = 1;
                case.flaky.get_or_insert(Flaky { n_failed, output });
            }
        }
    }

    /// Returns an error if a process died and none of the tests that were running fails alone.
    pub(super) fn unexplained(&self) -> ExecutableError {
        let fails = |name: &String| self.results.get(name).is_some_and(|c| c.status.is_failed());
        let abort = self
            .aborts
            .iter()
            .find(|abort| !abort.under_way.iter().any(fails))?;
        let message = match abort.under_way.len() {
            0 => format!("the process ended between two tests: {}", abort.exit),
            n => format!(
                "the process ended with {n} tests under way, none of which fails alone: {}",
                abort.exit
            ),
        };
        Some((
            Status::failed(FailureKind::Crash),
            Diagnostic::from_message(message),
        ))
    }
}
