//! Decides what causes a package outside the family to be too new: the pin, or drift.
//!
//! The pin is the cause if a family crate requires the package and nothing older would do.
//! Otherwise it is drift: if the lock cannot be repaired either, the cell says nothing about its
//! pin.

use std::collections::BTreeSet;

use camino::Utf8Path;
use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::status::FailureKind;
use semver::Version;

use crate::matrix::family_packages::{FamilyPackages, PinnedFamily};
use crate::registry::published::{Published, Registry};
use crate::resolve::msrv::{Demand, parents};

/// The inputs that decide between the pin and drift.
pub struct DriftContext<'a> {
    /// The dependency graph of the current lock.
    pub metadata: &'a Metadata,
    /// The published versions of packages outside the family.
    pub registry: &'a Registry,
    /// The cell's rustc.
    pub rustc: &'a Version,
    /// The family at the pin.
    pub pinned: PinnedFamily<'a>,
    /// The packages of the graph that belong to it.
    pub family: &'a FamilyPackages,
}

/// Why a package that is too new is in the graph.
enum DriftCause {
    /// It belongs to the family or to the subject.
    Own,
    /// The pin brings it in; the text explains how.
    Pin(String),
    /// Neither: it drifted.
    Drift,
}

/// Returns the failure kind of a cell whose lock holds packages that are too new, with one error
/// per package. If the pin brings in any of them, only the pin is blamed, even if others have
/// drifted too.
#[must_use]
pub fn judge(pin_context: &DriftContext<'_>, demands: &[Demand]) -> (FailureKind, Vec<Diagnostic>) {
    let (mut of_pin, mut drifted) = (Vec::new(), Vec::new());
    for demand in demands {
        let mut error = demand.diagnostic(pin_context.rustc);
        match pin_context.cause(demand) {
            DriftCause::Own => of_pin.push(error),
            DriftCause::Pin(why) => {
                error.message.push_str(&format!("; {why}"));
                of_pin.push(error);
            }
            DriftCause::Drift => {
                // If the subject requires the package directly, the demand does not mention it.
                if let [asker] = demand.through.as_slice() {
                    error.message.push_str(&format!(" (through {asker})"));
                }
                drifted.push(error);
            }
        }
    }
    let class = if of_pin.is_empty() {
        FailureKind::Drift
    } else {
        FailureKind::Msrv
    };
    of_pin.append(&mut drifted);
    (class, of_pin)
}

impl DriftContext<'_> {
    fn cause(&self, demand: &Demand) -> DriftCause {
        let package = demand.package(self.metadata);
        let Some(package) = package.filter(|p| p.source.is_some()) else {
            return DriftCause::Own;
        };
        if self.family.contains(&package.id) {
            return DriftCause::Own;
        }
        let versions = self.registry.versions(&demand.name).unwrap_or_default();
        // If the published versions are unknown, the pin cannot be blamed.
        if versions.is_empty() {
            return DriftCause::Drift;
        }
        let fits = |p: &&Published| {
            let declared = p.rust_version.as_ref();
            // An index does not record what an edition requires, but this version is known not to
            // fit.
            let is_new = p.version == demand.version || declared.is_some_and(|v| v > self.rustc);
            !is_new && !p.yanked
        };
        let fitting: Vec<&Published> = versions.iter().filter(fits).collect();
        self.asker(package, &fitting)
            .or_else(|| self.follower(package, &fitting))
            .map_or(DriftCause::Drift, DriftCause::Pin)
    }

    /// Finds a family crate that requires the package and admits none of the versions that fit.
    fn asker(&self, package: &Package, fitting: &[&Published]) -> Option<String> {
        let parents = parents(self.metadata);
        let ids: BTreeSet<_> = parents.get(&package.id)?.iter().collect();
        let packages = self.metadata.packages.iter();
        let of_family = packages.filter(|p| ids.contains(&p.id) && self.family.contains(&p.id));
        let asks = |d: &&Dependency| {
            d.name == *package.name
                && d.kind != DependencyKind::Development
                && d.req.matches(&package.version)
        };
        let mut strict = of_family.filter(|asker| {
            let asked: Vec<_> = asker.dependencies.iter().filter(asks).collect();
            let admits = |p: &Published| asked.iter().all(|d| d.req.matches(&p.version));
            !fitting.iter().any(|p| admits(p))
        });
        let asker = strict.next()?;
        let (name, version) = (&asker.name, &asker.version);
        Some(format!(
            "{name} {version} asks for it and admits no version that fits"
        ))
    }

    /// Checks whether the package itself uses the family, and every version of it that fits
    /// excludes the pin.
    fn follower(&self, package: &Package, fitting: &[&Published]) -> Option<String> {
        let in_use = parents(self.metadata);
        let uses = |p: &&Package| {
            let users = in_use.get(&p.id).into_iter().flatten();
            self.family.contains(&p.id) && users.into_iter().any(|id| *id == package.id)
        };
        let used = self.metadata.packages.iter().find(uses)?;
        let refuses = |p: &&Published| {
            let of_family = p.requires.iter();
            let mut of_family = of_family.filter(|d| self.pinned.moves(&d.package));
            of_family.any(|d| {
                let pin = self.pinned.version_of(&d.package);
                pin.is_some_and(|pin| !d.req.matches(pin))
            })
        };
        let name = &used.name;
        let pin = self.pinned.version_of(name)?;
        (!fitting.is_empty() && fitting.iter().all(refuses))
            .then(|| format!("no version of it that fits takes {name} {pin}"))
    }
}

/// Returns the package outside the family whose manifest cargo is too old to read, if cargo names
/// it. A lock also lists packages that no cell builds, such as optional dependencies, and `cargo
/// fetch` reads all of them.
#[must_use]
pub fn unreadable(err: &str, pinned: PinnedFamily<'_>) -> Option<String> {
    let (_, rest) = err.split_once("failed to parse manifest at `")?;
    let manifest = Utf8Path::new(rest.split('`').next()?);
    let folder = manifest.parent()?.file_name()?;
    let mut dashes = folder.match_indices('-');
    let (name, version) = dashes.find_map(|(at, _)| {
        let version = Version::parse(folder.get(at + 1..)?).ok()?;
        Some((folder.get(..at)?, version))
    })?;
    (!pinned.holds(name, &version)).then(|| format!("{name} {version}"))
}

#[cfg(test)]
mod tests;
