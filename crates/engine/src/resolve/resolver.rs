//! Resolves cells: starts from the subject's own lock, moves it as far as the pin needs and no
//! further, checks that it holds the family at the pin, and repairs it where it does not fit the
//! toolchain.
//!
//! One modern cargo resolves all cells, one after another, so that cells do not differ by resolver.

use std::fs;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use pinmatrix_core::config::Network;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason, Status};
use pinmatrix_core::text;
use toml::Spanned;

use crate::cache::key;
use crate::cache::record_store::RecordStore;
use crate::fs_ext::remove;
use crate::matrix::cell_context::CellContext;
use crate::phase::log::PhaseLog;
use crate::phase::timer::PhaseTimer;
use crate::resolve::lockfile::{holding, readable};
use crate::resolve::pinning::Pinning;
use crate::resolve::resolution::Resolution;
use crate::resolve::setup::ResolveSetup;
use crate::workdir::stage;

/// Resolves cells, one at a time.
pub struct Resolver<'a> {
    /// What every lock is resolved with.
    pub setup: ResolveSetup<'a>,
    /// The folder in which resolutions are stored.
    pub kept: Utf8PathBuf,
    /// Reads and writes stored resolutions.
    pub records: &'a RecordStore<'a>,
    /// Whether stored resolutions are ignored.
    pub fresh: bool,
    /// Lets one cell resolve at a time; otherwise cargo's own lock on its package cache would make
    /// the others wait silently. The value is the checkout that is currently laid out.
    pub turn: Mutex<Option<Utf8PathBuf>>,
}

impl Resolver<'_> {
    /// Returns an earlier run's resolution, unless something that decides it has changed.
    #[must_use]
    pub fn known(&self, context: &CellContext<'_>) -> Option<Resolution> {
        if self.fresh {
            return None;
        }
        let key = self.key(context).ok()?;
        self.records.read(&self.path(&key), &key)
    }

    /// Resolves a cell, or reuses an earlier run's resolution.
    ///
    /// # Errors
    ///
    /// Returns an error if the work folder cannot be read or written. A cell that cannot be
    /// resolved is not an error but a [`Resolution`].
    pub fn resolve(
        &self,
        context: &CellContext<'_>,
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> Result<Resolution> {
        if let Some(known) = self.known(context) {
            log.add(known.output.as_bytes());
            log.note("[all of that in an earlier run: nothing that decides the lock has changed]");
            return Ok(known);
        }
        let turn = || self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut laid_out = clock.wait(turn);
        let resolution = self.resolve_anew(context, log, &mut laid_out)?;
        if let Some(change) = self.setup.matrix.resolver.change() {
            let doubt = InconclusiveReason::Machine(change.clone());
            let status = Status::Inconclusive { doubt };
            return Ok(Resolution::refused(
                status,
                Diagnostic::from_message(change),
            ));
        }
        if !matches!(resolution.status, Status::Inconclusive { .. }) {
            let key = self.key(context)?;
            self.records.write(&self.path(&key), &key, &resolution)?;
        }
        Ok(resolution)
    }

    /// Lays out the copy to resolve, without a lock, and returns the workspace in it.
    pub(super) fn lay_out(
        &self,
        context: &CellContext<'_>,
        laid_out: &mut Option<Utf8PathBuf>,
    ) -> Result<Utf8PathBuf> {
        let subject = &context.tree.subject;
        let pinned = stage::pinned_for_resolve(context)?;
        // The subject runs nothing here, so only the files that a cell changes need rewriting.
        if laid_out.as_ref() == Some(&subject.checkout.top) {
            stage::rewrite(&pinned, &self.setup.folder)?;
            remove(&self.setup.folder.join(subject.lock()))?;
        } else {
            *laid_out = None;
            stage::lay_out(subject, &pinned, &self.setup.folder)?;
            *laid_out = Some(subject.checkout.top.clone());
        }
        Ok(self.setup.folder.join(&subject.inside))
    }

    fn resolve_anew(
        &self,
        context: &CellContext<'_>,
        log: &mut PhaseLog,
        laid_out: &mut Option<Utf8PathBuf>,
    ) -> Result<Resolution> {
        let workspace = self.lay_out(context, laid_out)?;
        if let Some(mut seed) = self.setup.seed(context)? {
            if let Some(packages) = self.setup.withdrawn(context) {
                seed = holding(&seed, &packages)?;
            }
            let path = workspace.join("Cargo.lock");
            fs::write(&path, seed).with_context(|| format!("write {path}"))?;
        }
        let mut pinning = Pinning::new(&self.setup, context, &workspace, log);
        let (mut status, mut errors) = pinning.bring_to_pin()?;
        let secrets = &context.pin_context.child_env.secrets;
        let without = |text: String| secrets.without(&text).unwrap_or(text);
        for text in errors.iter_mut().flat_map(Diagnostic::texts) {
            *text = without(std::mem::take(text));
        }
        let lock = fs::read_to_string(workspace.join("Cargo.lock")).ok();
        let lock = lock.map(|lock| readable(lock, &context.toolchain.cargo));
        if lock.is_none() && status == Status::Passed {
            status = Status::failed(FailureKind::Resolve);
            errors.push(Diagnostic::from_message("cargo wrote no Cargo.lock"));
        }
        Ok(Resolution {
            status,
            errors,
            lock,
            moved: pinning.moved,
            copies: pinning.copies,
            needs: pinning.needs,
            output: without(text::bounded(&pinning.output, text::CASE_OUTPUT)),
        })
    }

    fn path(&self, key: &str) -> Utf8PathBuf {
        self.kept.join(format!("{key}.json"))
    }

    fn key(&self, context: &CellContext<'_>) -> Result<String> {
        let CellContext {
            family, toolchain, ..
        } = context;
        key::of(&(
            key::CACHE_EPOCH,
            key::pinned(context)?,
            (self.setup.committed(context)?, &context.tree.lock),
            (self.setup.locked, self.setup.network == Network::Offline),
            (
                family.companions.written(),
                family.crate_names(),
                family.keys.iter().map(Spanned::get_ref).collect::<Vec<_>>(),
                family.strict,
            ),
            (&toolchain.rustc, &toolchain.host, toolchain.triple()),
            &self.setup.matrix.resolver.cargo_version,
            &context.pin_context.change.hold,
            key::build(context, &self.setup.matrix.config),
            context.conditions(),
        ))
    }
}
