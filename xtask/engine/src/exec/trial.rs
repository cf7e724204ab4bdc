//! A cell's trial: every target compiled as far as it goes, and what compiled run.

use std::time::Instant;

use anyhow::{Context, Result};
use camino::Utf8Path;
use cargo_metadata::PackageId;

use crate::exec::build::{BuildOptions, Built, build};
use crate::exec::cargo::{doubt, first_error};
use crate::exec::clock::{Clock, Phases, limit_in_words};
use crate::exec::confine::confined;
use crate::exec::doctest;
use crate::exec::executable::{Executable, THREADS};
use crate::exec::judgement::Made;
use crate::exec::log::Log;
use crate::exec::process::Exit;
use crate::exec::retry::{can_be_flaky, retried_together};
use crate::exec::targets::{Target, Workspace};
use crate::exec::test::test;
use crate::exec::test_env::{self, Place};
use crate::exec::work::{Common, Work};
use crate::exec::workplace::LaneFolders;
use crate::files::remove;
use crate::model::diagnostic::Diagnostic;
use crate::model::event::Event;
use crate::model::outcome::{Kind, Phase, TargetId, TargetOutcome};
use crate::model::status::{Class, Skip, Status};

impl Work<'_> {
    /// Builds a workspace that is staged, locked and fetched.
    ///
    /// # Errors
    ///
    /// When the work folders fail.
    pub(super) fn build(
        &self,
        workspace: &Workspace,
        log: &mut Log,
        clock: &mut Clock,
    ) -> Result<Built> {
        let config = &self.common.matrix.config;
        let mut step = |what: &str| self.step(what);
        self.clear_folders()?;
        let cargo = self.enclosed_cargo(config.timeouts.build)?;
        let Common {
            shops, interrupt, ..
        } = self.common;
        let enter = || shops.enter(&self.folders, &workspace.units, interrupt);
        let turn = clock.wait(enter)?;
        let is_asked_for = |target: &TargetId| {
            let is_wanted = target.kind != Kind::Doc || config.build.doc_tests;
            is_wanted && self.is_asked_for(target)
        };
        let options = self.options(&is_asked_for);
        let built = build(&cargo, workspace, &options, log, &mut step)?;
        turn.keep(&built.used)?;
        // What did not end by itself, or was asked for a part, has not made all.
        if self.only.is_none() && matches!(built.ended.exit, Exit::Code(_)) {
            turn.made_all();
        }
        clock.add(&built.ended);
        Ok(built)
    }

    /// Tests what was built.
    ///
    /// # Errors
    ///
    /// As [`Work::build`].
    pub(super) fn test_all(
        &self,
        workspace: &Workspace,
        built: &Built,
        logs: &Utf8Path,
        phases: &mut Phases,
    ) -> Result<Vec<TargetOutcome>> {
        let config = &self.common.matrix.config;
        self.enter(Phase::Test);
        let mut clock = Clock::start(Phase::Test);
        let mut log = Log::create(logs.join("test.log").as_std_path(), self.secrets())?;
        let mut outcomes = Vec::new();
        for target in &workspace.targets {
            outcomes.push(match built.made.get(&target.id) {
                None if !self.is_asked_for(&target.id) => left_out(&target.id),
                Some(Made::Executable(executable)) => {
                    self.test(target, executable, workspace, built, &mut log, &mut clock)?
                }
                Some(Made::Example) => {
                    TargetOutcome::not_run(target.id.clone(), Status::Passed, Vec::new())
                }
                Some(Made::Not(status, errors)) => {
                    TargetOutcome::not_run(target.id.clone(), status.clone(), errors.clone())
                }
                None => continue,
            });
        }
        let has_docs = workspace
            .documented
            .iter()
            .any(|(_, id)| self.is_asked_for(id));
        if config.build.doc_tests && has_docs {
            for (package, id) in &workspace.documented {
                let library = TargetId {
                    kind: Kind::Lib,
                    ..id.clone()
                };
                // Where nothing else tells that the library is broken, its doc tests do.
                let is_broken = built.made.get(&library).is_some_and(Made::has_failed)
                    && built.broken_libraries.contains(package);
                if !self.is_asked_for(id) {
                    outcomes.push(left_out(id));
                    continue;
                }
                outcomes.extend(match is_broken {
                    true => Some(not_reached(id)),
                    false => self.doc_test(package, id, workspace, &mut log, &mut clock)?,
                });
            }
        }
        log.finish()?;
        phases.end(&clock, self.setting.cell);
        outcomes.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(outcomes)
    }

    fn test(
        &self,
        target: &Target,
        executable: &Utf8Path,
        workspace: &Workspace,
        built: &Built,
        log: &mut Log,
        clock: &mut Clock,
    ) -> Result<TargetOutcome> {
        self.step(&target.id.to_string());
        self.common.listener.hear(Event::Made {
            cell: &self.setting.cell.id(),
            target: &target.id,
            executable,
        });
        let folder = workspace
            .folder(&target.package)
            .unwrap_or(self.folders.subject.clone());
        let place = Place {
            matrix: self.common.matrix,
            setting: self.setting,
            folders: &self.folders,
        };
        let mut vars = test_env::vars(&place, &target.package, workspace, built);
        self.take_home(&mut vars);
        let executable = Executable {
            path: executable,
            folder: &folder,
            bounds: self.bounds(Some(&target.id)),
            vars,
            timeouts: &self.common.matrix.config.timeouts,
            retries: self.common.matrix.config.run.retries,
            interrupt: self.common.interrupt,
            budget: self.common.budget,
            folders: &self.folders,
        };
        test(target, &executable, log, clock)
    }

    fn doc_test(
        &self,
        package: &PackageId,
        id: &TargetId,
        workspace: &Workspace,
        log: &mut Log,
        clock: &mut Clock,
    ) -> Result<Option<TargetOutcome>> {
        self.step(&id.to_string());
        let config = &self.common.matrix.config;
        let mut cargo = self.enclosed_cargo(config.timeouts.target)?;
        cargo.bounds = self.bounds(Some(id));
        // Cargo itself waits while rustdoc runs the tests.
        let threads = clock.wait(|| self.common.budget.threads(usize::MAX))?;
        cargo.budget = None;
        if !threads.is_plenty {
            let threads = threads.count().to_string();
            cargo.vars.entry(THREADS.into()).or_insert(threads.into());
        }
        let started = Instant::now();
        let spec = workspace.spec_here(package);
        let chosen = config.build.flags(&self.setting.toolchain.cargo);
        let jobs = format!("--jobs={}", threads.count());
        let mut args = vec!["test", "--doc", "--frozen", "--package", &spec, &jobs];
        args.extend(chosen.iter().map(String::as_str));
        let features = workspace.feature_flags(package, self.setting.features);
        args.extend(features.iter().map(String::as_str));
        let mut said = cargo.say(&args, log)?;
        log.add(said.out.as_bytes());
        clock.add(&said.ended);
        let mut cases = doctest::cases(&said.out);
        let retries = config.run.retries;
        let was_late = said.ended.exit == Exit::TimedOut;
        if retries > 0 && (was_late || cases.iter().any(|case| can_be_flaky(&case.status))) {
            let again = cargo.say(&args, log)?;
            log.add(again.out.as_bytes());
            clock.add(&again.ended);
            cases = retried_together(cases, doctest::cases(&again.out))?;
            said = again;
        }
        let is_explained = doctest::cases(&said.out)
            .iter()
            .any(|c| c.status.is_failed());
        for case in &mut cases {
            case.output = case
                .output
                .take()
                .map(|output| cargo.whereabouts().without(&output));
        }
        let mut status = Status::of_parts(cases.iter().map(|c| &c.status));
        let mut errors = Vec::new();
        let is_cut_short = match said.ended.exit {
            Exit::Interrupted | Exit::Lost(_) | Exit::Signal(_) => true,
            Exit::Code(_) | Exit::TimedOut => false,
        };
        if !said.ended.exit.is_success() && (is_cut_short || !(is_explained || status.is_failed()))
        {
            status = match doubt(&said.ended.exit, &said.err) {
                Some(doubt) => Status::Inconclusive { doubt },
                None if said.ended.exit == Exit::TimedOut => Status::failed(Class::Timeout),
                None => Status::failed(Class::Compile),
            };
            errors.push(match said.ended.exit {
                Exit::TimedOut => Diagnostic::said(format!(
                    "its doc tests did not end within {}",
                    limit_in_words(config.timeouts.target, "target")
                )),
                Exit::Code(_) | Exit::Signal(_) | Exit::Interrupted | Exit::Lost(_) => {
                    first_error(&said.err)
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

    /// Empties all that builds and tests may leave things in, but for the copy of the checkout: the
    /// target folder, the home, and the folder for temporary files.
    pub(super) fn clear_folders(&self) -> Result<()> {
        let LaneFolders { tmp, .. } = &self.folders;
        let own = self.folders.copy();
        let all_tmp = tmp.parent().unwrap_or(tmp);
        std::fs::create_dir_all(all_tmp).with_context(|| format!("make {all_tmp}"))?;
        confined(self.common.sandbox.confines(&[], &[own, all_tmp]), || {
            for folder in [&self.folders.target, &self.folders.home(), tmp] {
                remove(folder)?;
                std::fs::create_dir_all(folder).with_context(|| format!("make {folder}"))?;
            }
            Ok(())
        })
    }

    fn options<'a>(&'a self, is_asked_for: &'a dyn Fn(&TargetId) -> bool) -> BuildOptions<'a> {
        let build = &self.common.matrix.config.build;
        BuildOptions {
            flags: build.flags(&self.setting.toolchain.cargo),
            features: self.setting.features,
            family: self.setting.family,
            is_whole: self.only.is_none(),
            is_asked_for,
        }
    }
}

/// A target that is not asked for.
fn left_out(id: &TargetId) -> TargetOutcome {
    let reason = Skip::NotSelected("--target".to_owned());
    TargetOutcome::not_run(id.clone(), Status::Skipped { reason }, Vec::new())
}

/// Doc tests of a library that does not compile.
fn not_reached(id: &TargetId) -> TargetOutcome {
    let reason = Skip::NotReached;
    TargetOutcome::not_run(id.clone(), Status::Skipped { reason }, Vec::new())
}
