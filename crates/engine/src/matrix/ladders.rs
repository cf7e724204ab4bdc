//! The ladder of each family, and what the subject is on today.

use std::collections::BTreeSet;

use anyhow::Result;
use pinmatrix_core::config::{Config, Family};
use pinmatrix_core::model::run::PatchRecord;
use pinmatrix_core::model::run::version_set::VersionSet;

use crate::matrix::required_crates::RequiredCrates;
use crate::registry::ladder::Ladder;
use crate::registry::published::Registry;
use crate::registry::releases::Releases;
use crate::subject::source_tree::SourceTree;
use crate::subject::today::{Today, todays};

/// The ladders of a matrix, and by family what each revision of the subject is on today.
pub struct Ladders {
    /// The ladders, in the order of the families.
    pub ladders: Vec<Ladder>,
    /// What the revisions are on, in the same order.
    pub todays: Vec<Vec<Option<Today>>>,
}

impl Ladders {
    /// Builds the ladders from what is published. A crate of a family that is not yet published at
    /// a version, or no longer, counts only if the subject requires it there.
    ///
    /// # Errors
    ///
    /// Returns an error if a manifest cannot be read.
    pub fn of(
        config: &Config,
        trees: &[SourceTree],
        registry: &Registry,
        required: &RequiredCrates<'_>,
    ) -> Result<Self> {
        let (mut ladders, mut all_todays) = (Vec::new(), Vec::new());
        for family in &config.families {
            let names = family.crate_names();
            let requires = |name: &str, at: &_| required.requires(family, name, at);
            let published = registry.releases(&names, requires);
            let published = published.unwrap_or_else(|| Releases::unknown(&names));
            let of_family = todays(trees, family, &published)?;
            let rungs = of_family.iter().flatten().filter(|_| config.run.today);
            let rungs = rungs.map(|today| today.version.clone()).collect();
            ladders.push(Ladder::of(family, &published, &rungs));
            all_todays.push(of_family);
        }
        Ok(Self {
            ladders,
            todays: all_todays,
        })
    }
}

/// Returns the crates of a family that a `[patch]` of a revision replaces, each with the rung at
/// which the patch holds, if there is one.
#[must_use]
pub fn patch_records(
    trees: &[SourceTree],
    family: &Family,
    ladder: &Ladder,
    sets: &[VersionSet],
) -> Vec<PatchRecord> {
    let follows = |name: &str| sets.iter().any(|set| set.followers.contains_key(name));
    let records = trees.iter().flat_map(|tree| {
        let rungs = ladder.rungs.iter().filter_map(|pin| pin.at.version());
        let today = rungs.filter(|version| tree.is_on(family, version)).max();
        let patched = tree.patched.iter();
        let moving = patched.filter(|(name, _)| family.moves(name) || follows(name));
        moving.map(move |(name, used)| PatchRecord {
            source: tree.label.clone(),
            package: name.clone(),
            holds_at: today.cloned().filter(|_| used.is_some()),
        })
    });
    records.collect()
}

/// Returns a hash of what the index says of the crates of a family and of its followers.
#[must_use]
pub fn index_state(registry: &Registry, family: &Family, sets: &[VersionSet]) -> Option<String> {
    let followers = sets.iter().flat_map(|set| set.followers.keys());
    let followers = followers.map(String::as_str);
    let mut crates: Vec<&str> = family.crate_names();
    crates.extend(followers.collect::<BTreeSet<&str>>());
    registry.state(&crates)
}
