//! Moves some packages of a lock to the newest version that the requirements and the toolchain
//! admit, and leaves all others where they are.

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

/// The result of moving packages of a lock.
pub enum Newest {
    /// At least one package moved.
    Moved {
        /// The new lock.
        lock: String,
        /// The rustc versions that the new lock needs.
        needs: Option<Needs>,
    },
    /// Nothing newer is admitted.
    Same,
    /// The machine or the network failed, so the answer is unknown.
    Unknown(Resolution),
}

impl Resolver<'_> {
    /// Moves packages of a cell's lock, each given as `NAME@VERSION`. The new lock goes through the
    /// same checks and repairs as any lock of a cell, so packages that are too new for the
    /// toolchain are moved back.
    ///
    /// # Errors
    ///
    /// Returns an error if the work folder cannot be read or written.
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
        let mut work = Pinning::new(&self.setup, context, &workspace, log);
        let mut args = vec!["update"];
        for package in packages {
            args.extend(["--package", package]);
        }
        let output = work.run_cargo(&args)?;
        if !output.ended.exit.is_success() {
            let is_blind =
                self.setup.network == Network::Offline && !self.setup.matrix.registry.is_local();
            let doubt =
                resolve_infra_failure(&output).or(is_blind.then_some(InconclusiveReason::Network));
            return Ok(match doubt {
                Some(_) => Newest::Unknown(self.setup.refused(context, &output)),
                None => Newest::Same,
            });
        }
        let (status, errors) = work.bring_to_pin()?;
        let needs = work.needs.clone();
        if let Some(change) = self.setup.matrix.resolver.change() {
            let doubt = InconclusiveReason::Machine(change.clone());
            let error = Diagnostic::from_message(change);
            let inconclusive = Resolution::refused(Status::Inconclusive { doubt }, error);
            return Ok(Newest::Unknown(inconclusive));
        }
        match status {
            Status::Passed => {}
            // No lock with the newer packages fits.
            Status::Failed { .. } | Status::Skipped { .. } => return Ok(Newest::Same),
            Status::Inconclusive { .. } => {
                let error = errors.into_iter().next().unwrap_or_default();
                return Ok(Newest::Unknown(Resolution::refused(status, error)));
            }
        }
        let moved = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let moved = readable(moved, &context.toolchain.cargo);
        Ok(if moves(lock, &moved)?.is_empty() {
            Newest::Same
        } else {
            Newest::Moved { lock: moved, needs }
        })
    }
}
