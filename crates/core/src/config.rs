//! `matrix.toml`, parsed and validated into typed values.
//!
//! Every error that can be detected from the file alone is detected here and points at its location
//! in the file. What depends on the machine (toolchains, the registry, the subject) is checked by
//! later stages, which use the spans kept here.

mod raw;
mod axes;
mod families;
mod followers;
mod overrides;
mod packages;
mod filters;

mod values;
mod checkout;
mod claims;
mod sandbox;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use camino::Utf8PathBuf;
use semver::Version;
use toml::Spanned;

pub use self::checkout::{CheckoutConfig, PathGlobs};
pub use self::claims::{Claim, ClaimKind};
pub use self::sandbox::{Allowance, Permissions, SandboxConfig, SandboxMode};
pub use self::values::disk_size;
pub use crate::config::axes::{FeatureSet, SourceSpec, ToolchainOrigin, ToolchainSpec};
pub use crate::config::families::{
    Companions, Family, PinRange, PinRule, Pins, TagSource, label_of,
};
pub use crate::config::filters::{CellFilter, Exclude, is_in};
pub use crate::config::followers::{Followers, WrittenSets};
pub use crate::config::overrides::{Adjustment, DependencyEdits, Overrides, together};
pub use crate::config::packages::{ChosenPackages, PackageGlob, PackageSelection};
use crate::config::raw::Document;
use crate::error::{SourceText, UserError, nearest};
use crate::model::cell::{Pin, Row};

/// A byte range in `matrix.toml`.
pub type Span = Range<usize>;

/// A validated `matrix.toml`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file and its text.
    pub text: SourceText,
    /// The subject's folder, as written.
    pub subject: Spanned<String>,
    /// Which of the surrounding files a cell's copy contains.
    pub checkout: CheckoutConfig,
    /// Which of the subject's members are built and tested.
    pub packages: PackageSelection,
    /// The toolchains of the rows.
    pub toolchains: Vec<ToolchainSpec>,
    /// The revisions of the subject in the rows; at least one.
    pub sources: Vec<SourceSpec>,
    /// The feature sets of the rows; at least one.
    pub feature_sets: Vec<FeatureSet>,
    /// The families, which are the columns.
    pub families: Vec<Family>,
    /// The changes for ranges of pins.
    pub adjustments: Vec<Adjustment>,
    /// The claims of a migration plan.
    pub claims: Vec<Claim>,
    /// Cells to leave out, with reasons.
    pub excludes: Vec<Exclude>,
    /// The pins that a follower of their family does not go with, each with the reason; not in the
    /// file, but found in the index.
    pub blocked: BTreeMap<Pin, String>,
    /// Cells to include again despite an exclude.
    pub includes: Vec<CellFilter>,
    /// What to build, and how.
    pub build: BuildConfig,
    /// The time limits.
    pub timeouts: Timeouts,
    /// The environment of cells.
    pub environment: EnvConfig,
    /// What builds and tests may access on the machine.
    pub sandbox: SandboxConfig,
    /// The run options, unless the command line overrides them.
    pub run: RunOptions,
}

/// What to build, and how.
#[derive(Clone, Debug)]
pub struct BuildConfig {
    /// Cargo's profile; defaults to `test`, as in `cargo test`.
    pub profile: Spanned<String>,
    /// The amount of debug info; defaults to none, since nobody attaches a debugger to a cell.
    pub debug: Debug,
    /// The number of codegen units per crate; `None` to use the subject's profile.
    pub codegen_units: Option<usize>,
    /// The linker to use instead of the toolchain's own.
    pub linker: Option<Spanned<Linker>>,
    /// Whether to compile examples without tests, as `cargo test` does.
    pub examples: bool,
    /// Whether to compile benches, which run nothing here.
    pub benches: bool,
    /// Whether to run doc tests.
    pub doc_tests: bool,
    /// The maximum lint level for the subject: `warn` turns denied lints into warnings.
    pub cap_lints: Option<CapLints>,
}

impl BuildConfig {
    /// The flags that select the profile and set the options that have no environment variable.
    /// Cargo accepts settings as flags since 1.63
    /// (<https://doc.rust-lang.org/cargo/reference/config.html#command-line-overrides>).
    #[must_use]
    pub fn flags(&self, cargo: &Version) -> Vec<String> {
        let profile = self.profile.get_ref();
        let mut flags = vec![format!("--profile={profile}"), "--color=never".to_owned()];
        if !takes_settings(cargo) {
            return flags;
        }
        flags.push("--config=build.incremental=false".to_owned());
        if let Some(level) = self.debug_level() {
            flags.push(format!("--config=profile.{profile}.debug={level}"));
        }
        if let Some(n) = self.codegen_units {
            flags.push(format!("--config=profile.{profile}.codegen-units={n}"));
        }
        // An older cargo gives line numbers to all packages.
        if self.debug == Debug::Subject {
            // This matches every package that is not a workspace member.
            let others = match profile.as_str() {
                "test" => "dev",
                other => other,
            };
            flags.push(format!("--config=profile.{others}.package.\"*\".debug=0"));
        }
        flags
    }

    /// The debug info level, or `None` if the subject's own profile decides.
    #[must_use]
    pub fn debug_level(&self) -> Option<u8> {
        match self.debug {
            Debug::None => Some(0),
            // Named levels are newer than 1.70; every cargo treats `1` as nearly the same.
            Debug::Subject | Debug::LineTablesOnly => Some(1),
            Debug::Full => Some(2),
            Debug::Profile => None,
        }
    }

    /// The environment variable that sets a key of the profile.
    /// <https://doc.rust-lang.org/cargo/reference/config.html#profile>
    #[must_use]
    pub fn variable(&self, key: &str) -> String {
        let profile = self.profile.get_ref().to_uppercase().replace('-', "_");
        format!("CARGO_PROFILE_{profile}_{key}")
    }

    /// Drops the settings that `[env]` or an adjustment overrides with a profile variable.
    fn give_way_to(&mut self, set: &BTreeMap<String, String>) {
        if set.contains_key(&self.variable("DEBUG")) {
            self.debug = Debug::Profile;
        }
        if set.contains_key(&self.variable("CODEGEN_UNITS")) {
            self.codegen_units = None;
        }
    }
}

/// Whether a cargo accepts settings as flags, which build scripts do not see. An older one reads
/// them from its environment.
#[must_use]
pub fn takes_settings(cargo: &Version) -> bool {
    *cargo >= Version::new(1, 63, 0)
}

/// A linker that the C compiler can be told to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linker {
    /// LLVM's linker.
    Lld,
    /// The mold linker.
    Mold,
}

impl Linker {
    /// The program that must be on the path.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Lld => "ld.lld",
            Self::Mold => "mold",
        }
    }
}

impl std::fmt::Display for Linker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lld => "lld",
            Self::Mold => "mold",
        })
    }
}

/// The level to cap lints at. <https://doc.rust-lang.org/rustc/lints/levels.html#capping-lints>
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapLints {
    /// Lints produce warnings but never errors.
    Warn,
    /// Lints are silent.
    Allow,
}

impl std::fmt::Display for CapLints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Warn => "warn",
            Self::Allow => "allow",
        })
    }
}

/// The amount of debug info in all packages of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Debug {
    /// None: the fastest to compile and link.
    None,
    /// Line numbers in backtraces for the subject's own packages only.
    Subject,
    /// Line numbers in backtraces for all packages.
    LineTablesOnly,
    /// Everything a debugger needs.
    Full,
    /// As set in the subject's profile.
    Profile,
}

/// Whether the network may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It may.
    Online,
    /// Only what is on this machine is used.
    Offline,
}

/// The time limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For each command that resolves or fetches.
    pub resolve: Duration,
    /// For the build of a cell.
    pub build: Duration,
    /// For all tests of one target.
    pub target: Duration,
    /// For one test; `None` for no limit other than the target's.
    pub case: Option<Duration>,
    /// For the whole run; `None` for no limit.
    pub run: Option<Duration>,
}

/// The environment of cells, beyond a short list of variables that every build needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvConfig {
    /// Variables to set for every cell.
    pub set: BTreeMap<String, String>,
    /// Variables to pass through from the outside.
    pub pass: Vec<String>,
    /// Variables whose values must not be written anywhere, in addition to those whose names mark
    /// them as secret.
    pub secret: Vec<String>,
}

/// The run options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Which cells to run.
    pub strategy: Strategy,
    /// Whether to also test versions between two neighbouring pins that differ.
    pub exact: bool,
    /// Whether the version that the subject is on today is added to each ladder as a pin and always
    /// runs.
    pub today: bool,
    /// Whether to build pins that a follower does not go with, each with two copies of a crate.
    pub past_blockers: bool,
    /// The number of cells that strategy `frontier` runs inside a row whose ends agree.
    pub probes: usize,
    /// How often to retry a failed case; one that then passes is flaky.
    pub retries: usize,
    /// What runs the tests.
    pub runner: TestRunner,
    /// The maximum number of concurrent compile jobs and test threads; `None` lets the machine
    /// decide.
    pub jobs: Option<usize>,
    /// The maximum number of concurrent cells; `None` derives it from the jobs.
    pub lanes: Option<usize>,
    /// The maximum disk space for work folders; `None` for no limit.
    pub max_disk: Option<ByteSize>,
    /// The folder of committed locks, relative to `matrix.toml`.
    pub locks: Option<PathBuf>,
    /// The committed baseline, relative to `matrix.toml`.
    pub baseline: Option<PathBuf>,
    /// The log of what the tool itself does, if a person asked for one.
    pub log: Option<PathBuf>,
}

/// What runs the tests that were built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestRunner {
    /// The executables themselves, as `cargo test` runs them.
    Cargo,
    /// cargo-nextest. <https://nexte.st>
    Nextest {
        /// Where the file says so.
        at: Span,
        /// The profile of the subject's `.config/nextest.toml`.
        profile: String,
    },
}

/// Which cells of a matrix to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All cells.
    Full,
    /// The first and the last pin of each row.
    Ends,
    /// The ends, then cells that split an interval whose two ends differ.
    Frontier,
}

impl Config {
    /// Parses and validates the text of a `matrix.toml`.
    ///
    /// # Errors
    ///
    /// A [`UserError`] with the file, the line and a hint, for anything that the user can fix.
    pub fn parse(text: SourceText) -> Result<Self, UserError> {
        let document = Document::parse(&text)?;
        let toolchains = axes::toolchains(&text, &document.toolchain)?;
        let sources = axes::sources(&text, document.source)?;
        let feature_sets = axes::feature_sets(&text, document.features, &document.build)?;
        let families = families::families(&text, &document.family)?;
        let claims = claims::claims(&text, document.claim, &families)?;
        let adjustments = overrides::adjustments(&text, document.adjust, &families)?;
        let subject = document.subject.path.clone();
        let mut config = Self {
            subject,
            packages: packages::packages(&text, &document.subject)?,
            checkout: checkout::checkout(&text, document.subject)?,
            toolchains,
            sources,
            feature_sets,
            families,
            adjustments,
            claims,
            blocked: BTreeMap::new(),
            excludes: filters::excludes(&text, document.exclude)?,
            includes: filters::includes(&text, document.include)?,
            build: BuildConfig {
                profile: document.build.profile,
                debug: document.build.debug,
                codegen_units: {
                    let written = document.build.codegen_units.as_ref();
                    values::count_if_any(&text, "codegen-units", written)?
                },
                linker: document.build.linker,
                examples: document.build.examples,
                benches: document.build.benches,
                doc_tests: document.build.doc_tests,
                cap_lints: document.build.cap_lints,
            },
            timeouts: Timeouts {
                resolve: values::duration(&text, &document.timeouts.resolve)?,
                build: values::duration(&text, &document.timeouts.build)?,
                target: values::duration(&text, &document.timeouts.target)?,
                case: values::duration_if_any(&text, document.timeouts.case.as_ref())?,
                run: values::duration_if_any(&text, document.timeouts.run.as_ref())?,
            },
            environment: EnvConfig {
                set: values::variables(&text, document.env.set)?,
                pass: document.env.pass,
                secret: document.env.secret,
            },
            sandbox: sandbox::sandbox(&text, document.sandbox)?,
            run: RunOptions {
                strategy: document.run.strategy,
                exact: document.run.exact,
                today: document.run.today,
                past_blockers: false,
                probes: values::count(&text, "probes", &document.run.probes, 0)?,
                retries: values::count(&text, "retries", &document.run.retries, 0)?,
                runner: axes::runner(&text, &document.run)?,
                jobs: values::count_if_any(&text, "jobs", document.run.jobs.as_ref())?,
                lanes: values::count_if_any(&text, "lanes", document.run.lanes.as_ref())?,
                max_disk: values::disk(&text, &document.run.max_disk)?,
                locks: document.run.locks,
                baseline: document.run.baseline,
                log: None,
            },
            text,
        };
        let adjusted = config.adjustments.iter().map(|a| &a.change.env);
        for set in adjusted.chain([&config.environment.set]) {
            config.build.give_way_to(set);
        }
        filters::check(&config)?;
        Ok(config)
    }

    /// Uses one revision of the subject instead of the `[[source]]` entries.
    pub fn take_revision(&mut self, rev: &str) {
        self.sources = vec![SourceSpec {
            label: None,
            rev: Some(Spanned::new(0..0, rev.to_owned())),
            patch: None,
        }];
    }

    /// Whether the subject is taken at a revision that no source names.
    #[must_use]
    pub fn is_at_revision(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|source| source.label.is_none() && source.rev.is_some())
    }

    /// Overrides the mode in `[sandbox]`.
    pub fn take_sandbox(&mut self, mode: SandboxMode) {
        self.sandbox.mode = Spanned::new(0..0, mode);
    }

    /// The rows: toolchains, within them sources, within them feature sets.
    #[must_use]
    pub fn rows(&self) -> Vec<Arc<Row>> {
        let mut rows = Vec::new();
        for toolchain in &self.toolchains {
            for source in &self.sources {
                rows.extend(self.feature_sets.iter().map(|features| {
                    Arc::new(Row {
                        toolchain: toolchain.label.clone(),
                        source: source.label.clone(),
                        features: features.label.clone(),
                    })
                }));
            }
        }
        rows
    }

    /// The folder that paths in the file are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.text.folder()
    }

    /// The path of the baseline, if one is set. A path that is not UTF-8 counts as not set.
    #[must_use]
    pub fn baseline_file(&self) -> Option<Utf8PathBuf> {
        let file = self.folder().join(self.run.baseline.as_ref()?);
        Utf8PathBuf::from_path_buf(file).ok()
    }

    /// The subject's folder.
    #[must_use]
    pub fn subject_folder(&self) -> PathBuf {
        // Normalizes `./.` to `.`.
        self.folder()
            .join(self.subject.get_ref())
            .components()
            .collect()
    }
}

/// Returns a hint with the name closest to what the user wrote, if one is close.
#[must_use]
pub fn did_you_mean<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, names).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests;
