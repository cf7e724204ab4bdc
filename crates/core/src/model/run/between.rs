//! The published but untested versions between two pins: computed once and shown by every report.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::cell::PinnedAt;
use crate::model::run::{FamilyRecord, Unusable};

/// What is published of a family between two neighbouring tested pins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Between {
    /// Versions that could have been tested, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untested: Vec<Version>,
    /// Versions that only some crates of the family have, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<Unusable>,
    /// Yanked versions, ascending. They do not count as untested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yanked: Vec<Version>,
    /// Crates whose published versions are unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<String>,
}

/// The maximum number of names to list.
const MOST_NAMES: usize = 3;

impl Between {
    /// Collects what lies between two pins of a family.
    #[must_use]
    pub fn of(family: &FamilyRecord, before: &PinnedAt, after: &PinnedAt) -> Self {
        let is_between = |version: &Version| {
            let pin = PinnedAt::from(version.clone());
            *before < pin && pin < *after
        };
        let among = |versions: &[Version]| -> Vec<Version> {
            let versions = versions.iter().filter(|version| is_between(version));
            versions.cloned().collect()
        };
        let unusable = family.unusable.iter();
        Self {
            untested: among(&family.published),
            unusable: unusable
                .filter(|u| is_between(&u.version))
                .cloned()
                .collect(),
            yanked: among(&family.yanked),
            unlisted: family.unlisted.clone(),
        }
    }

    /// True if nothing published and not yanked lies between.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.n_untested() == 0 && self.unlisted.is_empty()
    }

    /// The number of published versions between that nobody tested, including those that cannot be
    /// tested.
    #[must_use]
    pub fn n_untested(&self) -> usize {
        self.untested.len() + self.unusable.len()
    }

    /// How exactly a change is located, for narrow columns: `exact`, or `3 untested between`.
    #[must_use]
    pub fn brief(&self) -> String {
        match (self.n_untested(), self.is_exact()) {
            (0, true) => "exact".to_owned(),
            (0, false) => "not known what lies between".to_owned(),
            (n, _) => format!("{n} untested between"),
        }
    }

    /// Remarks on single versions: those that cannot be used, and those that were yanked.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let unusable: Vec<String> = self.unusable.iter().map(ToString::to_string).collect();
        let unusable = (!unusable.is_empty()).then(|| few(&unusable, "; "));
        unusable.into_iter().chain(self.withdrawn()).collect()
    }

    /// `2.0.1 was yanked`.
    fn withdrawn(&self) -> Option<String> {
        let names: Vec<String> = self.yanked.iter().map(ToString::to_string).collect();
        match names.as_slice() {
            [] => None,
            [one] => Some(format!("{one} was yanked")),
            several => Some(format!("{} were yanked", few(several, ", "))),
        }
    }
}

/// Joins the first few names and says how many more there are.
fn few(names: &[String], separator: &str) -> String {
    let first = names.iter().take(MOST_NAMES).cloned();
    let more = names.len().saturating_sub(MOST_NAMES);
    let more = (more > 0).then(|| format!("and {more} more"));
    first.chain(more).collect::<Vec<_>>().join(separator)
}

/// `nothing published lies between`, or what does, as a sentence without capital and full stop.
impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.untested.as_slice() {
            _ if !self.unlisted.is_empty() => {
                let names = few(&self.unlisted, ", ");
                write!(f, "what is published of {names} between is not known")?;
            }
            [] if self.unusable.is_empty() => f.write_str("nothing published lies between")?,
            [] => f.write_str("nothing that can be tested lies between")?,
            [one] => write!(f, "{one} lies between and is untested")?,
            several => write!(f, "{} versions between are untested", several.len())?,
        }
        for remark in self.remarks() {
            write!(f, "; {remark}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn family(published: &str, unusable: &str, yanked: &str) -> FamilyRecord {
        let versions = |written: &str| -> Vec<Version> {
            let versions = written.split_whitespace().map(Version::parse);
            versions
                .map(|version| version.expect("a version"))
                .collect()
        };
        let unusable = versions(unusable).into_iter().map(|version| Unusable {
            why: format!("b has no {version}"),
            crates: vec!["a".to_owned()],
            version,
        });
        FamilyRecord {
            published: versions(published),
            unusable: unusable.collect(),
            yanked: versions(yanked),
            ..testing::run(Vec::new()).families.remove(0)
        }
    }

    fn between_pins(family: &FamilyRecord, before: u64, after: u64) -> (bool, String) {
        let at = |major| PinnedAt::from(Version::new(major, 0, 0));
        let between = Between::of(family, &at(before), &at(after));
        (between.is_exact(), between.to_string())
    }

    #[test]
    fn what_lies_between_is_reported_whether_it_can_be_tested_or_not() {
        let family = family(
            "1.0.0 2.0.0 2.1.0 3.0.0 3.1.0 3.2.0 4.0.0",
            "4.1.0",
            "1.1.0 3.3.0",
        );
        let exact = (
            true,
            "nothing published lies between; 1.1.0 was yanked".to_owned(),
        );
        assert_eq!(between_pins(&family, 1, 2), exact);
        let one = (false, "2.1.0 lies between and is untested".to_owned());
        assert_eq!(between_pins(&family, 2, 3), one);
        let two = "2 versions between are untested; 3.3.0 was yanked".to_owned();
        assert_eq!(between_pins(&family, 3, 4), (false, two));
        let none =
            "nothing that can be tested lies between; a 4.1.0 cannot be used: b has no 4.1.0";
        assert_eq!(between_pins(&family, 4, 5), (false, none.to_owned()));
    }

    #[test]
    fn what_is_not_known_is_not_exact() {
        let family = FamilyRecord {
            unlisted: vec!["a".to_owned()],
            ..family("1.0.0 2.0.0", "", "")
        };
        let words = "what is published of a between is not known".to_owned();
        assert_eq!(between_pins(&family, 1, 2), (false, words));
    }

    #[test]
    fn many_are_not_all_named() {
        let family = family("1.0.0 2.0.0", "", "1.1.0 1.2.0 1.3.0 1.4.0 1.5.0");
        let words = "nothing published lies between; 1.1.0, 1.2.0, 1.3.0, and 2 more were yanked";
        assert_eq!(between_pins(&family, 1, 2), (true, words.to_owned()));
    }
}
