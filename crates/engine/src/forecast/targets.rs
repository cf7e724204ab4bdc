//! The targets of the subject, with what each names of a family.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, Package, Target};
use pinmatrix_api::tree::CrateTree;
use pinmatrix_api::uses::{TargetSources, Uses, scan};
use pinmatrix_core::config::Family;
use pinmatrix_core::model::outcome::{TargetId, TargetKind};
use rayon::prelude::*;

use crate::cargo::targets::{kind_of, name_of};
use crate::matrix::Matrix;
use crate::subject::selection::SelectedPackages;
use crate::subject::source_tree::SourceTree;
use crate::subject::workspace;

/// Whether code knows a crate of the family under a name.
pub type IsFamily<'a> = dyn Fn(&str) -> bool + Sync + 'a;

/// A target that names something of a family, or that could not be read as a whole.
pub struct UsingTarget {
    /// The target.
    pub target: TargetId,
    /// What it names, by itself and through libraries of the subject.
    pub uses: Uses,
}

/// A library of the subject.
struct Library {
    package: String,
    uses: Uses,
}

/// Reads the selected targets of a revision, and keeps those that name anything of the family or that
/// could not be read as a whole.
///
/// # Errors
///
/// Returns an error if cargo cannot list the targets.
pub fn targets(
    matrix: &Matrix,
    tree: &SourceTree,
    family: &Family,
    selection: &SelectedPackages,
    is_family: &IsFamily<'_>,
) -> Result<Vec<UsingTarget>> {
    let metadata = metadata(matrix, tree)?;
    let reader = TargetReader {
        root: &tree.subject.root,
        family,
        is_family,
    };
    let packages = metadata.workspace_packages();
    let libraries = packages.par_iter().filter_map(|package| {
        let mut targets = package.targets.iter();
        let library = targets
            .find(|target| target.kind.first().and_then(kind_of) == Some(TargetKind::Lib))?;
        let (tree, uses) = reader.read(package, library, &[]);
        let package = package.name.to_string();
        Some((tree, Library { package, uses }))
    });
    let (trees, libraries): (Vec<CrateTree>, Vec<Library>) =
        libraries.collect::<Vec<_>>().into_iter().unzip();
    let selected = packages
        .par_iter()
        .filter(|package| selection.holds(&package.name));
    let all = selected.flat_map_iter(|package| {
        let below = libraries_below(package, &packages);
        let targets = package.targets.iter();
        let targets = targets
            .filter_map(move |target| Some((target.kind.first().and_then(kind_of)?, target)));
        let (trees, libraries) = (&trees, &libraries);
        targets.map(move |(kind, target)| {
            let (_, mut uses) = reader.read(package, target, trees);
            let mut own = libraries.iter();
            own.by_ref()
                .filter(|library| below.contains(&library.package))
                .for_each(|library| uses.add(&library.uses));
            UsingTarget {
                target: TargetId {
                    package: package.name.to_string(),
                    kind,
                    name: name_of(kind, &target.name),
                },
                uses,
            }
        })
    });
    let mut all: Vec<UsingTarget> = all
        .filter(|using| !using.uses.is_empty() || !using.uses.unseen.is_empty())
        .collect();
    all.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(all)
}

/// Asks cargo for the packages of a revision and their targets.
fn metadata(matrix: &Matrix, tree: &SourceTree) -> Result<Metadata> {
    let manifest = tree.subject.root.join("Cargo.toml");
    let read = workspace(manifest.as_std_path(), &matrix.resolver, &matrix.child_env)?;
    read.map_err(|said| anyhow!("cargo does not list the targets of the subject: {said}"))
}

/// Returns the packages of the workspace that a package reaches by a path, itself included.
fn libraries_below(package: &Package, packages: &[&Package]) -> BTreeSet<String> {
    let mut below = BTreeSet::new();
    let mut open = vec![package];
    while let Some(package) = open.pop() {
        if !below.insert(package.name.to_string()) {
            continue;
        }
        let by_path = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some());
        open.extend(by_path.filter_map(|dependency| {
            let mut packages = packages.iter().copied();
            packages.find(|other| *other.name == dependency.name)
        }));
    }
    below
}

#[derive(Clone, Copy)]
struct TargetReader<'a> {
    root: &'a Utf8Path,
    family: &'a Family,
    is_family: &'a IsFamily<'a>,
}

impl TargetReader<'_> {
    fn read(
        &self,
        package: &Package,
        target: &Target,
        libraries: &[CrateTree],
    ) -> (CrateTree, Uses) {
        let folder = package
            .manifest_path
            .parent()
            .unwrap_or(&package.manifest_path);
        let root = target
            .src_path
            .strip_prefix(folder)
            .unwrap_or(&target.src_path);
        let read_file = |path: &Utf8Path| fs::read_to_string(folder.join(path)).ok();
        let name = target.name.replace('-', "_");
        let sources = TargetSources {
            name: &name,
            root,
            renamed: &self.renamed(package),
            read_file: &read_file,
            libraries,
        };
        let (tree, mut uses) = scan(&sources, self.is_family);
        let inside = folder.strip_prefix(self.root).unwrap_or(folder);
        uses.place_below(&Utf8PathBuf::from(inside));
        (tree, uses)
    }

    /// Returns the names under which a package knows crates of the family. Those under keys that do not
    /// move are hidden: they are other copies.
    fn renamed(&self, package: &Package) -> BTreeMap<String, String> {
        let keys: Vec<&str> = self
            .family
            .keys
            .iter()
            .map(|key| key.get_ref().as_str())
            .collect();
        let names = self.family.crate_names();
        let of_family = package.dependencies.iter();
        let of_family = of_family.filter(|dependency| names.contains(&dependency.name.as_str()));
        let renamed = of_family.map(|dependency| {
            let key = dependency.rename.as_ref().unwrap_or(&dependency.name);
            let stays = !keys.is_empty() && !keys.contains(&key.as_str());
            let name = dependency.name.replace('-', "_");
            let name = if stays {
                format!("{name} that stays")
            } else {
                name
            };
            (key.replace('-', "_"), name)
        });
        renamed.collect()
    }
}
