//! A `[[family]]` as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::NamesOrWord;
use crate::config::families::PinRule;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Family {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) crates: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(in crate::config) keys: Vec<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) companions: Vec<Spanned<String>>,
    pub(in crate::config) followers: Option<Spanned<NamesOrWord>>,
    #[serde(default)]
    pub(in crate::config) shown: Vec<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) strict: bool,
    pub(in crate::config) pins: Option<Spanned<Pins>>,
    #[serde(default)]
    pub(in crate::config) unreleased: Vec<Unreleased>,
}

impl Family {
    /// The revisions of repositories among its pins, with where they stand.
    pub(in crate::config) fn git_pins(
        &self,
    ) -> impl Iterator<Item = (std::ops::Range<usize>, &GitPin)> {
        let pins = match self.pins.as_ref().map(Spanned::get_ref) {
            Some(Pins::Written(pins)) => pins.as_slice(),
            Some(Pins::Chosen(_)) | None => &[],
        };
        pins.iter().filter_map(|pin| match pin.get_ref() {
            WrittenPin::Git(git) => Some((pin.span(), git)),
            WrittenPin::Version(_) | WrittenPin::Set(_) => None,
        })
    }

    /// The followers that it names, in order, also those that only its sets of pins name.
    pub(in crate::config) fn named_followers(&self) -> Vec<Spanned<String>> {
        let mut named = match self.followers.as_ref().map(Spanned::get_ref) {
            Some(NamesOrWord::Names(names)) => names.clone(),
            Some(NamesOrWord::Word(_)) | None => Vec::new(),
        };
        let pins = match self.pins.as_ref().map(Spanned::get_ref) {
            Some(Pins::Written(pins)) => pins.as_slice(),
            Some(Pins::Chosen(_)) | None => &[],
        };
        for pin in pins {
            let WrittenPin::Set(set) = pin.get_ref() else {
                continue;
            };
            for (name, version) in set {
                let mut known = self.crates.get_ref().iter().chain(&named);
                if !known.any(|known| known.get_ref() == name) {
                    named.push(Spanned::new(version.span(), name.clone()));
                }
            }
        }
        named
    }
}

/// `"1.0.0"`, `{ gadget = "1.0.0", plug = "0.3.0" }`, or `{ git = "URL", rev = "v1.0.0" }`.
pub(in crate::config) enum WrittenPin {
    Version(String),
    Set(BTreeMap<String, Spanned<String>>),
    Git(GitPin),
}

/// A revision of a repository; without a label it goes by the revision.
pub(in crate::config) struct GitPin {
    pub(in crate::config) git: String,
    pub(in crate::config) rev: String,
    pub(in crate::config) label: Option<String>,
}

impl WrittenPin {
    /// Reads a table: the crates of a set, or a revision of a repository.
    fn of_table<E: serde::de::Error>(
        mut table: BTreeMap<String, Spanned<String>>,
    ) -> Result<Self, E> {
        let Some(git) = table.remove("git") else {
            return Ok(Self::Set(table));
        };
        let Some(rev) = table.remove("rev") else {
            return Err(E::custom("a git pin needs `rev`: a commit or a tag"));
        };
        let label = table.remove("label");
        if let Some(key) = table.keys().next() {
            return Err(E::custom(format!(
                "unknown field `{key}` of a git revision"
            )));
        }
        Ok(Self::Git(GitPin {
            git: git.into_inner(),
            rev: rev.into_inner(),
            label: label.map(Spanned::into_inner),
        }))
    }
}

/// Implemented by hand for the same reason as that of [`Pins`].
impl<'de> Deserialize<'de> for WrittenPin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = WrittenPin;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a version, a table of crates and their versions, or a git revision")
            }

            fn visit_str<E: serde::de::Error>(self, version: &str) -> Result<WrittenPin, E> {
                Ok(WrittenPin::Version(version.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                table: A,
            ) -> Result<WrittenPin, A::Error> {
                let table = serde::de::value::MapAccessDeserializer::new(table);
                WrittenPin::of_table(Deserialize::deserialize(table)?)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `["1.0.0", "2.0.0"]`, or `{ from = "1.0.0", choose = "latest-minor" }`.
pub(in crate::config) enum Pins {
    Written(Vec<Spanned<WrittenPin>>),
    Chosen(Box<Range>),
}

/// Implemented by hand instead of `untagged`, so that an error inside keeps its location.
impl<'de> Deserialize<'de> for Pins {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Pins;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of versions, or a table with `from`")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Pins, A::Error> {
                let list = serde::de::value::SeqAccessDeserializer::new(list);
                Deserialize::deserialize(list).map(Pins::Written)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, table: A) -> Result<Pins, A::Error> {
                let table = serde::de::value::MapAccessDeserializer::new(table);
                Deserialize::deserialize(table).map(|range| Pins::Chosen(Box::new(range)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct Range {
    pub(in crate::config) git: Option<Spanned<String>>,
    pub(in crate::config) tags: Option<Spanned<String>>,
    pub(in crate::config) from: Spanned<String>,
    pub(in crate::config) to: Option<Spanned<String>>,
    pub(in crate::config) choose: PinRule,
    pub(in crate::config) at_most: Option<Spanned<i64>>,
    #[serde(default)]
    pub(in crate::config) include: Vec<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) exclude: Vec<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) yanked: bool,
    #[serde(default)]
    pub(in crate::config) pre_releases: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Unreleased {
    pub(in crate::config) label: Spanned<String>,
    pub(in crate::config) git: Option<String>,
    pub(in crate::config) rev: Option<String>,
    pub(in crate::config) path: Option<Spanned<String>>,
}
