//! Reads the requirements of a package without changing them.

use std::collections::BTreeMap;

use toml_edit::{Item, TableLike};

use super::{DEPENDENCY_TABLES, Manifest, SOURCES, is_inherited, package_name};

/// One requirement of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Its key.
    pub key: String,
    /// The package that it is on, as far as the requirement itself says.
    pub package: String,
    /// The versions that it admits, as written; `None` if it does not come from a registry, or if
    /// the workspace declares them.
    pub version: Option<String>,
    /// Whether it inherits the rest from the workspace.
    pub is_inherited: bool,
    /// Whether the dependency is optional.
    pub is_optional: bool,
    /// The features that it asks for.
    pub features: Vec<String>,
    /// Whether it asks for the default features. What is inherited says so unless the workspace
    /// itself does not; a member cannot take them away.
    /// <https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html#inheriting-a-dependency-from-a-workspace>
    pub default_features: bool,
    /// Whether only tests, examples and benches use it.
    pub is_dev: bool,
    /// The platform that it is for, as in `[target]`; `None` for all.
    pub platform: Option<String>,
}

impl Manifest {
    /// Returns the requirements of the package itself, without what it inherits from the workspace.
    fn requirements(&self) -> Vec<Requirement> {
        let root = self.document.as_table();
        let mut requirements = requirements_in(root, None);
        let targets = root.get("target").and_then(Item::as_table_like);
        for (platform, target) in targets.into_iter().flat_map(TableLike::iter) {
            let target = target.as_table_like();
            requirements.extend(
                target
                    .into_iter()
                    .flat_map(|t| requirements_in(t, Some(platform))),
            );
        }
        requirements
    }

    /// Returns the workspace requirement that members inherit by a key.
    fn inherited(&self, key: &str) -> Option<Requirement> {
        let workspace = self.document.get("workspace")?.as_table_like()?;
        let requirements = requirements_in(workspace, None).into_iter();
        let mut requirements = requirements.filter(|requirement| requirement.key == key);
        requirements.next()
    }

    /// Returns the values of a key in the tables that describe the whole package or workspace.
    fn says(&self, key: &str) -> impl Iterator<Item = &Item> {
        let root = self.document.as_table();
        let tables = ["package", "workspace"].into_iter();
        let tables = tables.filter_map(|name| root.get(name));
        let of_workspace = root.get("workspace").and_then(|table| table.get("package"));
        tables
            .chain(of_workspace)
            .filter_map(move |table| table.get(key))
    }

    /// Returns what each feature enables.
    #[must_use]
    pub fn features(&self) -> BTreeMap<String, Vec<String>> {
        let features = self.document.get("features").and_then(Item::as_table_like);
        let features = features.into_iter().flat_map(TableLike::iter);
        let words = |item: &Item| {
            let words = item.as_array().into_iter().flatten();
            words
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect()
        };
        features
            .map(|(name, item)| (name.to_owned(), words(item)))
            .collect()
    }
}

/// Returns the requirements of a workspace's packages, each with its manifest, with inherited parts
/// resolved.
#[must_use]
pub fn requirements_of(manifests: &[Manifest]) -> Vec<(&Manifest, Requirement)> {
    let inherited = |key: &str| {
        manifests
            .iter()
            .find_map(|manifest| manifest.inherited(key))
    };
    let whole = |own: Requirement| match inherited(&own.key).filter(|_| own.is_inherited) {
        Some(mut inherited) => {
            inherited.features.extend(own.features.iter().cloned());
            Requirement {
                package: inherited.package,
                version: inherited.version,
                features: inherited.features,
                default_features: inherited.default_features || own.default_features,
                ..own
            }
        }
        None => own,
    };
    let packages = manifests
        .iter()
        .filter(|manifest| manifest.package().is_some());
    let all = packages.flat_map(|manifest| {
        let own = manifest.requirements().into_iter();
        own.map(move |requirement| (manifest, whole(requirement)))
    });
    all.collect()
}

/// Returns true if cargo may prefer older packages because a package of the workspace declares a
/// rust-version. <https://doc.rust-lang.org/cargo/reference/resolver.html#rust-version>
#[must_use]
pub fn may_prefer_older(manifests: &[Manifest]) -> bool {
    let mut declared = manifests.iter().flat_map(|m| m.says("rust-version"));
    let says = |key: &str, wanted: &str| {
        let mut values = manifests.iter().flat_map(|m| m.says(key));
        values.any(|value| value.as_str() == Some(wanted))
    };
    declared.next().is_some() && (says("resolver", "3") || says("edition", "2024"))
}

/// Returns the requirements below a table.
fn requirements_in(table: &dyn TableLike, platform: Option<&str>) -> Vec<Requirement> {
    let tables = DEPENDENCY_TABLES.iter();
    let tables = tables.filter_map(|name| Some((name, table.get(name)?.as_table_like()?)));
    let requirement = |name: &str, key: &str, item: &Item| Requirement {
        key: key.to_owned(),
        package: package_name(key, item).to_owned(),
        version: version_of(item),
        is_inherited: is_inherited(item),
        is_optional: item.get("optional").and_then(Item::as_bool) == Some(true),
        features: features_of(item),
        default_features: default_features_of(item),
        is_dev: name.starts_with("dev"),
        platform: platform.map(str::to_owned),
    };
    let mut requirements = Vec::new();
    for (name, table) in tables {
        requirements.extend(table.iter().map(|(key, item)| requirement(name, key, item)));
    }
    requirements
}

fn features_of(item: &Item) -> Vec<String> {
    let features = item.get("features").and_then(Item::as_array);
    let words = features.into_iter().flatten();
    words
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

fn default_features_of(item: &Item) -> bool {
    // Cargo still reads the second spelling in editions before 2024.
    let keys = ["default-features", "default_features"];
    let written = keys.iter().find_map(|key| item.get(key)?.as_bool());
    written.unwrap_or(!is_inherited(item))
}

/// Returns the versions that a requirement admits, if it comes from a registry.
fn version_of(item: &Item) -> Option<String> {
    let Some(table) = item.as_table_like() else {
        return item.as_str().map(str::to_owned);
    };
    let mut elsewhere = SOURCES.iter().chain(&["registry", "registry-index"]);
    let is_elsewhere = elsewhere.any(|source| table.contains_key(source));
    let version = table.get("version").and_then(Item::as_str);
    version.filter(|_| !is_elsewhere).map(str::to_owned)
}
