//! The followers of a family: crates that move with it under numbers of their own, and sets of
//! versions that are written out.

use std::collections::BTreeMap;

use semver::Version;
use toml::Spanned;

use super::Span;
use crate::config::raw;
use crate::config::values::version;
use crate::error::{SourceText, UserError};

/// The crates that move with a family under numbers of their own.
#[derive(Clone, Debug)]
pub enum Followers {
    /// These, in the order in which their versions are chosen.
    Named(Vec<Spanned<String>>),
    /// Every crate that the subject requires and whose version of today does not go with a pin.
    /// The span is where the file says so.
    Auto(Span),
}

impl Followers {
    /// Those that are named.
    #[must_use]
    pub fn named(&self) -> &[Spanned<String>] {
        match self {
            Self::Named(names) => names,
            Self::Auto(_) => &[],
        }
    }

    /// Whether the family can have any.
    #[must_use]
    pub fn are_possible(&self) -> bool {
        match self {
            Self::Named(names) => !names.is_empty(),
            Self::Auto(_) => true,
        }
    }
}

/// The versions of followers that are written out, by the version of the family.
pub type WrittenSets = BTreeMap<Version, BTreeMap<String, Spanned<Version>>>;

pub(super) fn followers(
    text: &SourceText,
    family: &raw::Family,
    named: Vec<Spanned<String>>,
) -> Result<Followers, UserError> {
    let Some(written) = &family.followers else {
        return Ok(Followers::Named(named));
    };
    match written.get_ref() {
        raw::NamesOrWord::Names(_) => Ok(Followers::Named(named)),
        raw::NamesOrWord::Word(word) if word == "auto" => {
            if let Some(name) = named.first() {
                return Err(text
                    .error_at("followers are found by themselves and also written out")
                    .at(name.span(), "one that is written out")
                    .help("name the followers, or write none of them out"));
            }
            Ok(Followers::Auto(written.span()))
        }
        raw::NamesOrWord::Word(word) => Err(text
            .error_at(format!("`{word}` is not a list of followers"))
            .at(written.span(), "neither a list nor `auto`")
            .help("write `followers = [\"CRATE\"]`, or `followers = \"auto\"`")),
    }
}

/// The versions of followers that are written out as pins, by the version of the family.
pub(super) fn sets(text: &SourceText, family: &raw::Family) -> Result<WrittenSets, UserError> {
    let Some(raw::Pins::Written(pins)) = family.pins.as_ref().map(Spanned::get_ref) else {
        return Ok(BTreeMap::new());
    };
    let mut sets = BTreeMap::new();
    for pin in pins {
        let raw::WrittenPin::Set(set) = pin.get_ref() else {
            continue;
        };
        let leader = leader(text, family, pin.span(), set)?;
        let is_follower = |name: &str| {
            let mut crates = family.crates.get_ref().iter();
            crates.all(|krate| krate.get_ref() != name)
        };
        let followers = set.iter().filter(|(name, _)| is_follower(name));
        let followers = followers.map(|(name, at)| Ok((name.clone(), version(text, at)?)));
        sets.insert(leader.into_inner(), followers.collect::<Result<_, _>>()?);
    }
    Ok(sets)
}

/// The version of the family in a set of pins, which each of its crates there has.
pub(super) fn leader(
    text: &SourceText,
    family: &raw::Family,
    span: Span,
    set: &BTreeMap<String, Spanned<String>>,
) -> Result<Spanned<Version>, UserError> {
    let crates = family.crates.get_ref().iter();
    let written = crates.filter_map(|krate| set.get(krate.get_ref()));
    let mut versions = Vec::new();
    for written in written {
        versions.push(version(text, written)?);
    }
    let Some(first) = versions.first().cloned() else {
        let crates = family.crates.get_ref().iter();
        let crates: Vec<String> = crates.map(|c| format!("`{}`", c.get_ref())).collect();
        return Err(text
            .error_at("a set of pins names no crate of the family")
            .at(span, format!("none of {}", crates.join(", ")))
            .help("cells are named by the version of the family, so each set holds it"));
    };
    let mut others = versions.into_iter();
    if let Some(other) = others.find(|other| other.get_ref() != first.get_ref()) {
        return Err(text
            .error_at("the crates of the family have different versions in a set")
            .at(other.span(), format!("not {}", first.get_ref()))
            .help("list those with numbers of their own under `followers`"));
    }
    Ok(first)
}
