//! Reads the index of a registry as cargo does: one line of JSON per version, and cargo's own cache
//! of these lines.
//!
//! It accepts and skips the same lines as cargo, and names those that are skipped.
//! <https://doc.rust-lang.org/cargo/reference/registry-index.html>

use std::collections::BTreeMap;
use std::fmt;

use cargo_metadata::cargo_platform::Platform;
use pinmatrix_core::model::cell::bare;
use pinmatrix_core::text;
use semver::{Comparator, Op, Version, VersionReq};
use serde::Serialize;
use serde::{Deserialize, Deserializer};

/// The newest line format that cargo reads; it skips lines of newer formats.
/// <https://doc.rust-lang.org/cargo/reference/registry-index.html#json-schema>
const NEWEST_FORMAT: u32 = 2;

/// The format version of cargo's cache files.
const CACHE_FORM: u8 = 3;

/// One published version of a crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The version, with its build metadata.
    pub version: Version,
    /// Whether it was yanked.
    pub yanked: bool,
    /// The rust-version that it declares. An index does not record the one that its edition needs.
    pub rust_version: Option<Version>,
    /// Its requirements, without dev-dependencies.
    pub requires: Vec<Dependency>,
    /// Its features, each with what it turns on.
    pub features: BTreeMap<String, Vec<String>>,
}

/// One requirement of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// Its key: the name of the package, unless it is renamed.
    pub key: String,
    /// The package that it is on.
    pub package: String,
    /// The versions that it admits.
    pub req: VersionReq,
    /// Whether only a feature turns it on.
    pub is_optional: bool,
}

/// Returns the one version that a requirement admits, if it is `=1.2.3`.
#[must_use]
pub fn exact_version(req: &VersionReq) -> Option<Version> {
    let [
        Comparator {
            op: Op::Exact,
            major,
            minor: Some(minor),
            patch: Some(patch),
            pre,
        },
    ] = req.comparators.as_slice()
    else {
        return None;
    };
    let mut version = Version::new(*major, *minor, *patch);
    version.pre = pre.clone();
    Some(version)
}

/// Everything that an index holds about one crate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrateEntry {
    /// The versions that cargo can use, in ascending order.
    pub versions: Vec<Published>,
    /// The lines that cargo skips, in the order of the file.
    pub passed_over: Vec<SkippedLine>,
}

/// A line that cargo skips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedLine {
    /// Its line number, starting at 1.
    pub line: usize,
    /// Its version, if that much can be read.
    pub version: Option<Version>,
    /// The reason.
    pub why: SkipCause,
}

/// Why a line is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipCause {
    /// Cargo does not know its format.
    NewerFormat(u32),
    /// It is not a valid line, according to the parser's message.
    Unreadable(String),
}

/// For example, `is of format 3 in the index, and cargo reads up to 2`.
impl fmt::Display for SkipCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewerFormat(format) => write!(
                f,
                "is of format {format} in the index, and cargo reads up to {NEWEST_FORMAT}"
            ),
            Self::Unreadable(words) => write!(f, "cannot be read in the index: {words}"),
        }
    }
}

impl SkippedLine {
    /// Returns a name for the line: `4.0.0`, or `line 3` if the version cannot be read.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.version {
            Some(version) => version.to_string(),
            None => format!("line {}", self.line),
        }
    }
}

impl CrateEntry {
    /// Returns true if a version is neither older than the first one that is published, yanked or
    /// not, nor newer than the last.
    #[must_use]
    pub fn lives_at(&self, version: &Version) -> bool {
        let usable = self.versions.iter().map(|published| &published.version);
        let all = usable.chain(self.passed_over.iter().filter_map(|p| p.version.as_ref()));
        let (first, last) = (all.clone().min(), all.max());
        first.is_some_and(|first| bare(first) <= *version)
            && last.is_some_and(|last| *version <= bare(last))
    }

    /// Reads the text of an index, one version per line.
    #[must_use]
    pub fn of_lines(text: &[u8]) -> Self {
        Self::of(text.split(|byte| *byte == b'\n'))
    }

    /// Reads a file of cargo's own cache. Returns `None` if the file has another format.
    ///
    /// The file starts with one byte for its format and four for the format of the lines, followed
    /// by parts that each end with a zero byte. The first part says what was fetched; then versions
    /// and their lines alternate.
    #[must_use]
    pub fn of_cache(bytes: &[u8]) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        let (format, rest) = rest.split_first_chunk()?;
        if *form != CACHE_FORM || u32::from_le_bytes(*format) != NEWEST_FORMAT {
            return None;
        }
        let parts = rest.split(|byte| *byte == 0);
        // Skips what was fetched and takes the line after each version.
        Some(Self::of(parts.skip(2).step_by(2)))
    }

    fn of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut entry = Self::default();
        let lines = lines
            .zip(1..)
            .filter(|(line, _)| !line.trim_ascii().is_empty());
        for (text, line) in lines {
            match read(text) {
                Ok(published) => entry.versions.push(published),
                Err((version, why)) => entry.passed_over.push(SkippedLine { line, version, why }),
            }
        }
        entry.versions.sort_by(|a, b| a.version.cmp(&b.version));
        entry
    }

    /// Returns true if the index holds nothing about the crate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.passed_over.is_empty()
    }
}

/// Parses one line. An invalid line may still contain its version and its format, and cargo goes by
/// these.
fn read(text: &[u8]) -> Result<Published, (Option<Version>, SkipCause)> {
    let line = serde_json::from_slice::<IndexLine>(text);
    let (version, format) = match &line {
        Ok(line) => (line.vers.clone(), line.v),
        Err(error) => {
            let Ok(LineIdentity { vers, .. }) = serde_json::from_slice(text) else {
                return Err((None, unreadable(error)));
            };
            let format = serde_json::from_slice::<LineFormat>(text);
            (vers, format.unwrap_or_default().v)
        }
    };
    match (format, line) {
        (Some(format), _) if format > NEWEST_FORMAT => {
            Err((Some(version), SkipCause::NewerFormat(format)))
        }
        (_, Ok(line)) => Ok(line.published()),
        (_, Err(error)) => Err((Some(version), unreadable(&error))),
    }
}

/// Returns the parser's message without its position, which would be within the line.
fn unreadable(error: &serde_json::Error) -> SkipCause {
    let words = error.to_string();
    let place = words.rfind(" at line ").unwrap_or(words.len());
    SkipCause::Unreadable(text::one_line(&words[..place]))
}

/// A line as cargo reads it: which fields may be missing, which may be null, and which must be
/// there.
/// <https://docs.rs/cargo-util-schemas/latest/cargo_util_schemas/index/struct.IndexPackage.html>
///
/// This ignores what only some versions of cargo read (`pubtime`), and what cargo only checks as a
/// whole: whether features refer to existing items, and whether a registry has a URL.
#[derive(Deserialize)]
#[expect(dead_code, reason = "some fields are there for their type alone")]
struct IndexLine {
    name: String,
    vers: Version,
    deps: Vec<IndexDependency>,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    features2: Option<BTreeMap<String, Vec<String>>>,
    cksum: String,
    yanked: Option<bool>,
    links: Option<String>,
    #[serde(default, deserialize_with = "rust_version")]
    rust_version: Option<Version>,
    v: Option<u32>,
}

/// A dependency of a version.
/// <https://docs.rs/cargo-util-schemas/latest/cargo_util_schemas/index/struct.RegistryDependency.html>
#[derive(Deserialize)]
#[expect(dead_code, reason = "some fields are there for their type alone")]
struct IndexDependency {
    name: String,
    req: VersionReq,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    default_features: bool,
    #[serde(default, deserialize_with = "platform")]
    target: Option<Platform>,
    kind: Option<String>,
    registry: Option<String>,
    package: Option<String>,
    public: Option<bool>,
    artifact: Option<Vec<String>>,
    bindep_target: Option<String>,
    #[serde(default)]
    lib: bool,
}

/// The least that a line must contain for cargo to know that the version exists.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the name is there for its type alone")]
struct LineIdentity {
    name: String,
    vers: Version,
}

#[derive(Default, Deserialize)]
struct LineFormat {
    v: Option<u32>,
}

impl IndexLine {
    fn published(self) -> Published {
        // Any other kind, or none, is a normal dependency.
        let in_builds = |d: &IndexDependency| d.kind.as_deref() != Some("dev");
        let dependencies = self.deps.into_iter().filter(in_builds);
        Published {
            version: self.vers,
            yanked: self.yanked.unwrap_or_default(),
            rust_version: self.rust_version,
            requires: dependencies.map(IndexDependency::requirement).collect(),
            features: together(self.features, self.features2),
        }
    }
}

/// Adds the features in a syntax that old cargos cannot read, which stand apart.
/// <https://doc.rust-lang.org/cargo/reference/registry-index.html#json-schema>
fn together(
    mut features: BTreeMap<String, Vec<String>>,
    newer: Option<BTreeMap<String, Vec<String>>>,
) -> BTreeMap<String, Vec<String>> {
    for (name, implied) in newer.unwrap_or_default() {
        features.entry(name).or_default().extend(implied);
    }
    features
}

impl IndexDependency {
    fn requirement(self) -> Dependency {
        let package = self.package.unwrap_or_else(|| self.name.clone());
        Dependency {
            key: self.name,
            package,
            req: self.req,
            is_optional: self.optional,
        }
    }
}

/// Parses a `rust-version`: one to three numbers and nothing else.
fn rust_version<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Version>, D::Error> {
    let Some(written) = Option::<String>::deserialize(written)? else {
        return Ok(None);
    };
    let no_version =
        || serde::de::Error::custom(format!("`{written}` is not a valid rust-version"));
    let req = VersionReq::parse(&written).map_err(|_| no_version())?;
    let ([bare], false) = (req.comparators.as_slice(), written.contains(['^', '+'])) else {
        return Err(no_version());
    };
    if bare.op != Op::Caret || !bare.pre.is_empty() {
        return Err(no_version());
    }
    let part = |part: Option<u64>| part.unwrap_or_default();
    Ok(Some(Version::new(
        bare.major,
        part(bare.minor),
        part(bare.patch),
    )))
}

/// Parses a target triple or a `cfg`.
fn platform<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Platform>, D::Error> {
    let written = Option::<String>::deserialize(written)?;
    let platform = written.map(|written| written.parse().map_err(serde::de::Error::custom));
    platform.transpose()
}

#[cfg(test)]
mod tests;
