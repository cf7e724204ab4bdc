//! Which versions of its followers go with a version of a family, found from an index alone.
//!
//! A follower is a crate that moves with the family under a number of its own: it requires crates
//! of the family, or they require it. A set of versions fits if each of its crates, with the
//! features that the subject asks for, admits the others.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pinmatrix_core::model::run::version_set::Blocker;
use semver::{Version, VersionReq};

use crate::registry::activation::{AskedFeatures, active};
use crate::registry::index::{CrateEntry, Dependency, Published};

/// How many versions are tried for one set.
const MOST_STEPS: usize = 100_000;

/// A crate of a set, and how the subject uses it.
#[derive(Clone, Debug)]
pub struct UsedCrate<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is published of it.
    pub entry: &'a CrateEntry,
    /// The features that the subject asks for.
    pub asked: &'a AskedFeatures,
}

/// A crate that follows a family.
#[derive(Clone, Debug)]
pub struct UsedFollower<'a> {
    /// The crate.
    pub used: UsedCrate<'a>,
    /// The version that the subject is on.
    pub today: Option<&'a Version>,
    /// The only version that it may take, if the user says so.
    pub only: Option<&'a Version>,
}

/// Returns the versions of the followers that go with a version of the family's crates. In the
/// order of the followers, each gets today's version if that fits, else the nearest newer one that
/// does, else the nearest older one.
///
/// # Errors
///
/// Returns what keeps a follower from going with that version.
pub fn version_set(
    leaders: &[UsedCrate<'_>],
    version: &Version,
    followers: &[UsedFollower<'_>],
) -> Result<BTreeMap<String, Version>, Blocker> {
    let leaders: Vec<Placed<'_>> = leaders
        .iter()
        .filter_map(|leader| Placed::at(leader, version))
        .collect();
    let mut search = Search {
        steps: 0,
        conflict: None,
    };
    let mut candidates = Vec::new();
    for follower in followers {
        let all = candidates_of(follower, !version.pre.is_empty());
        let fitting = all.iter().filter(|c| leaders.iter().all(|l| l.fits(c)));
        let fitting: Vec<Placed<'_>> = fitting.cloned().collect();
        if fitting.is_empty() {
            return Err(blocker(follower, &leaders, &all));
        }
        candidates.push(fitting);
    }
    let mut placed = Vec::new();
    if search.place(&candidates, &mut placed) {
        let versions = placed.into_iter();
        return Ok(versions
            .map(|p| (p.name.to_owned(), p.version.clone()))
            .collect());
    }
    let conflict = search.conflict.filter(|_| search.steps < MOST_STEPS);
    let (n_placed, why) = conflict.unwrap_or_else(|| {
        (
            0,
            format!("no set that fits is among the first {MOST_STEPS} that were tried"),
        )
    });
    let at = followers.get(n_placed);
    Err(Blocker {
        package: at.map(|f| f.used.name.to_owned()).unwrap_or_default(),
        today: at.and_then(|f| f.today.cloned()),
        why,
    })
}

/// Returns true if a version of a follower and a version of the family admit each other.
#[must_use]
pub fn fits(
    leaders: &[UsedCrate<'_>],
    version: &Version,
    follower: &UsedCrate<'_>,
    at: &Version,
) -> bool {
    let Some(follower) = Placed::at(follower, at) else {
        return true;
    };
    let leaders = leaders.iter();
    let mut leaders = leaders.filter_map(|leader| Placed::at(leader, version));
    leaders.all(|leader| leader.fits(&follower))
}

/// A crate at a version, with the requirements that are active.
#[derive(Clone, Debug)]
struct Placed<'a> {
    name: &'a str,
    version: &'a Version,
    requires: Vec<&'a Dependency>,
}

impl<'a> Placed<'a> {
    /// Looks up a version, whatever its build metadata, with the features that it has.
    fn at(used: &UsedCrate<'a>, version: &Version) -> Option<Self> {
        let alike = |p: &&Published| p.version.cmp_precedence(version).is_eq();
        let published = used.entry.versions.iter().rev().find(alike)?;
        Some(Self {
            name: used.name,
            version: &published.version,
            requires: active(published, used.asked).requires,
        })
    }

    /// Returns true if both admit each other.
    fn fits(&self, other: &Placed<'_>) -> bool {
        self.refusal(other).is_none() && other.refusal(self).is_none()
    }

    /// Returns a requirement on the other crate, if there are some and none admits it.
    fn refusal(&self, other: &Placed<'_>) -> Option<&'a VersionReq> {
        let on_other = self.requires.iter().filter(|d| d.package == other.name);
        let on_other: Vec<&VersionReq> = on_other.map(|d| &d.req).collect();
        let admits = on_other.iter().any(|req| req.matches(other.version));
        on_other.last().copied().filter(|_| !admits)
    }

    /// Describes why both do not fit.
    fn conflict(&self, other: &Placed<'_>) -> Option<String> {
        let refusal = |one: &Placed<'a>, other: &Placed<'_>| {
            let req = one.refusal(other)?;
            let (name, version) = (one.name, one.version);
            Some(format!("{name} {version} requires {} {req}", other.name))
        };
        refusal(self, other).or_else(|| {
            let req = other.refusal(self)?;
            let (name, version) = (other.name, other.version);
            Some(format!("{name} {version} requires {} {req}", self.name))
        })
    }
}

/// Returns the versions that a follower can take, the best first.
fn candidates_of<'a>(follower: &UsedFollower<'a>, with_pre_releases: bool) -> Vec<Placed<'a>> {
    let UsedFollower { used, today, only } = follower;
    let is_today = |p: &Published| today.is_some_and(|t| p.version.cmp_precedence(t).is_eq());
    let with_pre_releases = with_pre_releases || today.is_some_and(|t| !t.pre.is_empty());
    let usable = used.entry.versions.iter().filter(|p| {
        if let Some(only) = only {
            return p.version.cmp_precedence(only).is_eq();
        }
        // A lock can go on to hold a version that was yanked.
        is_today(p) || (!p.yanked && (with_pre_releases || p.version.pre.is_empty()))
    });
    let mut usable: Vec<&Published> = usable.collect();
    usable.sort_by_key(|p| match today {
        Some(_) if is_today(p) => (0, None, None),
        Some(today) if p.version > **today => (1, Some(&p.version), None),
        Some(_) | None => (2, None, Some(Reverse(&p.version))),
    });
    let placed = usable.into_iter().filter_map(|p| {
        let active = active(p, used.asked);
        active.lacks.is_none().then_some(Placed {
            name: used.name,
            version: &p.version,
            requires: active.requires,
        })
    });
    placed.collect()
}

/// Describes why no version of a follower goes with the family.
fn blocker(follower: &UsedFollower<'_>, leaders: &[Placed<'_>], all: &[Placed<'_>]) -> Blocker {
    let name = follower.used.name;
    let n_fitting = |placed: &Placed<'_>| leaders.iter().filter(|l| l.fits(placed)).count();
    let closest = all
        .iter()
        .max_by_key(|placed| (n_fitting(placed), placed.version));
    let refusal = closest.and_then(|closest| {
        let version = closest.version;
        let is_newest = all.iter().all(|other| other.version <= version);
        let word = if is_newest { "newest" } else { "closest" };
        let own = leaders.iter().find_map(|leader| {
            let req = closest.refusal(leader)?;
            let leader = leader.name;
            Some(format!(
                "the {word} {name}, {version}, requires {leader} {req}"
            ))
        });
        own.or_else(|| {
            let conflict = leaders.iter().find_map(|leader| leader.conflict(closest))?;
            Some(format!("{conflict}, and the {word} is {version}"))
        })
    });
    let without_feature = || {
        let mut newest_first = follower
            .used
            .entry
            .versions
            .iter()
            .rev()
            .filter(|p| !p.yanked);
        newest_first.find_map(|published| {
            let lacks = active(published, follower.used.asked).lacks?;
            let placed = Placed::at(&follower.used, &published.version)?;
            let is_fit = leaders.iter().all(|leader| leader.fits(&placed));
            is_fit.then(|| format!("{name} {} has no feature `{lacks}`", published.version))
        })
    };
    let why = match without_feature().or(refusal) {
        Some(why) => why,
        None if follower.used.entry.versions.is_empty() => {
            format!("nothing is known of what is published of {name}")
        }
        None => format!("no version of {name} can be used"),
    };
    Blocker {
        package: name.to_owned(),
        today: follower.today.cloned(),
        why,
    }
}

struct Search {
    steps: usize,
    /// The conflict that was met with the most followers placed.
    conflict: Option<(usize, String)>,
}

impl Search {
    /// Places the followers from `placed` on, in order, each at its best version that leaves a
    /// place for the others.
    fn place<'a>(&mut self, all: &[Vec<Placed<'a>>], placed: &mut Vec<Placed<'a>>) -> bool {
        let Some(candidates) = all.get(placed.len()) else {
            return true;
        };
        for candidate in candidates {
            self.steps += 1;
            if self.steps >= MOST_STEPS {
                return false;
            }
            if let Some(other) = placed.iter().find(|other| !other.fits(candidate)) {
                self.met(placed.len(), candidate, other);
                continue;
            }
            placed.push(candidate.clone());
            if self.place(all, placed) {
                return true;
            }
            placed.pop();
        }
        false
    }

    fn met(&mut self, depth: usize, one: &Placed<'_>, other: &Placed<'_>) {
        let is_deeper = self
            .conflict
            .as_ref()
            .is_none_or(|(known, _)| depth > *known);
        if is_deeper && let Some(why) = other.conflict(one) {
            self.conflict = Some((depth, why));
        }
    }
}

#[cfg(test)]
mod tests;
