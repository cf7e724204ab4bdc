//! What is published of a family: each version, which of its crates have it, and why the others do
//! not. Depends only on what an index holds about these crates.

use std::collections::BTreeSet;
use std::sync::Arc;

use pinmatrix_core::model::cell::bare;
use pinmatrix_core::model::run::Unusable;
use semver::Version;

use crate::registry::index::{CrateEntry, Published, SkipCause};

/// Everything published of a family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Releases {
    /// The versions that any of its crates has, in ascending order; empty if a crate is unknown.
    pub releases: Vec<Release>,
    /// The unknown crates.
    pub unlisted: Vec<String>,
}

/// One version of a family, without build metadata. Requirements ignore build metadata, so versions
/// that differ in nothing else count as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// The crates that have it, each with its full version.
    pub usable: Vec<(String, Version)>,
    /// The crates that have yanked it, each with its full version.
    pub yanked: Vec<(String, Version)>,
    /// The crates that do not have it.
    pub lacking: Vec<MissingCrate>,
    /// The crates that are not yet published at it, or no longer, and that nothing requires there.
    pub absent: Vec<String>,
}

/// A crate that does not have a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingCrate {
    /// The crate's name.
    pub name: String,
    /// Why its line in the index is skipped; `None` if there is no such line.
    pub why: Option<SkipCause>,
}

impl Releases {
    /// Combines the index entries of a family's crates. A crate that begins after a version or ended
    /// before it does not count there unless the subject `requires` it.
    #[must_use]
    pub fn of(
        crates: &[(String, Arc<CrateEntry>)],
        requires: impl Fn(&str, &Version) -> bool,
    ) -> Self {
        let unlisted = crates.iter().filter(|(_, entry)| entry.is_empty());
        let unlisted: Vec<String> = unlisted.map(|(name, _)| name.clone()).collect();
        if !unlisted.is_empty() {
            return Self {
                releases: Vec::new(),
                unlisted,
            };
        }
        let versions = crates.iter().flat_map(|(_, entry)| {
            let usable = entry.versions.iter().map(|published| &published.version);
            usable.chain(entry.passed_over.iter().filter_map(|p| p.version.as_ref()))
        });
        let versions: BTreeSet<Version> = versions.map(bare).collect();
        let release = |version| Release::of(version, crates, &requires);
        Self {
            releases: versions.into_iter().map(release).collect(),
            unlisted,
        }
    }

    /// Creates the value for a family whose crates are all unknown.
    #[must_use]
    pub fn unknown(crates: &[&str]) -> Self {
        Self {
            releases: Vec::new(),
            unlisted: crates.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// Finds the release of a version.
    #[must_use]
    pub fn release(&self, version: &Version) -> Option<&Release> {
        let mut releases = self.releases.iter();
        releases.find(|release| release.version == *version)
    }
}

impl Release {
    fn of(
        version: Version,
        crates: &[(String, Arc<CrateEntry>)],
        requires: &impl Fn(&str, &Version) -> bool,
    ) -> Self {
        let mut release = Self::at(version);
        for (name, entry) in crates {
            let versions = entry.versions.iter();
            let alike = versions.filter(|p| bare(&p.version) == release.version);
            // Among versions that differ only in build metadata, cargo uses the newest one that is
            // not yanked.
            let best = alike.max_by_key(|p: &&Published| (!p.yanked, &p.version));
            match best {
                Some(p) if p.yanked => release.yanked.push((name.clone(), p.version.clone())),
                Some(p) => release.usable.push((name.clone(), p.version.clone())),
                None if !entry.lives_at(&release.version) && !requires(name, &release.version) => {
                    release.absent.push(name.clone());
                }
                None => {
                    let mut passed_over = entry.passed_over.iter();
                    let line = passed_over
                        .find(|p| p.version.as_ref().map(bare).as_ref() == Some(&release.version));
                    release.lacking.push(MissingCrate {
                        name: name.clone(),
                        why: line.map(|line| line.why.clone()),
                    });
                }
            }
        }
        release
    }

    /// Creates a release that every crate has.
    #[must_use]
    pub fn at(version: Version) -> Self {
        Self {
            version,
            usable: Vec::new(),
            yanked: Vec::new(),
            lacking: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// Returns true if every crate has it, yanked or not.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lacking.is_empty()
    }

    /// Returns true if every crate has it and none has yanked it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.lacking.is_empty() && self.yanked.is_empty()
    }

    /// Returns true if every crate that has published it has yanked it.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        let is_unknown = self.lacking.iter().any(|lacking| lacking.why.is_some());
        self.usable.is_empty() && !is_unknown
    }

    /// Returns the crates that have published it, each with its full version, if any has yanked it.
    #[must_use]
    pub fn withdrawn(&self) -> Option<Vec<(String, Version)>> {
        let had = self.usable.iter().chain(&self.yanked).cloned();
        (!self.yanked.is_empty()).then(|| had.collect())
    }

    /// Explains why no lock can hold the family at this version, if it is published and not yanked.
    #[must_use]
    pub fn unusable(&self) -> Option<Unusable> {
        if self.is_usable() || self.is_withdrawn() {
            return None;
        }
        let Self { version, .. } = self;
        let lacking = self
            .lacking
            .iter()
            .map(|MissingCrate { name, why }| match why {
                Some(why) => format!("{name} {version} {why}"),
                None => format!("{name} has no {version}"),
            });
        let yanked = self.yanked.iter();
        let yanked = yanked.map(|(name, version)| format!("{name} {version} was yanked"));
        let why: Vec<String> = lacking.chain(yanked).collect();
        Some(Unusable {
            version: version.clone(),
            crates: self.usable.iter().map(|(name, _)| name.clone()).collect(),
            why: why.join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate with these versions; `!` means yanked, and `?` means a line of format 3.
    fn krate(name: &str, published: &str) -> (String, Arc<CrateEntry>) {
        let line = |written: &str| {
            let version = written.trim_end_matches(['!', '?']);
            let yanked = written.ends_with('!');
            let format = if written.ends_with('?') { 3 } else { 2 };
            format!(
                r#"{{"name":"{name}","vers":"{version}","deps":[],"cksum":"","features":{{}},"yanked":{yanked},"v":{format}}}"#
            )
        };
        let lines: Vec<String> = published.split_whitespace().map(line).collect();
        let entry = CrateEntry::of_lines(lines.join("\n").as_bytes());
        (name.to_owned(), Arc::new(entry))
    }

    fn describe(crates: &[(String, Arc<CrateEntry>)]) -> Vec<String> {
        let releases = Releases::of(crates, |_, _| true).releases;
        let message = |release: &Release| match release.unusable() {
            Some(unusable) => unusable.to_string(),
            None if release.is_withdrawn() => format!("{} was yanked", release.version),
            None => release.version.to_string(),
        };
        releases.iter().map(message).collect()
    }

    #[test]
    fn a_version_that_only_a_part_of_the_family_has_cannot_be_used() {
        let crates = [
            krate("a", "1.0.0 2.0.0 3.0.0 4.0.0! 5.0.0"),
            krate("b", "1.0.0 3.0.0! 4.0.0! 5.0.0?"),
        ];
        assert_eq!(
            describe(&crates),
            [
                "1.0.0",
                "a 2.0.0 cannot be used: b has no 2.0.0",
                "a 3.0.0 cannot be used: b 3.0.0 was yanked",
                "4.0.0 was yanked",
                "a 5.0.0 cannot be used: b 5.0.0 is of format 3 in the index, and cargo reads up to 2",
            ]
        );
    }

    #[test]
    fn a_line_that_cannot_be_used_is_there_all_the_same() {
        assert_eq!(
            describe(&[krate("a", "1.0.0 2.0.0?")]),
            [
                "1.0.0",
                "2.0.0 cannot be used: a 2.0.0 is of format 3 in the index, and cargo reads up to 2"
            ]
        );
    }

    #[test]
    fn build_metadata_makes_no_other_version() {
        let crates = [krate("a", "4.0.0"), krate("b", "4.0.0+up1 4.0.0+up2!")];
        let releases = Releases::of(&crates, |_, _| true);
        let release = releases.release(&Version::new(4, 0, 0)).expect("there");
        assert!(release.is_usable());
        assert_eq!(release.usable[1].1.to_string(), "4.0.0+up1");
        assert_eq!(releases.releases.len(), 1);
    }

    #[test]
    fn a_crate_that_begins_later_or_has_ended_counts_only_where_it_is_required() {
        let crates = [
            krate("a", "1.0.0 2.0.0 3.0.0 4.0.0"),
            krate("new", "3.0.0 4.0.0"),
            krate("old", "1.0.0 3.0.0!"),
        ];
        let releases = Releases::of(&crates, |name, at| name == "new" && at.major == 2);
        let absent = releases
            .releases
            .iter()
            .map(|r| (r.is_whole(), r.absent.join(" ")));
        let absent: Vec<(bool, String)> = absent.collect();
        let expected = [(true, "new"), (false, ""), (true, ""), (true, "old")];
        assert_eq!(
            absent,
            expected.map(|(whole, names)| (whole, names.to_owned()))
        );
        assert!(!releases.releases[2].is_usable());
    }

    #[test]
    fn nothing_is_made_of_a_crate_that_is_not_known() {
        let releases = Releases::of(&[krate("a", "1.0.0"), krate("b", "")], |_, _| true);
        assert_eq!(releases.unlisted, ["b"]);
        assert!(releases.releases.is_empty());
    }
}
