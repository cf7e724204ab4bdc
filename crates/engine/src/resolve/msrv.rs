//! Finds the packages of a lock that need a newer rustc than the cell has, without compiling.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{Need, Needs};
use semver::Version;

use crate::subject::selection::SelectedPackages;
use crate::subject::{Member, needs};

/// A package that needs a newer rustc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The package's name.
    pub name: String,
    /// Its version in the lock.
    pub version: Version,
    /// The rustc version that it needs.
    pub needs: Version,
    /// True if the package declares no rust-version, and the requirement comes from its edition.
    pub by_edition: bool,
    /// The chain of dependents, from the nearest one up to a workspace member.
    pub through: Vec<String>,
}

impl Demand {
    /// Finds the package in the graph; `None` if the demand is a member's own.
    #[must_use]
    pub fn package<'a>(&self, metadata: &'a Metadata) -> Option<&'a Package> {
        let mut packages = metadata.packages.iter();
        packages.find(|p| *p.name == self.name && p.version == self.version)
    }

    /// Formats the demand as an error for the user.
    #[must_use]
    pub fn diagnostic(&self, rustc: &Version) -> Diagnostic {
        let Self {
            name,
            version,
            needs,
            ..
        } = self;
        let edition = if self.by_edition {
            " for its edition"
        } else {
            ""
        };
        let mut message =
            format!("{name} {version} needs rustc {needs}{edition}, and this is {rustc}");
        if self.through.len() > 1 {
            message.push_str(&format!(" (through {})", self.through.join(" ← ")));
        }
        Diagnostic::from_message(message)
    }
}

/// Returns the demands of the subject's own members that `rustc` does not meet.
#[must_use]
pub fn unmet_by_members<'a>(
    members: impl Iterator<Item = &'a Member>,
    rustc: &Version,
) -> Vec<Demand> {
    let unmet = |member: &Member| {
        let required = member.needs.clone().filter(|own| own.rustc > *rustc)?;
        Some(Demand {
            name: member.name.clone(),
            version: member.version.clone(),
            needs: required.rustc,
            by_edition: required.by_edition,
            through: Vec::new(),
        })
    };
    members.filter_map(unmet).collect()
}

/// Returns all demands that `rustc` does not meet, sorted by package. Only packages that the
/// selected members use on this host with these features count.
#[must_use]
pub fn unmet(metadata: &Metadata, selection: &SelectedPackages, rustc: &Version) -> Vec<Demand> {
    let parents = parents(metadata);
    let in_graph = used(metadata, selection);
    let mut demands: Vec<Demand> = metadata
        .packages
        .iter()
        .filter(|p| in_graph.contains(&p.id))
        .filter_map(|package| {
            let required = needs(package)?;
            (required.rustc > *rustc).then(|| Demand {
                name: package.name.to_string(),
                version: package.version.clone(),
                needs: required.rustc,
                by_edition: required.by_edition,
                through: through(package, metadata, &parents),
            })
        })
        .collect();
    demands.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    demands
}

/// Returns the newest rustc that a graph needs: once for the family alone, and once for the whole
/// lock.
#[must_use]
pub fn highest(
    metadata: &Metadata,
    selection: &SelectedPackages,
    is_of_family: impl Fn(&Package) -> bool,
) -> Needs {
    let in_graph = used(metadata, selection);
    let need = |package: &Package| {
        let rustc = needs(package)?.rustc;
        let package = format!("{} {}", package.name, package.version);
        Some(Need { rustc, package })
    };
    let packages = || {
        metadata
            .packages
            .iter()
            .filter(|p| in_graph.contains(&p.id))
            // Members are excluded: while resolving, they declare the rust-version that the lock
            // must fit.
            .filter(|p| !metadata.workspace_members.contains(&p.id))
    };
    // On a tie, take the first by name.
    let order = |a: &Need, b: &Need| {
        a.rustc
            .cmp(&b.rustc)
            .then_with(|| b.package.cmp(&a.package))
    };
    let of_family = packages().filter(|p| is_of_family(p));
    Needs {
        family: of_family.filter_map(need).max_by(order),
        lock: packages().filter_map(need).max_by(order),
    }
}

/// Returns the packages that are used on this host with these features.
#[must_use]
pub fn in_graph(metadata: &Metadata) -> BTreeSet<&PackageId> {
    let nodes = metadata.resolve.iter().flat_map(|r| &r.nodes);
    nodes.map(|n| &n.id).collect()
}

/// Returns the packages that the selected members use on this host with these features: what they
/// depend on, and what that depends on without its dev-dependencies.
fn used<'a>(metadata: &'a Metadata, selection: &SelectedPackages) -> BTreeSet<&'a PackageId> {
    if selection.is_whole() {
        return in_graph(metadata);
    }
    let nodes = metadata.resolve.iter().flat_map(|r| &r.nodes);
    let nodes: BTreeMap<&PackageId, &Node> = nodes.map(|node| (&node.id, node)).collect();
    let members = metadata.workspace_packages().into_iter();
    let selected = members.filter(|member| selection.holds(&member.name));
    let selected: BTreeSet<&PackageId> = selected.map(|member| &member.id).collect();
    let mut used = selected.clone();
    let mut open: Vec<&PackageId> = selected.iter().copied().collect();
    while let Some(next) = open.pop() {
        let dependencies = nodes.get(next).map(|node| node.deps.as_slice());
        for dependency in dependencies.unwrap_or_default() {
            let mut kinds = dependency.dep_kinds.iter().map(|kind| kind.kind);
            let is_of_tests = kinds.all(|kind| kind == DependencyKind::Development);
            let counts = selected.contains(next) || !is_of_tests;
            if counts && used.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    used
}

/// Maps each package to its direct dependents.
#[must_use]
pub fn parents(metadata: &Metadata) -> BTreeMap<PackageId, Vec<PackageId>> {
    let mut parents: BTreeMap<PackageId, Vec<PackageId>> = BTreeMap::new();
    for node in metadata.resolve.iter().flat_map(|r| &r.nodes) {
        for dependency in &node.dependencies {
            parents
                .entry(dependency.clone())
                .or_default()
                .push(node.id.clone());
        }
    }
    for dependents in parents.values_mut() {
        dependents.sort();
    }
    parents
}

/// Returns true if every package that requires `package` admits another version of it.
#[must_use]
pub fn admits(metadata: &Metadata, package: &Package, version: &Version) -> bool {
    let parents = parents(metadata);
    let ids = parents.get(&package.id).into_iter().flatten();
    let mut users = ids.filter_map(|id| metadata.packages.iter().find(|p| p.id == *id));
    users.all(|user| {
        let asked = user.dependencies.iter();
        let mut asked =
            asked.filter(|d| d.name == *package.name && d.req.matches(&package.version));
        asked.all(|d| d.req.matches(version))
    })
}

/// Returns the shortest chain of dependents from a package up to a workspace member.
fn through(
    package: &Package,
    metadata: &Metadata,
    parents: &BTreeMap<PackageId, Vec<PackageId>>,
) -> Vec<String> {
    let mut came_from: BTreeMap<&PackageId, &PackageId> = BTreeMap::new();
    let mut queue = VecDeque::from([&package.id]);
    let mut top = None;
    while let Some(id) = queue.pop_front() {
        if metadata.workspace_members.contains(id) {
            top = Some(id);
            break;
        }
        for parent in parents.get(id).into_iter().flatten() {
            if *parent != package.id && !came_from.contains_key(parent) {
                came_from.insert(parent, id);
                queue.push_back(parent);
            }
        }
    }
    let mut chain = Vec::new();
    let mut at = top;
    while let Some(id) = at.filter(|id| **id != package.id) {
        if let Some(package) = metadata.packages.iter().find(|p| p.id == *id) {
            chain.push(format!("{} {}", package.name, package.version));
        }
        at = came_from.get(id).copied();
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests;
