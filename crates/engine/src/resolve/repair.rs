//! Decides how to repair a lock that is too new for a toolchain: which package to downgrade, and to
//! which version.
//!
//! Either the package that is too new is downgraded to the newest version that fits or, if its
//! dependents forbid that, one of the dependents is downgraded to a version that allows it. Family
//! crates never move, because the cell is about them.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};
use semver::{Version, VersionReq};

use crate::registry::published::{Published, Registry};
use crate::resolve::msrv::{Demand, parents};

/// How many older versions of one package to try. Each attempt costs one run of the resolver.
const TRIES: usize = 8;

/// One package to downgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downgrade {
    /// The package's name.
    pub package: String,
    /// Its version in the lock.
    pub from: Version,
    /// The older version to try.
    pub to: Version,
    /// The reason, for the user.
    pub because: String,
}

/// Returns the next downgrade to try, or `None` if none is left.
pub fn next_step(
    graph: &LockGraph<'_>,
    demands: &[Demand],
    is_of_family: impl Fn(&Package) -> bool,
    tried: &mut BTreeSet<(String, Version)>,
) -> Option<Downgrade> {
    for demand in demands {
        let because = format!(
            "{} {} needs rustc {}",
            demand.name, demand.version, demand.needs
        );
        let Some(package) = graph.package(&demand.name, &demand.version) else {
            continue;
        };
        let itself = graph.older(package, |_| true);
        let dependents = graph.dependents(package);
        let askers = dependents
            .iter()
            .filter(|p| p.source.is_some() && !is_of_family(p))
            .flat_map(|asker| {
                let without = |older: &Published| graph.lets_go(older, demand);
                graph
                    .older(asker, without)
                    .into_iter()
                    .map(|to| (*asker, to))
            });
        let candidates = itself.into_iter().map(|to| (package, to)).chain(askers);
        for (package, to) in candidates {
            if package.source.is_none() || is_of_family(package) {
                continue;
            }
            if tried.insert((package.name.to_string(), to.clone())) {
                return Some(Downgrade {
                    package: package.name.to_string(),
                    from: package.version.clone(),
                    to,
                    because,
                });
            }
        }
    }
    None
}

/// The packages of a lock, and what else could be in their place.
pub struct LockGraph<'a> {
    /// What cargo reads from the lock.
    pub metadata: &'a Metadata,
    /// The published versions of packages.
    pub registry: &'a Registry,
    /// The version of the toolchain's rustc.
    pub rustc: &'a Version,
}

impl<'a> LockGraph<'a> {
    fn package(&self, name: &str, version: &Version) -> Option<&'a Package> {
        self.metadata
            .packages
            .iter()
            .find(|p| *p.name == name && p.version == *version)
    }

    fn by_id(&self, id: &PackageId) -> Option<&'a Package> {
        self.metadata.packages.iter().find(|p| p.id == *id)
    }

    fn dependents(&self, package: &Package) -> Vec<&'a Package> {
        let parents = parents(self.metadata);
        let ids = parents.get(&package.id).cloned().unwrap_or_default();
        ids.iter().filter_map(|id| self.by_id(id)).collect()
    }

    /// Returns older versions that all dependents allow, that declare no newer rustc, and that
    /// `wanted` accepts, newest first.
    fn older(&self, package: &Package, wanted: impl Fn(&Published) -> bool) -> Vec<Version> {
        let allowed = self.requirements_on(package);
        let published = self.registry.versions(&package.name).unwrap_or_default();
        published
            .iter()
            .rev()
            .filter(|p| p.version < package.version && !p.yanked)
            .filter(|p| {
                p.rust_version
                    .as_ref()
                    .is_none_or(|needs| needs <= self.rustc)
            })
            .filter(|p| allowed.iter().all(|req| req.matches(&p.version)))
            .filter(|p| wanted(p))
            .map(|p| p.version.clone())
            .take(TRIES)
            .collect()
    }

    fn requirements_on(&self, package: &Package) -> Vec<VersionReq> {
        let dependents = self.dependents(package);
        let requirements = dependents
            .iter()
            .flat_map(|dependent| &dependent.dependencies);
        requirements
            .filter(|d| d.name == *package.name && d.kind != DependencyKind::Development)
            // A package can be in the graph at several versions, each with its own dependents.
            .filter(|d| d.req.matches(&package.version))
            .map(|d| d.req.clone())
            .collect()
    }

    /// Returns true if a version of a dependent no longer requires the version that is too new.
    fn lets_go(&self, asker: &Published, demand: &Demand) -> bool {
        let mut requirements = asker
            .requires
            .iter()
            .filter(|required| required.package == demand.name);
        requirements.all(|required| !required.req.matches(&demand.version))
    }
}

#[cfg(test)]
mod tests;
