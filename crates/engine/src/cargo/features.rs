//! Reads which features of the subject's packages are enabled for its tests.
//!
//! Cargo's metadata holds all features of a package as one set. With the resolver of edition 2021,
//! features that a build script or procedural macro enables are not enabled for other users of the
//! package.
//! <https://doc.rust-lang.org/cargo/reference/features.html#feature-resolver-version-2>

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use pinmatrix_core::model::outcome::features::FewerFeatures;

/// Enabled features, by the folder of their package.
pub type FeaturesByFolder = BTreeMap<Utf8PathBuf, BTreeSet<String>>;

/// The command that lists them, without what is built for the host and without the packages.
/// <https://doc.rust-lang.org/cargo/commands/cargo-tree.html>
pub const COMMAND: [&str; 9] = [
    "tree",
    "--depth=0",
    "--prefix=none",
    "--format={p}|{f}",
    "--edges=no-build,no-proc-macro",
    "--color=never",
    "--charset=ascii",
    "--quiet",
    "--frozen",
];

/// The command that lists the features of every package in a graph.
pub const OF_GRAPH: [&str; 7] = [
    "tree",
    "--prefix=none",
    "--format={p}|{f}",
    "--color=never",
    "--charset=ascii",
    "--quiet",
    "--frozen",
];

/// Returns the packages that have fewer features among some members than in the whole workspace,
/// from the output of [`OF_GRAPH`] for each.
#[must_use]
pub fn fewer(of_some: &str, of_all: &str) -> Vec<FewerFeatures> {
    let (of_some, of_all) = (by_package(of_some), by_package(of_all));
    let fewer = of_some.into_iter().filter_map(|(package, own)| {
        let all = of_all.get(package)?;
        let lacks: Vec<String> = all.difference(&own).map(|f| (*f).to_owned()).collect();
        (!lacks.is_empty()).then(|| FewerFeatures {
            package: package.replacen(" v", " ", 1),
            lacks,
        })
    });
    fewer.collect()
}

/// Returns the features of each package, as `name vVERSION`. One that is built both for the host and
/// for the target has those of both.
fn by_package(output: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (package, features) in packages(output) {
        let name = package.split(" (").next().unwrap_or(package);
        all.entry(name).or_default().extend(features);
    }
    all
}

/// Parses the command's output, one package a line: `app v0.1.0 (/path)|default,extra`.
#[must_use]
pub fn read(output: &str) -> FeaturesByFolder {
    let mut all = FeaturesByFolder::new();
    for (package, features) in packages(output) {
        let Some((_, folder)) = package.split_once(" (/") else {
            continue;
        };
        let folder = format!("/{}", folder.trim_end_matches(')'));
        let of_package = all.entry(folder.into()).or_default();
        of_package.extend(features.map(str::to_owned));
    }
    all
}

/// Returns each line's package, as cargo describes it, with its features.
fn packages(output: &str) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
    output.lines().filter_map(|line| {
        let (package, features) = line.rsplit_once('|')?;
        let features = features.trim_end_matches(" (*)").split(',');
        Some((package, features.filter(|feature| !feature.is_empty())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_part_of_the_workspace_lacks_is_named() {
        let some = "app v0.1.0 (/w/app)|default\ngadget v1.0.0|\nmac v2.0.0 (proc-macro)|a (*)\n";
        let all = "other v0.1.0 (/w/other)|\ngadget v1.0.0|fast,net\n\napp v0.1.0 (/w/app)|default\n\
                   mac v2.0.0 (proc-macro)|\nmac v2.0.0 (proc-macro)|a\n";
        let named: Vec<String> = fewer(some, all).iter().map(ToString::to_string).collect();
        assert_eq!(named, ["gadget 1.0.0 (fast, net)"]);
    }

    #[test]
    fn features_are_listed_by_folder() {
        let output = "app v0.1.0 (/w/a (b)/app)|default,dep/x\n\n\
                    mac v0.1.0 (proc-macro) (/w/mac)|\nmac v0.1.0 (proc-macro) (/w/mac)|extra (*)\n\
                    warning: nothing\n";
        let features: Vec<String> = read(output)
            .into_iter()
            .map(|(folder, features)| format!("{folder}: {features:?}"))
            .collect();
        assert_eq!(
            features,
            [
                r#"/w/a (b)/app: {"default", "dep/x"}"#,
                r#"/w/mac: {"extra"}"#
            ]
        );
    }
}
