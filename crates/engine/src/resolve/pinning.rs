//! Moves one lock to its pin: runs cargo, keeps the family together, and repairs the lock.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use camino::Utf8Path;
use cargo_metadata::{Metadata, MetadataCommand, Package};
use pinmatrix_core::config::Network;
use pinmatrix_core::model::cell::bare;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::Needs;
use pinmatrix_core::model::outcome::copies::OtherCopy;
use pinmatrix_core::model::outcome::moved::{MoveReason, Moved};
use pinmatrix_core::model::status::{FailureKind, Status};
use pinmatrix_process::sandbox::policy::Policy;
use semver::Version;

use crate::cargo::{CargoCommand, CargoOutput, first_error, resolve_infra_failure};
use crate::matrix::cell_context::CellContext;
use crate::matrix::family_packages::FamilyPackages;
use crate::phase::log::PhaseLog;
use crate::resolve::repair::{LockGraph, next_step};
use crate::resolve::resolution::Resolution;
use crate::resolve::setup::{ResolveSetup, inconclusive};
use crate::resolve::{drift, msrv};
use crate::resolve::{hold, pin_check};

/// A cell's lock while it is being moved to the pin.
pub(super) struct Pinning<'a, 'b> {
    setup: &'a ResolveSetup<'a>,
    /// The workspace in the copy that is being resolved.
    workspace: &'a Utf8Path,
    context: &'a CellContext<'a>,
    log: &'b mut PhaseLog,
    /// The packages that have moved so far.
    pub(super) moved: Vec<Moved>,
    /// Crates of the family beside the pin.
    pub(super) copies: Vec<OtherCopy>,
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
            copies: Vec::new(),
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
        let selection = self.context.selection;
        let members = self.context.tree.subject.members.iter();
        let members = members.filter(|member| selection.holds(&member.name));
        let by_members = msrv::unmet_by_members(members, rustc);
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
        let metadata = match self.hold_packages(metadata)? {
            Ok(metadata) => metadata,
            Err(refused) => return Ok(Err(refused)),
        };
        let demands = self.demands(&metadata);
        let family = self.family_packages(&metadata);
        let is_of_family = |p: &Package| family.contains(&p.id);
        let mut packages = demands.iter().filter_map(|d| d.package(&metadata));
        let by_pin = packages.any(is_of_family);
        if demands.is_empty() || by_pin || self.setup.locked {
            return Ok(Ok(self.judge(&metadata, &demands)));
        }
        self.repair(metadata, demands)
    }

    fn judge(&self, metadata: &Metadata, demands: &[msrv::Demand]) -> Unmet {
        let context = drift::DriftContext {
            metadata,
            registry: &self.setup.matrix.registry,
            rustc: &self.context.toolchain.rustc,
            pinned: self.context.pinned(),
            family: &self.family_packages(metadata),
        };
        (!demands.is_empty()).then(|| drift::judge(&context, demands))
    }

    /// Moves companions that the resolver let drift back to the pin's version, and checks that the
    /// subject uses the family at the pin.
    fn align_companions(&mut self, mut metadata: Metadata) -> PinningStep<Metadata> {
        let mut tried = BTreeSet::new();
        // Moving one companion can free another that was held back by a dependency of the first.
        while let Some(CompanionOffPin { name, from, to }) =
            self.companion_off_pin(&metadata, &mut tried)
        {
            let output = self.move_package(&name, &from, &to)?;
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
                    .note(&format!("[{name} {from} stays: nothing allows {to}]"));
            }
        }
        match pin_check::check(&metadata, self.context.pinned()) {
            Ok(copies) => self.copies = copies,
            Err(fault) => {
                let status = Status::failed(FailureKind::Resolve);
                let error = Diagnostic::from_message(fault);
                return Ok(Err(Resolution::refused(status, error)));
            }
        }
        Ok(Ok(metadata))
    }

    /// Finds a family crate that is not at the pin's version although that version is published,
    /// and that has not been tried since the last successful move. A copy beside the pin counts if
    /// all that require it admit the pin.
    fn companion_off_pin(
        &self,
        metadata: &Metadata,
        tried: &mut BTreeSet<(String, Version)>,
    ) -> Option<CompanionOffPin> {
        if self.setup.locked || self.context.cell.pin.at.version().is_none() {
            return None;
        }
        let pinned = self.context.pinned();
        let family = self.family_packages(metadata);
        let of_family = metadata
            .packages
            .iter()
            .filter(|p| p.source.is_some() && pinned.family.holds(&p.name));
        let mut astray: Vec<CompanionOffPin> = of_family
            .filter_map(|p| {
                let to = pinned.version_of(&p.name)?;
                let is_off = bare(&p.version) != *to && self.is_published(&p.name, to);
                let may_move = || family.contains(&p.id) || msrv::admits(metadata, p, to);
                (is_off && may_move()).then(|| CompanionOffPin {
                    name: p.name.to_string(),
                    from: p.version.clone(),
                    to: to.clone(),
                })
            })
            .collect();
        astray.sort();
        let mut astray = astray.into_iter();
        astray.find(|package| tried.insert((package.name.clone(), package.from.clone())))
    }

    /// Moves the packages that `[[adjust]]` holds to the newest version that it admits.
    fn hold_packages(&mut self, mut metadata: Metadata) -> PinningStep<Metadata> {
        let holds = self.context.pin_context.change.hold.clone();
        let mut tried = BTreeSet::new();
        let registry = &self.setup.matrix.registry;
        let published = |name: &str| registry.versions(name);
        while let Some(not_held) = hold::not_held(&metadata, &holds, published, &mut tried) {
            let refused = |why: &str| {
                let error = hold::refused(&not_held, why);
                Resolution::refused(Status::failed(FailureKind::Resolve), error)
            };
            let Some(to) = &not_held.to else {
                return Ok(Err(refused("no version of it that is published fits")));
            };
            if self.setup.locked {
                return Ok(Err(refused("`--locked` moves nothing")));
            }
            let moved = self.move_package(&not_held.name, &not_held.from, to)?;
            if !moved.ended.exit.is_success() {
                return Ok(Err(match resolve_infra_failure(&moved) {
                    Some(reason) => inconclusive(reason, &moved),
                    None => refused(&first_error(&moved.err).message),
                }));
            }
            self.moved.push(Moved {
                package: not_held.name.clone(),
                from: not_held.from.to_string(),
                to: to.to_string(),
                because: format!("`[[adjust]]` holds it at {}", not_held.req),
                fault: MoveReason::NotHeld,
            });
            metadata = match self.metadata()? {
                Ok(metadata) => metadata,
                Err(refused) => return Ok(Err(refused)),
            };
        }
        Ok(Ok(metadata))
    }

    fn repair(
        &mut self,
        mut metadata: Metadata,
        mut demands: Vec<msrv::Demand>,
    ) -> PinningStep<Unmet> {
        let mut tried = BTreeSet::new();
        let mut family = self.family_packages(&metadata);
        let holds = &self.context.pin_context.change.hold;
        while let Some(step) = next_step(
            &LockGraph {
                metadata: &metadata,
                registry: &self.setup.matrix.registry,
                rustc: &self.context.toolchain.rustc,
            },
            &demands,
            |package| family.contains(&package.id) || holds.contains_key(package.name.as_str()),
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
            family = self.family_packages(&metadata);
            demands = self.demands(&metadata);
            if demands.is_empty() {
                break;
            }
        }
        Ok(Ok(self.judge(&metadata, &demands)))
    }

    fn metadata(&mut self) -> PinningStep<Metadata> {
        let mut args = vec!["metadata", "--format-version", "1"];
        let triples = self.context.toolchain.triples();
        args.extend(
            triples
                .iter()
                .flat_map(|triple| ["--filter-platform", triple]),
        );
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
        let family = self.family_packages(&metadata);
        let is_of_family = |p: &Package| family.contains(&p.id);
        let needs = msrv::highest(&metadata, self.context.selection, is_of_family);
        self.needs = Some(needs);
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

    fn family_packages(&self, metadata: &Metadata) -> FamilyPackages {
        FamilyPackages::of(metadata, self.context.pinned())
    }

    fn is_published(&self, name: &str, version: &Version) -> bool {
        match self.setup.matrix.registry.versions(name) {
            Some(versions) => versions.iter().any(|p| bare(&p.version) == *version),
            None => true,
        }
    }

    /// Returns the packages that need a newer rustc: the family's crates first, as it lists them.
    fn demands(&self, metadata: &Metadata) -> Vec<msrv::Demand> {
        let rustc = &self.context.toolchain.rustc;
        let mut demands = msrv::unmet(metadata, self.context.selection, rustc);
        let pinned = self.context.pinned();
        let crates = &pinned.family.crates;
        demands.sort_by_key(|d| {
            let place = crates
                .iter()
                .position(|c| *c.get_ref() == d.name)
                .unwrap_or(crates.len());
            (place, !pinned.family.holds(&d.name))
        });
        demands
    }
}

/// A family crate that should move to the pin.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct CompanionOffPin {
    name: String,
    from: Version,
    to: Version,
}
