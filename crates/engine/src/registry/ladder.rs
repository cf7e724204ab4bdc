//! The ladder of a family: which of its published versions are rungs, and which lie in between.
//!
//! Depends only on what `matrix.toml` requests and on what is published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pinmatrix_core::config::{Family, PinRange, PinRule, Pins};
use pinmatrix_core::model::cell::Pin;
use pinmatrix_core::model::run::Unusable;
use semver::Version;

use crate::registry::releases::{Release, Releases};

/// The ordered pins of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// The pins that the matrix tests, in ascending order.
    pub rungs: Vec<Arc<Pin>>,
    /// The versions that are rungs only because the subject is on them today.
    pub added: BTreeSet<Version>,
    /// The published versions between the first and the last rung that are not rungs, in ascending
    /// order. They are tested if a change has to be located exactly.
    pub between: Vec<Arc<Pin>>,
    /// The published versions in between that no cell can use, in ascending order.
    pub unusable: Vec<Unusable>,
    /// The yanked versions in between, in ascending order.
    pub yanked: Vec<Version>,
    /// The crates whose published versions are unknown.
    pub unlisted: Vec<String>,
    /// By crate, the rungs at which it is not yet published, or no longer, and not required.
    pub absent: BTreeMap<String, Vec<Version>>,
}

impl Ladder {
    /// Builds the ladder of a family from what is published. The versions that the subject is on
    /// `today` become rungs if they are published. Pre-releases are included if the config makes
    /// one of them a rung.
    #[must_use]
    pub fn of(family: &Family, published: &Releases, today: &BTreeSet<Version>) -> Self {
        let releases = &published.releases;
        let mut rungs: Vec<Version> = match &family.pins {
            Pins::Written(pins) => pins.iter().map(|pin| pin.get_ref().clone()).collect(),
            Pins::Chosen(choice) => chosen(choice, releases),
        };
        let has_pre_releases = rungs.iter().any(|version| !version.pre.is_empty());
        let releases_today = today
            .iter()
            .filter_map(|version| published.release(version));
        let added: BTreeSet<Version> = releases_today
            .filter(|release| release.is_whole() && !rungs.contains(&release.version))
            .map(|release| release.version.clone())
            .collect();
        rungs.extend(added.iter().cloned());
        rungs.sort();
        let is_between = |release: &&Release| {
            let version = &release.version;
            let counts = has_pre_releases || version.pre.is_empty();
            let is_inside = rungs.first() < Some(version) && Some(version) < rungs.last();
            // Unreleased pins come after everything that is released.
            let is_after = !family.unreleased.is_empty() && rungs.first() < Some(version);
            counts && (is_inside || is_after) && !rungs.contains(version)
        };
        let between = || releases.iter().filter(is_between);
        let pin = |version: &Version| {
            Arc::new(Pin {
                family: family.name.get_ref().clone(),
                at: version.clone().into(),
            })
        };
        let unreleased = family
            .unreleased
            .iter()
            .map(|pin| Arc::new(pin.get_ref().clone()));
        Self {
            rungs: rungs.iter().map(pin).chain(unreleased).collect(),
            added,
            between: between()
                .filter(|release| release.is_usable())
                .map(|release| pin(&release.version))
                .collect(),
            unusable: between().filter_map(Release::unusable).collect(),
            yanked: between()
                .filter(|release| release.is_withdrawn())
                .map(|release| release.version.clone())
                .collect(),
            unlisted: published.unlisted.clone(),
            absent: absent(&rungs, published),
        }
    }

    /// Returns rungs and the versions in between in ascending order.
    #[must_use]
    pub fn all(&self) -> Vec<LadderPin<'_>> {
        let rungs = self
            .rungs
            .iter()
            .map(|pin| LadderPin { pin, is_rung: true });
        let between = self.between.iter().map(|pin| LadderPin {
            pin,
            is_rung: false,
        });
        let mut all: Vec<_> = rungs.chain(between).collect();
        // Unreleased pins come last, in the order in which they are written.
        all.sort_by_key(|of| (of.pin.at.version().is_none(), of.pin.at.version()));
        all
    }
}

fn absent(rungs: &[Version], published: &Releases) -> BTreeMap<String, Vec<Version>> {
    let mut absent: BTreeMap<String, Vec<Version>> = BTreeMap::new();
    for release in rungs
        .iter()
        .filter_map(|version| published.release(version))
    {
        for name in &release.absent {
            let versions = absent.entry(name.clone()).or_default();
            versions.push(release.version.clone());
        }
    }
    absent
}

/// A pin of a ladder.
#[derive(Clone, Copy, Debug)]
pub struct LadderPin<'a> {
    /// The pin.
    pub pin: &'a Arc<Pin>,
    /// Whether it is a rung, and not a version between two rungs.
    pub is_rung: bool,
}

/// Selects the published versions that a pin range asks for.
#[must_use]
pub fn chosen(choice: &PinRange, published: &[Release]) -> Vec<Version> {
    let from = choice.from.get_ref();
    let to = choice.to.as_ref().map(toml::Spanned::get_ref);
    let is_end = |version: &Version| version == from || Some(version) == to;
    let is_usable = |release: &Release| {
        let version = &release.version;
        let yanked = !release.yanked.is_empty();
        let is_inside = from <= version && to.is_none_or(|to| version <= to);
        let is_open = (choice.yanked || !yanked) && (choice.pre_releases || version.pre.is_empty());
        let is_excluded = choice.exclude.iter().any(|req| req.matches(version));
        release.is_whole() && is_inside && (is_end(version) || (is_open && !is_excluded))
    };
    let usable = published.iter().filter(|release| is_usable(release));
    let usable: Vec<&Version> = usable.map(|release| &release.version).collect();
    let mut rungs: Vec<Version> = Vec::new();
    for (index, version) in usable.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| usable.get(index));
        let after = usable.get(index + 1);
        let is_chosen = match choice.choose {
            PinRule::All => true,
            PinRule::LatestPatch => after.is_none_or(|a| minor(a) != minor(version)),
            PinRule::LatestMinor => after.is_none_or(|a| major(a) != major(version)),
            PinRule::Majors => before.is_none_or(|b| major(b) != major(version)),
        };
        let is_last = after.is_none() && choice.to.is_none();
        if is_chosen || is_end(version) || is_last {
            rungs.push((*version).clone());
        }
    }
    if let Some(at_most) = choice.at_most {
        rungs = evenly(rungs, at_most);
    }
    rungs.extend(choice.include.iter().map(|v| v.get_ref().clone()));
    rungs.sort();
    rungs.dedup();
    rungs
}

fn minor(version: &Version) -> (u64, u64) {
    (version.major, version.minor)
}

/// Returns what semver considers the major version: for 0.x, that is each minor version.
/// <https://doc.rust-lang.org/cargo/reference/semver.html>
fn major(version: &Version) -> (u64, u64) {
    match version.major {
        0 => (0, version.minor),
        major => (major, 0),
    }
}

/// Selects `at_most` versions at even distances, including the first and the last.
fn evenly(all: Vec<Version>, at_most: usize) -> Vec<Version> {
    let n = all.len();
    if n <= at_most || at_most < 2 {
        return all;
    }
    let mut kept: Vec<usize> = (0..at_most).map(|k| k * (n - 1) / (at_most - 1)).collect();
    kept.dedup();
    let is_kept = |index: &usize| kept.binary_search(index).is_ok();
    let kept = all
        .into_iter()
        .enumerate()
        .filter(|(index, _)| is_kept(index));
    kept.map(|(_, version)| version).collect()
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::config::Config;
    use pinmatrix_core::error::SourceText;
    use proptest::prelude::*;
    use toml::Spanned;

    use super::*;

    /// Published versions of one crate; `!` after a version means yanked.
    fn releases(published: &str) -> Releases {
        let release = |written: &str| {
            let version = Version::parse(written.trim_end_matches('!')).expect("a version");
            let had = vec![("f".to_owned(), version.clone())];
            let (usable, yanked) = if written.ends_with('!') {
                (Vec::new(), had)
            } else {
                (had, Vec::new())
            };
            Release {
                version,
                usable,
                yanked,
                lacking: Vec::new(),
                absent: Vec::new(),
            }
        };
        Releases {
            releases: published.split_whitespace().map(release).collect(),
            unlisted: Vec::new(),
        }
    }

    /// Formats the ladder of a made-up history.
    fn rungs(pins: &str, published: &str) -> String {
        rungs_today(pins, published, None)
    }

    /// Formats the ladder of a subject that is on a version today.
    fn rungs_today(pins: &str, published: &str, today: Option<&str>) -> String {
        let text = format!(
            "[subject]\npath = \".\"\n[[toolchain]]\nlabel = \"s\"\nrustup = \"s\"\n\
             [[family]]\nname = \"f\"\ncrates = [\"f\"]\npins = {pins}\n"
        );
        let text = SourceText::new(std::path::Path::new("matrix.toml"), text);
        let config = Config::parse(text).expect("a config");
        let today = today.map(|version| Version::parse(version).expect("a version"));
        let today = today.into_iter().collect();
        let ladder = Ladder::of(&config.families[0], &releases(published), &today);
        let message = |LadderPin { pin, is_rung }: LadderPin<'_>| {
            if is_rung {
                pin.at.to_string()
            } else {
                format!("({})", pin.at)
            }
        };
        ladder
            .all()
            .into_iter()
            .map(message)
            .collect::<Vec<_>>()
            .join(" ")
    }

    const PUBLISHED: &str =
        "0.9.0 0.9.1 0.10.0 1.0.0 1.0.1 1.1.0! 1.1.1 2.0.0-rc.1 2.0.0 2.0.1! 3.0.0";

    #[test]
    fn the_ladder_is_chosen_from_what_is_published() {
        let chosen = |rest: &str| rungs(&format!("{{ from = \"0.9.0\", {rest} }}"), PUBLISHED);
        assert_eq!(
            chosen("choose = \"all\""),
            "0.9.0 0.9.1 0.10.0 1.0.0 1.0.1 1.1.1 2.0.0 3.0.0"
        );
        assert_eq!(
            chosen("choose = \"latest-patch\""),
            "0.9.0 0.9.1 0.10.0 (1.0.0) 1.0.1 1.1.1 2.0.0 3.0.0"
        );
        assert_eq!(
            chosen("choose = \"latest-minor\""),
            "0.9.0 0.9.1 0.10.0 (1.0.0) (1.0.1) 1.1.1 2.0.0 3.0.0"
        );
        assert_eq!(
            chosen("choose = \"majors\""),
            "0.9.0 (0.9.1) 0.10.0 1.0.0 (1.0.1) (1.1.1) 2.0.0 3.0.0"
        );
    }

    #[test]
    fn ends_are_taken_whatever_is_chosen_and_yanks_only_when_asked_for() {
        let pins = "{ from = \"0.9.0\", to = \"2.0.0\", choose = \"majors\" }";
        assert_eq!(
            rungs(pins, PUBLISHED),
            "0.9.0 (0.9.1) 0.10.0 1.0.0 (1.0.1) (1.1.1) 2.0.0"
        );
        let pins = "{ from = \"1.0.1\", choose = \"all\", yanked = true, pre-releases = true }";
        assert_eq!(
            rungs(pins, PUBLISHED),
            "1.0.1 1.1.0 1.1.1 2.0.0-rc.1 2.0.0 2.0.1 3.0.0"
        );
    }

    #[test]
    fn pre_releases_lie_between_where_a_rung_is_one() {
        let published = "1.0.0 2.0.0-rc.1 2.0.0-rc.2 2.0.0 3.0.0-rc.1 3.0.0";
        assert_eq!(
            rungs("[\"1.0.0\", \"3.0.0\"]", published),
            "1.0.0 (2.0.0) 3.0.0"
        );
        assert_eq!(
            rungs("[\"1.0.0\", \"2.0.0-rc.1\", \"3.0.0\"]", published),
            "1.0.0 2.0.0-rc.1 (2.0.0-rc.2) (2.0.0) (3.0.0-rc.1) 3.0.0"
        );
    }

    #[test]
    fn versions_are_excluded_by_range_included_by_name_and_thinned_evenly() {
        let pins = "{ from = \"0.9.0\", choose = \"all\", exclude = [\">=1, <2\"], include = [\"1.0.1\"] }";
        assert_eq!(
            rungs(pins, PUBLISHED),
            "0.9.0 0.9.1 0.10.0 (1.0.0) 1.0.1 (1.1.1) 2.0.0 3.0.0"
        );
        let pins = "{ from = \"0.9.0\", choose = \"all\", at-most = 3 }";
        assert_eq!(
            rungs(pins, PUBLISHED),
            "0.9.0 (0.9.1) (0.10.0) 1.0.0 (1.0.1) (1.1.1) (2.0.0) 3.0.0"
        );
    }

    #[test]
    fn what_the_subject_is_on_today_is_a_rung() {
        let pins = "[\"1.0.0\", \"3.0.0\"]";
        let today = |version| rungs_today(pins, PUBLISHED, Some(version));
        let without = "1.0.0 (1.0.1) (1.1.1) (2.0.0) 3.0.0";
        assert_eq!(today("1.0.0"), without);
        assert_eq!(today("0.10.0"), format!("0.10.0 {without}"));
        assert_eq!(today("1.1.1"), "1.0.0 (1.0.1) 1.1.1 (2.0.0) 3.0.0");
        // A lock can still hold a yanked version; a version that no registry has comes from
        // elsewhere.
        assert_eq!(today("2.0.1"), "1.0.0 (1.0.1) (1.1.1) (2.0.0) 2.0.1 3.0.0");
        assert_eq!(today("1.5.0"), without);
        // A pre-release that the subject is on does not add other pre-releases.
        let with_candidate = "1.0.0 (1.0.1) (1.1.1) 2.0.0-rc.1 (2.0.0) 3.0.0";
        assert_eq!(today("2.0.0-rc.1"), with_candidate);
    }

    #[test]
    fn what_is_not_released_comes_last_in_the_order_written() {
        let pins = "[\"1.0.0\", \"2.0.0\"]\n\
                    unreleased = [{ label = \"next\", path = \"n\" }, { label = \"main\", git = \"u\", rev = \"r\" }]";
        assert_eq!(
            rungs(pins, PUBLISHED),
            "1.0.0 (1.0.1) (1.1.1) 2.0.0 (3.0.0) next main"
        );
    }

    proptest! {
        #[test]
        fn thinning_keeps_both_ends_and_its_bound(n in 1u64..60, at_most in 2usize..20) {
            let all: Vec<Version> = (0..n).map(|n| Version::new(n, 0, 0)).collect();
            let kept = evenly(all.clone(), at_most);
            prop_assert!(kept.len() <= at_most.max(1));
            prop_assert_eq!((kept.first(), kept.last()), (all.first(), all.last()));
        }

        #[test]
        fn a_ladder_ascends_and_holds_its_ends(
            versions in proptest::collection::btree_set((0u64..4, 0u64..4, 0u64..4), 2..20),
            choose in prop_oneof![
                Just(PinRule::All), Just(PinRule::LatestPatch), Just(PinRule::LatestMinor), Just(PinRule::Majors)
            ],
        ) {
            let versions: Vec<Version> =
                versions.into_iter().map(|(a, b, c)| Version::new(a, b, c)).collect();
            let written: Vec<String> = versions.iter().map(ToString::to_string).collect();
            let published = releases(&written.join(" "));
            let choice = PinRange {
                span: 0..0,
                from: Spanned::new(0..0, versions[0].clone()),
                to: None,
                choose,
                at_most: None,
                tags: None,
                include: Vec::new(),
                exclude: Vec::new(),
                yanked: false,
                pre_releases: false,
            };
            let rungs = chosen(&choice, &published.releases);
            prop_assert!(rungs.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!((rungs.first(), rungs.last()), (versions.first(), versions.last()));
        }
    }
}
