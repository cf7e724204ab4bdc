//! Moves one lock to its pin: runs cargo, keeps the family together, and repairs the lock.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use camino::Utf8Path;
use cargo_metadata::{Metadata, MetadataCommand};
use pinmatrix_core::config::Network;
use pinmatrix_core::model::cell::bare;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::Needs;
use pinmatrix_core::model::outcome::moved::{MoveReason, Moved};
use pinmatrix_core::model::status::{FailureKind, Status};
use pinmatrix_process::sandbox::policy::Policy;
use semver::Version;

use crate::cargo::{CargoCommand, CargoOutput, resolve_infra_failure};
use crate::matrix::cell_context::CellContext;
use crate::phase::log::PhaseLog;
use crate::resolve::pin_check::not_at_pin;
use crate::resolve::repair::{LockGraph, next_step};
use crate::resolve::resolution::Resolution;
use crate::resolve::setup::{ResolveSetup, inconclusive};
use crate::resolve::{drift, msrv};

/// A cell's lock while it is being moved to the pin.
pub(super) struct Pinning<'a, 'b> {
    setup: &'a ResolveSetup<'a>,
    /// The workspace in the copy that is being resolved.
    workspace: &'a Utf8Path,
    context: &'a CellContext<'a>,
    log: &'b mut PhaseLog,
    /// The packages that have moved so far.
    pub(super) moved: Vec<Moved>,
    /// The rustc versions that the graph needs.
    pub(super) needs: Option<Needs>,
    /// The commands that were run, and cargo's output.
    pub(super) output: String,
}

/// The reason why a lock does not fit the toolchain, or `None` if it fits.
type Unmet = Option<(FailureKind, Vec<Diagnostic>)>;

/// The result of a step: `Ok(Err(_))` means that the cell itself could not be resolved.
type PinningStep<T> = Result<std::result::Result<T, Resolution>>;

impl<'a, 'b> Pinning<'a, 'b> {
    /// Starts with nothing moved.
    pub(super) fn new(
        setup: &'a ResolveSetup<'a>,
        context: &'a CellContext<'a>,
        workspace: &'a Utf8Path,
        log: &'b mut PhaseLog,
    ) -> Self {
        Self {
            setup,
            workspace,
            context,
            log,
            moved: Vec::new(),
            needs: None,
            output: String::new(),
        }
    }
}

impl Pinning<'_, '_> {
    /// Turns pinned manifests and a seed lock into a lock that holds the pin and fits the
    /// toolchain.
    pub(super) fn bring_to_pin(&mut self) -> Result<(Status, Vec<Diagnostic>)> {
        let rustc = &self.context.toolchain.rustc;
        // Cargo would reject a member that needs more than the rust-version it is made to declare.
        let by_members = msrv::unmet_by_members(&self.context.tree.subject.members, rustc);
        let unmet = if by_members.is_empty() {
            self.try_bring_to_pin()?
        } else {
            let errors = by_members.iter().map(|d| d.diagnostic(rustc)).collect();
            Ok(Some((FailureKind::Msrv, errors)))
        };
        Ok(match unmet {
            Ok(None) => (Status::Passed, Vec::new()),
            Ok(Some((class, errors))) => (Status::failed(class), errors),
            Err(refused) => (refused.status, refused.errors),
        })
    }

    fn try_bring_to_pin(&mut self) -> PinningStep<Unmet> {
        let metadata = match self.metadata()? {
            Ok(metadata) => metadata,
            Err(refused) => return Ok(Err(refused)),
        };
        let metadata = match self.align_companions(metadata)? {
            Ok(metadata) => metadata,
            Err(refused) => return Ok(Err(refused)),
        };
        let demands = self.sort_family_first(msrv::unmet(&metadata, &self.context.toolchain.rustc));
        let by_pin = demands.iter().any(|d| self.is_of_family(&d.name));
        if demands.is_empty() || by_pin || self.setup.locked {
            return Ok(Ok(self.judge(&metadata, &demands)));
        }
        self.repair(metadata, demands)
    }

    fn judge(&self, metadata: &Metadata, demands: &[msrv::Demand]) -> Unmet {
        let pin_context = drift::DriftContext {
            metadata,
            registry: &self.setup.matrix.registry,
            rustc: &self.context.toolchain.rustc,
            family: self.context.family,
            pin: self.context.cell.pin.at.version(),
        };
        (!demands.is_empty()).then(|| drift::judge(&pin_context, demands))
    }

    /// Moves companions that the resolver let drift back to the pin's version, and checks that the
    /// graph holds each family crate once and at the pin.
    fn align_companions(&mut self, mut metadata: Metadata) -> PinningStep<Metadata> {
        let mut tried = BTreeSet::new();
        // Moving one companion can free another that was held back by a dependency of the first.
        while let Some(version) = self.context.cell.pin.at.version().cloned()
            && let Some((name, from)) = self.companion_off_pin(&metadata, &version, &mut tried)
        {
            let output = self.move_package(&name, &from, &version)?;
            if output.ended.exit.is_success() {
                tried.clear();
                metadata = match self.metadata()? {
                    Ok(metadata) => metadata,
                    Err(refused) => return Ok(Err(refused)),
                };
            } else if let Some(doubt) = resolve_infra_failure(&output) {
                return Ok(Err(inconclusive(doubt, &output)));
            } else {
                self.log
                    .note(&format!("[{name} {from} stays: nothing allows {version}]"));
            }
        }
        Ok(
            match not_at_pin(&metadata, self.context.family, &self.context.cell.pin.at) {
                None => Ok(metadata),
                Some(error) => Err(Resolution::refused(
                    Status::failed(FailureKind::Resolve),
                    error,
                )),
            },
        )
    }

    /// Finds a family crate that is not at the pin's version although that version is published,
    /// and that has not been tried since the last successful move.
    fn companion_off_pin(
        &self,
        metadata: &Metadata,
        version: &Version,
        tried: &mut BTreeSet<(String, Version)>,
    ) -> Option<(String, Version)> {
        let of_family = metadata
            .packages
            .iter()
            .filter(|p| bare(&p.version) != *version)
            .filter(|p| p.source.is_some() && self.is_of_family(&p.name));
        let mut astray: Vec<(String, Version)> = of_family
            .filter(|p| !self.setup.locked && self.is_published(&p.name, version))
            .map(|p| (p.name.to_string(), p.version.clone()))
            .collect();
        astray.sort();
        astray
            .into_iter()
            .find(|package| tried.insert(package.clone()))
    }

    fn repair(
        &mut self,
        mut metadata: Metadata,
        mut demands: Vec<msrv::Demand>,
    ) -> PinningStep<Unmet> {
        let mut tried = BTreeSet::new();
        while let Some(step) = next_step(
            &LockGraph {
                metadata: &metadata,
                registry: &self.setup.matrix.registry,
                rustc: &self.context.toolchain.rustc,
            },
            &demands,
            |name| self.is_of_family(name),
            &mut tried,
        ) {
            let output = self.move_package(&step.package, &step.from, &step.to)?;
            if !output.ended.exit.is_success() {
                if let Some(doubt) = resolve_infra_failure(&output) {
                    return Ok(Err(inconclusive(doubt, &output)));
                }
                continue;
            }
            self.moved.push(Moved {
                package: step.package,
                from: step.from.to_string(),
                to: step.to.to_string(),
                because: step.because,
                fault: MoveReason::TooNew,
            });
            metadata = match self.metadata()? {
                Ok(metadata) => metadata,
                Err(refused) => return Ok(Err(refused)),
            };
            demands = self.sort_family_first(msrv::unmet(&metadata, &self.context.toolchain.rustc));
            if demands.is_empty() {
                break;
            }
        }
        Ok(Ok(self.judge(&metadata, &demands)))
    }

    fn metadata(&mut self) -> PinningStep<Metadata> {
        let mut args = vec!["metadata", "--format-version", "1"];
        args.extend(["--filter-platform", &self.context.toolchain.host]);
        let features = self.context.features.flags();
        args.extend(features.iter().map(String::as_str));
        if self.setup.locked {
            args.push("--locked");
        }
        let output = self.run_cargo(&args)?;
        if !output.ended.exit.is_success() {
            return Ok(Err(self.setup.refused(self.context, &output)));
        }
        let metadata = MetadataCommand::parse(&output.out).context("read cargo's metadata")?;
        self.needs = Some(msrv::highest(&metadata, |name| self.is_of_family(name)));
        Ok(Ok(metadata))
    }

    fn move_package(&mut self, name: &str, from: &Version, to: &Version) -> Result<CargoOutput> {
        let package = format!("{name}@{from}");
        self.run_cargo(&[
            "update",
            "--package",
            &package,
            "--precise",
            &to.to_string(),
        ])
    }

    pub(super) fn run_cargo(&mut self, args: &[&str]) -> Result<CargoOutput> {
        let mut args = args.to_vec();
        if self.setup.network == Network::Offline {
            args.push("--offline");
        }
        let matrix = self.setup.matrix;
        let mut vars = self.context.vars(&matrix.resolver);
        vars.insert(
            "CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS".into(),
            "fallback".into(),
        );
        let cargo = CargoCommand {
            toolchain: &matrix.resolver,
            folder: self.workspace,
            checkout: &self.setup.folder,
            vars,
            limit: matrix.config.timeouts.resolve,
            policy: Policy::OPEN,
            cancel: self.setup.cancel,
            budget: None,
        };
        let output = cargo.run_captured(&args, self.log)?;
        let message = format!(
            "$ cargo {}\n{}[{}]\n",
            args.join(" "),
            output.err,
            output.ended.exit
        );
        self.output.push_str(&message);
        Ok(output)
    }

    fn is_of_family(&self, name: &str) -> bool {
        self.context.family.holds(name)
    }

    fn is_published(&self, name: &str, version: &Version) -> bool {
        match self.setup.matrix.registry.versions(name) {
            Some(versions) => versions.iter().any(|p| bare(&p.version) == *version),
            None => true,
        }
    }

    fn sort_family_first(&self, mut demands: Vec<msrv::Demand>) -> Vec<msrv::Demand> {
        let crates = &self.context.family.crates;
        demands.sort_by_key(|d| {
            let place = crates
                .iter()
                .position(|c| *c.get_ref() == d.name)
                .unwrap_or(crates.len());
            (place, !self.is_of_family(&d.name))
        });
        demands
    }
}
