//! Builds and tests a cell: compiles every target as far as possible and runs what compiled.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::outcome::{Phase, TargetId, TargetKind, TargetOutcome};
use pinmatrix_core::model::status::{SkipReason, Status};
use pinmatrix_process::child::Exit;
use pinmatrix_process::sandbox::scoped_thread::confined;

use crate::build::doc_build::{DocBuild, DocBuildResult};
use crate::build::{BuildOptions, BuildResult, build, build_script, chosen};
use crate::cargo::CargoCommand;
use crate::cargo::compiler_call::DocTests;
use crate::cargo::targets::Workspace;
use crate::cell::context::{CellWork, RunContext};
use crate::cell::test_target::{Testing, only_built};
use crate::diagnose::target_result::TargetResult;
use crate::fs_ext::remove;
use crate::machine::cargo_home::own_config;
use crate::phase::log::PhaseLog;
use crate::phase::timer::{PhaseTimer, Phases};
use crate::workdir::lane_dirs::LaneDirs;

impl CellWork<'_> {
    /// Builds a workspace that is staged, locked and fetched.
    ///
    /// # Errors
    ///
    /// Returns an error if the work folders cannot be used.
    pub(super) fn build(
        &self,
        workspace: &Workspace,
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> Result<BuildResult> {
        let config = &self.run_context.matrix.config;
        let mut step = |what: &str| self.step(what);
        self.clear_folders()?;
        let cargo = self.sandboxed_cargo(None, config.timeouts.build)?;
        let RunContext { groups, cancel, .. } = self.run_context;
        let enter = || groups.acquire(&self.folders, &workspace.units, cancel);
        let turn = clock.wait(enter)?;
        let is_asked_for = |target: &TargetId| {
            let is_wanted = target.kind != TargetKind::Doc || config.build.doc_tests;
            is_wanted && self.is_asked_for(target)
        };
        let lock = self.folders.subject.join("Cargo.lock");
        let lock = std::fs::read_to_string(&lock).with_context(|| format!("read {lock}"))?;
        let start_over = || {
            self.clear_folders()?;
            self.lay_out(&lock)?;
            turn.import().map(drop)
        };
        let replaced: RefCell<BTreeSet<Utf8PathBuf>> = RefCell::default();
        let run_no_more = |executables: &[Utf8PathBuf]| {
            replaced.borrow_mut().extend(executables.iter().cloned());
            self.change_each(executables, build_script::replace)
        };
        let options = self.options(&is_asked_for, &start_over, &run_no_more);
        let mut built = build(&cargo, workspace, &options, log, &mut step)?;
        clock.add(&built.ended);
        let doc_build_result = self.build_doc_tests(cargo, workspace, &built, log, &mut step)?;
        clock.add(&doc_build_result.ended);
        built.doc_tests = doc_build_result.doc_tests;
        self.change_each(&replaced.take(), build_script::put_back)?;
        turn.keep(&workspace.units.shared(&doc_build_result.used))?;
        turn.sweep(&doc_build_result.used.into_keys().collect())?;
        // A build that was stopped, or that covered only one target, did not make everything.
        if self.only.is_none() && matches!(built.ended.exit, Exit::Code(_)) {
            turn.made_all();
        }
        Ok(built)
    }

    /// Tests what was built.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`CellWork::build`].
    pub(super) fn test_all(
        &self,
        workspace: &Workspace,
        built: &BuildResult,
        logs: &Utf8Path,
        phases: &mut Phases,
    ) -> Result<Vec<TargetOutcome>> {
        let config = &self.run_context.matrix.config;
        self.enter(Phase::Test);
        let mut clock = PhaseTimer::start(Phase::Test);
        let mut log = PhaseLog::create(logs.join("test.log").as_std_path(), self.secrets())?;
        let mut testing = Testing {
            workspace,
            built,
            log: &mut log,
            clock: &mut clock,
            format: self.output_format(workspace),
            unrunnable: self.unrunnable(),
        };
        let mut outcomes = Vec::new();
        for target in &workspace.targets {
            outcomes.push(match built.made.get(&target.id) {
                None if !self.is_asked_for(&target.id) => not_selected(&target.id),
                Some(TargetResult::Executable(executable)) => {
                    self.test(target, executable, &mut testing)?
                }
                Some(TargetResult::Compiled) => match testing.unrunnable {
                    None => TargetOutcome::not_run(target.id.clone(), Status::Passed, Vec::new()),
                    Some(platform) => only_built(&target.id, platform),
                },
                Some(TargetResult::Not(status, errors)) => {
                    TargetOutcome::not_run(target.id.clone(), status.clone(), errors.clone())
                }
                None => continue,
            });
        }
        if config.build.doc_tests {
            for (_, id) in &workspace.documented {
                if !self.is_asked_for(id) {
                    outcomes.push(not_selected(id));
                    continue;
                }
                let library = TargetId {
                    kind: TargetKind::Lib,
                    ..id.clone()
                };
                let has_failed = built
                    .made
                    .get(&library)
                    .is_some_and(TargetResult::has_failed);
                outcomes.extend(match built.doc_tests.get(id) {
                    Some(DocTests::Ready(call)) => {
                        self.doc_test(call, id, testing.log, testing.clock)?
                    }
                    // The library's own outcome says why.
                    Some(DocTests::Not(..)) if has_failed => Some(not_reached(id)),
                    Some(DocTests::Not(status, errors)) => {
                        let (status, errors) = (status.clone(), errors.clone());
                        Some(TargetOutcome::not_run(id.clone(), status, errors))
                    }
                    None => None,
                });
            }
        }
        log.finish()?;
        phases.end(&mut clock, self.context.cell);
        outcomes.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(outcomes)
    }

    /// Builds what the requested doc tests need beyond what the tests needed, and finds out how
    /// cargo would run them.
    fn build_doc_tests(
        &self,
        cargo: CargoCommand<'_>,
        workspace: &Workspace,
        built: &BuildResult,
        log: &mut PhaseLog,
        on_step: &mut dyn FnMut(&str),
    ) -> Result<DocBuildResult> {
        let build = &self.run_context.matrix.config.build;
        let documented = workspace.documented.iter();
        let is_host = self.unrunnable().is_none();
        let asked_for = documented.filter(|(package, id)| {
            // Those of a procedural macro run on the host.
            let is_run = is_host || workspace.is_proc_macro(package);
            build.doc_tests && is_run && self.is_asked_for(id)
        });
        let asked_for: Vec<_> = asked_for.cloned().collect();
        let has_ended = matches!(built.ended.exit, Exit::Code(_));
        if asked_for.is_empty() || !has_ended {
            return Ok(DocBuildResult::of_none(&asked_for, built));
        }
        let mut flags = self.context.build_flags(build);
        flags.extend(self.context.features.flags());
        let doc_build = DocBuild {
            cargo,
            workspace,
            flags,
            target: &self.folders.target,
            folder: self.folders.copy().join("dry-run"),
            dry_run_only: built.ended.exit.is_success()
                && workspace.build_scripts().next().is_some(),
        };
        doc_build.run(&asked_for, &built.used, log, on_step)
    }

    /// Applies a change to executables of build scripts. One that is still running stays as it is.
    fn change_each<'p>(
        &self,
        executables: impl IntoIterator<Item = &'p Utf8PathBuf> + Send,
        change: fn(&Utf8Path) -> std::io::Result<()>,
    ) -> Result<()> {
        let reached = self
            .run_context
            .sandbox
            .confines(&[], &[self.folders.copy()]);
        confined(reached, || {
            for executable in executables {
                let _ = change(executable);
            }
            Ok(())
        })
    }

    /// Empties the folders in which builds and tests may leave files: the target folder, the home,
    /// and the folders for temporary files. The copy of the checkout is not emptied, since it is
    /// laid out anew for each cell.
    pub(crate) fn clear_folders(&self) -> Result<()> {
        let LaneDirs { tmp, .. } = &self.folders;
        let own = self.folders.copy();
        let all_tmp = tmp.parent().unwrap_or(tmp);
        std::fs::create_dir_all(all_tmp).with_context(|| format!("make {all_tmp}"))?;
        confined(
            self.run_context.sandbox.confines(&[], &[own, all_tmp]),
            || {
                let private = self.folders.private().map(|private| private.folder);
                // A build may have started in this copy already.
                remove(&self.folders.target)?;
                for folder in [self.folders.home()].into_iter().chain(private) {
                    remove(&folder)?;
                    std::fs::create_dir_all(&folder).with_context(|| format!("make {folder}"))?;
                }
                // The user's folder for temporary files can be inside one that all programs share.
                let mounts = self.run_context.sandbox.enforced().mounts;
                if let Some(folder) = self.temporary().filter(|_| mounts) {
                    std::fs::create_dir_all(&folder).with_context(|| format!("make {folder}"))?;
                }
                Ok(())
            },
        )
    }

    fn options<'a>(
        &'a self,
        is_asked_for: &'a dyn Fn(&TargetId) -> bool,
        start_over: &'a dyn Fn() -> Result<()>,
        run_no_more: &'a dyn Fn(&[Utf8PathBuf]) -> Result<()>,
    ) -> BuildOptions<'a> {
        let build = &self.run_context.matrix.config.build;
        BuildOptions {
            flags: self.context.build_flags(build),
            features: self.context.features,
            is_whole: self.only.is_none(),
            is_asked_for,
            start_over,
            run_no_more,
            wrapper: (!self.has_workspace_wrapper()).then(|| self.folders.beside("chosen")),
        }
    }

    /// Returns true if a wrapper of rustc is set for the packages of the workspace.
    fn has_workspace_wrapper(&self) -> bool {
        let vars = self.context.vars(self.context.toolchain);
        let mut variables = chosen::VARIABLES.iter();
        let has_variable = variables.any(|name| vars.contains_key(OsStr::new(name)));
        let configs = self.context.tree.subject.cargo_configs();
        let configs = configs.into_iter().flatten().map(|config| config.text);
        let own = own_config().into_iter().flatten();
        has_variable || configs.chain(own).any(|text| text.contains(chosen::KEY))
    }
}

/// Returns the outcome of a target that is not requested.
fn not_selected(id: &TargetId) -> TargetOutcome {
    let reason = SkipReason::NotSelected("--target".to_owned());
    TargetOutcome::not_run(id.clone(), Status::Skipped { reason }, Vec::new())
}

/// Returns the outcome of the doc tests of a library that does not compile.
fn not_reached(id: &TargetId) -> TargetOutcome {
    let reason = SkipReason::NotReached;
    TargetOutcome::not_run(id.clone(), Status::Skipped { reason }, Vec::new())
}
