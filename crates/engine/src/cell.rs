//! Runs one cell, from its plan to its outcome: stage, lock, predict, fetch, build, test, record.

pub(crate) mod sandbox;
pub(crate) mod context;
mod test_target;
mod rustdoc;
mod left_out;
pub(crate) mod build_and_test;
pub(crate) mod old_lock;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::MetadataCommand;
use pinmatrix_core::config::Network;
use pinmatrix_core::model::cell::Cell;
use pinmatrix_core::model::event::Event;
use pinmatrix_core::model::outcome::moved::Tried;
use pinmatrix_core::model::outcome::{Outcome, Phase};
use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};
use pinmatrix_process::sandbox::scoped_thread::confined;
use toml::Spanned;

use crate::cache::key;
use crate::cache::outcome_store::{StoredOutcome, clear_logs};
use crate::cargo::targets::Workspace;
use crate::cargo::{CargoOutput, features, first_error};
use crate::cell::context::{CellWork, RunContext};
use crate::cell::left_out::left_out;
use crate::cell::old_lock::JudgedBuild;
use crate::fs_ext::{remove, remove_all_but, write_whole};
use crate::matrix::cell_context::CellContext;
use crate::phase::log::PhaseLog;
use crate::phase::timer::{PhaseTimer, PhaseTiming, Phases};
use crate::resolve::drift;
use crate::resolve::resolution::{Resolution, decisive_lines};
use crate::subject::lockfile::Lockfile;
use crate::subject::selection::SelectedPackages;
use crate::workdir::stage;

/// The outcome of a cell, and whether it comes from an earlier run.
pub struct CellResult {
    /// The outcome.
    pub outcome: Outcome,
    /// True if an earlier run stored the outcome, so that nothing was built or tested.
    pub reused: bool,
    /// When each phase ran, and for how long.
    pub timings: Vec<PhaseTiming>,
}

/// Returns the outcome of a cell that earlier runs stored, without doing any work.
#[must_use]
pub fn known(run_context: &RunContext<'_>, context: &CellContext<'_>) -> Option<Outcome> {
    if run_context.fresh {
        return None;
    }
    let resolution = run_context.resolver.known(context)?;
    Some(kept(run_context, context, &resolution)?.outcome)
}

/// Returns what earlier runs stored for a resolved cell, unless stored outcomes are ignored.
pub(super) fn kept(
    run_context: &RunContext<'_>,
    context: &CellContext<'_>,
    resolution: &Resolution,
) -> Option<StoredOutcome> {
    if run_context.fresh {
        return None;
    }
    let key = key_of(run_context, context, resolution).ok()?;
    run_context.store.get(&key)
}

/// Restores the lock and the logs of a known cell from the store to the results folder.
///
/// # Errors
///
/// Returns an error if the results cannot be written.
pub fn restore(run_context: &RunContext<'_>, context: &CellContext<'_>) -> Result<()> {
    let Some(resolution) = run_context.resolver.known(context) else {
        return Ok(());
    };
    let key = key_of(run_context, context, &resolution)?;
    let moved = run_context.store.get(&key).and_then(|kept| kept.lock);
    let lock = moved.as_deref().or(resolution.usable());
    keep_lock(run_context.results, context.cell, lock)?;
    let logs = logs(run_context.results, context.cell);
    run_context.store.restore_logs(&key, &logs)
}

pub(super) fn logs(results: &Utf8Path, cell: &Cell) -> Utf8PathBuf {
    results.join("logs").join(cell.id().as_str())
}

/// Writes the lock that a cell's verdict rests on to the results folder, where it can be committed
/// from.
pub(super) fn keep_lock(results: &Utf8Path, cell: &Cell, lock: Option<&str>) -> Result<()> {
    let Some(lock) = lock else {
        return Ok(());
    };
    let path = results.join("locks").join(format!("{}.lock", cell.id()));
    if std::fs::read(&path).is_ok_and(|existing| existing == lock.as_bytes()) {
        return Ok(());
    }
    write_whole(&path, lock.as_bytes())
}

/// Updates the stored outcome of a cell when more becomes known after the cell has ended.
///
/// # Errors
///
/// Returns an error if it cannot be written.
pub(super) fn store(
    run_context: &RunContext<'_>,
    context: &CellContext<'_>,
    outcome: &Outcome,
) -> Result<()> {
    let Some(resolution) = run_context.resolver.known(context) else {
        return Ok(());
    };
    let key = key_of(run_context, context, &resolution)?;
    let logs = logs(run_context.results, context.cell);
    // An outcome that was not stored before is not stored now either.
    match run_context.store.get(&key) {
        Some(kept) if !outcome.has_doubt() => {
            let lock = kept.lock.as_deref();
            run_context.store.put(&key, outcome, lock, &logs)
        }
        Some(_) | None => Ok(()),
    }
}

fn key_of(
    run_context: &RunContext<'_>,
    context: &CellContext<'_>,
    resolution: &Resolution,
) -> Result<String> {
    let resolution = key::of(&resolution.deciding_parts())?;
    let sandbox = run_context.sandbox.cache_relevant();
    let locked = run_context.resolver.setup.locked;
    let runner = run_context.matrix.nextest.as_ref();
    let runner = runner.map(|nextest| (&nextest.version, &nextest.profile));
    key::outcome(
        context,
        &(resolution, locked, runner),
        &run_context.matrix.config,
        &sandbox,
    )
}

impl CellWork<'_> {
    /// Runs the cell. A failure of the cell is part of its outcome, not an error.
    ///
    /// # Errors
    ///
    /// Returns an error if the work folders cannot be used; the caller turns it into an
    /// inconclusive result for this cell.
    pub fn run(&self) -> Result<CellResult> {
        let _span = tracing::info_span!("cell", id = %self.context.cell.id()).entered();
        let logs = logs(self.run_context.results, self.context.cell);
        clear_logs(&logs)?;
        let mut phases = Phases::default();

        self.enter(Phase::Resolve);
        let mut clock = PhaseTimer::start(Phase::Resolve);
        let mut log = PhaseLog::create(logs.join("resolve.log").as_std_path(), self.secrets())?;
        let resolver = self.run_context.resolver;
        let resolution = resolver.resolve(self.context, &mut log, &mut clock)?;
        for note in self.run_context.matrix.registry.notes() {
            self.run_context.listener.on_event(Event::Noted(&note));
        }
        let lock = resolution.usable();
        keep_lock(self.run_context.results, self.context.cell, lock)?;
        let (key, kept) = self.recall(&resolution)?;
        if let Some(StoredOutcome { outcome, lock, .. }) = kept {
            log.finish()?;
            keep_lock(self.run_context.results, self.context.cell, lock.as_deref())?;
            self.run_context.store.restore_logs(&key, &logs)?;
            return Ok(CellResult {
                outcome,
                reused: true,
                timings: vec![clock.timing()],
            });
        }
        let ready = match lock {
            Some(lock) => self
                .prepare(lock, &mut log, &mut clock)?
                .map(|ready| (lock, ready)),
            None => Err(Outcome::whole(
                resolution.status.clone(),
                resolution.errors.clone(),
            )),
        };
        log.finish()?;
        phases.end(&mut clock, self.context.cell);

        let settled = match ready {
            Err(outcome) => Err(outcome),
            Ok((lock, workspace)) => self.judge_build(lock, workspace, &logs, &mut phases)?,
        };
        let (mut outcome, moved) = match settled {
            Err(outcome) => (outcome, None),
            Ok(settled) => {
                let JudgedBuild {
                    workspace, built, ..
                } = &settled;
                let targets = self.test_all(workspace, built, &logs, &mut phases)?;
                let status = if targets.is_empty() {
                    Status::Skipped {
                        reason: SkipReason::NothingToTest,
                    }
                } else {
                    Status::of_parts(targets.iter().map(|t| &t.status))
                };
                let outcome = Outcome {
                    targets,
                    fewer_features: settled.workspace.fewer_features,
                    old_lock: settled.old_lock,
                    ..Outcome::whole(status, Vec::new())
                };
                (outcome, settled.moved)
            }
        };
        outcome.phases = phases.records;
        outcome.moved.clone_from(&resolution.moved);
        outcome.needs.clone_from(&resolution.needs);
        outcome.copies.clone_from(&resolution.copies);
        for copy in &mut outcome.copies {
            copy.look_for_errors(&outcome.targets);
        }
        let lock = moved.map(|moved| {
            outcome.moved.extend(moved.moved);
            outcome.needs = moved.needs;
            moved.lock
        });
        keep_lock(self.run_context.results, self.context.cell, lock.as_deref())?;
        let rests_on = lock.as_deref().or(resolution.usable());
        outcome.lock = rests_on
            .map(|lock| key::of(&decisive_lines(lock)))
            .transpose()?;
        let graph = rests_on.map(Lockfile::parse).unwrap_or_default();
        let names = self.context.family.shown.iter().map(Spanned::get_ref);
        outcome.shown = graph.versions_of(names);
        outcome.sandbox = self.run_context.sandbox.enforced();
        outcome.left_out = left_out(&self.context.tree.subject, &outcome);
        if let Some(change) = self.context.toolchain.change() {
            outcome = Outcome::inconclusive(change);
        }
        for text in outcome.texts() {
            if let Some(hidden) = self.secrets().without(text) {
                *text = hidden;
            }
        }
        // Only conclusive outcomes are stored. If any part is inconclusive, the next run tries
        // again.
        if !outcome.has_doubt() && !self.is_blind(&outcome) {
            let store = self.run_context.store;
            store.put(&key, &outcome, lock.as_deref(), &logs)?;
        }
        Ok(CellResult {
            outcome,
            reused: false,
            timings: phases.timings,
        })
    }

    /// Returns true if newer versions of packages were tried while the registry could not be
    /// queried: with the network there may be even newer ones.
    fn is_blind(&self, outcome: &Outcome) -> bool {
        let has_tried = outcome
            .old_lock
            .as_ref()
            .is_some_and(|old| match old.tried {
                Tried::Newer { .. } | Tried::Newest => true,
                Tried::Locked => false,
            });
        has_tried
            && self.run_context.resolver.setup.network == Network::Offline
            && !self.run_context.matrix.registry.is_local()
    }

    /// Returns the key of the outcome and, if an earlier run stored it, the stored outcome. If only
    /// one target is requested, a stored outcome of all targets is used too.
    fn recall(&self, resolution: &Resolution) -> Result<(String, Option<StoredOutcome>)> {
        let get = |key: &str| {
            if self.run_context.fresh {
                None
            } else {
                self.run_context.store.get(key)
            }
        };
        let whole = key_of(self.run_context, self.context, resolution)?;
        let known = get(&whole);
        let Some(only) = self.only.as_ref().filter(|_| known.is_none()) else {
            return Ok((whole, known));
        };
        let part = key::of(&(whole, only))?;
        let known = get(&part);
        Ok((part, known))
    }

    /// Lays out the copy of the checkout, pinned and locked, in the same state as a fresh copy.
    pub(super) fn lay_out(&self, lock: &str) -> Result<()> {
        let mut files = stage::pinned(self.context)?;
        let subject = &self.context.tree.subject;
        files.insert(subject.lock(), lock.to_owned());
        let git = subject.git.as_ref().map(|git| git.folder.as_path());
        let read: Vec<&Utf8Path> = git.into_iter().chain([&*subject.checkout.top]).collect();
        let copy = self.folders.copy();
        std::fs::create_dir_all(copy).with_context(|| format!("make {copy}"))?;
        let reached = self.run_context.sandbox.confines(&read, &[copy]);
        confined(reached, || {
            // If the cache is below a folder that cells can write to, they can also write next to
            // the copy.
            let own = [&*self.folders.checkout, &self.folders.home()];
            if self.folders.is_lane() {
                remove_all_but(copy, &own)?;
            }
            for name in [".cargo", "Cargo.toml"] {
                remove(&copy.join(name))?;
            }
            stage::lay_out(subject, &files, &self.folders.checkout)
        })
    }

    /// Pins and locks the copy and fetches everything it needs. The cell's own cargo fetches it,
    /// because versions of cargo store what they fetch in different places.
    pub(super) fn prepare(
        &self,
        lock: &str,
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> Result<std::result::Result<Workspace, Outcome>> {
        let matrix = self.run_context.matrix;
        self.lay_out(lock)?;
        let mut cargo = self.cargo(matrix.config.timeouts.resolve);
        // Nothing is compiled here.
        cargo.budget = None;
        let triples = self.context.toolchain.triples();
        for triple in &triples {
            let mut fetch = vec!["fetch", "--locked", "--target", triple];
            if self.run_context.resolver.setup.network == Network::Offline {
                fetch.push("--offline");
            }
            let output = cargo.run_captured(&fetch, log)?;
            clock.add(&output.ended);
            if !output.ended.exit.is_success() {
                return Ok(Err(self.not_prepared(&output)));
            }
        }
        let mut metadata = vec!["metadata", "--format-version", "1", "--frozen"];
        metadata.extend(
            triples
                .iter()
                .flat_map(|triple| ["--filter-platform", triple]),
        );
        let flags = self.context.features.flags();
        metadata.extend(flags.iter().map(String::as_str));
        let output = cargo.run_captured(&metadata, log)?;
        clock.add(&output.ended);
        if !output.ended.exit.is_success() {
            return Ok(Err(self.not_prepared(&output)));
        }
        let metadata = MetadataCommand::parse(&output.out).context("read cargo's metadata")?;
        let mut workspace = Workspace::of(
            metadata,
            self.context.selection,
            self.context.pinned(),
            &matrix.config.build,
        )?;
        let selected = self.context.selection.flags();
        let mut tree = |command: &[&str], packages: &[String]| -> Result<Option<String>> {
            let mut command = command.to_vec();
            command.extend(["--target", self.context.toolchain.triple()]);
            command.extend(packages.iter().chain(&flags).map(String::as_str));
            let output = cargo.run_captured(&command, log)?;
            clock.add(&output.ended);
            Ok(output.ended.exit.is_success().then_some(output.out))
        };
        if workspace.requires_features()
            && let Some(features) = tree(&features::COMMAND, &selected)?
        {
            workspace.take_features(&features::read(&features));
        }
        if !self.context.selection.is_whole() {
            let own = tree(&features::OF_GRAPH, &selected)?;
            let all = tree(&features::OF_GRAPH, &SelectedPackages::default().flags())?;
            if let (Some(own), Some(all)) = (own, all) {
                workspace.fewer_features = features::fewer(&own, &all);
            }
        }
        Ok(Ok(workspace))
    }

    /// Returns the outcome of a cell that has a lock but cannot use it.
    fn not_prepared(&self, output: &CargoOutput) -> Outcome {
        // Cargo reports this like a failed download, which would be mistaken for a network failure.
        if let Some(package) = drift::unreadable(&output.err, self.context.pinned()) {
            let cargo = &self.context.toolchain.cargo;
            let mut error = first_error(&output.err);
            error.message = format!("{package} cannot be read by cargo {cargo}");
            return Outcome::whole(Status::failed(FailureKind::Drift), vec![error]);
        }
        let refused = self
            .run_context
            .resolver
            .setup
            .refused(self.context, output);
        Outcome::whole(refused.status, refused.errors)
    }
}
