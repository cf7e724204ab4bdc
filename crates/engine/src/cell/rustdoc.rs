//! Runs the doc tests of one library through rustdoc, as cargo would.

use std::ffi::{OsStr, OsString};
use std::time::Instant;

use anyhow::Result;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{TargetId, TargetOutcome};
use pinmatrix_core::model::status::{FailureKind, Status};
use pinmatrix_process::child::Exit;

use crate::cargo::compiler_call::{CompilerCall, RUSTDOC, line};
use crate::cargo::{CargoCommand, first_error, infra_failure};
use crate::cell::context::CellWork;
use crate::cell::test_target::allow;
use crate::phase::log::PhaseLog;
use crate::phase::timer::{PhaseTimer, limit_in_words};
use crate::test::executable::THREADS;
use crate::test::retry::{can_be_flaky, retried_together};
use crate::test::runner::runner;
use crate::test::{doctest, env};

impl CellWork<'_> {
    /// Runs the doc tests of a library and adds to their phase's time. Returns `None` if it has
    /// none.
    ///
    /// # Errors
    ///
    /// Returns an error if this process has no working directory or the job budget fails.
    pub(super) fn doc_test(
        &self,
        call: &CompilerCall,
        id: &TargetId,
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> Result<Option<TargetOutcome>> {
        self.step(&id.to_string());
        let config = &self.run_context.matrix.config;
        let place = self.place(None);
        let mut vars = env::inherited(&place);
        let mut policy = self.policy(Some(id));
        // rustdoc starts what it compiles through the runner.
        for platform in [None, self.context.toolchain.platform.as_ref()] {
            let place = self.place(platform);
            allow(&runner(&place, &env::of_configs(&place)), &mut policy);
        }
        self.isolate_home(&mut vars, &policy);
        vars.extend(call.vars.clone());
        let threads = clock.wait(|| self.run_context.budget.test_threads(usize::MAX))?;
        let limit = threads
            .flag()
            .filter(|_| !vars.contains_key(OsStr::new(THREADS)));
        let limit = limit.map(|flag| ["--test-args".into(), flag.into()]);
        let args: Vec<OsString> = call
            .args
            .iter()
            .cloned()
            .chain(limit.into_iter().flatten())
            .collect();
        let rustdoc = vars.get(OsStr::new(RUSTDOC)).cloned();
        let rustdoc = rustdoc.unwrap_or_else(|| self.context.toolchain.program("rustdoc").into());
        let started = Instant::now();
        let build = self.sandboxed_cargo(Some(id), config.timeouts.target)?;
        let cargo = CargoCommand {
            folder: &call.folder,
            vars,
            policy,
            budget: None,
            ..build
        };
        log.note(&line(std::iter::once(&rustdoc).chain(&args)));
        let mut run = || {
            let spec = cargo.command_spec(rustdoc.as_ref(), &args)?;
            let output = cargo.run_streamed(spec, build.path_scrubber(), log)?;
            log.add(output.out.as_bytes());
            clock.add(&output.ended);
            anyhow::Ok(output)
        };
        let mut output = run()?;
        let mut cases = doctest::cases(&output.out);
        let was_late = output.ended.exit == Exit::TimedOut;
        let can_pass = was_late || cases.iter().any(|case| can_be_flaky(&case.status));
        if config.run.retries > 0 && can_pass {
            output = run()?;
            cases = retried_together(cases, doctest::cases(&output.out))?;
        }
        let last_cases = doctest::cases(&output.out);
        let is_explained = last_cases.iter().any(|case| case.status.is_failed());
        for case in &mut cases {
            let output = case.output.take();
            case.output = output.map(|output| build.path_scrubber().without(&output));
        }
        let mut status = Status::of_parts(cases.iter().map(|c| &c.status));
        let mut errors = Vec::new();
        let is_cut_short = match output.ended.exit {
            Exit::Interrupted | Exit::Lost(_) | Exit::Signal(_) => true,
            Exit::Code(_) | Exit::TimedOut => false,
        };
        if !output.ended.exit.is_success()
            && (is_cut_short || !(is_explained || status.is_failed()))
        {
            status = match infra_failure(&output.ended.exit, &output.err) {
                Some(doubt) => Status::Inconclusive { doubt },
                None if output.ended.exit == Exit::TimedOut => Status::failed(FailureKind::Timeout),
                None => Status::failed(FailureKind::Compile),
            };
            errors.push(match output.ended.exit {
                Exit::TimedOut => Diagnostic::from_message(format!(
                    "its doc tests did not end within {}",
                    limit_in_words(config.timeouts.target, "target")
                )),
                Exit::Code(_) | Exit::Signal(_) | Exit::Interrupted | Exit::Lost(_) => {
                    first_error(&output.err)
                }
            });
        }
        if cases.is_empty() && status == Status::Passed {
            return Ok(None);
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(Some(TargetOutcome {
            id: id.clone(),
            status,
            errors,
            cases,
            seconds,
        }))
    }
}
