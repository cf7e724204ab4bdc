//! The flags of subcommands, and those that several share.

mod spread;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytesize::ByteSize;
use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueEnum};
use pinmatrix_core::config::{Network, SandboxMode, Strategy, disk_size};

pub use self::spread::{MERGE_CODES, MergeFlags, ShardFlags, SpreadFlags};
use crate::output::ci::Ci;

/// The config that is read when none is named.
pub const CONFIG: &str = "matrix.toml";

/// Flags that every subcommand takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// The config [default: matrix.toml, here or in the nearest folder above]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Use only crates and index entries that are already on this machine
    #[arg(long)]
    pub offline: bool,
    /// The folder for results [default: target/matrix beside the config]
    #[arg(long, value_name = "DIR")]
    pub out: Option<Utf8PathBuf>,
    /// Take the subject as it was at a git revision, in place of its files
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// Whether builds and tests are kept from the network and from files outside their cell
    /// [default: what the config says]
    #[arg(long, value_name = "MODE", overrides_with = "sandbox")]
    pub sandbox: Option<SandboxFlag>,
}

/// As in the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxFlag {
    /// As far as the system can
    Auto,
    /// Fully, or nothing runs
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
    /// The config's path: the one that is named, else the nearest `matrix.toml` from here up, as
    /// cargo looks for its manifest.
    pub fn config(&self) -> PathBuf {
        config(self.config.as_ref())
    }

    /// Whether the network may be used.
    pub fn network(&self) -> Network {
        match self.offline {
            true => Network::Offline,
            false => Network::Online,
        }
    }

    /// The results folder.
    ///
    /// # Errors
    ///
    /// When its path is no text.
    pub fn out(&self) -> Result<Utf8PathBuf> {
        if let Some(out) = &self.out {
            return Ok(out.clone());
        }
        results_folder(&self.config())
    }
}

/// The results folder that a config has, where none is named.
///
/// # Errors
///
/// When its path is no text.
pub fn results_folder(config: &Path) -> Result<Utf8PathBuf> {
    let folder = config.parent().unwrap_or(Path::new(""));
    let out = folder.join("target").join("matrix");
    Utf8PathBuf::try_from(out).context("read the config's path as text")
}

/// The config's path, where one may be named.
pub fn config(named: Option<&PathBuf>) -> PathBuf {
    if let Some(config) = named {
        return config.clone();
    }
    let here = std::env::current_dir().unwrap_or_default();
    let mut above = here.ancestors().map(|folder| folder.join(CONFIG));
    match above.find(|file| file.is_file()) {
        Some(file) => relative(&file, &here),
        None => PathBuf::from(CONFIG),
    }
}

/// A path as a person would write it: without the folder they stand in.
fn relative(file: &Path, here: &Path) -> PathBuf {
    file.strip_prefix(here).unwrap_or(file).to_owned()
}

/// Flags that select cells.
#[derive(Debug, Args)]
pub struct SelectionArgs {
    #[command(flatten)]
    pub flags: Flags,
    /// Only rows whose label this glob matches; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub toolchain: Vec<String>,
    /// Only pins whose version, or name, this glob matches; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub pin: Vec<String>,
    /// Only cells whose name this glob matches; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub cell: Vec<String>,
    /// Only the first and the last pin of each row: an answer in minutes
    #[arg(long, conflicts_with = "full")]
    pub ends: bool,
    /// Every cell, whatever the config's strategy says
    #[arg(long)]
    pub full: bool,
    /// Where two neighbouring pins differ, also test the releases between them, until it is exact
    #[arg(long, conflicts_with = "ends")]
    pub exact: bool,
    /// Do not add the version that the subject is on today to the pins, and do not run it where others
    /// are selected
    #[arg(long)]
    pub no_today: bool,
}

impl SelectionArgs {
    /// The strategy, where a flag chooses one.
    pub fn strategy(&self) -> Option<Strategy> {
        match (self.ends, self.full) {
            (true, _) => Some(Strategy::Ends),
            (false, true) => Some(Strategy::Full),
            (false, false) => None,
        }
    }
}

/// How much of the machine is used.
#[derive(Debug, Args)]
pub struct ParallelismArgs {
    /// How many compile jobs and test threads at a time, over all cells [default: jobs in the
    /// config, or the cores this process may use]
    #[arg(long, value_name = "N", value_parser = number)]
    pub jobs: Option<usize>,
    /// How many cells at a time [default: lanes in the config, or one for every four jobs]
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
    /// How much of the disk work folders may take, for example 40GB, or unlimited [default:
    /// max-disk in the config, or 10GB]
    #[arg(long, value_name = "SIZE", value_parser = max_disk)]
    pub max_disk: Option<MaxDisk>,
    /// Take every lock from the folder of committed locks, and fail where it does not fit
    #[arg(long)]
    pub locked: bool,
    /// Run cells again whose outcome is known, and resolve them anew
    #[arg(long)]
    pub fresh: bool,
    /// Judge the run by its cells alone, whatever the baseline expects
    #[arg(long)]
    pub no_baseline: bool,
    /// Which CI system to report to: annotations, code quality
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Ci::Auto)]
    pub ci: Ci,
    #[command(flatten)]
    pub share: ShardFlags,
}

/// How much of the disk may be taken; `None` for whatever there is.
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
    /// Plan as if nothing were known
    #[arg(long)]
    pub fresh: bool,
    #[command(flatten)]
    pub spread: SpreadFlags,
    /// How to show the plan
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// How something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Flags of a worklist.
#[derive(Debug, Args)]
pub struct WorklistFlags {
    #[command(flatten)]
    pub flags: Flags,
    /// The pin [default: the last of the ladder]
    #[arg(long, value_name = "VERSION")]
    pub pin: Option<String>,
    /// The family, where the matrix has several
    #[arg(long, value_name = "NAME")]
    pub family: Option<String>,
    /// Only rows whose toolchain this glob matches
    #[arg(long, value_name = "GLOB")]
    pub toolchain: Option<String>,
    /// Only targets that this glob matches, for example '* test:before'
    #[arg(long, value_name = "GLOB")]
    pub target: Option<String>,
    /// How to show the list
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
    /// The releases between which --dependency-commits looks [default: the ends of the ladder]
    #[arg(long, value_name = "FROM..TO", requires = "dependency_commits")]
    pub between: Option<String>,
    /// What the tags of the dependency's repository look like
    #[arg(long, value_name = "PATTERN", default_value = "v{version}")]
    pub tags: String,
    /// The toolchain to ask on [default: the first that is here]
    #[arg(long, value_name = "LABEL")]
    pub toolchain: Option<String>,
    /// The version to ask at, where the axis is not --pins [default: the last of the ladder]
    #[arg(long, value_name = "VERSION")]
    pub pin: Option<String>,
    /// The family, where the matrix has several
    #[arg(long, value_name = "NAME")]
    pub family: Option<String>,
    /// The feature set, where the matrix has several
    #[arg(long, value_name = "LABEL")]
    pub features: Option<String>,
    /// How many compile jobs and test threads at a time [default: the cores this process may use]
    #[arg(long, value_name = "N", value_parser = number)]
    pub jobs: Option<usize>,
    /// How many points at a time; lanes that are idle probe ahead [default: lanes in the config, or one for every four jobs]
    #[arg(long, value_name = "N", value_parser = number)]
    pub lanes: Option<usize>,
    /// Run cells again whose outcome is known
    #[arg(long)]
    pub fresh: bool,
    /// Take over what an earlier bisection answered, from its bisection.json
    #[arg(long, value_name = "FILE")]
    pub replay: Option<Utf8PathBuf>,
    /// Ask this one point of the axis and show what it says
    #[arg(long, value_name = "POINT")]
    pub only: Option<String>,
}

/// What is asked.
#[derive(Debug, Args)]
pub struct QuestionFlags {
    /// Whether this test passes; --target says of which target where several have it
    #[arg(long, value_name = "TEST", conflicts_with = "script")]
    pub case: Option<String>,
    /// Whether this target passes, for example 'app test:ratio' or 'ratio'
    #[arg(long, value_name = "TARGET", conflicts_with = "script")]
    pub target: Option<String>,
    /// What this program says: exit 0 good, 125 cannot tell, any other bad
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
}

/// Along which axis.
#[derive(Debug, Args)]
#[group(id = "axis", multiple = false)]
pub struct AxisFlags {
    /// Every published version from one pin to another [FROM..TO: the ends of the ladder]
    #[arg(long, value_name = "FROM..TO", num_args = 0..=1, default_missing_value = "..")]
    pub pins: Option<String>,
    /// The toolchains of the matrix, by their rustc
    #[arg(long, value_name = "FROM..TO", num_args = 0..=1, default_missing_value = "..")]
    pub toolchains: Option<String>,
    /// Commits of the subject
    #[arg(long, value_name = "GOOD..BAD")]
    pub commits: Option<String>,
    /// Commits of the family's own repository, a clone of it with its tags
    #[arg(long, value_name = "REPO")]
    pub dependency_commits: Option<PathBuf>,
}

/// Flags of cleaning.
#[derive(Debug, Args)]
pub struct CleanFlags {
    /// The config [default: matrix.toml, here or in the nearest folder above]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Forget also what is known of cells: all of them run again
    #[arg(long)]
    pub outcomes: bool,
    /// Remove everything: what is known of this subject's cells, all work folders of other subjects,
    /// and the copies of working trees
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
    /// How to show the list
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// What can be done about toolchains.
#[derive(Debug, Subcommand)]
pub enum ToolchainCommand {
    /// Get the toolchains of the matrix that are missing: through rustup, and those whose name
    /// begins with debian- from Debian's packages, beside the system and not into it
    Install,
}
