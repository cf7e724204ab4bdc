//! Tells an old lock apart from a failing pin. If a package from a registry or of the family does
//! not compile, it and its dependencies move to the newest versions that the requirements and the
//! toolchain admit, and everything is built again. If that fixes the build, the cell continues with
//! the new lock.
//!
//! If a failure is not the subject's own, its cause is the first of these that applies; each step
//! runs only if those before it left the question open:
//!
//! 1. *msrv declared*: a package of the lock declares a newer rustc. Decided in `drift.rs` before
//!    anything is compiled: failed(msrv), or failed(drift) if the pin is not the cause.
//! 2. *old lock*: moving packages forward fixes the build. Decided here; the result is that of the
//!    moved packages.
//! 3. *drift*: what does not compile is outside the family and uses nothing of it. Decided for each
//!    target in `target_result.rs`: failed(drift).
//! 4. *compile*: anything else: failed(compile), with the package that the error is in.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8Path;
use cargo_metadata::PackageId;
use pinmatrix_core::model::outcome::moved::{Broken, MoveReason, Moved, OldLock, Tried};
use pinmatrix_core::model::outcome::{Needs, Outcome, Phase, TargetId};
use pinmatrix_core::model::status::Status;
use pinmatrix_process::child::Exit;

use crate::build::BuildResult;
use crate::cargo::targets::Workspace;
use crate::cell::context::CellWork;
use crate::diagnose::target_result::TargetResult;
use crate::matrix::family_packages::is_of_registry;
use crate::phase::log::PhaseLog;
use crate::phase::timer::{PhaseTimer, Phases};
use crate::resolve::lockfile::{Compatible, compatible, moves};
use crate::resolve::newest::Newest;

/// The build that a cell's verdict is based on.
pub struct JudgedBuild {
    /// The workspace as it is staged now.
    pub workspace: Workspace,
    /// The result of its build.
    pub built: BuildResult,
    /// The finding about an old lock, if an external package did not compile.
    pub old_lock: Option<OldLock>,
    /// The lock and the packages that moved in it, if it differs from the lock that the cell was
    /// resolved to.
    pub moved: Option<MovedLock>,
}

/// A lock in which packages moved forward.
pub struct MovedLock {
    /// The text of the lock.
    pub lock: String,
    /// The packages that moved.
    pub moved: Vec<Moved>,
    /// The rustc versions that it needs.
    pub needs: Option<Needs>,
}

/// The result of a step: `Ok(Err(_))` is an outcome that ends the cell.
type OldLockStep<T> = Result<std::result::Result<T, Outcome>>;

/// A lock and the result of building with it.
struct Attempt {
    lock: String,
    needs: Option<Needs>,
    workspace: Workspace,
    built: BuildResult,
}

impl CellWork<'_> {
    /// Builds a workspace that is staged, locked and fetched, and decides which lock the cell's
    /// verdict is based on. When this returns, the workspace is staged with that lock.
    ///
    /// # Errors
    ///
    /// Returns an error if the work folders cannot be read or written. If the cell cannot be
    /// judged, the inner error is its outcome.
    pub fn judge_build(
        &self,
        lock: &str,
        workspace: Workspace,
        logs: &Utf8Path,
        phases: &mut Phases,
    ) -> OldLockStep<JudgedBuild> {
        self.enter(Phase::Build);
        let mut clock = PhaseTimer::start(Phase::Build);
        let mut log = PhaseLog::create(logs.join("build.log").as_std_path(), self.secrets())?;
        let built = self.build(&workspace, &mut log, &mut clock)?;
        let first = Attempt {
            lock: lock.to_owned(),
            needs: None,
            workspace,
            built,
        };
        let settled = if may_be_old_lock(&first.built) {
            self.judge_old_lock(first, &mut log, &mut clock)?
        } else {
            Ok(first.settled(None, None))
        };
        log.finish()?;
        phases.end(&mut clock, self.context.cell);
        Ok(settled)
    }

    fn judge_old_lock(
        &self,
        first: Attempt,
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> OldLockStep<JudgedBuild> {
        let mut staged = first.lock.clone();
        let (newer, mut tried) = if self.run_context.resolver.setup.locked {
            (None, Tried::Locked)
        } else {
            match self.newest_that_builds(&first, &mut staged, log, clock)? {
                Ok(found) => found,
                Err(outcome) => return Ok(Err(outcome)),
            }
        };
        let broken = describe(&first.built);
        let lines: Vec<CompatibleVersions> = first.broken_packages().collect();
        let targets = affected(&first.built).map(ToString::to_string).collect();
        let (chosen, moved) = match newer {
            Some(newer)
                if newer.attempt.built.is_inconclusive()
                    || newer.breaks_no_other_target(&first) =>
            {
                (newer.attempt, Some(newer.moved))
            }
            Some(newer) => {
                tried = newer.as_failed_attempt();
                (first, None)
            }
            None => (first, None),
        };
        let chosen = if staged == chosen.lock {
            chosen
        } else {
            log.note("[back to an earlier lock]");
            match self.build_with(&chosen.lock, &mut staged, log, clock)? {
                Ok((workspace, built)) => Attempt {
                    workspace,
                    built,
                    ..chosen
                },
                Err(refused) => return Ok(Err(refused)),
            }
        };
        let still: BTreeSet<CompatibleVersions> = chosen.broken_packages().collect();
        let mended = broken.into_iter().zip(&lines);
        let mended = mended.filter(|(_, line)| moved.is_some() && !still.contains(line));
        let old_lock = OldLock {
            mended: mended.map(|(broken, _)| broken).collect(),
            broken: describe(&chosen.built),
            targets,
            tried,
        };
        Ok(Ok(chosen.settled(Some(old_lock), moved)))
    }

    /// Finds the attempt with newer packages that fixes everything that newer packages can fix, and
    /// reports what was tried without success. A package that never compiles stays where it is, and
    /// so do its dependencies.
    fn newest_that_builds(
        &self,
        first: &Attempt,
        staged: &mut String,
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> OldLockStep<(Option<NewerAttempt>, Tried)> {
        let mut hopeless = BTreeSet::new();
        let mut tried = Tried::Newest;
        loop {
            let newer = match self.advance(first, &hopeless, staged, log, clock)? {
                Ok(Some(newer)) => newer,
                Ok(None) => return Ok(Ok((None, tried))),
                Err(outcome) => return Ok(Err(outcome)),
            };
            let still: BTreeSet<CompatibleVersions> = newer.attempt.broken_packages().collect();
            if still.is_subset(&hopeless) || newer.attempt.built.is_inconclusive() {
                return Ok(Ok((Some(newer), tried)));
            }
            tried = newer.as_failed_attempt();
            hopeless.extend(still);
        }
    }

    /// Moves what does not compile, and its dependencies, as far as admitted, and builds, until
    /// nothing moves any more. Returns `None` if nothing moves at all.
    fn advance(
        &self,
        first: &Attempt,
        hopeless: &BTreeSet<CompatibleVersions>,
        staged: &mut String,
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> OldLockStep<Option<NewerAttempt>> {
        let mut asked = MoveRequest::default();
        let mut last: Option<Attempt> = None;
        loop {
            let now = last.as_ref().unwrap_or(first);
            let packages = if may_be_old_lock(&now.built) {
                asked.next(self, now, hopeless)
            } else {
                None
            };
            let Some(packages) = packages else { break };
            log.note(&format!(
                "[to the newest that is admitted: {}]",
                packages.join(", ")
            ));
            let resolver = self.run_context.resolver;
            let newest = resolver.newest(self.context, &now.lock, &packages, log, clock)?;
            let (lock, needs) = match newest {
                Newest::Moved { lock, needs } => (lock, needs),
                Newest::Same => break,
                Newest::Unknown(why) => return Ok(Err(Outcome::whole(why.status, why.errors))),
            };
            // The phase ends with the exit of its last build.
            clock.exit = Exit::Code(0);
            match self.build_with(&lock, staged, log, clock)? {
                Ok((workspace, built)) => {
                    last = Some(Attempt {
                        lock,
                        needs,
                        workspace,
                        built,
                    });
                }
                Err(refused) if matches!(refused.status, Status::Inconclusive { .. }) => {
                    return Ok(Err(refused));
                }
                // The cell's cargo cannot use this lock, so the toolchain does not admit it.
                Err(_) => break,
            }
        }
        let Some(last) = last else {
            return Ok(Ok(None));
        };
        let moved = asked.moved(first, &last)?;
        let attempt = last;
        Ok(Ok(Some(NewerAttempt { attempt, moved })))
    }

    /// Stages the workspace with a lock and builds it; `staged` becomes that lock.
    fn build_with(
        &self,
        lock: &str,
        staged: &mut String,
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> OldLockStep<(Workspace, BuildResult)> {
        lock.clone_into(staged);
        let workspace = match self.prepare(lock, log, clock)? {
            Ok(workspace) => workspace,
            Err(refused) => return Ok(Err(refused)),
        };
        let built = self.build(&workspace, log, clock)?;
        Ok(Ok((workspace, built)))
    }

    fn may_move(&self, workspace: &Workspace, id: &PackageId) -> bool {
        let package = workspace.foreign(id);
        package.is_some_and(|package| is_of_registry(package) && !workspace.is_of_family(id))
    }
}

/// The moves requested so far.
#[derive(Default)]
struct MoveRequest {
    /// The packages, as `NAME@VERSION`.
    packages: BTreeSet<String>,
    /// The cause of each move, by package name.
    causes: BTreeMap<String, String>,
}

impl MoveRequest {
    /// Returns the packages that do not compile and all their dependencies, as far as they may
    /// move. Returns `None` if there are none, or if all of them have been requested already.
    fn next(
        &mut self,
        work: &CellWork<'_>,
        attempt: &Attempt,
        hopeless: &BTreeSet<CompatibleVersions>,
    ) -> Option<Vec<String>> {
        let Attempt {
            workspace, built, ..
        } = attempt;
        let mut packages = BTreeSet::new();
        for ((id, message), line) in built.broken.iter().zip(attempt.broken_packages()) {
            if hopeless.contains(&line) {
                continue;
            }
            for id in workspace.below(id) {
                let package = workspace.package(&id);
                let Some(package) = package.filter(|_| work.may_move(workspace, &id)) else {
                    continue;
                };
                let cause = || format!("{} does not compile", message.package);
                let name = package.name.to_string();
                self.causes.entry(name).or_insert_with(cause);
                packages.insert(workspace.spec(&id));
            }
        }
        let is_new = !packages.is_subset(&self.packages);
        self.packages.extend(packages.iter().cloned());
        is_new.then(|| packages.into_iter().collect())
    }

    /// Returns the differences between the locks of two attempts.
    fn moved(&self, first: &Attempt, last: &Attempt) -> Result<Vec<Moved>> {
        let because = |name: &str| match self.causes.get(name) {
            Some(cause) => cause.clone(),
            None => "what uses it moved".to_owned(),
        };
        let moves = moves(&first.lock, &last.lock)?.into_iter();
        let moved = moves.map(|(package, from, to)| Moved {
            because: because(&package),
            package,
            from: from.to_string(),
            to: to.to_string(),
            fault: MoveReason::TooOld,
        });
        Ok(moved.collect())
    }
}

/// A package, and those of its versions that are compatible with each other.
type CompatibleVersions = (String, Compatible);

/// An attempt with newer packages.
struct NewerAttempt {
    attempt: Attempt,
    /// The packages that moved.
    moved: Vec<Moved>,
}

impl NewerAttempt {
    /// Returns true if no additional target fails because of an external package.
    fn breaks_no_other_target(&self, first: &Attempt) -> bool {
        let before: BTreeSet<&TargetId> = affected(&first.built).collect();
        affected(&self.attempt.built).all(|id| before.contains(id))
    }

    /// Describes the attempt for the report in case it does not help.
    fn as_failed_attempt(&self) -> Tried {
        let broken = describe(&self.attempt.built).into_iter();
        Tried::Newer {
            moved: self.moved.clone(),
            broken: broken.map(|broken| broken.package).collect(),
        }
    }
}

impl Attempt {
    /// Returns the name and compatible range of each package that does not compile, in order.
    fn broken_packages(&self) -> impl Iterator<Item = CompatibleVersions> {
        let packages = self.built.broken.iter();
        let packages = packages.filter_map(|(id, _)| self.workspace.package(id));
        packages.map(|p| (p.name.to_string(), compatible(&p.version)))
    }

    fn settled(self, old_lock: Option<OldLock>, moved: Option<Vec<Moved>>) -> JudgedBuild {
        let Self {
            lock,
            needs,
            workspace,
            built,
        } = self;
        JudgedBuild {
            workspace,
            built,
            old_lock,
            moved: moved.map(|moved| MovedLock { lock, moved, needs }),
        }
    }
}

/// Returns true if the cause of a failed build is open: the build ended by itself, and an external
/// package did not compile.
fn may_be_old_lock(built: &BuildResult) -> bool {
    let has_ended = matches!(built.ended.exit, Exit::Code(_)) && !built.is_inconclusive();
    has_ended && !built.broken.is_empty() && affected(built).next().is_some()
}

/// Returns the targets that fail because of an external package.
fn affected(built: &BuildResult) -> impl Iterator<Item = &TargetId> {
    let is_foreign = |made: &TargetResult| match made {
        TargetResult::Not(status, errors) => {
            status.is_failed() && errors.first().is_some_and(|error| error.package.is_some())
        }
        TargetResult::Executable(_) | TargetResult::Compiled => false,
    };
    let made = built.made.iter().filter(move |(_, made)| is_foreign(made));
    made.map(|(id, _)| id)
}

fn describe(built: &BuildResult) -> Vec<Broken> {
    built
        .broken
        .iter()
        .map(|(_, broken)| broken.clone())
        .collect()
}
