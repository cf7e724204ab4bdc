//! Reads which features of the subject's packages are enabled for its tests.
//!
//! Cargo's metadata holds all features of a package as one set. With the resolver of edition 2021,
//! features that a build script or procedural macro enables are not enabled for other users of the
//! package.
//! <https://doc.rust-lang.org/cargo/reference/features.html#feature-resolver-version-2>

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

/// Enabled features, by the folder of their package.
pub type FeaturesByFolder = BTreeMap<Utf8PathBuf, BTreeSet<String>>;

/// The command that lists them, without what is built for the host.
/// <https://doc.rust-lang.org/cargo/commands/cargo-tree.html>
pub const COMMAND: [&str; 10] = [
    "tree",
    "--workspace",
    "--depth=0",
    "--prefix=none",
    "--format={p}|{f}",
    "--edges=no-build,no-proc-macro",
    "--color=never",
    "--charset=ascii",
    "--quiet",
    "--frozen",
];

/// Parses the command's output, one package a line: `app v0.1.0 (/path)|default,extra`.
#[must_use]
pub fn read(output: &str) -> FeaturesByFolder {
    let mut all = FeaturesByFolder::new();
    for line in output.lines() {
        let Some((package, features)) = line.rsplit_once('|') else {
            continue;
        };
        let Some((_, folder)) = package.split_once(" (/") else {
            continue;
        };
        let folder = format!("/{}", folder.trim_end_matches(')'));
        let features = features.trim_end_matches(" (*)").split(',');
        let features = features.filter(|feature| !feature.is_empty());
        let of_package = all.entry(folder.into()).or_default();
        of_package.extend(features.map(str::to_owned));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

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
