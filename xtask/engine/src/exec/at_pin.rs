//! Whether a graph holds the family at the pin: each of its crates once, and from where the pin says.

use cargo_metadata::{Metadata, Package};

use crate::config::Family;
use crate::exec::msrv;
use crate::model::cell::{At, bare};
use crate::model::diagnostic::Diagnostic;

/// Which family crate is not in the graph once, at the pin, and from where the pin says.
#[must_use]
pub fn not_at_pin(metadata: &Metadata, family: &Family, at: &At) -> Option<Diagnostic> {
    let in_graph = msrv::in_graph(metadata);
    let crates = family.crate_names().into_iter();
    let mut faults = crates.filter_map(|krate| {
        let packages = metadata.packages.iter();
        let there: Vec<&Package> = packages
            .filter(|p| *p.name == krate && in_graph.contains(&p.id))
            .collect();
        fault(krate, at, &there, metadata)
    });
    faults.next().map(Diagnostic::said)
}

fn fault(krate: &str, at: &At, there: &[&Package], metadata: &Metadata) -> Option<String> {
    if there.is_empty() {
        let why = "the features that are on leave it out";
        return Some(format!("{krate} is not in the graph: {why}"));
    }
    let registry = |p: &Package| {
        p.source
            .as_ref()
            .is_some_and(|s| !s.repr.starts_with("git+"))
    };
    let is_at_pin = |p: &Package| match at {
        At::Version { version } => bare(&p.version) == *version,
        At::Git { .. } | At::Path { .. } => !registry(p),
    };
    let is_published = at.version().is_some();
    if let Some(other) = there.iter().find(|p| is_published && !registry(p)) {
        let from = &other.manifest_path;
        return Some(format!("{krate} comes from {from}, not from a registry"));
    }
    let parents = msrv::parents(metadata);
    let wrong = there.iter().find(|p| !is_at_pin(p))?;
    let ids = parents.get(&wrong.id).into_iter().flatten();
    let askers = ids.filter_map(|id| metadata.packages.iter().find(|p| p.id == *id));
    let askers: Vec<String> = askers
        .map(|p| format!("{} {}", p.name, p.version))
        .collect();
    let (version, askers) = (&wrong.version, askers.join(", "));
    Some(format!(
        "{krate} is in the graph at {version} and not only at {at}: {askers} asks for it"
    ))
}
