//! The raw form of `matrix.toml`: keys, types and defaults, without validation.

mod family;

use std::collections::BTreeMap;
use std::path::PathBuf;

use camino::Utf8PathBuf;
use serde::Deserialize;
use toml::Spanned;

pub(super) use self::family::{Family, Pins, Range, Unreleased, WrittenPin};
use super::{CapLints, Debug, Linker, SandboxMode, Strategy};
use crate::error::{SourceText, UserError, nearest};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) subject: Subject,
    #[serde(default)]
    pub(super) toolchain: Vec<Toolchain>,
    #[serde(default)]
    pub(super) source: Vec<Source>,
    #[serde(default)]
    pub(super) features: Vec<Features>,
    #[serde(default)]
    pub(super) family: Vec<Family>,
    #[serde(default)]
    pub(super) adjust: Vec<Adjust>,
    #[serde(default)]
    pub(super) claim: Vec<Claim>,
    #[serde(default)]
    pub(super) exclude: Vec<Exclude>,
    #[serde(default)]
    pub(super) include: Vec<Spanned<CellFilter>>,
    #[serde(default)]
    pub(super) build: Build,
    #[serde(default)]
    pub(super) timeouts: Timeouts,
    #[serde(default)]
    pub(super) env: Env,
    #[serde(default)]
    pub(super) sandbox: Sandbox,
    #[serde(default)]
    pub(super) run: Run,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Subject {
    pub(super) path: Spanned<String>,
    pub(super) root: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) git: bool,
    #[serde(default)]
    pub(super) include: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) exclude: Vec<Spanned<String>>,
    pub(super) packages: Option<Spanned<NamesOrWord>>,
    #[serde(default)]
    pub(super) exclude_packages: Vec<Spanned<String>>,
    #[serde(default = "largest_copy")]
    pub(super) max_size: Spanned<String>,
}

/// `["arbor"]`, or `"auto"`.
pub(super) enum NamesOrWord {
    Names(Vec<Spanned<String>>),
    Word(String),
}

/// Implemented by hand for the same reason as that of `Pins`.
impl<'de> Deserialize<'de> for NamesOrWord {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = NamesOrWord;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of names, or a word")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                list: A,
            ) -> Result<NamesOrWord, A::Error> {
                let list = serde::de::value::SeqAccessDeserializer::new(list);
                Deserialize::deserialize(list).map(NamesOrWord::Names)
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<NamesOrWord, E> {
                Ok(NamesOrWord::Word(word.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

fn largest_copy() -> Spanned<String> {
    Spanned::new(0..0, "1GB".to_owned())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Toolchain {
    pub(super) label: Spanned<String>,
    pub(super) rustup: Option<Spanned<OneOrMore>>,
    pub(super) dir: Option<PathBuf>,
    pub(super) target: Option<Spanned<String>>,
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
pub(super) struct Source {
    pub(super) label: Spanned<String>,
    pub(super) rev: Option<Spanned<String>>,
    pub(super) patch: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Features {
    pub(super) label: Spanned<String>,
    #[serde(default)]
    pub(super) features: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) all_features: bool,
    #[serde(default = "yes")]
    pub(super) default_features: bool,
    pub(super) pins: Option<Spanned<String>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Adjust {
    pub(super) family: Option<Spanned<String>>,
    pub(super) pins: Spanned<String>,
    #[serde(default)]
    pub(super) unreleased: bool,
    #[serde(default)]
    pub(super) features: BTreeMap<Spanned<String>, BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    pub(super) cfg: Vec<String>,
    #[serde(default)]
    pub(super) env: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    pub(super) dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub(super) dev_dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub(super) build_dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub(super) drop: Vec<String>,
    #[serde(default)]
    pub(super) rename: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) members: Vec<String>,
    #[serde(default)]
    pub(super) hold: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(super) keep_patches: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Claim {
    pub(super) says: Spanned<String>,
    pub(super) family: Option<Spanned<String>>,
    pub(super) least_rust: Option<Spanned<String>>,
    pub(super) changes: Option<Spanned<String>>,
    pub(super) passes: Option<Vec<Spanned<String>>>,
    pub(super) pin: Option<Spanned<String>>,
    pub(super) case: Option<Spanned<String>>,
    pub(super) at: Option<Spanned<String>>,
}

/// Spelled out instead of flattening `CellFilter`, because `flatten` would accept unknown keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExcludeKeys {
    toolchain: Option<OneOrMore>,
    source: Option<OneOrMore>,
    features: Option<OneOrMore>,
    family: Option<OneOrMore>,
    pins: Option<Spanned<String>>,
    reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(from = "ExcludeKeys")]
pub(super) struct Exclude(pub(super) CellFilter, pub(super) Spanned<String>);

impl From<ExcludeKeys> for Exclude {
    fn from(keys: ExcludeKeys) -> Self {
        let which = CellFilter {
            toolchain: keys.toolchain,
            source: keys.source,
            features: keys.features,
            family: keys.family,
            pins: keys.pins,
        };
        Self(which, keys.reason)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CellFilter {
    pub(super) toolchain: Option<OneOrMore>,
    pub(super) source: Option<OneOrMore>,
    pub(super) features: Option<OneOrMore>,
    pub(super) family: Option<OneOrMore>,
    pub(super) pins: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Build {
    pub(super) profile: Spanned<String>,
    pub(super) debug: Debug,
    pub(super) codegen_units: Option<Spanned<i64>>,
    pub(super) linker: Option<Spanned<Linker>>,
    pub(super) features: Vec<Spanned<String>>,
    pub(super) all_features: bool,
    pub(super) default_features: bool,
    pub(super) examples: bool,
    pub(super) benches: bool,
    pub(super) doc_tests: bool,
    pub(super) cap_lints: Option<CapLints>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            profile: Spanned::new(0..0, "test".to_owned()),
            debug: Debug::Subject,
            codegen_units: None,
            linker: None,
            features: Vec::new(),
            all_features: false,
            default_features: true,
            examples: true,
            benches: false,
            doc_tests: true,
            cap_lints: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Timeouts {
    pub(super) resolve: Spanned<String>,
    pub(super) build: Spanned<String>,
    pub(super) target: Spanned<String>,
    pub(super) case: Option<Spanned<String>>,
    pub(super) run: Option<Spanned<String>>,
}

impl Default for Timeouts {
    fn default() -> Self {
        let unwritten = |text: &str| Spanned::new(0..0, text.to_owned());
        Self {
            resolve: unwritten("10min"),
            build: unwritten("1h"),
            target: unwritten("20min"),
            case: None,
            run: None,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Env {
    pub(super) set: BTreeMap<Spanned<String>, String>,
    pub(super) pass: Vec<String>,
    pub(super) secret: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sandbox {
    pub(super) mode: Spanned<SandboxMode>,
    pub(super) read: Vec<Spanned<Utf8PathBuf>>,
    pub(super) write: Vec<Spanned<Utf8PathBuf>>,
    pub(super) network: bool,
    pub(super) allow: Vec<Allow>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            mode: Spanned::new(0..0, SandboxMode::Auto),
            read: Vec::new(),
            write: Vec::new(),
            network: false,
            allow: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allow {
    pub(super) r#for: Spanned<String>,
    #[serde(default)]
    pub(super) read: Vec<Spanned<Utf8PathBuf>>,
    #[serde(default)]
    pub(super) write: Vec<Spanned<Utf8PathBuf>>,
    #[serde(default)]
    pub(super) network: bool,
    pub(super) reason: Spanned<String>,
}

/// The keys that `[sandbox]` and each `[[sandbox.allow]]` share.
pub(super) struct Access {
    pub(super) read: Vec<Spanned<Utf8PathBuf>>,
    pub(super) write: Vec<Spanned<Utf8PathBuf>>,
    pub(super) network: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Run {
    pub(super) strategy: Strategy,
    pub(super) exact: bool,
    pub(super) today: bool,
    pub(super) probes: Spanned<i64>,
    pub(super) retries: Spanned<i64>,
    pub(super) runner: Option<Spanned<Runner>>,
    pub(super) nextest_profile: Option<Spanned<String>>,
    pub(super) jobs: Option<Spanned<i64>>,
    pub(super) lanes: Option<Spanned<i64>>,
    pub(super) max_disk: Spanned<String>,
    pub(super) locks: Option<PathBuf>,
    pub(super) baseline: Option<PathBuf>,
}

/// What runs the tests.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Runner {
    Cargo,
    Nextest,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            strategy: Strategy::Frontier,
            exact: false,
            today: true,
            probes: Spanned::new(0..0, 1),
            retries: Spanned::new(0..0, 1),
            runner: None,
            nextest_profile: None,
            jobs: None,
            lanes: None,
            max_disk: Spanned::new(0..0, "10GB".to_owned()),
            locks: None,
            baseline: None,
        }
    }
}

impl Document {
    pub(super) fn parse(text: &SourceText) -> Result<Self, UserError> {
        toml::from_str(text.content()).map_err(|error| refused(text, &error))
    }
}

/// Converts toml's error, with a hint if a key is misspelt.
fn refused(text: &SourceText, error: &toml::de::Error) -> UserError {
    let message = error.message();
    let mut user_error = text.error_at(message.lines().next().unwrap_or(message));
    if let Some(span) = error.span() {
        user_error = user_error.at(span, "here");
    }
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return user_error;
    };
    // The message of serde: unknown field `a`, expected one of `b`, `c`
    let mut quoted = rest.split('`');
    let written = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.skip(1).step_by(2).collect();
    match nearest(written, known.iter().copied()) {
        Some(name) => user_error.help(format!("did you mean `{name}`?")),
        None => user_error,
    }
}
