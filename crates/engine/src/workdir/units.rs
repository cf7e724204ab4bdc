//! Identifies the compiled units that do not depend on where the workspace is: those of its
//! external packages, each with its features and all its dependencies.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::{Display, Formatter};

use cargo_metadata::{Metadata, Node, PackageId};

/// A hash of a package together with everything that decides what it compiles to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitDigest {
    package: blake3::Hash,
    whole: blake3::Hash,
}

impl UnitDigest {
    /// Returns the digest of a package without features or dependencies.
    #[must_use]
    pub fn of(package: &str) -> Self {
        let package = blake3::hash(package.as_bytes());
        Self {
            package,
            whole: package,
        }
    }

    /// Returns the digest of the same package with a feature.
    #[cfg(test)]
    pub(super) fn with(self, feature: &str) -> Self {
        Self {
            whole: blake3::hash(feature.as_bytes()),
            ..self
        }
    }

    /// Returns the prefix that the names of all digests of this package share.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{}-", &self.package.to_hex()[..12])
    }
}

/// Ordered by their bytes.
impl Ord for UnitDigest {
    fn cmp(&self, other: &Self) -> Ordering {
        let bytes = |digest: &Self| (*digest.package.as_bytes(), *digest.whole.as_bytes());
        bytes(self).cmp(&bytes(other))
    }
}

impl PartialOrd for UnitDigest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Formats the digest as a folder name, with as much of the hashes as it takes to distinguish
/// packages.
impl Display for UnitDigest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix(), &self.whole.to_hex()[..24])
    }
}

/// The compiled units of packages from registries and git repositories, by package. Two workspaces
/// compile the same unit for a digest that they have in common. Path dependencies are excluded:
/// their compiled code may contain the path, may depend on undeclared files, and may be older than
/// the files that are there now.
#[derive(Clone, Debug, Default)]
pub struct Units {
    packages: BTreeMap<PackageId, UnitDigest>,
}

impl Units {
    /// Collects the units of a workspace.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let nodes: BTreeMap<&PackageId, &Node> = nodes.map(|node| (&node.id, node)).collect();
        let mut digests = BTreeMap::new();
        let mut packages = BTreeMap::new();
        for package in &metadata.packages {
            if package.source.is_some() && nodes.contains_key(&package.id) {
                let digest = digest(&package.id, &nodes, &mut digests);
                packages.insert(package.id.clone(), digest);
            }
        }
        Self { packages }
    }

    #[cfg(test)]
    pub(super) fn of_digests(digests: impl Iterator<Item = UnitDigest>) -> Self {
        let package = |digest: UnitDigest| {
            (
                PackageId {
                    repr: digest.to_string(),
                },
                digest,
            )
        };
        Self {
            packages: digests.map(package).collect(),
        }
    }

    /// Returns the digests of all packages.
    #[must_use]
    pub fn digests(&self) -> BTreeSet<UnitDigest> {
        self.packages.values().copied().collect()
    }

    /// Given the hashes of the units that a build used, returns those of external packages.
    #[must_use]
    pub fn shared(&self, used: &BTreeMap<String, PackageId>) -> BTreeMap<String, UnitDigest> {
        let shared = used.iter();
        let shared = shared.filter_map(|(hash, id)| Some((hash.clone(), *self.packages.get(id)?)));
        shared.collect()
    }
}

/// Computes the digest of a package. A package depends on itself only through tests, which are not
/// shared; its name stands in for it there.
fn digest<'a>(
    id: &'a PackageId,
    nodes: &BTreeMap<&'a PackageId, &'a Node>,
    known: &mut BTreeMap<&'a PackageId, UnitDigest>,
) -> UnitDigest {
    if let Some(known) = known.get(id) {
        return *known;
    }
    let alone = UnitDigest::of(&id.repr);
    known.insert(id, alone);
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.repr.as_bytes());
    if let Some(node) = nodes.get(id) {
        let features: BTreeSet<&str> = node.features.iter().map(|f| f.as_str()).collect();
        for feature in features {
            hasher.update(b"\0");
            hasher.update(feature.as_bytes());
        }
        let below = node.dependencies.iter();
        let below: BTreeSet<[u8; 32]> = below
            .map(|id| *digest(id, nodes, known).whole.as_bytes())
            .collect();
        for hash in below {
            hasher.update(&hash);
        }
    }
    let digest = UnitDigest {
        whole: hasher.finalize(),
        ..alone
    };
    known.insert(id, digest);
    digest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::graph;

    const GRAPH: &str =
        "app -> gadget 2.0.0 -> relay 1.3.0\napp -> plain 1.0.0\nbase -> gadget 2.0.0";

    fn unit(text: &str, package: &str) -> Option<UnitDigest> {
        let id = PackageId {
            repr: package.to_owned(),
        };
        Units::of(&graph(text)).packages.get(&id).copied()
    }

    /// Returns whether a change to the graph changes the unit of a package.
    fn changes(change: &str, package: &str) -> bool {
        let (before, after) = (unit(GRAPH, package), unit(change, package));
        before.expect("a unit") != after.expect("a unit")
    }

    #[test]
    fn a_unit_is_its_package_with_its_features_and_all_below_it() {
        let with = |more: &str| format!("{GRAPH}\n{more}");
        let featured = with("relay 1.3.0: feature fast");
        assert!(changes(&featured, "relay 1.3.0") && changes(&featured, "gadget 2.0.0"));
        assert!(!changes(&featured, "plain 1.0.0"));
        let newer = GRAPH.replace("relay 1.3.0", "relay 1.3.1");
        assert!(changes(&newer, "gadget 2.0.0") && !changes(&newer, "plain 1.0.0"));
        let more = with("gadget 2.0.0 -> another 1.0.0");
        assert!(changes(&more, "gadget 2.0.0") && !changes(&more, "relay 1.3.0"));
    }

    #[test]
    fn what_uses_a_package_and_the_order_of_its_features_change_nothing() {
        let fewer = GRAPH.replace("\nbase -> gadget 2.0.0", "");
        assert!(!changes(&fewer, "gadget 2.0.0") && !changes(&fewer, "relay 1.3.0"));
        let of = |features: &str| unit(&format!("{GRAPH}\nrelay 1.3.0: {features}"), "relay 1.3.0");
        assert_eq!(of("feature a, feature b"), of("feature b, feature a"));
        assert_ne!(of("feature a, feature b"), of("feature ab"));
        assert_ne!(of("feature a"), of("feature b"));
    }

    #[test]
    fn only_packages_with_a_source_that_are_built_are_shared() {
        let text = "app -> local 0.1.0 -> relay 1.3.0\napp -> fork 1.0.0\nold 1.0.0: unused\n\
                    local 0.1.0: path\nfork 1.0.0: git";
        let units = Units::of(&graph(text));
        let packages: Vec<&str> = units.packages.keys().map(|id| id.repr.as_str()).collect();
        assert_eq!(packages, ["fork 1.0.0", "relay 1.3.0"]);
        let id = |repr: &str| PackageId {
            repr: repr.to_owned(),
        };
        let used = [("00", "relay 1.3.0"), ("11", "local 0.1.0"), ("22", "app")];
        let used = used.map(|(hash, package)| (hash.to_owned(), id(package)));
        let shared = units.shared(&BTreeMap::from(used));
        assert_eq!(shared.keys().collect::<Vec<_>>(), ["00"]);
        assert_eq!(shared["00"], units.packages[&id("relay 1.3.0")]);
        assert_eq!(units.digests().len(), 2);
    }

    #[test]
    fn variants_of_a_package_have_one_prefix_and_names_of_their_own() {
        let with = |feature: &str| {
            unit(
                &format!("{GRAPH}\nrelay 1.3.0: feature {feature}"),
                "relay 1.3.0",
            )
        };
        let (one, other) = (with("a").expect("a unit"), with("b").expect("a unit"));
        assert_eq!(one.prefix(), other.prefix());
        assert_ne!(one.to_string(), other.to_string());
        assert!(one.to_string().starts_with(&one.prefix()));
        let newer = unit(&GRAPH.replace("relay 1.3.0", "relay 1.3.1"), "relay 1.3.1");
        assert_ne!(one.prefix(), newer.expect("a unit").prefix());
    }

    proptest! {
        /// In any graph without circles, whatever order cargo lists its packages in.
        #[test]
        fn a_unit_changes_with_what_is_below_it_and_nothing_else(
            edges in prop::collection::btree_set((0u8..6, 0u8..6), 0..12),
            changed in 0u8..6,
        ) {
            let edges: Vec<(u8, u8)> = edges.into_iter().filter(|(from, to)| from < to).collect();
            let name = |n: u8| format!("p{n} 1.0.0");
            let mut text: String = (0..6).map(|n| format!("app -> {}\n", name(n))).collect();
            for (from, to) in &edges {
                text.push_str(&format!("{} -> {}\n", name(*from), name(*to)));
            }
            let featured = format!("{text}{}: feature fast\n", name(changed));
            let mut reaches = [false; 6];
            for n in (0..6u8).rev() {
                let below = edges.iter().filter(|(from, _)| *from == n);
                let mut below = below.map(|(_, to)| reaches[usize::from(*to)]);
                reaches[usize::from(n)] = n == changed || below.any(|reaches| reaches);
            }
            let metadata = graph(&text);
            let mut turned = metadata.clone();
            turned.packages.reverse();
            let (units, turned) = (Units::of(&metadata), Units::of(&turned));
            for n in 0..6 {
                let id = PackageId { repr: name(n) };
                let is_changed = unit(&featured, &id.repr) != units.packages.get(&id).copied();
                prop_assert_eq!(is_changed, reaches[usize::from(n)], "{}", id.repr);
                prop_assert_eq!(units.packages.get(&id), turned.packages.get(&id));
            }
        }
    }
}
