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
