//! Which of a version's requirements are active once some of its features are on.
//!
//! Depends only on one line of an index, and follows
//! <https://doc.rust-lang.org/cargo/reference/features.html>.

use std::collections::BTreeSet;

use crate::registry::index::{Dependency, Published};

/// The features of a crate that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFeatures {
    /// Their names.
    pub names: BTreeSet<String>,
    /// Whether the default features are on as well.
    pub default: bool,
}

/// What a version requires with some features on.
pub struct Active<'a> {
    /// Its active requirements.
    pub requires: Vec<&'a Dependency>,
    /// The first feature that is asked for and that it does not have.
    pub lacks: Option<String>,
}

/// Returns the requirements of a version that are active with these features, as far as it has
/// them.
#[must_use]
pub fn active<'a>(published: &'a Published, asked: &AskedFeatures) -> Active<'a> {
    let mut activation = Activation {
        published,
        optional: BTreeSet::new(),
        seen: BTreeSet::new(),
    };
    let mut lacks = None;
    for name in &asked.names {
        if !activation.turn_on(name) && lacks.is_none() {
            lacks = Some(name.clone());
        }
    }
    if asked.default {
        // A crate without a feature of that name has no default features.
        activation.turn_on("default");
    }
    let requires = published.requires.iter();
    let active =
        requires.filter(|d| !d.is_optional || activation.optional.contains(d.key.as_str()));
    Active {
        requires: active.collect(),
        lacks,
    }
}

struct Activation<'a> {
    published: &'a Published,
    /// The keys of the optional dependencies that are on.
    optional: BTreeSet<&'a str>,
    seen: BTreeSet<&'a str>,
}

impl<'a> Activation<'a> {
    /// Turns on a feature with all that it implies. Returns false if the version has no such
    /// feature.
    fn turn_on(&mut self, name: &str) -> bool {
        let Some((name, implied)) = self.published.features.get_key_value(name) else {
            // An optional dependency is a feature of its own name, unless `dep:` names it.
            return !self.is_hidden(name) && self.take_in(name);
        };
        if !self.seen.insert(name) {
            return true;
        }
        for word in implied {
            match (word.strip_prefix("dep:"), word.split_once('/')) {
                (Some(key), _) => self.take_in(key),
                // `key?/feature` turns on nothing by itself.
                (None, Some((key, _))) if key.ends_with('?') => true,
                // A dependency that is not optional is there anyway.
                (None, Some((key, _))) => {
                    let is_optional = self.take_in(key);
                    // The feature that is called like it goes on as well.
                    is_optional && self.published.features.contains_key(key) && self.turn_on(key)
                }
                (None, None) => self.turn_on(word),
            };
        }
        true
    }

    fn is_hidden(&self, key: &str) -> bool {
        let mut implied = self.published.features.values().flatten();
        implied.any(|word| word.strip_prefix("dep:") == Some(key))
    }

    /// Turns on an optional dependency. Returns false if there is none with this key.
    fn take_in(&mut self, key: &str) -> bool {
        let mut optional = self.published.requires.iter().filter(|d| d.is_optional);
        let Some(dependency) = optional.find(|d| d.key == key) else {
            return false;
        };
        self.optional.insert(&dependency.key);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::index::CrateEntry;

    /// A version that requires `core`, and optionally `net` and `log`.
    const LINE: &str = r#"{"name":"a","vers":"1.0.0","cksum":"","yanked":false,"deps":[
        {"name":"core","req":"1"},
        {"name":"net","req":"2","optional":true},
        {"name":"log","req":"3","optional":true}],
        "features":{"default":["std"],"std":["log?/std"],"web":["dep:net","core/web"],
                    "full":["web","log/max","default"],"odd":["log/max"]}}"#;

    fn keys(features: &[&str], default: bool) -> Result<Vec<String>, String> {
        let line = LINE.replace('\n', " ");
        let entry = CrateEntry::of_lines(line.as_bytes());
        let asked = AskedFeatures {
            names: features.iter().map(|name| (*name).to_owned()).collect(),
            default,
        };
        let Active { requires, lacks } = active(&entry.versions[0], &asked);
        match lacks {
            Some(feature) => Err(feature),
            None => Ok(requires.iter().map(|d| d.key.clone()).collect()),
        }
    }

    #[test]
    fn an_optional_requirement_is_active_where_a_feature_turns_it_on() {
        assert_eq!(keys(&[], true), Ok(vec!["core".to_owned()]));
        assert_eq!(keys(&["web"], false).expect("keys"), ["core", "net"]);
        assert_eq!(keys(&["log"], false).expect("keys"), ["core", "log"]);
        assert_eq!(
            keys(&["full"], false).expect("keys"),
            ["core", "net", "log"]
        );
        assert_eq!(keys(&["odd"], false).expect("keys"), ["core", "log"]);
        // `dep:net` leaves no feature of that name.
        assert_eq!(keys(&["net"], false), Err("net".to_owned()));
    }

    #[test]
    fn a_feature_that_a_version_lacks_is_named() {
        assert_eq!(keys(&["web", "tls"], true), Err("tls".to_owned()));
    }
}
