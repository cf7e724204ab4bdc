//! Runs the tests of one built target where they belong: with the environment, the sandbox and the
//! runner of the cell.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use camino::Utf8Path;
use pinmatrix_core::model::event::Event;
use pinmatrix_core::model::outcome::{TargetId, TargetOutcome};
use pinmatrix_core::model::status::{SkipReason, Status};
use pinmatrix_process::sandbox::policy::Policy;

use crate::build::BuildResult;
use crate::cargo::targets::{Target, Workspace};
use crate::cell::context::CellWork;
use crate::machine::platform::Platform;
use crate::phase::log::PhaseLog;
use crate::phase::timer::PhaseTimer;
use crate::test::env::TestLocation;
use crate::test::executable::TestExecutable;
use crate::test::libtest::OutputFormat;
use crate::test::libtest::unlocking::output_format;
use crate::test::nextest::NextestTarget;
use crate::test::programs::shim;
use crate::test::runner::runner;
use crate::test::{env, test};

/// The test phase of a cell in progress.
pub(super) struct Testing<'a> {
    /// What is tested.
    pub workspace: &'a Workspace,
    /// What was built of it.
    pub built: &'a BuildResult,
    /// The log of the phase.
    pub log: &'a mut PhaseLog,
    /// The times of the phase.
    pub clock: &'a mut PhaseTimer,
    /// The format of the results of tests for the host.
    pub format: OutputFormat,
    /// The platform of the row if nothing here runs its executables.
    pub unrunnable: Option<&'a Platform>,
}

impl CellWork<'_> {
    /// Returns the platform that an executable is built for; `None` if it is for the host, as the
    /// tests of procedural macros always are.
    fn platform_of(&self, executable: &Utf8Path) -> Option<&Platform> {
        let platform = self.context.toolchain.platform.as_ref()?;
        let of_platform = self.folders.target.join(&platform.triple);
        executable.starts_with(of_platform).then_some(platform)
    }

    /// Returns the platform of the row if nothing here runs its executables.
    pub fn unrunnable(&self) -> Option<&Platform> {
        let platform = self.context.toolchain.platform.as_ref()?;
        let place = self.place(Some(platform));
        let has_runner = || !runner(&place, &env::of_configs(&place)).is_empty();
        (!platform.is_native && !has_runner()).then_some(platform)
    }

    /// Returns where tests run that are built for a platform.
    pub(super) fn place<'a>(&'a self, platform: Option<&'a Platform>) -> TestLocation<'a> {
        TestLocation {
            matrix: self.run_context.matrix,
            context: self.context,
            folders: &self.folders,
            platform,
        }
    }

    pub(super) fn output_format(&self, workspace: &Workspace) -> OutputFormat {
        let inside = |path: &Utf8Path| {
            let inside = path.strip_prefix(&self.folders.checkout).ok()?;
            Some(inside.to_owned())
        };
        let packages = workspace.own_folders().filter_map(inside).collect();
        let build_scripts = workspace.build_scripts().filter_map(inside).collect();
        let checkout = &self.context.tree.subject.checkout;
        let rustc = &self.context.toolchain.rustc;
        output_format(rustc, checkout, &packages, &build_scripts)
    }

    /// Runs the tests of a target.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`test()`].
    pub(super) fn test(
        &self,
        target: &Target,
        executable: &Utf8Path,
        testing: &mut Testing<'_>,
    ) -> Result<TargetOutcome> {
        let (workspace, built) = (testing.workspace, testing.built);
        self.step(&target.id.to_string());
        self.run_context.listener.on_event(Event::Made {
            cell: &self.context.cell.id(),
            target: &target.id,
            executable,
        });
        let folder = workspace
            .folder(&target.package)
            .unwrap_or(self.folders.subject.clone());
        let platform = self.platform_of(executable);
        if let Some(unrunnable) = testing.unrunnable
            && platform == Some(unrunnable)
        {
            return Ok(only_built(&target.id, unrunnable));
        }
        let place = self.place(platform);
        let mut policy = self.policy(Some(&target.id));
        policy.put_in_place(|| shim(self.context.toolchain, &self.folders.programs))?;
        let mut vars = env::vars(&place, &target.package, workspace, built);
        self.isolate_home(&mut vars, &policy);
        let runner = runner(&place, &vars);
        allow(&runner, &mut policy);
        let executable = TestExecutable {
            runner,
            path: executable,
            folder: &folder,
            rustc: &self.context.toolchain.rustc,
            format: match platform {
                // What starts it need not pass on the variable that unlocks JSON.
                Some(platform) if !platform.is_native => OutputFormat::Text,
                Some(_) | None => testing.format,
            },
            is_elsewhere: platform.is_some_and(|platform| !platform.is_native),
            is_wasm: platform.is_some_and(Platform::is_wasm),
            policy,
            vars,
            timeouts: &self.run_context.matrix.config.timeouts,
            retries: self.run_context.matrix.config.run.retries,
            cancel: self.run_context.cancel,
            budget: self.run_context.budget,
            folders: &self.folders,
        };
        let is_of_host = place.triple() == self.context.toolchain.host;
        match &self.run_context.matrix.nextest {
            None => test(target, &executable, testing.log, testing.clock),
            Some(_) if !is_of_host => test(target, &executable, testing.log, testing.clock),
            Some(nextest) => {
                let target = NextestTarget {
                    nextest,
                    target,
                    executable: &executable,
                    workspace,
                    built,
                    toolchain: self.context.toolchain,
                };
                target.test(testing.log, testing.clock)
            }
        }
    }
}

/// Lets the program of a runner be read, and scripts or settings among its arguments.
pub(super) fn allow(runner: &[OsString], policy: &mut Policy) {
    let paths = runner.iter().map(Path::new);
    let paths = paths.filter(|path| path.is_absolute() && path.exists());
    if let Some(files) = &mut policy.files {
        let paths = paths.filter_map(Utf8Path::from_path);
        files.read.extend(paths.map(Utf8Path::to_owned));
    }
}

/// Returns the outcome of a target that was built for a platform that nothing here runs.
#[must_use]
pub(super) fn only_built(id: &TargetId, platform: &Platform) -> TargetOutcome {
    let reason = SkipReason::Built(platform.triple.clone());
    TargetOutcome::not_run(id.clone(), Status::Skipped { reason }, Vec::new())
}
