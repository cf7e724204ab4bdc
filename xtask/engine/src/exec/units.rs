//! What compiling a workspace makes that does not depend on where the workspace lies: the packages
//! it has from elsewhere, each with its features and with all it depends on.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{Metadata, Node, PackageId};

/// What names a package together with everything that decides what it compiles to.
type Digest = blake3::Hash;

/// What compiling a workspace makes.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// Of each package from a registry or a repository. Two workspaces that have a digest in common
    /// compile the same.
    pub shared: BTreeSet<[u8; 32]>,
    /// The names of packages that lie in folders, which are never shared: what they compile to may
    /// hold the place of that folder, and may be older than what stands there now.
    pub own: BTreeSet<String>,
}

impl Units {
    /// The units of a workspace.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let nodes: BTreeMap<&PackageId, &Node> = nodes.map(|node| (&node.id, node)).collect();
        let mut digests = BTreeMap::new();
        let mut units = Self::default();
        for package in &metadata.packages {
            if package.source.is_none() {
                units.own.insert(package.name.to_string());
            } else if nodes.contains_key(&package.id) {
                let digest = digest(&package.id, &nodes, &mut digests);
                units.shared.insert(*digest.as_bytes());
            }
        }
        units
    }
}

/// The digest of a package. A package that depends on itself does so through tests only, which are
/// none of what is shared; there its name stands for it.
fn digest<'a>(
    id: &'a PackageId,
    nodes: &BTreeMap<&'a PackageId, &'a Node>,
    known: &mut BTreeMap<&'a PackageId, Digest>,
) -> Digest {
    if let Some(known) = known.get(id) {
        return *known;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.repr.as_bytes());
    known.insert(id, hasher.finalize());
    if let Some(node) = nodes.get(id) {
        let features: BTreeSet<&str> = node.features.iter().map(|f| f.as_str()).collect();
        for feature in features {
            hasher.update(b"\0");
            hasher.update(feature.as_bytes());
        }
        let below: BTreeSet<[u8; 32]> = node
            .dependencies
            .iter()
            .map(|id| *digest(id, nodes, known).as_bytes())
            .collect();
        for digest in below {
            hasher.update(&digest);
        }
    }
    let digest = hasher.finalize();
    known.insert(id, digest);
    digest
}
