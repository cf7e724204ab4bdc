//! `matrix.toml`, read and checked: what a person wrote becomes values that hold.
//!
//! Everything that can be told from the file alone is told here, with the place in the file.
//! What needs the machine (toolchains, the registry, the subject) is checked by those floors, with
//! the spans kept here.

mod document;
pub mod mistake;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use semver::Version;
use toml::Spanned;

use self::document::Document;
use self::mistake::{Mistake, Text, nearest};
use crate::model::cell::Pin;

/// A place in `matrix.toml`, in bytes.
pub type Span = Range<usize>;

/// A checked `matrix.toml`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file and what stands in it.
    pub text: Text,
    /// The subject's folder, as written.
    pub subject: Spanned<String>,
    /// The rows.
    pub toolchains: Vec<ToolchainSpec>,
    /// The groups of columns.
    pub families: Vec<Family>,
    /// What is built, and how.
    pub build: Build,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// What cells see of the environment.
    pub environment: Environment,
    /// How the run goes, unless the command line says otherwise.
    pub run: RunOptions,
}

/// One row: a label, and where the toolchain comes from.
#[derive(Clone, Debug)]
pub struct ToolchainSpec {
    /// The label, filename-safe.
    pub label: String,
    /// Where it comes from.
    pub source: Source,
}

/// Where a toolchain comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Names that rustup may know, the first installed one is taken.
    Rustup(Vec<String>),
    /// A folder that holds `bin/rustc` and `bin/cargo`, relative to `matrix.toml`.
    Directory(PathBuf),
}

/// Crates that move in lockstep, and the ladder they move along.
#[derive(Clone, Debug)]
pub struct Family {
    /// The name, filename-safe.
    pub name: Spanned<String>,
    /// The crates that the subject requires.
    pub crates: Vec<Spanned<String>>,
    /// Globs of crates that come in through them and are held at the same version where it exists.
    pub companions: Companions,
    /// The pins, ascending, each with its place in the file.
    pub ladder: Vec<Spanned<Pin>>,
}

impl Family {
    /// The names of the crates.
    #[must_use]
    pub fn crate_names(&self) -> Vec<&str> {
        self.crates.iter().map(|c| c.get_ref().as_str()).collect()
    }
}

/// Globs for crates that only come in transitively.
#[derive(Clone, Debug)]
pub struct Companions {
    written: Vec<String>,
    set: GlobSet,
}

impl Companions {
    /// True for a crate that moves along with the family.
    #[must_use]
    pub fn hold(&self, name: &str) -> bool {
        self.set.is_match(name)
    }

    /// The globs as written.
    #[must_use]
    pub fn written(&self) -> &[String] {
        &self.written
    }
}

/// What is built, and how.
#[derive(Clone, Debug)]
pub struct Build {
    /// Cargo's profile; `dev` unless said.
    pub profile: Spanned<String>,
    /// How much debug info; none unless said, since no one attaches a debugger to a cell.
    pub debug: Debug,
    /// Features to turn on.
    pub features: Vec<Spanned<String>>,
    /// `--all-features`.
    pub all_features: bool,
    /// False for `--no-default-features`.
    pub default_features: bool,
    /// Whether doc tests are run.
    pub doc_tests: bool,
}

/// How much debug info is compiled in, for all packages of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Debug {
    /// None: the least to compile and to link.
    None,
    /// Enough for line numbers in backtraces.
    LineTablesOnly,
    /// What a debugger wants.
    Full,
    /// Whatever the subject's profile says.
    Profile,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Resolve and fetch, per command.
    pub resolve: Duration,
    /// The build of a cell.
    pub build: Duration,
    /// All of one target's tests.
    pub target: Duration,
    /// One test.
    pub case: Duration,
}

/// What cells see of the environment beyond a short list that every build needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Variables set for every cell.
    pub set: BTreeMap<String, String>,
    /// Variables let through from outside.
    pub pass: Vec<String>,
}

/// How the run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Which cells run.
    pub strategy: Strategy,
    /// How many cells strategy `frontier` runs inside a row whose ends agree.
    pub probes: usize,
    /// Cells at a time; `None` lets the machine decide.
    pub jobs: Option<usize>,
    /// A folder of committed locks, relative to `matrix.toml`.
    pub locks: Option<PathBuf>,
}

/// Which cells of a matrix run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Every cell.
    Full,
    /// The first and the last pin of each row.
    Ends,
    /// The ends, then whatever splits a stretch whose two ends differ.
    Frontier,
}

impl Config {
    /// Reads and checks a `matrix.toml`.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] that names file, line and what to do, for anything that a person can mend.
    pub fn read(file: &Path) -> Result<Self, Mistake> {
        let text = Text::read(file)?;
        Self::parse(text)
    }

    /// Checks the text of a `matrix.toml`.
    ///
    /// # Errors
    ///
    /// As [`Config::read`].
    pub fn parse(text: Text) -> Result<Self, Mistake> {
        let document = Document::parse(&text)?;
        let toolchains = toolchains(&text, &document)?;
        let families = families(&text, &document)?;
        Ok(Self {
            subject: document.subject.path,
            toolchains,
            families,
            build: Build {
                profile: document.build.profile,
                debug: document.build.debug,
                features: document.build.features,
                all_features: document.build.all_features,
                default_features: document.build.default_features,
                doc_tests: document.build.doc_tests,
            },
            timeouts: Timeouts {
                resolve: duration(&text, &document.timeouts.resolve)?,
                build: duration(&text, &document.timeouts.build)?,
                target: duration(&text, &document.timeouts.target)?,
                case: duration(&text, &document.timeouts.case)?,
            },
            environment: Environment {
                set: variables(&text, document.env.set)?,
                pass: document.env.pass,
            },
            run: RunOptions {
                strategy: document.run.strategy,
                probes: probes(&text, &document.run.probes)?,
                jobs: jobs(&text, document.run.jobs)?,
                locks: document.run.locks,
            },
            text,
        })
    }

    /// The folder that paths in the file are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.text.folder()
    }

    /// The subject's folder.
    #[must_use]
    pub fn subject_folder(&self) -> PathBuf {
        // `./.` says no more than `.`.
        self.folder()
            .join(self.subject.get_ref())
            .components()
            .collect()
    }
}

fn toolchains(text: &Text, document: &Document) -> Result<Vec<ToolchainSpec>, Mistake> {
    let mut specs: Vec<ToolchainSpec> = Vec::new();
    for written in &document.toolchain {
        let label = &written.label;
        check_name(text, label, "label of a toolchain")?;
        if specs.iter().any(|s| s.label == *label.get_ref()) {
            return Err(text
                .mistake(format!("two toolchains are labelled `{}`", label.get_ref()))
                .at(label.span(), "the second one")
                .help("labels name rows and cells, so each needs its own"));
        }
        let source = match (&written.rustup, &written.dir) {
            (Some(names), None) if names.get_ref().is_empty() => {
                return Err(text
                    .mistake("a toolchain without a name that rustup could know")
                    .at(names.span(), "empty")
                    .help("for example `rustup = \"stable\"`"));
            }
            (Some(names), None) => Source::Rustup(names.get_ref().names()),
            (None, Some(dir)) => Source::Directory(dir.clone()),
            (None, None) | (Some(_), Some(_)) => {
                let n = if written.rustup.is_some() {
                    "two sources"
                } else {
                    "no source"
                };
                return Err(text
                    .mistake(format!("toolchain `{}` has {n}", label.get_ref()))
                    .at(label.span(), "this toolchain")
                    .help("give either `rustup = \"NAME\"` or `dir = \"FOLDER\"`"));
            }
        };
        specs.push(ToolchainSpec {
            label: label.get_ref().clone(),
            source,
        });
    }
    if specs.is_empty() {
        return Err(text
            .mistake("the matrix has no toolchains")
            .help("add `[[toolchain]]` with `label = \"stable\"` and `rustup = \"stable\"`"));
    }
    Ok(specs)
}

fn families(text: &Text, document: &Document) -> Result<Vec<Family>, Mistake> {
    let mut families: Vec<Family> = Vec::new();
    let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
    for written in &document.family {
        let name = &written.name;
        check_name(text, name, "name of a family")?;
        if families.iter().any(|f| f.name.get_ref() == name.get_ref()) {
            return Err(text
                .mistake(format!("two families are named `{}`", name.get_ref()))
                .at(name.span(), "the second one")
                .help("names stand in cell names, so each family needs its own"));
        }
        if written.crates.get_ref().is_empty() {
            return Err(text
                .mistake(format!("family `{}` has no crates", name.get_ref()))
                .at(written.crates.span(), "empty")
                .help("name the crates that move in lockstep"));
        }
        for krate in written.crates.get_ref() {
            if let Some(other) = claimed.insert(krate.get_ref(), name.get_ref()) {
                let message = if other == name.get_ref() {
                    format!("family `{other}` names `{}` twice", krate.get_ref())
                } else {
                    format!(
                        "families `{other}` and `{}` both claim `{}`",
                        name.get_ref(),
                        krate.get_ref()
                    )
                };
                return Err(text
                    .mistake(message)
                    .at(krate.span(), "claimed a second time here")
                    .help("a crate is held at one version, so it belongs to one family"));
            }
        }
        families.push(Family {
            name: name.clone(),
            crates: written.crates.get_ref().clone(),
            companions: companions(text, &written.companions)?,
            ladder: ladder(text, name.get_ref(), &written.pins)?,
        });
    }
    if families.is_empty() {
        return Err(text
            .mistake("the matrix has no family of crates to move")
            .help("add `[[family]]` with `name`, `crates` and `pins`"));
    }
    Ok(families)
}

fn companions(text: &Text, written: &[Spanned<String>]) -> Result<Companions, Mistake> {
    let mut set = GlobSetBuilder::new();
    for glob in written {
        set.add(Glob::new(glob.get_ref()).map_err(|e| {
            text.mistake(format!("`{}` is no glob", glob.get_ref()))
                .at(glob.span(), e.kind().to_string())
        })?);
    }
    Ok(Companions {
        written: written.iter().map(|g| g.get_ref().clone()).collect(),
        set: set
            .build()
            .map_err(|e| text.mistake(format!("the companions do not fit together: {e}")))?,
    })
}

/// The ladder ascends: "first" and "last", "before" and "after" in every report rest on that.
fn ladder(
    text: &Text,
    family: &str,
    pins: &Spanned<Vec<Spanned<String>>>,
) -> Result<Vec<Spanned<Pin>>, Mistake> {
    let mut ladder: Vec<Spanned<Pin>> = Vec::new();
    for written in pins.get_ref() {
        let version = Version::parse(written.get_ref()).map_err(|e| {
            text.mistake(format!("`{}` is not an exact version", written.get_ref()))
                .at(written.span(), e.to_string())
                .help("a pin is one published version: MAJOR.MINOR.PATCH, without `=` or `^`")
        })?;
        if let Some(last) = ladder.last() {
            let last = &last.get_ref().version;
            if version == *last {
                return Err(text
                    .mistake(format!(
                        "{version} stands twice on the ladder of `{family}`"
                    ))
                    .at(written.span(), "the second time"));
            }
            if version < *last {
                return Err(text
                    .mistake(format!("the ladder of `{family}` is upside down"))
                    .at(written.span(), format!("{version} stands after {last}"))
                    .help("write the pins from the oldest to the newest"));
            }
        }
        ladder.push(Spanned::new(
            written.span(),
            Pin {
                family: family.to_owned(),
                version,
            },
        ));
    }
    if ladder.is_empty() {
        return Err(text
            .mistake(format!("the ladder of `{family}` is empty"))
            .at(pins.span(), "no pins")
            .help("name at least one published version, for example `pins = [\"1.0.0\"]`"));
    }
    Ok(ladder)
}

/// Labels and family names stand in file names and in `TOOLCHAIN@FAMILY-VERSION`.
fn check_name(text: &Text, name: &Spanned<String>, what: &str) -> Result<(), Mistake> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let written = name.get_ref();
    if written.chars().all(fits) && written.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(text
        .mistake(format!("`{}` cannot be the {what}", written.escape_debug()))
        .at(name.span(), "stands in file names")
        .help("use letters, digits, `.`, `_` and `-`, and begin with a letter or a digit"))
}

/// The longest timeout. Clocks of some systems do not reach much further.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

fn duration(text: &Text, written: &Spanned<String>) -> Result<Duration, Mistake> {
    let duration = humantime::parse_duration(written.get_ref()).map_err(|e| {
        text.mistake(format!("`{}` is not a duration", written.get_ref()))
            .at(written.span(), e.to_string())
            .help("for example `90s`, `20min` or `1h 30min`")
    })?;
    if duration.is_zero() {
        return Err(text
            .mistake("a timeout of nothing")
            .at(written.span(), "everything would time out"));
    }
    if duration > LONGEST {
        return Err(text
            .mistake(format!("`{}` is no timeout", written.get_ref()))
            .at(written.span(), "longer than 30 days"));
    }
    Ok(duration)
}

fn variables(
    text: &Text,
    written: BTreeMap<Spanned<String>, String>,
) -> Result<BTreeMap<String, String>, Mistake> {
    let checked = |(name, value): (Spanned<String>, String)| {
        let is_none = name.get_ref().is_empty() || name.get_ref().contains(['=', '\0']);
        if is_none || value.contains('\0') {
            return Err(text
                .mistake(format!("`{}` cannot be set", name.get_ref().escape_debug()))
                .at(name.span(), "no variable of that name or value"));
        }
        Ok((name.into_inner(), value))
    };
    written.into_iter().map(checked).collect()
}

fn probes(text: &Text, written: &Spanned<i64>) -> Result<usize, Mistake> {
    match usize::try_from(*written.get_ref()) {
        Ok(n) if n <= 1024 => Ok(n),
        Ok(_) | Err(_) => Err(text
            .mistake(format!("`probes` cannot be {}", written.get_ref()))
            .at(written.span(), "from 0 to 1024")),
    }
}

fn jobs(text: &Text, written: Option<Spanned<i64>>) -> Result<Option<usize>, Mistake> {
    let Some(written) = written else {
        return Ok(None);
    };
    match usize::try_from(*written.get_ref()) {
        Ok(n) if (1..=1024).contains(&n) => Ok(Some(n)),
        Ok(_) | Err(_) => Err(text
            .mistake(format!("`jobs` cannot be {}", written.get_ref()))
            .at(written.span(), "from 1 to 1024")),
    }
}

/// Picks what a person meant from the names there are, for a hint.
#[must_use]
pub fn did_you_mean<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, names).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests;
