//! What every lock is resolved with, and what a cargo command that fails there comes to.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use pinmatrix_core::config::Network;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason, Status};
use pinmatrix_process::cancel::Cancel;
use semver::Version;

use crate::cargo::{
    CargoOutput, first_error, missing_feature, resolve_infra_failure, unknown_to_registry,
};
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::resolve::resolution::Resolution;

/// What every lock is resolved with.
pub struct ResolveSetup<'a> {
    /// The matrix, with its subject, its registry, and the cargo that resolves.
    pub matrix: &'a Matrix,
    /// The folder of the copy that is resolved. It holds the whole checkout that contains the
    /// subject.
    pub folder: Utf8PathBuf,
    /// Whether each cell must have a committed lock that fits unchanged.
    pub locked: bool,
    /// Whether the network may be used.
    pub network: Network,
    /// Tells whether the run should stop.
    pub cancel: &'a Cancel,
}

impl ResolveSetup<'_> {
    /// Judges a cargo command that failed to resolve a cell or to fetch its packages.
    pub fn refused(&self, context: &CellContext<'_>, output: &CargoOutput) -> Resolution {
        // When offline, cargo cannot tell a package that does not exist from one that is not
        // downloaded.
        let is_far = !self.matrix.registry.is_local();
        let is_blind = is_far
            && (self.network == Network::Offline || self.denies_what_is_published(context, output));
        let blind = is_blind.then_some(InconclusiveReason::Network);
        let doubt = resolve_infra_failure(output)
            .or(blind)
            .or(self.matrix.resolver_doubt());
        match doubt.or_else(|| {
            self.matrix
                .change(&context.cell.pin)
                .map(InconclusiveReason::Machine)
        }) {
            Some(doubt) => inconclusive(doubt, output),
            None => {
                let mut error = first_error(&output.err);
                error.message += &missing_feature::help(&output.err, context);
                Resolution::refused(Status::failed(FailureKind::Resolve), error)
            }
        }
    }

    /// Returns true if cargo claims that a package is not in the registry although it is known to
    /// be published.
    fn denies_what_is_published(&self, context: &CellContext<'_>, output: &CargoOutput) -> bool {
        unknown_to_registry(&output.err).is_some_and(|name| {
            let is_locked = |lock: String| lock.contains(&format!("name = \"{name}\""));
            let seed = self.seed(context).ok().flatten();
            context.family.holds(name)
                || self.matrix.registry.versions(name).is_some()
                || seed.is_some_and(is_locked)
        })
    }

    /// Returns the lock that a cell starts from: its committed lock, or else the subject's own.
    pub(super) fn seed(&self, context: &CellContext<'_>) -> Result<Option<String>> {
        match self.committed(context)? {
            Some(lock) => Ok(Some(lock)),
            None => context.tree.subject.text_of("Cargo.lock"),
        }
    }

    pub(super) fn committed(&self, context: &CellContext<'_>) -> Result<Option<String>> {
        let is_there = self.matrix.has_committed_lock(context.cell);
        let path = self.matrix.committed_lock(context.cell);
        let Some(path) = path.filter(|_| is_there) else {
            return Ok(None);
        };
        let lock = fs::read_to_string(&path);
        lock.map(Some)
            .with_context(|| format!("read {}", path.display()))
    }

    /// Returns the family's crates at the pin's version, if that version of any of them is yanked.
    pub(super) fn withdrawn(&self, context: &CellContext<'_>) -> Option<Vec<(String, Version)>> {
        let version = context.cell.pin.at.version()?;
        let releases = self
            .matrix
            .registry
            .releases(&context.family.crate_names(), |_, _| true);
        releases?.release(version)?.withdrawn()
    }
}

pub(super) fn inconclusive(doubt: InconclusiveReason, output: &CargoOutput) -> Resolution {
    let error = if doubt == InconclusiveReason::Interrupted {
        Diagnostic::from_message("interrupted")
    } else {
        first_error(&output.err)
    };
    Resolution::refused(Status::Inconclusive { doubt }, error)
}
