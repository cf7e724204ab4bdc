//! A lock with some of its packages moved to the newest that requirements and toolchain admit, and
//! all others left where they are.

use std::fs;
use std::sync::PoisonError;

use anyhow::{Context, Result};
use pinmatrix_core::config::Network;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::Needs;
use pinmatrix_core::model::status::{InconclusiveReason, Status};

use crate::cargo::resolve_infra_failure;
use crate::matrix::cell_context::CellContext;
use crate::phase::log::PhaseLog;
use crate::phase::timer::PhaseTimer;
use crate::resolve::lockfile::{moves, readable};
use crate::resolve::pinning::Pinning;
use crate::resolve::resolution::Resolution;
use crate::resolve::resolver::Resolver;

/// What came of moving packages of a lock.
pub enum Newest {
    /// They moved.
    Moved {
        /// The lock that holds them.
        lock: String,
        /// The rustc that it asks for.
        needs: Option<Needs>,
    },
    /// Nothing newer is admitted.
    Same,
    /// The machine or the network gave no answer.
    Unknown(Resolution),
}

impl Resolver<'_> {
    /// Moves packages of a cell's lock, each named as `NAME@VERSION`. The lock is then held to what
    /// every lock of a cell is held to, so that what is too new for the toolchain goes back again.
    ///
    /// # Errors
    ///
    /// When the work folder fails.
    pub fn newest(
        &self,
        context: &CellContext<'_>,
        lock: &str,
        packages: &[String],
        log: &mut PhaseLog,
        clock: &mut PhaseTimer,
    ) -> Result<Newest> {
        let turn = || self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut laid_out = clock.wait(turn);
        let workspace = self.lay_out(context, &mut laid_out)?;
        let path = workspace.join("Cargo.lock");
        fs::write(&path, lock).with_context(|| format!("write {path}"))?;
        let mut work = Pinning::new(self, context, &workspace, log);
        let mut args = vec!["update"];
        for package in packages {
            args.extend(["--package", package]);
        }
        let said = work.run_cargo(&args)?;
        if !said.ended.exit.is_success() {
            let is_blind = self.network == Network::Offline && !self.matrix.registry.is_local();
            let doubt =
                resolve_infra_failure(&said).or(is_blind.then_some(InconclusiveReason::Network));
            return Ok(match doubt {
                Some(_) => Newest::Unknown(self.refused(context, &said)),
                None => Newest::Same,
            });
        }
        let (status, errors) = work.bring_to_pin()?;
        let needs = work.needs.clone();
        if let Some(change) = self.matrix.resolver.change() {
            let doubt = InconclusiveReason::Machine(change.clone());
            let error = Diagnostic::from_message(change);
            let in_doubt = Resolution::refused(Status::Inconclusive { doubt }, error);
            return Ok(Newest::Unknown(in_doubt));
        }
        match status {
            Status::Passed => {}
            // No lock that holds them fits.
            Status::Failed { .. } | Status::Skipped { .. } => return Ok(Newest::Same),
            Status::Inconclusive { .. } => {
                let error = errors.into_iter().next().unwrap_or_default();
                return Ok(Newest::Unknown(Resolution::refused(status, error)));
            }
        }
        let moved = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let moved = readable(moved, &context.toolchain.cargo);
        Ok(match moves(lock, &moved)?.is_empty() {
            true => Newest::Same,
            false => Newest::Moved { lock: moved, needs },
        })
    }
}
