//! The flags of subcommands, and flags that several of them share.

mod sharding;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytesize::ByteSize;
use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueEnum};
use pinmatrix_core::config::{Network, SandboxMode, Strategy, disk_size};
use pinmatrix_core::text::shell_word;

pub use self::sharding::{MERGE_CODES, MergeFlags, ShardFlags, ShardingFlags};
use crate::output::ci::Ci;

/// The name of the config that is used by default.
pub const CONFIG: &str = "matrix.toml";

/// Flags that every subcommand takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// The config file [default: matrix.toml, here or in the nearest parent folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Use only crates and index entries that are already on this machine
    #[arg(long)]
    pub offline: bool,
    /// The results folder [default: target/matrix beside the config]
    #[arg(long, value_name = "DIR")]
    pub out: Option<Utf8PathBuf>,
    /// Use the subject as of a git revision instead of its current files
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// Whether to keep builds and tests from the network and from files outside their cell
    /// [default: as in the config]
    #[arg(long, value_name = "MODE", overrides_with = "sandbox")]
    pub sandbox: Option<SandboxFlag>,
    /// Build and test only the packages whose name matches this glob, whatever the config selects or
    /// excludes; can be repeated [default: as in the config]
    #[arg(long, short, value_name = "GLOB", conflicts_with = "workspace")]
    pub package: Vec<String>,
    /// Leave out the packages whose name matches this glob; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Build and test every package of the workspace, whatever the config selects
    #[arg(long)]
    pub workspace: bool,
    /// Also build pins that a follower of the family does not go with yet, with two copies of a crate
    #[arg(long)]
    pub past_blockers: bool,
}

/// The sandbox mode, as in the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxFlag {
    /// As far as the system supports it
    Auto,
    /// Completely, or nothing runs
    Required,
    /// Not at all
    Off,
}

impl From<SandboxFlag> for SandboxMode {
    fn from(flag: SandboxFlag) -> Self {
        match flag {
            SandboxFlag::Auto => Self::Auto,
            SandboxFlag::Required => Self::Required,
            SandboxFlag::Off => Self::Off,
        }
    }
}

impl Flags {
    /// Returns the config's path: the one that is given, or else the nearest `matrix.toml` in this
    /// folder or a parent, as cargo finds its manifest.
    pub fn config(&self) -> PathBuf {
        config(self.config.as_ref())
    }

    /// Whether the network may be used.
    pub fn network(&self) -> Network {
        if self.offline {
            Network::Offline
        } else {
            Network::Online
        }
    }

    /// Returns the flags that affect a result, as a person would write them behind a subcommand:
    /// all but the config and the results folder.
    pub fn words(&self) -> String {
        let mut words = String::new();
        if let Some(mode) = self.sandbox.and_then(|mode| mode.to_possible_value()) {
            words.push_str(&format!(" --sandbox {}", mode.get_name()));
        }
        if let Some(rev) = &self.rev {
            words.push_str(&format!(" --rev {}", shell_word(rev)));
        }
        for glob in &self.package {
            words.push_str(&format!(" --package {}", shell_word(glob)));
        }
        for glob in &self.exclude {
            words.push_str(&format!(" --exclude {}", shell_word(glob)));
        }
        let switches = [
            (self.workspace, " --workspace"),
            (self.past_blockers, " --past-blockers"),
            (self.offline, " --offline"),
        ];
        let switches = switches.into_iter().filter(|(is_set, _)| *is_set);
        words.extend(switches.map(|(_, word)| word));
        words
    }

    /// Returns the results folder.
    ///
    /// # Errors
    ///
    /// Returns an error if its path is not UTF-8.
    pub fn out(&self) -> Result<Utf8PathBuf> {
        if let Some(out) = &self.out {
            return Ok(out.clone());
        }
        results_folder(&self.config())
    }
}

/// Returns the default results folder of a config.
///
/// # Errors
///
/// Returns an error if its path is not UTF-8.
pub fn results_folder(config: &Path) -> Result<Utf8PathBuf> {
    let folder = config.parent().unwrap_or(Path::new(""));
    let out = folder.join("target").join("matrix");
    Utf8PathBuf::try_from(out).context("read the config's path as text")
}

/// Returns the config's path, which is `named` if that is given.
pub fn config(named: Option<&PathBuf>) -> PathBuf {
    if let Some(config) = named {
        return config.clone();
    }
    let current = std::env::current_dir().unwrap_or_default();
    let mut above = current.ancestors().map(|folder| folder.join(CONFIG));
    match above.find(|file| file.is_file()) {
        Some(file) => relative(&file, &current),
        None => PathBuf::from(CONFIG),
    }
}

/// Shortens a path as a person would, by leaving out the current folder.
fn relative(file: &Path, current: &Path) -> PathBuf {
    file.strip_prefix(current).unwrap_or(file).to_owned()
}

/// Flags that select cells.
#[derive(Debug, Args)]
pub struct SelectionArgs {
    #[command(flatten)]
    pub flags: Flags,
    /// Only rows whose label matches this glob; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub toolchain: Vec<String>,
    /// Only pins whose version or name matches this glob; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub pin: Vec<String>,
    /// Only cells whose name matches this glob; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub cell: Vec<String>,
    /// Only the first and the last pin of each row, for an answer in minutes
    #[arg(long, conflicts_with = "full")]
    pub ends: bool,
    /// Every cell, whatever the config's strategy is
    #[arg(long)]
    pub full: bool,
    /// Where two neighbouring pins differ, also test the releases between them until the change is
    /// exact
    #[arg(long, conflicts_with = "ends")]
    pub exact: bool,
    /// Do not add the version that the subject is on today to the pins, and do not run it when
    /// others are selected
    #[arg(long)]
    pub no_today: bool,
}

impl SelectionArgs {
    /// Returns the strategy, if a flag selects one.
    pub fn strategy(&self) -> Option<Strategy> {
        match (self.ends, self.full) {
            (true, _) => Some(Strategy::Ends),
            (false, true) => Some(Strategy::Full),
            (false, false) => None,
        }
    }
}

/// Flags that limit how much of the machine is used.
#[derive(Debug, Args)]
pub struct ParallelismArgs {
    /// How many compile jobs and test threads run at a time, over all cells [default: jobs in the
    /// config, or the cores this process may use]
    #[arg(long, value_name = "N", value_parser = number)]
    pub jobs: Option<usize>,
    /// How many cells run at a time [default: lanes in the config, or one for every four jobs]
    #[arg(long, value_name = "N", value_parser = number)]
    pub lanes: Option<usize>,
}

/// Flags of a run.
#[derive(Debug, Args)]
pub struct RunFlags {
    #[command(flatten)]
    pub selecting: SelectionArgs,
    #[command(flatten)]
    pub load: ParallelismArgs,
    /// How much disk space the work folders may use, for example 40GB, or unlimited [default:
    /// max-disk in the config, or 10GB]
    #[arg(long, value_name = "SIZE", value_parser = max_disk)]
    pub max_disk: Option<MaxDisk>,
    /// Take every lock from the folder of committed locks, and fail if one does not fit
    #[arg(long)]
    pub locked: bool,
    /// Run cells again whose outcome is already known, and resolve them again
    #[arg(long)]
    pub fresh: bool,
    /// Judge the run by its cells alone, ignoring the baseline
    #[arg(long)]
    pub no_baseline: bool,
    /// The CI system to report to, with annotations or a code quality report
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Ci::Auto)]
    pub ci: Ci,
    #[command(flatten)]
    pub share: ShardFlags,
}

/// The limit for disk usage; `None` means unlimited.
#[derive(Clone, Copy, Debug)]
pub struct MaxDisk(pub Option<ByteSize>);

fn max_disk(written: &str) -> Result<MaxDisk, String> {
    disk_size(written).map(MaxDisk)
}

fn number(written: &str) -> Result<usize, String> {
    match written.parse() {
        Ok(n) if (1..=1024).contains(&n) => Ok(n),
        Ok(_) | Err(_) => Err("a number from 1 to 1024".to_owned()),
    }
}

/// Flags of a plan.
#[derive(Debug, Args)]
pub struct PlanFlags {
    #[command(flatten)]
    pub selecting: SelectionArgs,
    /// Plan as a run with --locked would
    #[arg(long)]
    pub locked: bool,
    /// Plan as if no outcome were known
    #[arg(long)]
    pub fresh: bool,
    #[command(flatten)]
    pub sharding: ShardingFlags,
    /// The output format of the plan
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// The format of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Flags of a forecast.
#[derive(Debug, Args)]
pub struct ForecastFlags {
    #[command(flatten)]
    pub flags: Flags,
    /// The family [default: all]
    #[arg(long, value_name = "NAME")]
    pub family: Option<String>,
    /// Only targets that match this glob, for example '* test:before'
    #[arg(long, value_name = "GLOB")]
    pub target: Option<String>,
    /// Read every published version between the ends of the ladder
    #[arg(long)]
    pub all_versions: bool,
    /// The output format of the forecast
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// Flags of a worklist.
#[derive(Debug, Args)]
pub struct WorklistFlags {
    #[command(flatten)]
    pub flags: Flags,
    /// The pin [default: the last of the ladder]
    #[arg(long, value_name = "VERSION")]
    pub pin: Option<String>,
    /// The family, if the matrix has several
    #[arg(long, value_name = "NAME")]
    pub family: Option<String>,
    /// Only rows whose toolchain matches this glob
    #[arg(long, value_name = "GLOB")]
    pub toolchain: Option<String>,
    /// Only targets that match this glob, for example '* test:before'
    #[arg(long, value_name = "GLOB")]
    pub target: Option<String>,
    /// The output format of the list
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// Flags of a bisection.
#[derive(Debug, Args)]
pub struct BisectFlags {
    #[command(flatten)]
    pub flags: Flags,
    #[command(flatten)]
    pub question: QuestionFlags,
    #[command(flatten)]
    pub axis: AxisFlags,
    /// The releases between which --dependency-commits searches [default: the ends of the ladder]
    #[arg(long, value_name = "FROM..TO", requires = "dependency_commits")]
    pub between: Option<String>,
    /// The pattern of the tags in the dependency's repository
    #[arg(long, value_name = "PATTERN", default_value = "v{version}")]
    pub tags: String,
    /// The toolchain to test with [default: the first that is available]
    #[arg(long, value_name = "LABEL")]
    pub toolchain: Option<String>,
    /// The version to test, if the axis is not --pins [default: the last of the ladder]
    #[arg(long, value_name = "VERSION")]
    pub pin: Option<String>,
    /// The family, if the matrix has several
    #[arg(long, value_name = "NAME")]
    pub family: Option<String>,
    /// The feature set, if the matrix has several
    #[arg(long, value_name = "LABEL")]
    pub features: Option<String>,
    /// How many compile jobs and test threads run at a time [default: the cores this process may
    /// use]
    #[arg(long, value_name = "N", value_parser = number)]
    pub jobs: Option<usize>,
    /// How many points run at a time; idle lanes probe ahead [default: lanes in the config, or one
    /// for every four jobs]
    #[arg(long, value_name = "N", value_parser = number)]
    pub lanes: Option<usize>,
    /// Run cells again whose outcome is already known
    #[arg(long)]
    pub fresh: bool,
    /// Reuse the answers of an earlier bisection, from its bisection.json
    #[arg(long, value_name = "FILE")]
    pub replay: Option<Utf8PathBuf>,
    /// Test only this point of the axis and show its answer
    #[arg(long, value_name = "POINT")]
    pub only: Option<String>,
}

/// The question to ask.
#[derive(Debug, Args)]
pub struct QuestionFlags {
    /// Whether this test passes; --target selects the target if several have it
    #[arg(long, value_name = "TEST", conflicts_with = "script")]
    pub case: Option<String>,
    /// Whether this target passes, for example 'app test:ratio' or 'ratio'
    #[arg(long, value_name = "TARGET", conflicts_with = "script")]
    pub target: Option<String>,
    /// What this program decides: exit code 0 means good, 125 cannot tell, any other bad
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
}

/// The axis to search.
#[derive(Debug, Args)]
#[group(id = "axis", multiple = false)]
pub struct AxisFlags {
    /// Every published version from one pin to another [FROM..TO: the ends of the ladder]
    #[arg(long, value_name = "FROM..TO", num_args = 0..=1, default_missing_value = "..")]
    pub pins: Option<String>,
    /// The toolchains of the matrix, ordered by their rustc
    #[arg(long, value_name = "FROM..TO", num_args = 0..=1, default_missing_value = "..")]
    pub toolchains: Option<String>,
    /// Commits of the subject
    #[arg(long, value_name = "GOOD..BAD")]
    pub commits: Option<String>,
    /// Commits of the family's own repository, given as a clone with its tags
    #[arg(long, value_name = "REPO")]
    pub dependency_commits: Option<PathBuf>,
}

/// Flags of cleaning.
#[derive(Debug, Args)]
pub struct CleanFlags {
    /// The config file [default: matrix.toml, here or in the nearest parent folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Show what would be removed, without removing anything
    #[arg(long)]
    pub dry_run: bool,
    /// Also forget the known outcomes, so that all cells run again
    #[arg(long)]
    pub outcomes: bool,
    /// Remove everything: the known outcomes of this subject, all work folders of other
    /// subjects, and the copies of working trees
    #[arg(long)]
    pub all_subjects: bool,
}

/// Flags about toolchains.
#[derive(Debug, Args)]
pub struct ToolchainFlags {
    #[command(flatten)]
    pub flags: Flags,
    #[command(subcommand)]
    pub what: Option<ToolchainCommand>,
    /// The output format of the list
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// The subcommands about toolchains.
#[derive(Debug, Subcommand)]
pub enum ToolchainCommand {
    /// Install the missing toolchains of the matrix: through rustup or, if the name begins with
    /// debian-, from Debian's packages, without changing the system
    Install,
}
