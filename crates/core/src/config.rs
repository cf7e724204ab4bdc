//! `matrix.toml`, read and checked: what a person wrote becomes values that hold.
//!
//! Everything that can be told from the file alone is told here, with the place in the file.
//! What needs the machine (toolchains, the registry, the subject) is checked by those floors, with
//! the spans kept here.

mod raw;
mod axes;
mod families;
mod overrides;
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
pub use crate::config::families::{Companions, Family, PinRange, PinRule, Pins};
pub use crate::config::filters::{CellFilter, Exclude};
pub use crate::config::overrides::{Adjustment, ExtraDependencies, Overrides, together};
use crate::config::raw::Document;
use crate::error::{SourceText, UserError, nearest};
use crate::model::cell::Row;

/// A place in `matrix.toml`, in bytes.
pub type Span = Range<usize>;

/// A checked `matrix.toml`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file and what stands in it.
    pub text: SourceText,
    /// The subject's folder, as written.
    pub subject: Spanned<String>,
    /// What of the files around it a cell gets.
    pub checkout: CheckoutConfig,
    /// The toolchains that rows are of.
    pub toolchains: Vec<ToolchainSpec>,
    /// The revisions of the subject that rows are of; at least one.
    pub sources: Vec<SourceSpec>,
    /// The feature sets that rows are of; at least one.
    pub feature_sets: Vec<FeatureSet>,
    /// The groups of columns.
    pub families: Vec<Family>,
    /// What is changed for a range of pins.
    pub adjustments: Vec<Adjustment>,
    /// What a migration plan claims.
    pub claims: Vec<Claim>,
    /// Cells that are left out, and why.
    pub excludes: Vec<Exclude>,
    /// Cells that are taken back in.
    pub includes: Vec<CellFilter>,
    /// What is built, and how.
    pub build: BuildConfig,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// What cells see of the environment.
    pub environment: EnvConfig,
    /// What builds and tests may reach of the machine.
    pub sandbox: SandboxConfig,
    /// How the run goes, unless the command line says otherwise.
    pub run: RunOptions,
}

/// What is built, and how.
#[derive(Clone, Debug)]
pub struct BuildConfig {
    /// Cargo's profile; `test` unless said, as for `cargo test`.
    pub profile: Spanned<String>,
    /// How much debug info; none unless said, since no one attaches a debugger to a cell.
    pub debug: Debug,
    /// Into how many parts rustc divides a crate; `None` for what the subject's profile says.
    pub codegen_units: Option<usize>,
    /// The linker, in place of the toolchain's own.
    pub linker: Option<Spanned<Linker>>,
    /// Whether examples without tests are compiled, as `cargo test` does.
    pub examples: bool,
    /// Whether doc tests are run.
    pub doc_tests: bool,
    /// The most that a lint of the subject may be: `warn` takes the teeth out of denied ones.
    pub cap_lints: Option<CapLints>,
}

impl BuildConfig {
    /// The flags that choose the profile, and what no variable can say of it. Cargo takes settings
    /// as flags since 1.63
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
        // An older one gives all packages line numbers.
        if self.debug == Debug::Subject {
            // Whatever is no member of the workspace.
            let others = match profile.as_str() {
                "test" => "dev",
                other => other,
            };
            flags.push(format!("--config=profile.{others}.package.\"*\".debug=0"));
        }
        flags
    }

    /// How much debug info, unless the subject's own profile is to decide.
    #[must_use]
    pub fn debug_level(&self) -> Option<u8> {
        match self.debug {
            Debug::None => Some(0),
            // Named levels are newer than 1.70; `1` means nearly the same to every cargo.
            Debug::Subject | Debug::LineTablesOnly => Some(1),
            Debug::Full => Some(2),
            Debug::Profile => None,
        }
    }

    /// A variable that stands for a key of the profile.
    /// <https://doc.rust-lang.org/cargo/reference/config.html#profile>
    #[must_use]
    pub fn variable(&self, key: &str) -> String {
        let profile = self.profile.get_ref().to_uppercase().replace('-', "_");
        format!("CARGO_PROFILE_{profile}_{key}")
    }

    /// What `[env]` or an adjustment sets of the profile comes before what `[build]` says.
    fn give_way_to(&mut self, set: &BTreeMap<String, String>) {
        if set.contains_key(&self.variable("DEBUG")) {
            self.debug = Debug::Profile;
        }
        if set.contains_key(&self.variable("CODEGEN_UNITS")) {
            self.codegen_units = None;
        }
    }
}

/// Whether a cargo takes settings as flags, where build scripts do not see them. An older one finds
/// them in its environment.
#[must_use]
pub fn takes_settings(cargo: &Version) -> bool {
    *cargo >= Version::new(1, 63, 0)
}

/// A linker that the C compiler can be asked to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linker {
    /// LLVM's.
    Lld,
    /// mold.
    Mold,
}

impl Linker {
    /// The program that has to be on the path.
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

/// A level that lints are capped at.
/// <https://doc.rust-lang.org/rustc/lints/levels.html#capping-lints>
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapLints {
    /// Lints say what they have to say, and stop nothing.
    Warn,
    /// Lints say nothing.
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

/// How much debug info is compiled in, for all packages of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Debug {
    /// None: the least to compile and to link.
    None,
    /// Line numbers in backtraces for the subject's own packages, and none for others.
    Subject,
    /// Enough for line numbers in backtraces.
    LineTablesOnly,
    /// What a debugger wants.
    Full,
    /// Whatever the subject's profile says.
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

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Resolve and fetch, per command.
    pub resolve: Duration,
    /// The build of a cell.
    pub build: Duration,
    /// All of one target's tests.
    pub target: Duration,
    /// One test; `None` for no limit but that of its target.
    pub case: Option<Duration>,
    /// All of a run; `None` for as long as it takes.
    pub run: Option<Duration>,
}

/// What cells see of the environment beyond a short list that every build needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvConfig {
    /// Variables set for every cell.
    pub set: BTreeMap<String, String>,
    /// Variables let through from outside.
    pub pass: Vec<String>,
    /// Variables whose values must not be written down, besides those whose names say so.
    pub secret: Vec<String>,
}

/// How the run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Which cells run.
    pub strategy: Strategy,
    /// Whether what lies between two pins of the ladder that differ is looked at too.
    pub exact: bool,
    /// Whether the version that the subject is on today is a pin of each ladder, and runs whatever else
    /// does.
    pub today: bool,
    /// How many cells strategy `frontier` runs inside a row whose ends agree.
    pub probes: usize,
    /// How often a case that failed is run again; one that then passes is flaky.
    pub retries: usize,
    /// Compile jobs and test threads at a time; `None` lets the machine decide.
    pub jobs: Option<usize>,
    /// Cells at a time; `None` lets the jobs decide.
    pub lanes: Option<usize>,
    /// How much of the disk work folders may take; `None` for whatever there is.
    pub max_disk: Option<ByteSize>,
    /// A folder of committed locks, relative to `matrix.toml`.
    pub locks: Option<PathBuf>,
    /// The committed baseline, relative to `matrix.toml`.
    pub baseline: Option<PathBuf>,
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
    /// Checks the text of a `matrix.toml`.
    ///
    /// # Errors
    ///
    /// A [`UserError`] that names file, line and what to do, for anything that a person can mend.
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
            checkout: checkout::checkout(&text, document.subject)?,
            toolchains,
            sources,
            feature_sets,
            families,
            adjustments,
            claims,
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
                probes: values::count(&text, "probes", &document.run.probes, 0)?,
                retries: values::count(&text, "retries", &document.run.retries, 0)?,
                jobs: values::count_if_any(&text, "jobs", document.run.jobs.as_ref())?,
                lanes: values::count_if_any(&text, "lanes", document.run.lanes.as_ref())?,
                max_disk: values::disk(&text, &document.run.max_disk)?,
                locks: document.run.locks,
                baseline: document.run.baseline,
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

    /// Takes the subject as it was at a revision, in place of what `[[source]]` says.
    pub fn take_revision(&mut self, rev: &str) {
        self.sources = vec![SourceSpec {
            label: None,
            rev: Some(Spanned::new(0..0, rev.to_owned())),
            patch: None,
        }];
    }

    /// Whether the subject is taken as it was at a revision that no source names.
    #[must_use]
    pub fn is_at_revision(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|source| source.label.is_none() && source.rev.is_some())
    }

    /// Bounds builds and tests in another way than `[sandbox]` says.
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

    /// Where the baseline stands, if one is named. A path that is no text names none.
    #[must_use]
    pub fn baseline_file(&self) -> Option<Utf8PathBuf> {
        let file = self.folder().join(self.run.baseline.as_ref()?);
        Utf8PathBuf::from_path_buf(file).ok()
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

/// Picks what a person meant from the names there are, for a hint.
#[must_use]
pub fn did_you_mean<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, names).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests;
