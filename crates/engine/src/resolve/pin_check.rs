//! Proves that a graph holds the family at the pin: whatever the subject itself requires of the
//! family is there at the pin, and from the source that the pin names. Lists the copies of family
//! crates that other packages bring in.

use std::collections::BTreeSet;

use cargo_metadata::{Dependency, Metadata, Package};
use pinmatrix_core::config::Family;
use pinmatrix_core::model::outcome::copies::OtherCopy;

use crate::matrix::family_packages::{PinnedFamily, is_of_registry};
use crate::resolve::msrv;

/// Returns the copies of family crates beside the pin, in order.
///
/// # Errors
///
/// Returns a message that names a family crate which the subject uses at another version or from
/// another source than the pin. With `strict`, every copy beside the pin is one.
pub fn check(metadata: &Metadata, pinned: PinnedFamily<'_>) -> Result<Vec<OtherCopy>, String> {
    let graph = BuiltGraph::of(metadata);
    let crates = pinned.family.crate_names();
    let is_used = |krate: &&str| graph.is_used(krate, pinned);
    // The crates that are built are enough to judge by.
    if !crates.iter().any(is_used) {
        let krate = crates.first().copied().unwrap_or_default();
        let why = why_absent(krate, metadata);
        return Err(format!("{krate} is not in the graph: {why}"));
    }
    let followers = pinned.pins.keys().map(String::as_str);
    let followers = followers.filter(|name| !crates.contains(name));
    let mut copies = Vec::new();
    for krate in crates.iter().copied().chain(followers) {
        let built = graph.named(krate);
        if let Some(fault) = graph.fault(krate, pinned, &built) {
            return Err(fault);
        }
        copies.extend(graph.copies(pinned, &built));
    }
    Ok(copies)
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

/// The packages of a graph that are built, with those that use each.
struct BuiltGraph<'a> {
    packages: Vec<(&'a Package, Vec<&'a Package>)>,
}

impl<'a> BuiltGraph<'a> {
    fn of(metadata: &'a Metadata) -> Self {
        let in_graph = msrv::in_graph(metadata);
        let parents = msrv::parents(metadata);
        let packages = metadata.packages.iter();
        let built = packages.filter(|p| in_graph.contains(&p.id)).map(|p| {
            let ids = parents.get(&p.id).into_iter().flatten();
            let users = ids.filter_map(|id| metadata.packages.iter().find(|p| p.id == *id));
            (p, users.collect())
        });
        Self {
            packages: built.collect(),
        }
    }

    fn named(&self, krate: &str) -> Vec<&'a Package> {
        let packages = self.packages.iter().map(|(package, _)| *package);
        packages.filter(|p| *p.name == krate).collect()
    }

    fn users(&self, package: &Package) -> &[&'a Package] {
        let mut packages = self.packages.iter();
        let found = packages.find(|(other, _)| other.id == package.id);
        found.map_or(&[], |(_, users)| users.as_slice())
    }

    /// Describes the first package of this name that should be at the pin and is not.
    fn fault(&self, krate: &str, pinned: PinnedFamily<'_>, built: &[&Package]) -> Option<String> {
        let is_required = |p: &&Package| {
            let mut users = self.users(p).iter();
            users.any(|user| user.source.is_none() && moves_with(pinned.family, user, p))
        };
        let is_direct = built.iter().copied().any(|p| is_required(&p));
        let must = built.iter().copied();
        let must = must.filter(|p| pinned.family.strict || !is_direct || is_required(p));
        let must: Vec<&Package> = must.collect();
        let at = match pinned.version_of(krate) {
            Some(version) => version.to_string(),
            None => pinned.at.to_string(),
        };
        let is_published = pinned.version_of(krate).is_some();
        let is_patched = pinned.patched.contains(krate);
        if let Some(other) = must
            .iter()
            .find(|p| is_published && !is_patched && !is_of_registry(p))
        {
            let from = &other.manifest_path;
            return Some(format!("{krate} comes from {from}, not from a registry"));
        }
        // A crate that the subject does not require has to be there at the pin, among other copies, if
        // the family brings it in.
        let is_of_family = |p: &&Package| {
            let mut users = self.users(p).iter();
            users.any(|user| pinned.moves(&user.name) && pinned.is_at_pin(user))
        };
        let is_free = !must.iter().copied().any(|p| is_of_family(&p));
        let is_there = must.iter().any(|p| pinned.is_at_pin(p));
        if !pinned.family.strict && !is_direct && (is_there || is_free) {
            return None;
        }
        let wrong = must.iter().find(|p| !pinned.is_at_pin(p))?;
        let users = self.names_of_users(wrong).join(", ");
        let only = if pinned.family.strict { "only " } else { "" };
        Some(format!(
            "{krate} is in the graph at {} and not {only}at {at}: {users} requires it",
            wrong.version
        ))
    }

    /// Returns true if a crate is there at the pin, or at a version that has to be.
    fn is_used(&self, krate: &str, pinned: PinnedFamily<'_>) -> bool {
        let built = self.named(krate);
        let is_at_pin = built.iter().any(|p| pinned.is_at_pin(p));
        is_at_pin || self.fault(krate, pinned, &built).is_some()
    }

    fn copies(&self, pinned: PinnedFamily<'_>, built: &[&Package]) -> Vec<OtherCopy> {
        let at_pin = built.iter().find(|p| pinned.is_at_pin(p));
        let beside = |other: &Package| match (at_pin, pinned.version_of(&other.name)) {
            (Some(at_pin), _) => at_pin.version.to_string(),
            (None, Some(version)) => version.to_string(),
            (None, None) => pinned.at.to_string(),
        };
        let others = built.iter().filter(|p| !pinned.is_at_pin(p));
        let others = others.map(|other| OtherCopy {
            package: other.name.to_string(),
            version: other.version.to_string(),
            beside: beside(other),
            required_by: self.names_of_users(other),
            meets: false,
        });
        others.collect()
    }

    fn names_of_users(&self, package: &Package) -> Vec<String> {
        let users = self.users(package).iter();
        users.map(|p| format!("{} {}", p.name, p.version)).collect()
    }
}

/// Returns true if a package of the subject requires another under a key that moves with the
/// family.
fn moves_with(family: &Family, user: &Package, used: &Package) -> bool {
    if family.keys.is_empty() {
        return true;
    }
    let own = user.dependencies.iter();
    let mut on_it =
        own.filter(|d| d.name == *used.name && d.req.matches(&used.version) && is_from(d, used));
    on_it.any(|d| family.moves_by(d.rename.as_ref().unwrap_or(&d.name), &d.name))
}

/// Returns true if a package comes from the kind of place that a dependency names.
fn is_from(dependency: &Dependency, used: &Package) -> bool {
    let named = dependency.source.as_ref();
    match (
        &dependency.path,
        named.map(|source| source.repr.starts_with("git+")),
    ) {
        (Some(_), _) => used.source.is_none(),
        (None, Some(true)) => used.source.is_some() && !is_of_registry(used),
        // A patch takes the place of what a registry has.
        (None, Some(false) | None) => used.source.is_none() || is_of_registry(used),
    }
}

#[cfg(test)]
mod tests;
