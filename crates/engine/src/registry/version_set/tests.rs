//! Sets of small indexes, and drawn ones against a solver that tries all versions.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::registry::published::Registry;
use crate::testing::{registry, version};

/// Returns the set of `spindle` at a version: `arbor 0.9.0`, or why there is none. Followers are
/// separated by commas: a name, today's version if it is known, and features after a plus sign.
fn set_of(registry: &Registry, at: &str, followers: &str) -> Result<String, String> {
    let written: Vec<(&str, Option<Version>, AskedFeatures)> =
        followers.split(", ").map(follower).collect();
    let entries: Vec<_> = written
        .iter()
        .map(|(name, _, _)| registry.entry(name).expect("an index"))
        .collect();
    let followers: Vec<UsedFollower<'_>> = written
        .iter()
        .zip(&entries)
        .map(|((name, today, asked), entry)| UsedFollower {
            used: UsedCrate { name, entry, asked },
            today: today.as_ref(),
            only: None,
        })
        .collect();
    let asked = AskedFeatures {
        names: BTreeSet::new(),
        default: true,
    };
    let names = ["spindle", "spindle-io"];
    let leaders = names.map(|name| (name, registry.entry(name).expect("an index")));
    let leaders = leaders.iter().filter(|(_, entry)| !entry.is_empty());
    let leaders: Vec<UsedCrate<'_>> = leaders
        .map(|(name, entry)| UsedCrate {
            name,
            entry,
            asked: &asked,
        })
        .collect();
    let set = version_set(&leaders, &version(at), &followers)
        .map_err(|blocker| format!("{}: {}", blocker.package, blocker.why))?;
    let words = set
        .iter()
        .map(|(name, version)| format!("{name} {version}"));
    Ok(words.collect::<Vec<_>>().join(", "))
}

fn follower(written: &str) -> (&str, Option<Version>, AskedFeatures) {
    let (written, features) = written.split_once('+').unwrap_or((written, ""));
    let names = features.split('+').filter(|name| !name.is_empty());
    let asked = AskedFeatures {
        names: names.map(str::to_owned).collect(),
        default: true,
    };
    match written.split_once(' ') {
        Some((name, today)) => (name, Some(version(today)), asked),
        None => (written, None, asked),
    }
}

const INDEX: &str = "spindle 1.0.0\nspindle 2.0.0\nspindle 3.0.0\nspindle 4.0.0-rc.1\n\
                     arbor 0.6.0: needs spindle ^2\n\
                     arbor 0.7.0: needs spindle ^1\narbor 0.8.0: needs spindle ^1\n\
                     arbor 0.9.0: needs spindle ^2\narbor 0.9.1: needs spindle ^2\n\
                     arbor 0.10.0: needs spindle ^3, yanked\n\
                     arbor 0.11.0-rc.1: needs spindle ^4.0.0-rc";

#[test]
fn a_follower_stays_where_it_is_if_that_fits_and_else_takes_the_nearest_newer_one() {
    let at = |version: &str| set_of(&registry(INDEX), version, "arbor 0.7.0");
    assert_eq!(at("1.0.0").as_deref(), Ok("arbor 0.7.0"));
    assert_eq!(at("2.0.0").as_deref(), Ok("arbor 0.9.0"));
}

#[test]
fn a_follower_goes_back_if_nothing_newer_fits() {
    let at = |version: &str, today: &str| set_of(&registry(INDEX), version, today);
    assert_eq!(at("1.0.0", "arbor 0.9.1").as_deref(), Ok("arbor 0.8.0"));
    assert_eq!(at("2.0.0", "arbor 0.10.0").as_deref(), Ok("arbor 0.9.1"));
    // Of one whose version today is not known, the newest is taken.
    assert_eq!(at("1.0.0", "arbor").as_deref(), Ok("arbor 0.8.0"));
}

#[test]
fn a_pin_that_no_version_of_a_follower_takes_says_what_the_newest_requires() {
    let why = set_of(&registry(INDEX), "3.0.0", "arbor 0.7.0").expect_err("blocked");
    assert_eq!(why, "arbor: the newest arbor, 0.9.1, requires spindle ^2");
    // A yanked version counts if a lock holds it.
    let held = set_of(&registry(INDEX), "3.0.0", "arbor 0.10.0");
    assert_eq!(held.as_deref(), Ok("arbor 0.10.0"));
}

#[test]
fn of_several_requirements_the_version_that_comes_closest_says_what_is_in_the_way() {
    let index = "spindle 1.0.0: needs bearing ^1\nspindle 2.0.0: needs bearing ^2\n\
                 arbor 0.1.0: needs spindle ^1\narbor 0.2.0: needs spindle ^2, needs bearing ^3\n\
                 arbor 0.3.0: needs spindle ^3\nbearing 2.0.0";
    let why = set_of(&registry(index), "2.0.0", "bearing 2.0.0, arbor 0.1.0");
    assert_eq!(
        why,
        Err("arbor: arbor 0.2.0 requires bearing ^3".to_owned())
    );
}

#[test]
fn a_pre_release_is_followed_by_pre_releases() {
    let set = set_of(&registry(INDEX), "4.0.0-rc.1", "arbor 0.9.0");
    assert_eq!(set.as_deref(), Ok("arbor 0.11.0-rc.1"));
}

#[test]
fn what_the_family_itself_requires_of_a_follower_counts() {
    let index = "spindle 1.0.0: needs bearing ^1\nspindle 2.0.0: needs bearing ^2\n\
                 bearing 1.0.0\nbearing 1.1.0\nbearing 2.0.0";
    let at = |version: &str| set_of(&registry(index), version, "bearing 1.1.0");
    assert_eq!(at("1.0.0").as_deref(), Ok("bearing 1.1.0"));
    assert_eq!(at("2.0.0").as_deref(), Ok("bearing 2.0.0"));
}

#[test]
fn an_optional_requirement_counts_if_a_feature_turns_it_on() {
    let index = "spindle 1.0.0\nspindle 2.0.0\n\
                 arbor 0.1.0: may-need spindle ^1, feature turning dep:spindle\n\
                 arbor 0.2.0: may-need spindle ^2, feature turning dep:spindle\n\
                 arbor 0.3.0: needs spindle ^2";
    let at = |followers: &str| set_of(&registry(index), "2.0.0", followers);
    assert_eq!(at("arbor 0.1.0").as_deref(), Ok("arbor 0.1.0"));
    assert_eq!(at("arbor 0.1.0+turning").as_deref(), Ok("arbor 0.2.0"));
    assert_eq!(
        at("arbor 0.1.0+milling"),
        Err("arbor: arbor 0.3.0 has no feature `milling`".to_owned())
    );
}

#[test]
fn followers_that_require_each_other_are_solved_together() {
    let index = "spindle 1.0.0\nspindle 2.0.0\n\
                 arbor 1.0.0: needs spindle ^1\narbor 2.0.0: needs spindle ^2\narbor 3.0.0: needs spindle ^2\n\
                 chuck 1.0.0: needs arbor ^1\nchuck 2.0.0: needs arbor ^3\n";
    let at = |version: &str| set_of(&registry(index), version, "arbor 1.0.0, chuck 1.0.0");
    assert_eq!(at("1.0.0").as_deref(), Ok("arbor 1.0.0, chuck 1.0.0"));
    assert_eq!(at("2.0.0").as_deref(), Ok("arbor 3.0.0, chuck 2.0.0"));
    let without = index.replace("chuck 2.0.0: needs arbor ^3\n", "");
    let why = set_of(&registry(&without), "2.0.0", "arbor 1.0.0, chuck 1.0.0");
    assert_eq!(why, Err("chuck: chuck 1.0.0 requires arbor ^1".to_owned()));
}

#[test]
fn one_of_several_requirements_on_a_crate_is_enough() {
    let index = "spindle 1.0.0\nspindle 2.0.0\nspindle 3.0.0\n\
                 arbor 1.0.0: needs spindle ^1, needs spindle ^2";
    let at = |version: &str| set_of(&registry(index), version, "arbor 1.0.0").is_ok();
    assert!(at("1.0.0") && at("2.0.0") && !at("3.0.0"));
}

/// One drawn version of a follower: whether it is yanked, and its requirements on the family and on
/// the other follower, each with whether it is optional.
type Drawn = (bool, Option<(u64, bool)>, Option<(u64, bool)>);

/// Whether the subject asks for the feature that turns on what is optional.
type Turned = bool;

fn admits(required: Option<(u64, bool)>, turned: Turned, major: u64) -> bool {
    match required {
        Some((_, true)) if !turned => true,
        Some((admitted, _)) => admitted == major,
        None => true,
    }
}

/// All sets that fit, the best first, by trying each pair of versions.
fn all_sets(
    drawn: &[Vec<Drawn>; 2],
    today: [u64; 2],
    turned: [Turned; 2],
    pin: u64,
) -> Vec<[u64; 2]> {
    let rank = |today: u64, n: u64| match n.cmp(&today) {
        std::cmp::Ordering::Equal => (0, 0),
        std::cmp::Ordering::Greater => (1, n),
        std::cmp::Ordering::Less => (2, today - n),
    };
    let mut sets = Vec::new();
    for (i, one) in (1..).zip(&drawn[0]) {
        for (j, other) in (1..).zip(&drawn[1]) {
            let is_there = (!one.0 || i == today[0]) && (!other.0 || j == today[1]);
            let is_fit = admits(one.1, turned[0], pin)
                && admits(other.1, turned[1], pin)
                && admits(one.2, turned[0], j)
                && admits(other.2, turned[1], i);
            if is_there && is_fit {
                sets.push([i, j]);
            }
        }
    }
    sets.sort_by_key(|[i, j]| (rank(today[0], *i), rank(today[1], *j)));
    sets
}

fn index_of(drawn: &[Vec<Drawn>; 2]) -> String {
    let mut text: String = (1..5).map(|n| format!("spindle {n}.0.0\n")).collect();
    for (name, other, versions) in [("arbor", "chuck", &drawn[0]), ("chuck", "arbor", &drawn[1])] {
        for (n, (is_yanked, on_family, on_other)) in (1..).zip(versions) {
            let mut words = vec!["feature turning dep:spindle dep:arbor dep:chuck".to_owned()];
            for (package, required) in [("spindle", on_family), (other, on_other)] {
                if let Some((major, is_optional)) = required {
                    let kind = if *is_optional { "may-need" } else { "needs" };
                    words.push(format!("{kind} {package} ^{major}"));
                }
            }
            words.extend(is_yanked.then(|| "yanked".to_owned()));
            text.push_str(&format!("{name} {n}.0.0: {}\n", words.join(", ")));
        }
    }
    text
}

fn drawn_follower() -> impl Strategy<Value = Vec<Drawn>> {
    let required = || prop::option::weighted(0.7, (1u64..5, any::<bool>()));
    let version = (prop::bool::weighted(0.15), required(), required());
    prop::collection::vec(version, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_set_is_the_best_of_all_that_fit(
        drawn in (drawn_follower(), drawn_follower()),
        today in (1u64..6, 1u64..6),
        turned in any::<[bool; 2]>(),
        pin in 1u64..5,
    ) {
        let drawn = [drawn.0, drawn.1];
        let today = [today.0.min(drawn[0].len() as u64), today.1.min(drawn[1].len() as u64)];
        let feature = turned.map(|turned| if turned { "+turning" } else { "" });
        let followers =
            format!("arbor {}.0.0{}, chuck {}.0.0{}", today[0], feature[0], today[1], feature[1]);
        let found = set_of(&registry(&index_of(&drawn)), &format!("{pin}.0.0"), &followers);
        let best = all_sets(&drawn, today, turned, pin).first().map(|[i, j]| {
            format!("arbor {i}.0.0, chuck {j}.0.0")
        });
        prop_assert_eq!(found.ok(), best);
    }
}
