//! The sets of versions of a matrix: for each version of a family the versions of its followers,
//! found in the index from what the manifests and the lock of the subject say.

use std::collections::BTreeMap;

use anyhow::Result;
use pinmatrix_core::config::{Config, Family, Followers, did_you_mean};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::Pin;
use pinmatrix_core::model::run::version_set::VersionSet;
use semver::Version;
use toml::Spanned;

use crate::matrix::used_crates::{Requirements, Used};
use crate::registry::ladder::Ladder;
use crate::registry::published::Registry;
use crate::registry::version_set::{UsedCrate, UsedFollower, fits, version_set};
use crate::subject::source_tree::SourceTree;
use crate::subject::today::Today;

/// What the sets of a matrix follow from.
pub struct VersionSets<'a> {
    /// The contents of `matrix.toml`.
    pub config: &'a Config,
    /// The revision of the subject whose followers count.
    pub tree: &'a SourceTree,
    /// What is published.
    pub registry: &'a Registry,
}

impl VersionSets<'_> {
    /// Returns the sets of all families.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] for a follower that the subject does not use or of which nothing is
    /// known, and other errors if a manifest cannot be read.
    pub fn of_all(
        &self,
        ladders: &[Ladder],
        todays: &[Vec<Option<Today>>],
    ) -> Result<Vec<Vec<VersionSet>>> {
        let families = self.config.families.iter().zip(ladders).zip(todays);
        let sets = families.map(|((family, ladder), todays)| {
            if !family.followers.are_possible() {
                return Ok(Vec::new());
            }
            let today = todays.first().and_then(Option::as_ref);
            self.of(family, ladder, today)
        });
        sets.collect()
    }

    /// Returns the sets of a family, one for each published version of its ladder. The version that
    /// a lock holds goes with the followers that it holds.
    fn of(
        &self,
        family: &Family,
        ladder: &Ladder,
        today: Option<&Today>,
    ) -> Result<Vec<VersionSet>> {
        let all = ladder.all().into_iter();
        let versions: Vec<&Version> = all.filter_map(|of| of.pin.at.version()).collect();
        if self.is_opaque(family) {
            return Ok(self.all_written(family, &versions)?);
        }
        let requirements = Requirements::of(self.tree)?;
        let leaders = family.crate_names().into_iter();
        let leaders = leaders.filter_map(|name| self.used(name, &requirements));
        let leaders: Vec<Used> = leaders.collect();
        let leaders: Vec<UsedCrate<'_>> = leaders.iter().map(Used::as_crate).collect();
        let followers = match &family.followers {
            Followers::Named(names) => self.named(names, &requirements)?,
            Followers::Auto(_) => {
                let moves = FamilyMoves {
                    leaders: &leaders,
                    versions: &versions,
                    today: today.map(|today| &today.version),
                };
                self.found(family, &moves, &requirements)
            }
        };
        if followers.is_empty() {
            return Ok(Vec::new());
        }
        self.check_written(family)?;
        let locked = today.filter(|today| today.is_locked);
        let set = |version: &&Version| {
            let version = *version;
            if locked.is_some_and(|today| today.version == *version)
                && !family.sets.contains_key(version)
            {
                return VersionSet {
                    version: version.clone(),
                    followers: todays(&followers),
                    blocker: None,
                };
            }
            set_at(&leaders, version, (family, &followers))
        };
        Ok(versions.iter().map(set).collect())
    }

    fn used(&self, name: &str, requirements: &Requirements) -> Option<Used> {
        requirements.used(name, self.tree, self.registry)
    }

    /// Returns true if only cargo can read what is published.
    fn is_opaque(&self, family: &Family) -> bool {
        let mut crates = family.crate_names().into_iter();
        crates.any(|name| self.registry.entry(name).is_none())
    }

    /// Returns the sets of a family whose pins are all written out as sets.
    fn all_written(
        &self,
        family: &Family,
        versions: &[&Version],
    ) -> Result<Vec<VersionSet>, UserError> {
        let set = |version: &&Version| {
            let followers = family.sets.get(*version)?.iter();
            let followers = followers.map(|(name, at)| (name.clone(), at.get_ref().clone()));
            Some(VersionSet {
                version: (*version).clone(),
                followers: followers.collect(),
                blocker: None,
            })
        };
        let sets: Option<Vec<VersionSet>> = versions.iter().map(set).collect();
        sets.ok_or_else(|| {
            let message = "what is published cannot be read from here, so no followers can be chosen";
            let span = match &family.followers {
                Followers::Auto(span) => span.clone(),
                Followers::Named(names) => names.first().map_or(0..0, Spanned::span),
            };
            let help = "write each pin out as a set: `pins = [{ LEADER = \"1.0.0\", FOLLOWER = \"0.3.0\" }]`";
            let error = self.config.text.error_at(message);
            error.at(span, "chosen from what is published").help(help)
        })
    }

    /// Looks up the followers that the config names.
    fn named(
        &self,
        names: &[Spanned<String>],
        requirements: &Requirements,
    ) -> Result<Vec<Used>, UserError> {
        let text = &self.config.text;
        let used = |name: &Spanned<String>| {
            let krate = name.get_ref();
            let packages = requirements.packages();
            if !packages.contains(krate.as_str()) {
                return Err(text
                    .error_at(format!("the subject does not use `{krate}`"))
                    .at(name.span(), "not among its dependencies")
                    .maybe_help(did_you_mean(krate, packages)));
            }
            if !requirements.published().contains(krate.as_str()) {
                return Err(text
                    .error_at(format!(
                        "`{krate}` does not come from the registry of the family"
                    ))
                    .at(
                        name.span(),
                        "required by a path, from git or from another registry",
                    )
                    .help("only published versions can follow; leave it out"));
            }
            self.used(krate, requirements).ok_or_else(|| {
                text.error_at(format!(
                    "nothing is known of what is published of `{krate}`"
                ))
                .at(name.span(), "its versions are chosen from the index")
                .help("run without `--offline` once, so that cargo can fetch its index")
            })
        };
        names.iter().map(used).collect()
    }

    /// Rejects a version of a follower that is written out and is not published, or yanked.
    fn check_written(&self, family: &Family) -> Result<(), UserError> {
        for (name, version) in family.sets.values().flatten() {
            let entry = self.registry.entry(name).unwrap_or_default();
            let mut versions = entry.versions.iter();
            let published = versions.find(|p| p.version.cmp_precedence(version.get_ref()).is_eq());
            let fault = match published {
                Some(published) if !published.yanked => continue,
                Some(_) => "was yanked",
                None => "is not published",
            };
            let message = format!("{name} {} {fault}", version.get_ref());
            let text = &self.config.text;
            return Err(text.error_at(message).at(version.span(), "a pin of a set"));
        }
        Ok(())
    }

    /// Finds the crates that the subject requires and whose version of today does not go with a
    /// version of the ladder.
    fn found(
        &self,
        family: &Family,
        moves: &FamilyMoves<'_>,
        requirements: &Requirements,
    ) -> Vec<Used> {
        let published = requirements.published().into_iter();
        let others = published.filter(|name| !family.holds(name));
        let used = others.filter_map(|name| self.used(name, requirements));
        used.filter(|used| moves.leave_behind(used)).collect()
    }
}

/// The versions that a family moves over.
struct FamilyMoves<'a> {
    leaders: &'a [UsedCrate<'a>],
    versions: &'a [&'a Version],
    today: Option<&'a Version>,
}

impl FamilyMoves<'_> {
    /// Returns true if a crate goes with the family today and, at its version of today, not with
    /// each version of the ladder. One that does not go with it today uses another copy anyway.
    fn leave_behind(&self, used: &Used) -> bool {
        let Some(at) = &used.today else {
            return false;
        };
        let is_with = |version: &Version| fits(self.leaders, version, &used.as_crate(), at);
        self.today.is_none_or(is_with) && !self.versions.iter().all(|version| is_with(version))
    }
}

/// Returns the pins that a follower does not go with, each with the reason.
pub fn blocked(config: &Config, sets: &[Vec<VersionSet>]) -> BTreeMap<Pin, String> {
    let families = config.families.iter().zip(sets);
    let blocked = families.flat_map(|(family, sets)| {
        sets.iter().filter_map(|set| {
            let pin = Pin {
                family: family.name.get_ref().clone(),
                at: set.version.clone().into(),
            };
            Some((pin, set.blocker.as_ref()?.to_string()))
        })
    });
    blocked.collect()
}

/// Returns the set at a version. What is written out stays, and the other followers go with it.
fn set_at(
    leaders: &[UsedCrate<'_>],
    version: &Version,
    (family, followers): (&Family, &[Used]),
) -> VersionSet {
    let written = family.sets.get(version);
    let followers: Vec<UsedFollower<'_>> = followers
        .iter()
        .map(|follower| UsedFollower {
            used: follower.as_crate(),
            today: follower.today.as_ref(),
            only: written
                .and_then(|set| set.get(&follower.name))
                .map(Spanned::get_ref),
        })
        .collect();
    let found = version_set(leaders, version, &followers);
    let (versions, blocker) = match found {
        Ok(versions) => (versions, None),
        Err(blocker) => {
            let known = followers.iter();
            let known =
                known.filter_map(|f| Some((f.used.name.to_owned(), f.only.or(f.today)?.clone())));
            // Whoever writes a set out has a reason.
            (known.collect(), Some(blocker).filter(|_| written.is_none()))
        }
    };
    VersionSet {
        version: version.clone(),
        followers: versions,
        blocker,
    }
}

fn todays(followers: &[Used]) -> BTreeMap<String, Version> {
    let known = followers.iter();
    known
        .filter_map(|f| Some((f.name.clone(), f.today.clone()?)))
        .collect()
}
