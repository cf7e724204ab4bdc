//! One cell, from its plan to its outcome: stage, lock, predict, fetch, build, test, record.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{MetadataCommand, PackageId};

use crate::exec::budget::Budget;
use crate::exec::build::{BuildOptions, Built, Made, build};
use crate::exec::cargo::{Cargo, Said, doubt, first_error};
use crate::exec::clock::Clock;
use crate::exec::executable::Executable;
use crate::exec::lock::Resolver;
use crate::exec::log::Log;
use crate::exec::process::{Exit, Interrupt};
use crate::exec::resolution::Resolution;
use crate::exec::store::Store;
use crate::exec::targets::{Target, Workspace};
use crate::exec::test::test;
use crate::exec::test_env::{self, Place};
use crate::exec::workplace::LaneFolders;
use crate::exec::{doctest, drift, key, stage};
use crate::files::write_whole;
use crate::matrix::Matrix;
use crate::model::cell::Cell;
use crate::model::event::{Event, Listener};
use crate::model::outcome::{
    Diagnostic, Kind, Outcome, Phase, PhaseRecord, TargetId, TargetOutcome,
};
use crate::model::status::{Class, Skip, Status};
use crate::setting::Setting;

/// Everything a cell needs that other cells need too.
pub struct Common<'a> {
    /// The matrix.
    pub matrix: &'a Matrix,
    /// The one resolver.
    pub resolver: &'a Resolver<'a>,
    /// What is kept from run to run.
    pub store: &'a Store,
    /// The results folder.
    pub results: &'a Utf8Path,
    /// The budget of compile jobs.
    pub budget: &'a Budget,
    /// Test threads per executable; `None` leaves it to libtest.
    pub test_threads: Option<usize>,
    /// Whether kept outcomes are looked at.
    pub fresh: bool,
    /// Whoever listens.
    pub listener: &'a dyn Listener,
    /// Whether the run should end.
    pub interrupt: &'a Interrupt,
}

/// One cell at work.
pub struct Work<'a> {
    /// What it shares with others.
    pub common: &'a Common<'a>,
    /// What it is made of.
    pub setting: &'a Setting<'a>,
    /// Where it works.
    pub folders: LaneFolders,
}

/// An outcome, and whether an earlier run had it.
pub struct Answer {
    /// The evidence.
    pub outcome: Outcome,
    /// True when nothing was run.
    pub reused: bool,
}

/// The outcome of a cell from what earlier runs kept, without any work.
#[must_use]
pub fn known(common: &Common<'_>, setting: &Setting<'_>) -> Option<Outcome> {
    if common.fresh {
        return None;
    }
    let resolution = common.resolver.known(setting)?;
    let key = key_of(common.matrix, setting, &resolution).ok()?;
    common.store.get(&key)
}

/// Puts what earlier runs kept of a known cell, its lock and its logs, into the results.
///
/// # Errors
///
/// When the results cannot be written.
pub fn restore(common: &Common<'_>, setting: &Setting<'_>) -> Result<()> {
    let Some(resolution) = common.resolver.known(setting) else {
        return Ok(());
    };
    keep_lock(common.results, setting.cell, &resolution)?;
    let key = key_of(common.matrix, setting, &resolution)?;
    let logs = logs(common.results, setting.cell);
    clear_logs(&logs)?;
    common.store.restore_logs(&key, &logs)
}

pub(super) fn logs(results: &Utf8Path, cell: &Cell) -> Utf8PathBuf {
    results.join("logs").join(cell.id().as_str())
}

/// Makes room for a cell's logs: those of an earlier run would tell of another outcome.
pub(super) fn clear_logs(logs: &Utf8Path) -> Result<()> {
    match std::fs::remove_dir_all(logs) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("empty {logs}"));
        }
        Ok(()) | Err(_) => {}
    }
    std::fs::create_dir_all(logs).with_context(|| format!("make {logs}"))
}

/// Leaves a cell's lock in the results, where it can be committed from.
pub(super) fn keep_lock(results: &Utf8Path, cell: &Cell, resolution: &Resolution) -> Result<()> {
    match &resolution.lock {
        Some(lock) if resolution.status == Status::Passed => write_whole(
            &results.join("locks").join(format!("{}.lock", cell.id())),
            lock.as_bytes(),
        ),
        Some(_) | None => Ok(()),
    }
}

fn key_of(matrix: &Matrix, setting: &Setting<'_>, resolution: &Resolution) -> Result<String> {
    let resolution = key::of(&resolution.decisive())?;
    key::outcome(setting, &resolution, &matrix.config)
}

impl Work<'_> {
    /// Runs the cell. What goes wrong within it is its outcome.
    ///
    /// # Errors
    ///
    /// When the work folders fail; the caller turns that into a doubt about this cell.
    pub fn run(&self) -> Result<Answer> {
        let logs = logs(self.common.results, self.setting.cell);
        clear_logs(&logs)?;
        let mut phases = Vec::new();

        self.enter(Phase::Resolve);
        let mut clock = Clock::start(Phase::Resolve);
        let mut log = Log::create(logs.join("resolve.log").as_std_path())?;
        let resolver = self.common.resolver;
        let resolution = resolver.resolve(self.setting, &mut log)?;
        keep_lock(self.common.results, self.setting.cell, &resolution)?;
        let key = key_of(self.common.matrix, self.setting, &resolution)?;
        if !self.common.fresh
            && let Some(outcome) = self.common.store.get(&key)
        {
            log.finish()?;
            self.common.store.restore_logs(&key, &logs)?;
            return Ok(Answer {
                outcome,
                reused: true,
            });
        }
        let ready = match &resolution.lock {
            Some(lock) if resolution.status == Status::Passed => {
                self.prepare(lock, &mut log, &mut clock)?
            }
            Some(_) | None => Err(Outcome::whole(
                resolution.status.clone(),
                resolution.errors.clone(),
            )),
        };
        log.finish()?;
        phases.push(clock.stop(self.setting.cell));

        let mut outcome = match ready {
            Err(outcome) => outcome,
            Ok(workspace) => {
                let targets = self.build_and_test(&workspace, &logs, &mut phases)?;
                let status = match targets.is_empty() {
                    true => Status::Skipped {
                        reason: Skip::NothingToTest,
                    },
                    false => Status::of_parts(targets.iter().map(|t| &t.status)),
                };
                Outcome {
                    targets,
                    ..Outcome::whole(status, Vec::new())
                }
            }
        };
        outcome.phases = phases;
        outcome.moved = resolution.moved;
        outcome.needs = resolution.needs;
        // Only what is certain is kept; a doubt anywhere is settled by the next run.
        if !outcome.has_doubt() {
            self.common.store.put(&key, &outcome, &logs)?;
        }
        Ok(Answer {
            outcome,
            reused: false,
        })
    }

    /// The copy is pinned and locked, and everything it needs is fetched: by the cell's own cargo,
    /// since versions of cargo keep what they fetch in different places.
    pub(super) fn prepare(
        &self,
        lock: &str,
        log: &mut Log,
        clock: &mut Clock,
    ) -> Result<std::result::Result<Workspace, Outcome>> {
        let matrix = self.common.matrix;
        let mut files = stage::pinned(self.setting)?;
        files.insert("Cargo.lock".into(), lock.to_owned());
        stage::sync(&self.setting.tree.subject, &files, &self.folders.subject)?;

        let mut cargo = self.cargo(matrix.config.timeouts.resolve);
        // Nothing is compiled here.
        cargo.budget = None;
        let mut fetch = vec![
            "fetch",
            "--locked",
            "--target",
            &self.setting.toolchain.host,
        ];
        if self.common.resolver.offline {
            fetch.push("--offline");
        }
        let said = cargo.say(&fetch, log)?;
        clock.add(&said.ended);
        if !said.ended.exit.is_success() {
            return Ok(Err(self.not_prepared(&said)));
        }
        let mut metadata = vec!["metadata", "--format-version", "1", "--frozen"];
        metadata.extend(["--filter-platform", &self.setting.toolchain.host]);
        let features = self.setting.features.flags();
        metadata.extend(features.iter().map(String::as_str));
        let said = cargo.say(&metadata, log)?;
        clock.add(&said.ended);
        if !said.ended.exit.is_success() {
            return Ok(Err(self.not_prepared(&said)));
        }
        let metadata = MetadataCommand::parse(&said.out).context("read cargo's metadata")?;
        Workspace::of(metadata).map(Ok)
    }

    /// What a cell comes to whose lock is there and cannot be used.
    fn not_prepared(&self, said: &Said) -> Outcome {
        // Cargo tells of it as of a download that failed, which would pass for the network's fault.
        if let Some(package) = drift::unreadable(&said.err, self.setting.family) {
            let cargo = &self.setting.toolchain.cargo;
            let mut error = first_error(&said.err);
            error.message = format!("{package} cannot be read by cargo {cargo}");
            return Outcome::whole(Status::failed(Class::Drift), vec![error]);
        }
        let refused = self.common.resolver.refused(said);
        Outcome::whole(refused.status, refused.errors)
    }

    fn build_and_test(
        &self,
        workspace: &Workspace,
        logs: &Utf8Path,
        phases: &mut Vec<PhaseRecord>,
    ) -> Result<Vec<TargetOutcome>> {
        let config = &self.common.matrix.config;
        self.enter(Phase::Build);
        let mut clock = Clock::start(Phase::Build);
        let mut log = Log::create(logs.join("build.log").as_std_path())?;
        let mut step = |what: &str| self.step(what);
        let cargo = self.cargo(config.timeouts.build);
        clear_tmp(&self.folders.target)?;
        let built = build(&cargo, workspace, &self.options(), &mut log, &mut step)?;
        log.finish()?;
        clock.add(&built.ended);
        phases.push(clock.stop(self.setting.cell));

        self.enter(Phase::Test);
        let mut clock = Clock::start(Phase::Test);
        let mut log = Log::create(logs.join("test.log").as_std_path())?;
        let mut outcomes = Vec::new();
        for target in &workspace.targets {
            outcomes.push(match built.made.get(&target.id) {
                Some(Made::Executable(executable)) => {
                    self.test(target, executable, workspace, &built, &mut log, &mut clock)?
                }
                Some(Made::Not(status, errors)) => {
                    TargetOutcome::not_run(target.id.clone(), status.clone(), errors.clone())
                }
                None => continue,
            });
        }
        if config.build.doc_tests {
            for (package, id) in &workspace.documented {
                let is_its_library =
                    |o: &&TargetOutcome| o.id.package == id.package && o.id.kind == Kind::Lib;
                let is_broken = outcomes
                    .iter()
                    .find(is_its_library)
                    .is_some_and(|o| !o.errors.is_empty());
                outcomes.extend(match is_broken {
                    true => Some(not_reached(id)),
                    false => self.doc_test(package, id, workspace, &mut log, &mut clock)?,
                });
            }
        }
        log.finish()?;
        phases.push(clock.stop(self.setting.cell));
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
        let folder = workspace
            .folder(&target.package)
            .unwrap_or(self.folders.subject.clone());
        let place = Place {
            matrix: self.common.matrix,
            setting: self.setting,
            folders: &self.folders,
            test_threads: self.common.test_threads,
        };
        let executable = Executable {
            path: executable,
            folder: &folder,
            vars: test_env::vars(&place, &target.package, workspace, built),
            timeouts: &self.common.matrix.config.timeouts,
            retries: self.common.matrix.config.run.retries,
            interrupt: self.common.interrupt,
            stage: &self.folders.subject,
        };
        let (outcome, cpu, exit) = test(target, &executable, log)?;
        clock.cpu += cpu;
        if !exit.is_success() {
            clock.exit = exit;
        }
        Ok(outcome)
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
        let started = Instant::now();
        let config = &self.common.matrix.config;
        let cargo = self.cargo(config.timeouts.target);
        let spec = workspace.spec(package);
        let profile = format!("--profile={}", config.build.profile.get_ref());
        let mut args = vec!["test", "--doc", "--frozen", "--package", &spec, &profile];
        let features = self.setting.features.flags();
        args.extend(features.iter().map(String::as_str));
        let said = cargo.say(&args, log)?;
        log.add(said.out.as_bytes());
        clock.add(&said.ended);
        let mut cases = doctest::cases(&said.out);
        for case in &mut cases {
            case.output = case
                .output
                .take()
                .map(|output| cargo.without_place(&output));
        }
        let mut status = Status::of_parts(cases.iter().map(|c| &c.status));
        let mut errors = Vec::new();
        if !said.ended.exit.is_success() && !status.is_failed() {
            status = match doubt(&said.ended.exit, &said.err) {
                Some(doubt) => Status::Inconclusive { doubt },
                None if said.ended.exit == Exit::TimedOut => Status::failed(Class::Timeout),
                None => Status::failed(Class::Compile),
            };
            errors.push(match said.ended.exit {
                Exit::TimedOut => Diagnostic::said("its doc tests did not end in time"),
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

    fn options(&self) -> BuildOptions<'_> {
        let profile = self.common.matrix.config.build.profile.get_ref();
        let mut flags = vec![format!("--profile={profile}")];
        flags.extend(self.setting.features.flags());
        BuildOptions {
            flags,
            family: self.setting.family,
        }
    }

    fn cargo(&self, limit: Duration) -> Cargo<'_> {
        let mut vars = self.setting.vars(self.setting.toolchain);
        vars.insert(
            "CARGO_TARGET_DIR".into(),
            self.folders.target.as_os_str().to_owned(),
        );
        Cargo {
            toolchain: self.setting.toolchain,
            folder: &self.folders.subject,
            vars,
            limit,
            interrupt: self.common.interrupt,
            budget: Some(self.common.budget),
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.common.listener.hear(Event::Entered {
            cell: &self.setting.cell.id(),
            phase,
        });
    }

    fn step(&self, what: &str) {
        self.common.listener.hear(Event::Step {
            cell: &self.setting.cell.id(),
            what,
        });
    }
}

/// Empties the folder that cargo gives to integration tests: what another pin's tests left there
/// is none of this one's.
fn clear_tmp(target: &Utf8Path) -> Result<()> {
    let tmp = target.join("tmp");
    match std::fs::remove_dir_all(&tmp) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("empty {tmp}"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Doc tests of a library that does not compile.
fn not_reached(id: &TargetId) -> TargetOutcome {
    let reason = Skip::NotReached;
    TargetOutcome::not_run(id.clone(), Status::Skipped { reason }, Vec::new())
}
