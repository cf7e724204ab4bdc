//! The shape of `matrix.toml` as it is written: keys, types and defaults, nothing checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::mistake::{Mistake, Text, nearest};
use super::{Debug, Strategy};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) subject: Subject,
    #[serde(default)]
    pub(super) toolchain: Vec<Toolchain>,
    #[serde(default)]
    pub(super) family: Vec<Family>,
    #[serde(default)]
    pub(super) build: Build,
    #[serde(default)]
    pub(super) timeouts: Timeouts,
    #[serde(default)]
    pub(super) env: Env,
    #[serde(default)]
    pub(super) run: Run,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    pub(super) path: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Toolchain {
    pub(super) label: Spanned<String>,
    pub(super) rustup: Option<Spanned<OneOrMore>>,
    pub(super) dir: Option<PathBuf>,
}

/// `"stable"`, or `["1.78", "debian-1.78"]`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::One(name) => name.is_empty(),
            Self::More(names) => names.is_empty() || names.iter().any(String::is_empty),
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::More(names) => names.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Family {
    pub(super) name: Spanned<String>,
    pub(super) crates: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) companions: Vec<Spanned<String>>,
    pub(super) pins: Spanned<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Build {
    pub(super) profile: Spanned<String>,
    pub(super) debug: Debug,
    pub(super) features: Vec<Spanned<String>>,
    pub(super) all_features: bool,
    pub(super) default_features: bool,
    pub(super) doc_tests: bool,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            profile: Spanned::new(0..0, "dev".to_owned()),
            debug: Debug::None,
            features: Vec::new(),
            all_features: false,
            default_features: true,
            doc_tests: true,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Timeouts {
    pub(super) resolve: Spanned<String>,
    pub(super) build: Spanned<String>,
    pub(super) target: Spanned<String>,
    pub(super) case: Spanned<String>,
}

impl Default for Timeouts {
    fn default() -> Self {
        let unwritten = |text: &str| Spanned::new(0..0, text.to_owned());
        Self {
            resolve: unwritten("10min"),
            build: unwritten("1h"),
            target: unwritten("20min"),
            case: unwritten("2min"),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Env {
    pub(super) set: BTreeMap<Spanned<String>, String>,
    pub(super) pass: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Run {
    pub(super) strategy: Strategy,
    pub(super) probes: Spanned<i64>,
    pub(super) jobs: Option<Spanned<i64>>,
    pub(super) locks: Option<PathBuf>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            strategy: Strategy::Full,
            probes: Spanned::new(0..0, 1),
            jobs: None,
            locks: None,
        }
    }
}

impl Document {
    pub(super) fn parse(text: &Text) -> Result<Self, Mistake> {
        toml::from_str(text.content()).map_err(|error| refused(text, &error))
    }
}

/// toml's own words, with a hint where a key is a misspelt one.
fn refused(text: &Text, error: &toml::de::Error) -> Mistake {
    let message = error.message();
    let mut mistake = text.mistake(message.lines().next().unwrap_or(message));
    if let Some(span) = error.span() {
        mistake = mistake.at(span, "here");
    }
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return mistake;
    };
    // serde says: unknown field `a`, expected one of `b`, `c`
    let mut quoted = rest.split('`');
    let written = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.skip(1).step_by(2).collect();
    match nearest(written, known.iter().copied()) {
        Some(name) => mistake.help(format!("did you mean `{name}`?")),
        None => mistake,
    }
}
