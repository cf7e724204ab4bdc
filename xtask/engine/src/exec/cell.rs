//! One cell, from its plan to its outcome: stage, lock, predict, fetch, build, test, record.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::MetadataCommand;

use crate::exec::cargo::{Said, first_error};
use crate::exec::clock::{Clock, Lap, Phases};
use crate::exec::confine::confined;
use crate::exec::left_out::left_out;
use crate::exec::log::Log;
use crate::exec::resolution::Resolution;
use crate::exec::store::clear_logs;
use crate::exec::targets::Workspace;
use crate::exec::work::{Common, Work};
use crate::exec::{drift, key, stage};
use crate::files::write_whole;
use crate::model::cell::Cell;
use crate::model::event::Event;
use crate::model::outcome::{Outcome, Phase};
use crate::model::status::{Class, Skip, Status};
use crate::setting::Setting;

/// An outcome, and whether an earlier run had it.
pub struct Answer {
    /// The evidence.
    pub outcome: Outcome,
    /// True when nothing was run.
    pub reused: bool,
    /// Its phases in time.
    pub laps: Vec<Lap>,
}

/// The outcome of a cell from what earlier runs kept, without any work.
#[must_use]
pub fn known(common: &Common<'_>, setting: &Setting<'_>) -> Option<Outcome> {
    if common.fresh {
        return None;
    }
    let resolution = common.resolver.known(setting)?;
    let key = key_of(common, setting, &resolution).ok()?;
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
    let key = key_of(common, setting, &resolution)?;
    let logs = logs(common.results, setting.cell);
    common.store.restore_logs(&key, &logs)
}

pub(super) fn logs(results: &Utf8Path, cell: &Cell) -> Utf8PathBuf {
    results.join("logs").join(cell.id().as_str())
}

/// Leaves a cell's lock in the results, where it can be committed from.
pub(super) fn keep_lock(results: &Utf8Path, cell: &Cell, resolution: &Resolution) -> Result<()> {
    match &resolution.lock {
        Some(lock) if resolution.status == Status::Passed => {
            let path = results.join("locks").join(format!("{}.lock", cell.id()));
            if std::fs::read(&path).is_ok_and(|there| there == lock.as_bytes()) {
                return Ok(());
            }
            write_whole(&path, lock.as_bytes())
        }
        Some(_) | None => Ok(()),
    }
}

/// Keeps what a cell showed, of which more became known after it had ended.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn keep(common: &Common<'_>, setting: &Setting<'_>, outcome: &Outcome) -> Result<()> {
    let Some(resolution) = common.resolver.known(setting) else {
        return Ok(());
    };
    let key = key_of(common, setting, &resolution)?;
    let logs = logs(common.results, setting.cell);
    match outcome.has_doubt() {
        true => Ok(()),
        false => common.store.put(&key, outcome, &logs),
    }
}

fn key_of(common: &Common<'_>, setting: &Setting<'_>, resolution: &Resolution) -> Result<String> {
    let resolution = key::of(&resolution.decisive())?;
    let sandbox = common.sandbox.decisive();
    key::outcome(setting, &resolution, &common.matrix.config, &sandbox)
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
        let mut phases = Phases::default();

        self.enter(Phase::Resolve);
        let mut clock = Clock::start(Phase::Resolve);
        let mut log = Log::create(logs.join("resolve.log").as_std_path(), self.secrets())?;
        let resolver = self.common.resolver;
        let resolution = resolver.resolve(self.setting, &mut log, &mut clock)?;
        for note in self.common.matrix.registry.notes() {
            self.common.listener.hear(Event::Noted(&note));
        }
        keep_lock(self.common.results, self.setting.cell, &resolution)?;
        let (key, outcome) = self.recall(&resolution)?;
        if let Some(outcome) = outcome {
            log.finish()?;
            self.common.store.restore_logs(&key, &logs)?;
            return Ok(Answer {
                outcome,
                reused: true,
                laps: vec![clock.lap()],
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
        phases.end(&clock, self.setting.cell);

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
        outcome.phases = phases.records;
        outcome.moved = resolution.moved;
        outcome.needs = resolution.needs;
        outcome.sandbox = self.common.sandbox.enforced();
        outcome.left_out = left_out(&self.setting.tree.subject, &outcome);
        if let Some(change) = self.setting.toolchain.change() {
            outcome = Outcome::in_doubt(change);
        }
        for text in outcome.texts() {
            if let Some(hidden) = self.secrets().without(text) {
                *text = hidden;
            }
        }
        // Only what is certain is kept; a doubt anywhere is settled by the next run.
        if !outcome.has_doubt() {
            self.common.store.put(&key, &outcome, &logs)?;
        }
        Ok(Answer {
            outcome,
            reused: false,
            laps: phases.laps,
        })
    }

    /// The key of the outcome, and the outcome where an earlier run had it. What is known of all
    /// targets answers for one as well.
    fn recall(&self, resolution: &Resolution) -> Result<(String, Option<Outcome>)> {
        let get = |key: &str| match self.common.fresh {
            true => None,
            false => self.common.store.get(key),
        };
        let whole = key_of(self.common, self.setting, resolution)?;
        let known = get(&whole);
        let Some(only) = self.only.as_ref().filter(|_| known.is_none()) else {
            return Ok((whole, known));
        };
        let part = key::of(&(whole, only))?;
        let known = get(&part);
        Ok((part, known))
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
        let subject = &self.setting.tree.subject;
        files.insert(subject.lock(), lock.to_owned());
        let git = subject.git.as_ref().map(|git| git.folder.as_path());
        let read: Vec<&Utf8Path> = git.into_iter().chain([&*subject.checkout.top]).collect();
        let reached = self.common.sandbox.confines(&read, &[self.folders.copy()]);
        confined(reached, || {
            stage::lay_out(subject, &files, &self.folders.checkout)
        })?;

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
        Workspace::of(metadata, matrix.config.build.examples).map(Ok)
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
        let refused = self.common.resolver.refused(self.setting, said);
        Outcome::whole(refused.status, refused.errors)
    }
}
