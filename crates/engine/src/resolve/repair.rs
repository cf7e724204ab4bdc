//! How a lock that is too new for a toolchain is mended: which package goes back, and how far.
//!
//! Either the package that is too new goes back to the newest version that fits, or, where those
//! who ask for it forbid that, one of them goes back to a version that does not. Family crates
//! never move: they are what the cell is about.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};
use semver::{Version, VersionReq};

use crate::registry::published::{Published, Registry};
use crate::resolve::msrv::{Demand, parents};

/// How many older versions of one package are tried; each costs a run of the resolver.
const TRIES: usize = 8;

/// One package going back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downgrade {
    /// The package.
    pub package: String,
    /// Its version in the lock.
    pub from: Version,
    /// The version that may fit.
    pub to: Version,
    /// What asked for it.
    pub because: String,
}

/// The next step towards a lock that fits, or `None` when there is none left to try.
pub fn next_step(
    metadata: &Metadata,
    demands: &[Demand],
    registry: &Registry,
    rustc: &Version,
    is_of_family: impl Fn(&str) -> bool,
    tried: &mut BTreeSet<(String, Version)>,
) -> Option<Downgrade> {
    let graph = Graph {
        metadata,
        registry,
        rustc,
    };
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
            .filter(|p| p.source.is_some() && !is_of_family(&p.name))
            .flat_map(|asker| {
                let without = |older: &Published| graph.lets_go(older, demand);
                graph
                    .older(asker, without)
                    .into_iter()
                    .map(|to| (*asker, to))
            });
        let candidates = itself.into_iter().map(|to| (package, to)).chain(askers);
        for (package, to) in candidates {
            if package.source.is_none() || is_of_family(&package.name) {
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

struct Graph<'a> {
    metadata: &'a Metadata,
    registry: &'a Registry,
    rustc: &'a Version,
}

impl<'a> Graph<'a> {
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

    /// Older versions that all dependents allow, that declare no newer rustc, and that `wanted`
    /// accepts; the newest first.
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
            // A package can be in the graph at several versions, each asked for by its own.
            .filter(|d| d.req.matches(&package.version))
            .map(|d| d.req.clone())
            .collect()
    }

    /// Whether a version of an asker no longer forces the package that is too new.
    fn lets_go(&self, asker: &Published, demand: &Demand) -> bool {
        let mut requirements = asker
            .requires
            .iter()
            .filter(|(name, _)| *name == demand.name);
        requirements.all(|(_, req)| !req.matches(&demand.version))
    }
}
