//! Checks that a graph holds the family at the pin: every family crate that is built appears once,
//! and comes from the source that the pin names.

use std::collections::BTreeSet;

use cargo_metadata::{Metadata, Package};
use pinmatrix_core::config::Family;
use pinmatrix_core::model::cell::{PinnedAt, bare};
use pinmatrix_core::model::diagnostic::Diagnostic;

use crate::resolve::msrv;

/// Reports a family crate that is not in the graph exactly once, at the pin and from its source.
#[must_use]
pub fn not_at_pin(metadata: &Metadata, family: &Family, at: &PinnedAt) -> Option<Diagnostic> {
    let in_graph = msrv::in_graph(metadata);
    let built: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|p| in_graph.contains(&p.id))
        .collect();
    let crates = family.crate_names().into_iter();
    let is_built = |krate: &str| built.iter().any(|p| *p.name == krate);
    let is_any_built = crates.clone().any(is_built);
    let mut faults = crates.filter_map(|krate| {
        let packages: Vec<&Package> = built.iter().filter(|p| *p.name == krate).copied().collect();
        match packages.is_empty() {
            false => fault(krate, at, &packages, metadata),
            // The crates that are built are enough to judge by.
            true if is_any_built => None,
            true => Some(format!(
                "{krate} is not in the graph: {}",
                why_absent(krate, metadata)
            )),
        }
    });
    faults.next().map(Diagnostic::from_message)
}

/// Explains why no member brings in a crate: each requirement on it is optional, or for another
/// platform.
fn why_absent(krate: &str, metadata: &Metadata) -> String {
    let members = metadata.workspace_packages().into_iter();
    let requirements = members.flat_map(|member| {
        let own = member.dependencies.iter().filter(|d| d.name == krate);
        own.map(move |requirement| (member, requirement))
    });
    let reasons = requirements.map(|(member, requirement)| {
        match (requirement.optional, &requirement.target) {
            (false, Some(platform)) => format!("{} requires it for {platform} only", member.name),
            (_, _) => format!("no feature of {} that is on asks for it", member.name),
        }
    });
    let reasons: BTreeSet<String> = reasons.collect();
    if reasons.is_empty() {
        "the features that are on leave it out".to_owned()
    } else {
        reasons.into_iter().collect::<Vec<_>>().join("; ")
    }
}

fn fault(krate: &str, at: &PinnedAt, packages: &[&Package], metadata: &Metadata) -> Option<String> {
    let registry = |p: &Package| {
        p.source
            .as_ref()
            .is_some_and(|s| !s.repr.starts_with("git+"))
    };
    let is_at_pin = |p: &Package| match at {
        PinnedAt::Version { version } => bare(&p.version) == *version,
        PinnedAt::Git { .. } | PinnedAt::Path { .. } => !registry(p),
    };
    let is_published = at.version().is_some();
    if let Some(other) = packages.iter().find(|p| is_published && !registry(p)) {
        let from = &other.manifest_path;
        return Some(format!("{krate} comes from {from}, not from a registry"));
    }
    let parents = msrv::parents(metadata);
    let wrong = packages.iter().find(|p| !is_at_pin(p))?;
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

#[cfg(test)]
mod tests;
