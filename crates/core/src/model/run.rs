//! A run: the whole matrix with the state of every cell. This is the content of `run.json`, and
//! every report is a pure function of it.

pub mod between;
pub mod bisection;
pub mod findings;
pub mod gaps;
pub mod shard;
pub mod timeline;
pub mod verdict;
pub mod version_set;
pub mod reproducibility;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::cell::{Cell, CellId, Pin, PinnedAt, Row};
use crate::model::outcome::Outcome;
use crate::model::run::findings::Findings;
use crate::model::run::shard::Shard;
use crate::model::run::timeline::LaneSpan;
use crate::model::run::version_set::VersionSet;
use crate::model::status::{FailureKind, SkipReason, Status};

pub use self::rows::{SourceRecord, SubjectRecord, ToolchainRecord};

/// The schema version of `run.json`. Raise it whenever a reader of the previous version would
/// misread the file.
pub const SCHEMA: u32 = 2;

/// One run of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// When the run started, in seconds since the Unix epoch.
    pub started: u64,
    /// Wall time in seconds so far.
    pub seconds: f64,
    /// False while the run is in progress, and forever if it was killed.
    pub finished: bool,
    /// The command that repeats this run, which starts with `cargo xtask matrix` or
    /// `cargo pinmatrix`.
    pub command: String,
    /// The results folder, as a user would type it.
    pub out: String,
    /// The shard of the plan that this run covers, if the plan is divided among machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The revisions of the subject that the rows use.
    pub sources: Vec<SourceRecord>,
    /// The one cargo that resolved all cells.
    pub resolver: String,
    /// The toolchains, in the order of `matrix.toml`.
    pub toolchains: Vec<ToolchainRecord>,
    /// The families, in the order of `matrix.toml`.
    pub families: Vec<FamilyRecord>,
    /// All cells of the matrix, in plan order: rows within families.
    pub cells: Vec<CellRecord>,
    /// What each lane did when.
    #[serde(default)]
    pub timeline: Vec<LaneSpan>,
    /// The findings from all of the above and from `matrix.toml`.
    #[serde(default)]
    pub findings: Findings,
}

/// A crate of a family that a `[patch]` of the subject replaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PatchRecord {
    /// The label of the `[[source]]`; `None` if the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The crate.
    pub package: String,
    /// The pin at which the patch holds, since the subject is on that version of it today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_at: Option<Version>,
}

/// One family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyRecord {
    /// The family's name.
    pub name: String,
    /// The crates that move in lockstep.
    pub crates: Vec<String>,
    /// The ladder's rungs.
    pub pins: Vec<Pin>,
    /// All versions from its first pin to its last that are published for every crate and not
    /// yanked, with pre-releases if a pin is one. Only the rungs if the registry does not list
    /// versions.
    #[serde(default)]
    pub published: Vec<Version>,
    /// Versions from its first pin to its last that are published but unusable for every cell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<Unusable>,
    /// Versions from its first pin to its last that are yanked and not pins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yanked: Vec<Version>,
    /// The crates whose published versions are unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<String>,
    /// By version, the rustc that the family's crates declare, if any does: the newest of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub declared: BTreeMap<Version, Version>,
    /// The version that each revision of the subject is on today, if known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub todays: Vec<TodayRecord>,
    /// The versions in `todays` that are pins only because of that: the config does not name them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub added: BTreeSet<Version>,
    /// What `[[adjust]]` changes at which pins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjusted: Vec<Adjusted>,
    /// The versions that its followers have at each of its versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<VersionSet>,
    /// The crates whose versions in the locks are shown beside the pins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
    /// A hash of what the index says of the crates and followers; `None` if it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// By crate, the pins at which it is not yet published, or no longer, and not required.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub absent: BTreeMap<String, Vec<Version>>,
    /// The crates of the family that a `[patch]` of the subject replaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patched: Vec<PatchRecord>,
    /// The members of the subject that are neither built nor tested for it, at any revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_selected: Vec<String>,
}

/// The version that a revision of the subject is on today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TodayRecord {
    /// The `[[source]]` label; `None` if the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The version of the family in the revision's own lock, or else the one that a fresh lock
    /// would pick.
    pub version: Version,
    /// True if the version comes from a fresh lock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_fresh: bool,
}

/// The changes to the copy of the subject at one pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjusted {
    /// The pin.
    pub at: PinnedAt,
    /// The changes, as text: `features of gadget`.
    pub changes: Vec<String>,
}

/// A version that is published and not yanked, but that no lock can pin a family to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unusable {
    /// The version.
    pub version: Version,
    /// The family's crates that have this version.
    pub crates: Vec<String>,
    /// What is wrong with the other crates.
    pub why: String,
}

/// `alpha 4.0.0 cannot be used: alpha-ext has no 4.0.0`
impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, why, .. } = self;
        match self.crates.as_slice() {
            [] => write!(f, "{version} cannot be used: {why}"),
            crates => write!(f, "{} {version} cannot be used: {why}", crates.join(", ")),
        }
    }
}

impl FamilyRecord {
    /// Whether a cell is at the version that its revision of the subject is on today.
    #[must_use]
    pub fn is_today(&self, cell: &Cell) -> bool {
        let is_of_row = |today: &&TodayRecord| today.source == cell.row.source;
        let today = self.todays.iter().find(is_of_row);
        today.is_some_and(|today| cell.pin.at.version() == Some(&today.version))
    }

    /// Whether a pin exists only because the subject is on it today.
    #[must_use]
    pub fn is_added(&self, at: &PinnedAt) -> bool {
        at.version()
            .is_some_and(|version| self.added.contains(version))
    }

    /// All pins that cells can have, in ladder order: unreleased ones come last.
    #[must_use]
    pub fn all(&self) -> Vec<PinnedAt> {
        let published = self.published.iter().cloned().map(PinnedAt::from);
        let pins = self.pins.iter().map(|pin| pin.at.clone());
        let released: BTreeSet<PinnedAt> = pins
            .clone()
            .filter(|pin| pin.version().is_some())
            .chain(published)
            .collect();
        let unreleased = pins.filter(|pin| pin.version().is_none());
        released.into_iter().chain(unreleased).collect()
    }
}

/// One cell and its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// The cell's name.
    pub id: CellId,
    /// The row and the pin.
    #[serde(flatten)]
    pub cell: Cell,
    /// The state.
    #[serde(flatten)]
    pub state: State,
}

/// The state of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Planned, but not ended yet.
    Pending,
    /// Skipped on purpose.
    Skipped {
        /// The reason.
        reason: SkipReason,
    },
    /// Ended, in this run or an earlier one.
    Ended {
        /// True if the outcome comes from an earlier run.
        reused: bool,
        /// The evidence.
        outcome: Box<Outcome>,
    },
}

impl CellRecord {
    /// The cell's status; a cell that never ended is skipped as not begun.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.state {
            State::Pending => Status::Skipped {
                reason: SkipReason::NotBegun,
            },
            State::Skipped { reason } => Status::Skipped {
                reason: reason.clone(),
            },
            State::Ended { outcome, .. } => outcome.status.clone(),
        }
    }

    /// True if nobody ran it and its neighbours agree.
    #[must_use]
    pub fn is_inferred(&self) -> bool {
        let inferred = State::Skipped {
            reason: SkipReason::Inferred,
        };
        self.state == inferred
    }

    /// True if the command line excluded it.
    fn is_unselected(&self) -> bool {
        match &self.state {
            State::Skipped { reason } => match reason {
                SkipReason::NotSelected(_) | SkipReason::NotAnEnd | SkipReason::OtherShard => true,
                SkipReason::ToolchainMissing
                | SkipReason::Excluded(_)
                | SkipReason::Blocked(_)
                | SkipReason::BetweenRungs
                | SkipReason::Inferred
                | SkipReason::Ignored
                | SkipReason::NotReached
                | SkipReason::NotBegun
                | SkipReason::NothingToTest
                | SkipReason::RequiredFeatures(_)
                | SkipReason::Built(_) => false,
            },
            State::Pending | State::Ended { .. } => false,
        }
    }

    /// The evidence, if it ended.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Ended { outcome, .. } => Some(outcome),
            State::Pending | State::Skipped { .. } => None,
        }
    }
}

/// The number of cells by status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cells that passed.
    pub passed: usize,
    /// Cells that failed, including those that failed through drift.
    pub failed: usize,
    /// Cells that failed only through drift, which says nothing about their pin.
    pub drift: usize,
    /// Inconclusive cells.
    pub inconclusive: usize,
    /// Skipped cells, by reason.
    pub skipped: BTreeMap<SkipReason, usize>,
    /// Cells with an outcome from an earlier run.
    pub reused: usize,
    /// Cases that failed before they passed.
    pub flaky: usize,
}

impl Run {
    /// A short title: the subject's folder, or the families if the folder is just `.`.
    #[must_use]
    pub fn title(&self) -> String {
        let path = self.sources.first().map(|s| s.subject.path.as_str());
        match path.unwrap_or_default() {
            "" | "." => {
                let names = self.families.iter().map(|family| family.name.as_str());
                names.collect::<Vec<_>>().join(", ")
            }
            path => path.to_owned(),
        }
    }

    /// The toolchain of a row.
    #[must_use]
    pub fn toolchain(&self, row: &Row) -> Option<&ToolchainRecord> {
        let mut toolchains = self.toolchains.iter();
        toolchains.find(|toolchain| toolchain.label == row.toolchain)
    }

    /// The platform that a row builds for; `None` for the host. What compiles on one says nothing
    /// about another.
    #[must_use]
    pub fn platform(&self, row: &Row) -> Option<&str> {
        self.toolchain(row)?.target.as_deref()
    }

    /// The release of a row's rustc, parsed from the output of `rustc -V`.
    #[must_use]
    pub fn rustc(&self, row: &Row) -> Option<Version> {
        let release = self
            .toolchain(row)?
            .rustc
            .as_deref()?
            .split_whitespace()
            .nth(1)?;
        let mut version = Version::parse(release).ok()?;
        version.pre = semver::Prerelease::EMPTY;
        Some(version)
    }

    /// The rustc that the family declares at a cell's pin, if the row's rustc is older.
    #[must_use]
    pub fn too_new(&self, cell: &Cell) -> Option<&Version> {
        let family = self.families.iter().find(|f| f.name == cell.pin.family)?;
        let declared = family.declared.get(cell.pin.at.version()?)?;
        let rustc = self.rustc(&cell.row)?;
        Some(declared).filter(|declared| **declared > rustc)
    }

    /// The cells of a family by row, each row in ladder order.
    #[must_use]
    pub fn rows(&self, family: &FamilyRecord) -> Vec<Vec<&CellRecord>> {
        let of_family = self
            .cells
            .iter()
            .filter(|c| c.cell.pin.family == family.name);
        let of_family: Vec<&CellRecord> = of_family.collect();
        let rows = of_family.chunk_by(|a, b| a.cell.row == b.cell.row);
        rows.map(<[&CellRecord]>::to_vec).collect()
    }

    /// The rows that a run covers completely, by family and row name: some of their cells ran, and
    /// no selection excluded any.
    #[must_use]
    pub fn whole_rows(&self) -> BTreeSet<(String, String)> {
        let mut whole = BTreeSet::new();
        for family in &self.families {
            for row in self.rows(family) {
                let is_partial = row.iter().any(|record| record.is_unselected());
                let ran = row.iter().find(|record| record.outcome().is_some());
                if let Some(record) = ran.filter(|_| !is_partial) {
                    whole.insert((family.name.clone(), record.cell.row.to_string()));
                }
            }
        }
        whole
    }

    /// The versions of the followers at a pin, if its family has any.
    #[must_use]
    pub fn set_of(&self, pin: &Pin) -> Option<&VersionSet> {
        let family = self.families.iter().find(|f| f.name == pin.family)?;
        let mut sets = family.sets.iter();
        sets.find(|set| pin.at.version() == Some(&set.version))
    }

    /// True for a shard that contains no cell.
    #[must_use]
    pub fn is_empty_shard(&self) -> bool {
        let is_elsewhere = |record: &CellRecord| {
            let is_excluded = |reason: &SkipReason| {
                matches!(reason, SkipReason::Excluded(_) | SkipReason::Blocked(_))
            };
            let is_excluded = match &record.state {
                State::Skipped { reason } => is_excluded(reason),
                State::Pending | State::Ended { .. } => false,
            };
            is_excluded || record.is_unselected()
        };
        self.shard.is_some() && self.cells.iter().all(is_elsewhere)
    }

    /// Removes pins between rungs that no row looked at.
    pub fn drop_unused_pins(&mut self) {
        let mut used: BTreeSet<_> = self.families.iter().flat_map(|f| f.pins.clone()).collect();
        let ended = self
            .cells
            .iter()
            .filter(|record| record.outcome().is_some());
        used.extend(ended.map(|record| record.cell.pin.as_ref().clone()));
        self.cells.retain(|record| used.contains(&*record.cell.pin));
    }

    /// Counts the cells by status.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for cell in &self.cells {
            match cell.status() {
                Status::Passed => counts.passed += 1,
                Status::Failed { class } => {
                    counts.failed += 1;
                    counts.drift += usize::from(class == FailureKind::Drift);
                }
                Status::Inconclusive { .. } => counts.inconclusive += 1,
                Status::Skipped { reason } => *counts.skipped.entry(reason).or_default() += 1,
            }
            if matches!(cell.state, State::Ended { reused: true, .. }) {
                counts.reused += 1;
            }
            let targets = cell.outcome().into_iter().flat_map(|o| &o.targets);
            let cases = targets.flat_map(|target| &target.cases);
            counts.flaky += cases.filter(|case| case.flaky.is_some()).count();
        }
        counts
    }
}
