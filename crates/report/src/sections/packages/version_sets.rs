//! The versions of the followers of a family at each of its pins, and the followers that block a
//! pin.

use std::collections::BTreeSet;

use pinmatrix_core::model::run::version_set::VersionSet;
use pinmatrix_core::model::run::{FamilyRecord, PatchRecord};
use semver::Version;

/// The versions that go together in one family.
pub struct SetTable {
    /// The family's name.
    pub family: String,
    /// The followers: the columns.
    pub followers: Vec<String>,
    /// Each pin, with the version of each follower.
    pub rows: Vec<(String, Vec<String>)>,
    /// A line for each pin that is blocked.
    pub blockers: Vec<String>,
}

/// The tables of the families that have followers.
#[must_use]
pub fn tables(families: &[FamilyRecord]) -> Vec<SetTable> {
    let with_followers = families.iter().filter(|family| !family.sets.is_empty());
    with_followers.map(table).collect()
}

/// A line for each follower, with its versions along the ladder: `arbor goes with spindle: 0.7.0 at
/// 1.0.0, 0.9.0 from 2.0.0 to 3.0.0`.
#[must_use]
pub fn lines(families: &[FamilyRecord]) -> Vec<String> {
    let mut lines = Vec::new();
    for table in tables(families) {
        for (column, follower) in table.followers.iter().enumerate() {
            let cell = |(pin, cells): &(String, Vec<String>)| {
                let version = cells.get(column).cloned().unwrap_or_default();
                (pin.clone(), version)
            };
            let cells: Vec<(String, String)> = table.rows.iter().map(cell).collect();
            let alike = cells.chunk_by(|a, b| a.1 == b.1);
            let spans = alike.filter_map(|alike| match alike {
                [] => None,
                [(pin, version)] => Some(format!("{version} at {pin}")),
                [(first, version), .., (last, _)] => {
                    Some(format!("{version} from {first} to {last}"))
                }
            });
            let spans: Vec<String> = spans.collect();
            let family = &table.family;
            lines.push(format!(
                "{follower} goes with {family}: {}",
                spans.join(", ")
            ));
        }
        lines.extend(table.blockers);
    }
    lines.extend(families.iter().flat_map(absent));
    lines.extend(families.iter().flat_map(patched));
    lines
}

/// A line for each crate of a family that a `[patch]` of the subject replaces: `the [patch] of gadget
/// holds at 1.1.0, which the subject is on today, and is lifted at other pins`.
#[must_use]
pub fn patched(family: &FamilyRecord) -> Vec<String> {
    let line = |patch: &PatchRecord| {
        let of = patch.source.as_ref().map(|source| format!(" at {source}"));
        let of = format!("the [patch] of {}{}", patch.package, of.unwrap_or_default());
        match &patch.holds_at {
            Some(version) => format!(
                "{of} holds at {version}, which the subject is on today, and is lifted at other \
                 pins unless an adjustment keeps it"
            ),
            None => format!("{of} is lifted at all pins unless an adjustment keeps it"),
        }
    };
    family.patched.iter().map(line).collect()
}

/// A line for each crate of a family that is left out at pins: `tonic-prost is left out of tonic at
/// 0.12.3, 0.13.1: it is not published there, and nothing requires it`.
#[must_use]
pub fn absent(family: &FamilyRecord) -> Vec<String> {
    let line = |(krate, versions): (&String, &Vec<Version>)| {
        let at: Vec<String> = versions.iter().map(ToString::to_string).collect();
        format!(
            "{krate} is left out of {} at {}: it is not published there, and nothing requires it",
            family.name,
            at.join(", ")
        )
    };
    family.absent.iter().map(line).collect()
}

fn table(family: &FamilyRecord) -> SetTable {
    let of_rungs = family
        .sets
        .iter()
        .filter(|set| is_rung(family, &set.version));
    let of_rungs: Vec<&VersionSet> = of_rungs.collect();
    let followers = of_rungs.iter().flat_map(|set| set.followers.keys());
    let followers: BTreeSet<&String> = followers.collect();
    let today = family.todays.first().map(|today| &today.version);
    let at_today = family.sets.iter().find(|set| Some(&set.version) == today);
    let cell = |set: &VersionSet, follower: &String| {
        let Some(version) = set.followers.get(follower) else {
            return "–".to_owned();
        };
        if set.blocker.as_ref().is_some_and(|b| b.package == *follower) {
            return "blocked".to_owned();
        }
        let today = at_today.and_then(|set| set.followers.get(follower));
        match today {
            Some(today) if version < today => format!("{version} ↓"),
            Some(_) | None => version.to_string(),
        }
    };
    let rows = of_rungs.iter().map(|set| {
        let is_today = Some(&set.version) == today;
        let today = if is_today { " (today)" } else { "" };
        let cells = followers.iter().map(|follower| cell(set, follower));
        (format!("{}{today}", set.version), cells.collect())
    });
    let blockers = of_rungs.iter().filter_map(|set| {
        let blocker = set.blocker.as_ref()?;
        let (name, version) = (&family.name, &set.version);
        let yours = blocker
            .today
            .as_ref()
            .map(|today| format!(" (yours: {today})"));
        let (package, yours) = (&blocker.package, yours.unwrap_or_default());
        Some(format!(
            "{name} {version} waits for {package}{yours}: {blocker}"
        ))
    });
    SetTable {
        family: family.name.clone(),
        rows: rows.collect(),
        blockers: blockers.collect(),
        followers: followers.into_iter().cloned().collect(),
    }
}

fn is_rung(family: &FamilyRecord, version: &Version) -> bool {
    let mut pins = family.pins.iter();
    pins.any(|pin| pin.at.version() == Some(version))
}
