//! Decides which packages of a graph `[[adjust]]` wants elsewhere, and where.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{Metadata, Package};
use pinmatrix_core::model::diagnostic::Diagnostic;
use semver::{Version, VersionReq};

use crate::registry::index::exact_version;
use crate::registry::published::Published;
use crate::resolve::msrv;

/// A package that `[[adjust]]` wants at another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotHeld<'a> {
    /// Its name.
    pub name: String,
    /// Its version in the graph.
    pub from: Version,
    /// The newest version that the hold admits, if there is one.
    pub to: Option<Version>,
    /// The versions that the hold admits.
    pub req: &'a VersionReq,
}

/// Finds a package that is at a version which its hold does not admit, and that was not tried. Of
/// several copies, those count whose users admit the version; the others are held by nothing.
pub fn not_held<'a>(
    metadata: &Metadata,
    holds: &'a BTreeMap<String, VersionReq>,
    published: impl Fn(&str) -> Option<Vec<Published>>,
    tried: &mut BTreeSet<(String, Version)>,
) -> Option<NotHeld<'a>> {
    holds.iter().find_map(|(name, req)| {
        let named = metadata.packages.iter().filter(|p| *p.name == *name);
        let named: Vec<&Package> = named.filter(|p| p.source.is_some()).collect();
        let astray = named.iter().filter(|p| !req.matches(&p.version));
        let to = target(published(name).as_deref(), req);
        let may_move = |package: &Package| {
            let to = to.as_ref();
            named.len() == 1 || to.is_some_and(|to| msrv::admits(metadata, package, to))
        };
        let mut astray = astray.filter(|p| may_move(p));
        let package = astray.find(|p| tried.insert((name.clone(), p.version.clone())))?;
        Some(NotHeld {
            name: name.clone(),
            from: package.version.clone(),
            to,
            req,
        })
    })
}

/// Returns the newest version that a hold admits; without an index, the one that it names.
fn target(published: Option<&[Published]>, req: &VersionReq) -> Option<Version> {
    let Some(published) = published else {
        return exact_version(req);
    };
    let mut newest_first = published.iter().rev().filter(|p| !p.yanked);
    let newest = newest_first.find(|p| req.matches(&p.version));
    newest
        .map(|p| p.version.clone())
        .or_else(|| exact_version(req))
}

/// Describes a package that cannot be where it is held.
#[must_use]
pub fn refused(not_held: &NotHeld<'_>, why: &str) -> Diagnostic {
    let NotHeld {
        name, from, req, ..
    } = not_held;
    Diagnostic::from_message(format!(
        "{name} {from} cannot move to {req}, at which `[[adjust]]` holds it: {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{graph, registry};

    fn req(written: &str) -> VersionReq {
        VersionReq::parse(written).expect("a requirement")
    }

    /// The moves for a hold on relay.
    fn moves(text: &str, hold: &str) -> Vec<String> {
        let (graph, registry) = (
            graph(text),
            registry("relay 1.2.0\nrelay 1.3.0\nrelay 2.0.0"),
        );
        let holds = BTreeMap::from([("relay".to_owned(), req(hold))]);
        let mut tried = BTreeSet::new();
        let next = || not_held(&graph, &holds, |name| registry.versions(name), &mut tried);
        let moves = std::iter::from_fn(next).map(|not_held| {
            let to = not_held.to.map(|to| to.to_string());
            format!("{} → {}", not_held.from, to.as_deref().unwrap_or("nothing"))
        });
        moves.collect()
    }

    #[test]
    fn a_package_moves_once_to_where_it_is_held() {
        let graph = "app -> relay 1.3.0\napp -> trace 1.0.0";
        assert_eq!(moves(graph, "=1.2.0"), ["1.3.0 → 1.2.0"]);
        assert_eq!(moves(graph, ">=1.3"), [""; 0]);
        assert_eq!(moves(graph, ">=3"), ["1.3.0 → nothing"]);
    }

    #[test]
    fn a_copy_whose_users_do_not_admit_the_version_stays() {
        let graph = "app -(^1)-> relay 1.3.0\napp -> plug 1.0.0 -> relay 2.0.0";
        assert_eq!(moves(graph, "=1.2.0"), ["1.3.0 → 1.2.0"]);
    }

    #[test]
    fn the_newest_version_that_a_hold_admits_is_taken() {
        let registry = registry("relay 1.1.0\nrelay 1.2.0\nrelay 1.2.1: yanked\nrelay 1.3.0");
        let published = registry.versions("relay");
        let at = |written: &str| {
            let version = target(published.as_deref(), &req(written));
            version.map(|version| version.to_string())
        };
        assert_eq!(at("<1.3").as_deref(), Some("1.2.0"));
        assert_eq!(at("=1.1.0").as_deref(), Some("1.1.0"));
        // A lock can hold what was yanked.
        assert_eq!(at("=1.2.1").as_deref(), Some("1.2.1"));
        assert_eq!(at(">=2"), None);
        let unread = target(None, &req("=0.4.39"));
        assert_eq!(unread, Some(Version::new(0, 4, 39)));
    }
}
