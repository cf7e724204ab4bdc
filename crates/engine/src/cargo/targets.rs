//! The targets of a staged subject that are built and tested, as the cell's own cargo sees them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{
    Dependency, DependencyKind, Metadata, NodeDep, Package, PackageId, TargetKind as CargoKind,
};
use pinmatrix_core::config::{BuildConfig, FeatureSet};
use pinmatrix_core::model::outcome::features::FewerFeatures;
use pinmatrix_core::model::outcome::{TargetId, TargetKind};

use crate::cargo::features::FeaturesByFolder;
use crate::manifest::Manifest;
use crate::matrix::family_packages::{FamilyPackages, PinnedFamily};
use crate::subject::selection::SelectedPackages;
use crate::workdir::units::Units;

/// A target that `cargo test` builds.
/// <https://doc.rust-lang.org/cargo/commands/cargo-test.html#target-selection>
#[derive(Clone, Debug)]
pub struct Target {
    /// Its package, kind and name.
    pub id: TargetId,
    /// Cargo's ID of the package.
    pub package: PackageId,
    /// Whether its tests run. A target of which they do not is an example or a bench, which only has
    /// to compile.
    pub bears_tests: bool,
    /// False if the target brings its own `main`.
    pub harness: bool,
    /// The features that it needs to be built.
    pub required_features: Vec<String>,
    /// The required features that are not enabled.
    pub missing_features: Vec<String>,
    /// The binaries of its package, which it can run: cargo also builds those whose features are
    /// enabled.
    /// <https://doc.rust-lang.org/cargo/reference/cargo-targets.html#integration-tests>
    pub binaries: Vec<String>,
}

/// The workspace of a cell, staged and locked.
#[derive(Clone, Debug)]
pub struct Workspace {
    metadata: Metadata,
    family: FamilyPackages,
    /// The members that are built and tested.
    pub selection: SelectedPackages,
    /// The targets, sorted.
    pub targets: Vec<Target>,
    /// The libraries that have doc tests: the package, and the library's target.
    pub documented: Vec<(PackageId, TargetId)>,
    /// The units that compiling it makes.
    pub units: Units,
    /// The packages that have fewer features than in a build of all members.
    pub fewer_features: Vec<FewerFeatures>,
}

impl Workspace {
    /// Reads the metadata of the staged subject. `build` says whether examples and benches without
    /// tests are among its targets.
    ///
    /// # Errors
    ///
    /// Returns an error if a manifest of the copy cannot be read.
    pub fn of(
        metadata: Metadata,
        selection: &SelectedPackages,
        pinned: PinnedFamily<'_>,
        build: &BuildConfig,
    ) -> Result<Self> {
        Self::with_harnesses(metadata, selection, pinned, build, without_harness)
    }

    /// Does the work of [`Workspace::of`]. Metadata does not say which targets have no harness, so
    /// `without_harness` looks that up for each member.
    pub(crate) fn with_harnesses(
        metadata: Metadata,
        selection: &SelectedPackages,
        pinned: PinnedFamily<'_>,
        build: &BuildConfig,
        without_harness: impl Fn(&Package) -> Result<Vec<HarnessFree>>,
    ) -> Result<Self> {
        let mut targets = Vec::new();
        let mut documented = Vec::new();
        for package in metadata.workspace_packages() {
            if !selection.holds(&package.name) {
                continue;
            }
            let without_harness = without_harness(package)?;
            let features = features_of(&metadata, &package.id);
            let binaries = package.targets.iter().filter(|target| target.is_bin());
            let binaries: Vec<String> = binaries.map(|target| target.name.clone()).collect();
            for target in &package.targets {
                let Some(kind) = target.kind.first().and_then(kind_of) else {
                    continue;
                };
                let id = |kind| TargetId {
                    package: package.name.to_string(),
                    kind,
                    name: name_of(kind, &target.name),
                };
                if kind == TargetKind::Lib && target.doctest {
                    documented.push((package.id.clone(), id(TargetKind::Doc)));
                }
                let only_compiles = match kind {
                    TargetKind::Example => build.examples,
                    TargetKind::Bench => build.benches,
                    TargetKind::Lib | TargetKind::Bin | TargetKind::Test | TargetKind::Doc => false,
                };
                if !target.test && !only_compiles {
                    continue;
                }
                let own_main = without_harness.iter().any(|(k, name)| {
                    *k == kind && name.as_deref().is_none_or(|name| name == target.name)
                });
                targets.push(Target {
                    id: id(kind),
                    package: package.id.clone(),
                    bears_tests: target.test,
                    harness: !own_main,
                    missing_features: missing(&target.required_features, &features),
                    required_features: target.required_features.clone(),
                    binaries: match kind {
                        TargetKind::Test | TargetKind::Bench => binaries.clone(),
                        TargetKind::Lib
                        | TargetKind::Bin
                        | TargetKind::Example
                        | TargetKind::Doc => Vec::new(),
                    },
                });
            }
        }
        targets.sort_by(|a, b| a.id.cmp(&b.id));
        documented.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(Self {
            units: Units::of(&metadata),
            family: FamilyPackages::of(&metadata, pinned),
            selection: selection.clone(),
            fewer_features: Vec::new(),
            metadata,
            targets,
            documented,
        })
    }

    /// Returns true if the enabled features decide which targets are built.
    #[must_use]
    pub fn requires_features(&self) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|target| !target.required_features.is_empty())
    }

    /// Records which features are enabled, for the packages where that is known.
    pub fn take_features(&mut self, known: &FeaturesByFolder) {
        let folders: Vec<_> = self
            .targets
            .iter()
            .map(|t| self.folder(&t.package))
            .collect();
        for (target, folder) in self.targets.iter_mut().zip(folders) {
            if let Some(features) = folder.and_then(|folder| known.get(&folder)) {
                target.missing_features = missing(&target.required_features, features);
            }
        }
    }

    /// Returns true if there are examples without tests.
    #[must_use]
    pub fn has_examples(&self) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|target| target.id.kind == TargetKind::Example && !target.bears_tests)
    }

    /// Returns the flags that select the targets without tests. Benches are named: `--benches` would
    /// also compile the tests of libraries and binaries that have none.
    /// <https://doc.rust-lang.org/cargo/commands/cargo-build.html#target-selection>
    pub fn flags_beyond_tests(&self) -> impl Iterator<Item = String> {
        let examples = self.has_examples().then(|| "--examples".to_owned());
        let benches = self.targets.iter();
        let benches = benches.filter(|t| t.id.kind == TargetKind::Bench && !t.bears_tests);
        let is_refused = |name: &str| {
            let mut alike = benches.clone().filter(|bench| bench.id.name == name);
            alike.any(|bench| !bench.missing_features.is_empty())
        };
        let names = benches.clone().map(|bench| bench.id.name.clone());
        let names: BTreeSet<String> = names.filter(|name| !is_refused(name)).collect();
        let benches = names.into_iter().map(|name| format!("--bench={name}"));
        examples.into_iter().chain(benches)
    }

    /// Returns its metadata as cargo prints them.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be written as JSON.
    pub fn metadata_json(&self) -> Result<String> {
        serde_json::to_string(&self.metadata).context("write cargo's metadata")
    }

    /// Returns the package with an ID.
    #[must_use]
    pub fn package(&self, id: &PackageId) -> Option<&Package> {
        self.metadata.packages.iter().find(|p| p.id == *id)
    }

    /// Returns all packages of the lock.
    #[must_use]
    pub fn packages(&self) -> &[Package] {
        &self.metadata.packages
    }

    /// Returns true if a package belongs to the family at the pin.
    #[must_use]
    pub fn is_of_family(&self, id: &PackageId) -> bool {
        self.family.contains(id)
    }

    /// Returns the package with an ID unless it is one of the subject's: it has a source or belongs
    /// to the family.
    #[must_use]
    pub fn foreign(&self, id: &PackageId) -> Option<&Package> {
        let is_member = self.metadata.workspace_members.contains(id);
        let package = self.package(id).filter(|_| !is_member)?;
        (package.source.is_some() || self.is_of_family(id)).then_some(package)
    }

    /// Returns the package in a folder.
    #[must_use]
    pub fn package_in(&self, folder: &Utf8Path) -> Option<&PackageId> {
        let mut packages = self.metadata.packages.iter();
        let package = packages.find(|p| p.manifest_path.parent() == Some(folder))?;
        Some(&package.id)
    }

    /// Formats a package as `NAME@VERSION`. Cargo accepts this as a package ID from 1.62 on,
    /// wherever the package comes from.
    #[must_use]
    pub fn spec(&self, id: &PackageId) -> String {
        match self.package(id) {
            Some(package) => format!("{}@{}", package.name, package.version),
            None => id.repr.clone(),
        }
    }

    /// Returns true if the flags that choose a target choose no other target of a selected member. The
    /// flags for libraries and their doc tests contain no name.
    #[must_use]
    pub fn is_only(&self, id: &TargetId) -> bool {
        let packages = self.metadata.workspace_packages().into_iter();
        let packages = packages.filter(|package| self.selection.holds(&package.name));
        let targets = packages.flat_map(|package| &package.targets);
        let is_chosen = |target: &&cargo_metadata::Target| {
            let kind = target.kind.first().and_then(kind_of);
            match id.kind {
                TargetKind::Lib => kind == Some(TargetKind::Lib),
                TargetKind::Doc => kind == Some(TargetKind::Lib) && target.doctest,
                TargetKind::Bin | TargetKind::Test | TargetKind::Example | TargetKind::Bench => {
                    kind == Some(id.kind) && target.name == id.name
                }
            }
        };
        targets.filter(is_chosen).count() == 1
    }

    /// Returns the flags that choose features for one package by itself: cargo rejects features
    /// that only other members have.
    #[must_use]
    pub fn feature_flags(&self, id: &PackageId, set: &FeatureSet) -> Vec<String> {
        let package = self.package(id);
        package.map_or(set.flags(), |package| own_features(set, package).flags())
    }

    /// Returns a package and everything that its targets depend on, nearest first, without the
    /// dev-dependencies of its dependencies.
    #[must_use]
    pub fn below(&self, id: &PackageId) -> Vec<PackageId> {
        let nodes: BTreeMap<&PackageId, &[NodeDep]> = self
            .metadata
            .resolve
            .iter()
            .flat_map(|r| &r.nodes)
            .map(|n| (&n.id, n.deps.as_slice()))
            .collect();
        let is_of_tests = |dependency: &NodeDep| {
            let mut kinds = dependency.dep_kinds.iter().map(|kind| kind.kind);
            kinds.all(|kind| kind == DependencyKind::Development)
        };
        let mut below = vec![id.clone()];
        let mut seen = BTreeSet::from([id.clone()]);
        let mut index = 0;
        while let Some(next) = below.get(index).cloned() {
            for dependency in nodes.get(&next).copied().unwrap_or_default() {
                let is_used = next == *id || !is_of_tests(dependency);
                if is_used && seen.insert(dependency.pkg.clone()) {
                    below.push(dependency.pkg.clone());
                }
            }
            index += 1;
        }
        below
    }

    /// Returns true if a package belongs to the subject: it comes from no registry and no
    /// repository.
    #[must_use]
    pub fn is_own(&self, id: &PackageId) -> bool {
        self.package(id)
            .is_some_and(|package| package.source.is_none())
    }

    /// Returns the folders of the subject's packages.
    pub fn own_folders(&self) -> impl Iterator<Item = &Utf8Path> {
        self.own_packages()
            .filter_map(|package| package.manifest_path.parent())
    }

    fn own_packages(&self) -> impl Iterator<Item = &Package> {
        let packages = self.metadata.packages.iter();
        packages.filter(|package| package.source.is_none())
    }

    /// Returns the sources of the build scripts of the subject's packages.
    pub fn build_scripts(&self) -> impl Iterator<Item = &Utf8Path> {
        let targets = self.own_packages().flat_map(|package| &package.targets);
        let scripts = targets.filter(|target| target.is_custom_build());
        scripts.map(|script| script.src_path.as_path())
    }

    /// Returns true if a target belongs to a procedural macro.
    #[must_use]
    pub fn is_of_proc_macro(&self, id: &TargetId) -> bool {
        let mut packages = self.own_packages();
        packages.any(|package| *package.name == id.package && self.is_proc_macro(&package.id))
    }

    /// Returns true if a package is a procedural macro.
    #[must_use]
    pub fn is_proc_macro(&self, id: &PackageId) -> bool {
        let package = self.package(id);
        package.is_some_and(|package| package.targets.iter().any(|target| target.is_proc_macro()))
    }

    /// Returns true if building runs code of the subject, which can see what another build left
    /// behind.
    #[must_use]
    pub fn runs_as_it_builds(&self) -> bool {
        let mut targets = self.own_packages().flat_map(|package| &package.targets);
        targets.any(|target| target.is_custom_build() || target.is_proc_macro())
    }

    /// Returns the package with an ID if it neither belongs to the subject or the family nor uses
    /// the family: the pin cannot affect it.
    #[must_use]
    pub fn outside(&self, id: &PackageId) -> Option<&Package> {
        let package = self.package(id).filter(|p| p.source.is_some())?;
        let below = self.below(id);
        let uses_family = below.iter().any(|id| self.is_of_family(id));
        (!uses_family).then_some(package)
    }

    /// Returns the target's package folder, in which cargo runs its tests.
    #[must_use]
    pub fn folder(&self, id: &PackageId) -> Option<Utf8PathBuf> {
        Some(self.package(id)?.manifest_path.parent()?.to_owned())
    }
}

/// Normalizes a target's name across cargo versions: a library `a-b` is called `a_b` since cargo
/// 1.79.
/// <https://github.com/rust-lang/cargo/pull/13693>
#[must_use]
pub fn name_of(kind: TargetKind, name: &str) -> String {
    match kind {
        TargetKind::Lib | TargetKind::Doc => name.replace('-', "_"),
        TargetKind::Bin | TargetKind::Test | TargetKind::Example | TargetKind::Bench => {
            name.to_owned()
        }
    }
}

/// Returns the kind of a target that can have tests.
#[must_use]
pub fn kind_of(kind: &CargoKind) -> Option<TargetKind> {
    match kind {
        CargoKind::Bin => Some(TargetKind::Bin),
        CargoKind::Test => Some(TargetKind::Test),
        CargoKind::Example => Some(TargetKind::Example),
        CargoKind::Bench => Some(TargetKind::Bench),
        CargoKind::Lib
        | CargoKind::RLib
        | CargoKind::DyLib
        | CargoKind::CDyLib
        | CargoKind::StaticLib
        | CargoKind::ProcMacro => Some(TargetKind::Lib),
        CargoKind::CustomBuild | CargoKind::Unknown(_) => None,
        // cargo_metadata may gain kinds that cargo does not have yet.
        _ => None,
    }
}

/// A target without a harness; the name is `None` for the library.
type HarnessFree = (TargetKind, Option<String>);

fn without_harness(package: &Package) -> Result<Vec<HarnessFree>> {
    let path = &package.manifest_path;
    let text = std::fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    Ok(Manifest::parse(&text)?.without_harness())
}

fn own_features(set: &FeatureSet, package: &Package) -> FeatureSet {
    let mut own = set.clone();
    own.features.retain(|feature| {
        let name = feature.get_ref();
        let Some((of, _)) = name.split_once('/') else {
            return package.features.contains_key(name);
        };
        let known_as = |d: &Dependency| d.rename.clone().unwrap_or_else(|| d.name.clone());
        let is_below = |of: &str| package.dependencies.iter().any(|d| known_as(d) == of);
        package.name == of || is_below(of.trim_end_matches('?'))
    });
    own
}

fn missing(required: &[String], features: &BTreeSet<String>) -> Vec<String> {
    let missing = required.iter().filter(|f| !features.contains(f.as_str()));
    missing.cloned().collect()
}

fn features_of(metadata: &Metadata, id: &PackageId) -> BTreeSet<String> {
    let nodes = metadata.resolve.iter().flat_map(|r| &r.nodes);
    let node = nodes.filter(|n| n.id == *id);
    node.flat_map(|n| &n.features)
        .map(|f| f.to_string())
        .collect()
}

#[cfg(test)]
mod tests;
