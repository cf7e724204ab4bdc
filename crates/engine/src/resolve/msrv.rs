//! Which packages of a lock ask for a newer rustc than a cell has: an answer without compiling.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cargo_metadata::{Metadata, Package, PackageId};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{Need, Needs};
use semver::Version;

use crate::subject::{Member, Subject, needs};

/// A package that asks for a newer rustc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The package.
    pub name: String,
    /// Its version in the lock.
    pub version: Version,
    /// The rustc it needs.
    pub needs: Version,
    /// True when only its edition tells, and it declares no rust-version.
    pub by_edition: bool,
    /// Who asks for it, from the nearest to a member of the workspace.
    pub through: Vec<String>,
}

impl Demand {
    /// The demand as an error that a person reads.
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

/// The demands of the subject's own members that `rustc` does not meet.
#[must_use]
pub fn unmet_by_members(subject: &Subject, rustc: &Version) -> Vec<Demand> {
    let unmet = |member: &Member| {
        let (needs, by_edition) = member.needs.clone().filter(|(needs, _)| needs > rustc)?;
        Some(Demand {
            name: member.name.clone(),
            version: member.version.clone(),
            needs,
            by_edition,
            through: Vec::new(),
        })
    };
    subject.members.iter().filter_map(unmet).collect()
}

/// All demands that `rustc` does not meet, sorted by package. Only packages that are in the graph
/// of this host and these features count.
#[must_use]
pub fn unmet(metadata: &Metadata, rustc: &Version) -> Vec<Demand> {
    let parents = parents(metadata);
    let in_graph = in_graph(metadata);
    let mut demands: Vec<Demand> = metadata
        .packages
        .iter()
        .filter(|p| in_graph.contains(&p.id))
        .filter_map(|package| {
            let (needs, by_edition) = needs(package)?;
            (needs > *rustc).then(|| Demand {
                name: package.name.to_string(),
                version: package.version.clone(),
                needs,
                by_edition,
                through: through(package, metadata, &parents),
            })
        })
        .collect();
    demands.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    demands
}

/// The rustc that a graph asks for: the most that the family declares, and the most of all.
#[must_use]
pub fn highest(metadata: &Metadata, is_of_family: impl Fn(&str) -> bool) -> Needs {
    let in_graph = in_graph(metadata);
    let need = |package: &Package| {
        let (rustc, _) = needs(package)?;
        let package = format!("{} {}", package.name, package.version);
        Some(Need { rustc, package })
    };
    let packages = || {
        metadata
            .packages
            .iter()
            .filter(|p| in_graph.contains(&p.id))
            // Members are made to declare what the lock has to fit.
            .filter(|p| !metadata.workspace_members.contains(&p.id))
    };
    // Of several that ask for the same, the first by name.
    let order = |a: &Need, b: &Need| {
        a.rustc
            .cmp(&b.rustc)
            .then_with(|| b.package.cmp(&a.package))
    };
    let of_family = packages().filter(|p| is_of_family(&p.name));
    Needs {
        family: of_family.filter_map(need).max_by(order),
        lock: packages().filter_map(need).max_by(order),
    }
}

/// The packages that this host and these features really use.
#[must_use]
pub fn in_graph(metadata: &Metadata) -> BTreeSet<&PackageId> {
    let nodes = metadata.resolve.iter().flat_map(|r| &r.nodes);
    nodes.map(|n| &n.id).collect()
}

/// Who requires whom: package to dependents.
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

/// The shortest chain of dependents from a package up to a member of the workspace.
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
