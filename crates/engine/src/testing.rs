//! Building blocks for tests: dependency graphs, registries and families from a few lines of text.
//! Holds no rules of the engine, so that a test says by itself what it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use cargo_metadata::{Metadata, MetadataCommand};
use pinmatrix_core::config::{Config, Family};
use pinmatrix_core::error::SourceText;
use pinmatrix_core::model::cell::PinnedAt;
use pinmatrix_core::model::rust_version::parse_rust_version;
use semver::{Version, VersionReq};
use serde_json::{Value, json};

use crate::cargo::targets::Workspace;
use crate::manifest::{RequirementPin, RequirementPins};
use crate::matrix::family_packages::PinnedFamily;
use crate::registry::index::{CrateEntry, Dependency};
use crate::registry::published::{Published, Registry};
use crate::subject::selection::SelectedPackages;

/// Returns a config with the family `gadget`: the crates `gadget` and `gadget-io`, with companions
/// `gadget-core` and whatever begins with `gadget-core-`. Further text is appended.
pub fn config(more: &str) -> Config {
    let text = format!(
        "[subject]\npath = \".\"\n[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\
         [[family]]\nname = \"gadget\"\ncrates = [\"gadget\", \"gadget-io\"]\n\
         companions = [\"gadget-core\", \"gadget-core-*\"]\npins = [\"1.0.0\", \"2.0.0\"]\n{more}"
    );
    Config::parse(SourceText::new(Path::new("matrix.toml"), text)).expect("a config")
}

/// Returns the family of [`config`].
pub fn family() -> Family {
    config("").families.remove(0)
}

/// Returns the family of [`config`] at gadget 2.0.0.
pub fn pinned() -> PinnedFamily<'static> {
    static FAMILY: LazyLock<Family> = LazyLock::new(family);
    static AT: LazyLock<PinnedAt> = LazyLock::new(|| version("2.0.0").into());
    static PATCHED: BTreeSet<String> = BTreeSet::new();
    static PINS: LazyLock<RequirementPins> =
        LazyLock::new(|| pins("gadget 2.0.0, gadget-io 2.0.0"));
    PinnedFamily {
        family: &FAMILY,
        at: &AT,
        pins: &PINS,
        patched: &PATCHED,
    }
}

/// Returns the pins of requirements, from `CRATE VERSION` separated by commas.
pub fn pins(text: &str) -> RequirementPins {
    let pin = |written: &str| {
        let (name, number) = written.split_once(' ').expect("a version");
        (name.to_owned(), RequirementPin::Version(version(number)))
    };
    text.split(", ").map(pin).collect()
}

/// Returns a version: `1.80` is 1.80.0.
pub fn version(written: &str) -> Version {
    parse_rust_version(written)
        .or_else(|| Version::parse(written).ok())
        .unwrap_or_else(|| panic!("{written} is not a version"))
}

/// Returns a registry with these versions, one per line. What cargo's index says of a version
/// follows its name, separated by commas:
///
/// ```text
/// relay 1.2.0
/// relay 1.3.0: rust 1.80, yanked, needs gadget ^2
/// relay 2.0.0: may-need gadget >=2 <4, feature gears dep:gadget
/// ```
pub fn registry(text: &str) -> Registry {
    let mut crates: BTreeMap<String, CrateEntry> = BTreeMap::new();
    for (package, words) in lines(text) {
        let (name, number) = package.split_once(' ').expect("a version");
        let mut published = Published {
            version: version(number),
            yanked: false,
            rust_version: None,
            requires: Vec::new(),
            features: BTreeMap::new(),
        };
        for word in words {
            match word.split(' ').collect::<Vec<_>>().as_slice() {
                ["yanked"] => published.yanked = true,
                ["rust", rustc] => published.rust_version = Some(version(rustc)),
                [kind @ ("needs" | "may-need"), other, req @ ..] => {
                    published.requires.push(Dependency {
                        key: (*other).to_owned(),
                        package: (*other).to_owned(),
                        req: VersionReq::parse(&req.join(", ")).expect("a requirement"),
                        is_optional: *kind == "may-need",
                    });
                }
                ["feature", name, implied @ ..] => {
                    let implied = implied.iter().map(|word| (*word).to_owned());
                    let features = &mut published.features;
                    features.insert((*name).to_owned(), implied.collect());
                }
                _ => panic!("a registry does not say `{word}`"),
            }
        }
        let entry = crates.entry(name.to_owned()).or_default();
        entry.versions.push(published);
        entry.versions.sort_by(|a, b| a.version.cmp(&b.version));
    }
    Registry::of_entries(crates)
}

/// Returns the lines of a text: before the colon, and the parts after it.
fn lines(text: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| match line.split_once(": ") {
        Some((package, words)) => (package, words.split(", ").collect()),
        None => (line, Vec::new()),
    })
}

/// A package of a graph.
#[derive(Default)]
struct Package<'a> {
    words: Vec<&'a str>,
    /// The packages that it depends on, each with the label of the arrow.
    edges: Vec<(&'a str, Option<&'a str>)>,
}

/// Returns the metadata of a graph. A package without a version is a member of the workspace, and
/// any other comes from a registry:
///
/// ```text
/// app -> gadget 2.0.0 -(=1.3.0)-> relay 1.3.0
/// app -(dev)-> trace 0.1.0
/// relay 1.3.0: rust 1.80, edition 2021
/// ```
///
/// An arrow is a requirement: the caret requirement on that version, or the one in parentheses, or
/// that of tests (`dev`) or of a build script (`build`). A line with a colon says more of a
/// package:
///
/// - `git` or `path`: where it comes from
/// - `unused`: it is in the lock, and nothing that is built depends on it
/// - `rust 1.80`, `edition 2021`, `feature fast`
/// - `optional gadget`, `elsewhere gadget`: it has an optional requirement that is off, or one for
///   another platform
/// - `lib`, `macro`, `script`, `bin tool`, `test smoke`, `bench speed`, `example demo`,
///   `tested-example demo`: its targets; `test smoke needs fast` requires a feature
pub fn graph(text: &str) -> Metadata {
    let mut packages: BTreeMap<&str, Package<'_>> = BTreeMap::new();
    for (line, words) in lines(text) {
        let mut last: Option<(&str, Option<&str>)> = None;
        for part in line.split("->").map(str::trim) {
            let (name, label) = match part.split_once(" -(") {
                Some((name, label)) => (name, Some(label.trim_end_matches(')'))),
                None => (part.trim_end_matches(" -"), None),
            };
            packages.entry(name).or_default();
            if let Some((from, label)) = last {
                let package = packages.entry(from).or_default();
                package.edges.push((name, label));
            }
            last = Some((name, label));
        }
        let package = packages.entry(line).or_default();
        package.words.extend(words);
        if line.contains("->") {
            packages.remove(line);
        }
    }
    let members: Vec<&str> = packages.keys().copied().filter(|p| is_member(p)).collect();
    let is_used = |package: &&Package<'_>| !package.words.contains(&"unused");
    let nodes = packages.iter().filter(|(_, package)| is_used(package));
    let nodes: Vec<Value> = nodes.map(|(id, package)| node(id, package)).collect();
    let packages: Vec<Value> = packages.iter().map(|(id, p)| in_full(id, p)).collect();
    let metadata = json!({ "packages": packages, "workspace_members": members,
        "workspace_root": "/w", "target_directory": "/w/target", "version": 1,
        "resolve": { "nodes": nodes, "root": null } });
    MetadataCommand::parse(metadata.to_string()).expect("metadata")
}

/// Returns the workspace of a graph. All its targets use libtest's harness.
pub fn workspace(text: &str) -> Workspace {
    let build = config("").build;
    Workspace::with_harnesses(
        graph(text),
        &SelectedPackages::default(),
        pinned(),
        &build,
        |_| Ok(Vec::new()),
    )
    .expect("a workspace")
}

fn is_member(package: &str) -> bool {
    !package.contains(' ')
}

fn name_and_version(package: &str) -> (&str, &str) {
    package.split_once(' ').unwrap_or((package, "0.1.0"))
}

fn kind(label: Option<&str>) -> Option<&str> {
    label.filter(|label| matches!(*label, "dev" | "build"))
}

fn node(id: &str, package: &Package<'_>) -> Value {
    let mut deps: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (to, label) in &package.edges {
        let kinds = deps.entry(to).or_default();
        kinds.push(json!({ "kind": kind(*label), "target": null }));
    }
    let dependencies: Vec<&str> = deps.keys().copied().collect();
    let deps: Vec<Value> = deps
        .iter()
        .map(|(to, kinds)| json!({ "name": name_and_version(to).0, "pkg": to, "dep_kinds": kinds }))
        .collect();
    let features = package
        .words
        .iter()
        .filter_map(|w| w.strip_prefix("feature "));
    let features: Vec<&str> = features.collect();
    json!({ "id": id, "deps": deps, "dependencies": dependencies, "features": features })
}

fn in_full(id: &str, package: &Package<'_>) -> Value {
    let (name, version) = name_and_version(id);
    let requirement = |name: &str, req: &str, kind: Option<&str>| {
        json!({ "name": name, "req": req, "kind": kind, "optional": false, "target": null,
            "uses_default_features": true, "features": [] })
    };
    let dependencies = package.edges.iter().map(|(to, label)| {
        let (name, version) = name_and_version(to);
        let caret = format!("^{version}");
        let kind = kind(*label);
        let req = label.filter(|_| kind.is_none()).unwrap_or(&caret);
        requirement(name, req, kind)
    });
    let mut dependencies: Vec<Value> = dependencies.collect();
    let mut targets = Vec::new();
    let (mut rust, mut edition) = (None, "2015");
    let mut features: BTreeMap<&str, [&str; 0]> = BTreeMap::new();
    let mut source = (!is_member(id)).then(|| "registry+https://example.org/index".to_owned());
    for word in &package.words {
        match word.split(' ').collect::<Vec<_>>().as_slice() {
            ["unused"] => {}
            ["git"] => source = Some(format!("git+https://example.org/{name}#00")),
            ["path"] => source = None,
            ["rust", rustc] => rust = Some(*rustc),
            ["edition", year] => edition = year,
            ["feature", feature] => {
                features.insert(feature, []);
            }
            ["optional", other] => {
                let mut optional = requirement(other, "*", None);
                optional["optional"] = true.into();
                dependencies.push(optional);
            }
            ["elsewhere", other] => {
                let mut elsewhere = requirement(other, "*", None);
                elsewhere["target"] = "cfg(windows)".into();
                dependencies.push(elsewhere);
            }
            [kind, named @ ..] => targets.push(target(kind, named.first().unwrap_or(&name), named)),
            [] => {}
        }
    }
    json!({ "name": name, "version": version, "id": id, "source": source, "edition": edition,
        "rust_version": rust, "dependencies": dependencies, "targets": targets,
        "features": features, "manifest_path": format!("/w/{name}/Cargo.toml") })
}

fn target(kind: &str, name: &str, words: &[&str]) -> Value {
    let (kind, is_tested) = match kind {
        "lib" | "bin" | "test" | "bench" => (kind, true),
        "macro" => ("proc-macro", true),
        "script" => ("custom-build", false),
        "example" => (kind, false),
        "tested-example" => ("example", true),
        other => panic!("a graph does not say `{other}`"),
    };
    let required: Vec<&str> = words.iter().skip(2).copied().collect();
    let is_documented = kind == "lib";
    json!({ "name": name, "kind": [kind], "crate_types": [kind], "required-features": required,
        "src_path": format!("/w/{name}.rs"), "test": is_tested, "doctest": is_documented })
}
