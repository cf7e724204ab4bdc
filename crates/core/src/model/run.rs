//! A run: the whole matrix with what is known of every cell. This is what `run.json` holds, and
//! every report is a pure function of it.

pub mod between;
pub mod bisection;
pub mod findings;
pub mod gaps;
pub mod shard;
pub mod timeline;
pub mod verdict;
pub mod reproducibility;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::cell::{Cell, CellId, Pin, PinSource, Row};
use crate::model::outcome::Outcome;
use crate::model::run::findings::Findings;
use crate::model::run::shard::Shard;
use crate::model::run::timeline::LaneSpan;
use crate::model::status::{FailureKind, SkipReason, Status};

/// The version of `run.json`'s form. Raised whenever a reader of the last form would misread it.
pub const SCHEMA: u32 = 2;

/// One run of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When it began, in seconds since the Unix epoch.
    pub started: u64,
    /// Wall time in seconds so far.
    pub seconds: f64,
    /// False while it runs, and for ever if it was killed.
    pub finished: bool,
    /// The words that repeat this run's program: `cargo xtask matrix` or `cargo pinmatrix`.
    pub command: String,
    /// The results folder, as a person would type it.
    pub out: String,
    /// The share of its plan that it is, where it is one of several machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What is under migration: each revision of it that rows are of.
    pub sources: Vec<SourceRecord>,
    /// The one cargo that resolved all cells.
    pub resolver: String,
    /// The toolchains, in the order of `matrix.toml`.
    pub toolchains: Vec<ToolchainRecord>,
    /// The columns, in the order of `matrix.toml`.
    pub families: Vec<FamilyRecord>,
    /// Every cell of the matrix, in plan order: rows within families.
    pub cells: Vec<CellRecord>,
    /// Where the time went, lane by lane.
    #[serde(default)]
    pub timeline: Vec<LaneSpan>,
    /// What follows from all of that and from what `matrix.toml` asks.
    #[serde(default)]
    pub findings: Findings,
}

/// One revision of what is under migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The label of its `[[source]]`; none where the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub subject: SubjectRecord,
}

/// What is under migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectRecord {
    /// The workspace's folder, as `matrix.toml` names it.
    pub path: String,
    /// A hash of all its files.
    pub content: String,
    /// The commit it is at, where it is kept in git.
    pub revision: Option<String>,
    /// True when it has uncommitted changes.
    pub dirty: bool,
    /// The workspace's folder within the git repository that it is in, with `/`; empty where it is
    /// the top, and none where there is no repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// One toolchain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolchainRecord {
    /// The label in `matrix.toml`.
    pub label: String,
    /// Where it was found; `None` when it is not on this machine.
    pub source: Option<String>,
    /// `rustc -V`.
    pub rustc: Option<String>,
    /// `cargo -V`; it can be of another version than rustc.
    pub cargo: Option<String>,
}

/// One group of columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyRecord {
    /// The family's name.
    pub name: String,
    /// The crates in lockstep.
    pub crates: Vec<String>,
    /// The ladder's rungs.
    pub pins: Vec<Pin>,
    /// All versions from its first pin to its last that are published for every crate and not
    /// yanked; pre-releases where a pin is one. Nothing but the rungs where the registry does not
    /// tell.
    #[serde(default)]
    pub published: Vec<Version>,
    /// Versions from its first pin to its last that are published and that no cell can be at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<Unusable>,
    /// Versions from its first pin to its last that were withdrawn and are no pins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yanked: Vec<Version>,
    /// The crates of which it is not known what is published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<String>,
    /// The rustc that its crates declare at those, where any does: the newest of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub declared: BTreeMap<Version, Version>,
    /// What each revision of the subject is on today, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub todays: Vec<TodayRecord>,
    /// The versions of these that are pins for no other reason: the config does not name them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub added: BTreeSet<Version>,
    /// What `[[adjust]]` changes at which of its pins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjusted: Vec<Adjusted>,
}

/// What a revision of the subject is on today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TodayRecord {
    /// The label of its `[[source]]`; none where the matrix has no such axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The version of the family that its own lock holds, or else that a fresh one would.
    pub version: Version,
    /// Whether no lock holds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_fresh: bool,
}

/// What is changed in the copy of the subject at one pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjusted {
    /// The pin.
    pub at: PinSource,
    /// What is changed, in words: `features of gadget`.
    pub changes: Vec<String>,
}

/// A version that is published and not withdrawn, and that no lock can hold a family at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unusable {
    /// The version.
    pub version: Version,
    /// The crates of the family that have it.
    pub crates: Vec<String>,
    /// What is wrong with the others.
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

    /// Whether a pin is one only since the subject is on it today.
    #[must_use]
    pub fn is_added(&self, at: &PinSource) -> bool {
        at.version()
            .is_some_and(|version| self.added.contains(version))
    }

    /// All pins that cells can be at, in the order of the ladder: what is not released comes last.
    #[must_use]
    pub fn all(&self) -> Vec<PinSource> {
        let published = self.published.iter().cloned().map(PinSource::from);
        let pins = self.pins.iter().map(|pin| pin.at.clone());
        let released: BTreeSet<PinSource> = pins
            .clone()
            .filter(|at| at.version().is_some())
            .chain(published)
            .collect();
        let unreleased = pins.filter(|at| at.version().is_none());
        released.into_iter().chain(unreleased).collect()
    }
}

/// One cell with what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// The cell's name.
    pub id: CellId,
    /// Its place.
    #[serde(flatten)]
    pub cell: Cell,
    /// How far it is.
    #[serde(flatten)]
    pub state: State,
}

/// How far a cell is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Planned and not ended yet.
    Pending,
    /// Left out on purpose.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// Ended, in this run or in an earlier one.
    Ended {
        /// True when an earlier run's outcome was taken over.
        reused: bool,
        /// The evidence.
        outcome: Box<Outcome>,
    },
}

impl CellRecord {
    /// The cell's status; a cell that never ended is in doubt.
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

    /// True when no one ran it, and its neighbours agree.
    #[must_use]
    pub fn is_inferred(&self) -> bool {
        let inferred = State::Skipped {
            reason: SkipReason::Inferred,
        };
        self.state == inferred
    }

    /// True when the command line left it out.
    fn is_unselected(&self) -> bool {
        match &self.state {
            State::Skipped { reason } => match reason {
                SkipReason::NotSelected(_) | SkipReason::NotAnEnd | SkipReason::OtherShard => true,
                SkipReason::ToolchainMissing
                | SkipReason::Excluded(_)
                | SkipReason::BetweenRungs
                | SkipReason::Inferred
                | SkipReason::Ignored
                | SkipReason::NotReached
                | SkipReason::NotBegun
                | SkipReason::NothingToTest
                | SkipReason::RequiredFeatures(_) => false,
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

/// How many cells ended which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cells that passed.
    pub passed: usize,
    /// Cells that failed, those that failed through drift included.
    pub failed: usize,
    /// Cells that failed through drift alone, which says nothing of their pin.
    pub drift: usize,
    /// Cells in doubt.
    pub inconclusive: usize,
    /// Cells left out, by reason.
    pub skipped: BTreeMap<SkipReason, usize>,
    /// Cells whose outcome an earlier run had.
    pub reused: usize,
    /// Cases that failed before they passed.
    pub flaky: usize,
}

impl Run {
    /// What it is of, in a word or two: the subject's folder, or the families where that is only
    /// "here".
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

    /// The release of a row's rustc, from what `rustc -V` printed.
    #[must_use]
    pub fn rustc(&self, row: &Row) -> Option<Version> {
        let mut toolchains = self.toolchains.iter();
        let toolchain = toolchains.find(|t| t.label == row.toolchain)?;
        let release = toolchain.rustc.as_deref()?.split_whitespace().nth(1)?;
        let mut version = Version::parse(release).ok()?;
        version.pre = semver::Prerelease::EMPTY;
        Some(version)
    }

    /// The rustc that is declared at a cell's pin, where its row has an older one.
    #[must_use]
    pub fn too_new(&self, cell: &Cell) -> Option<&Version> {
        let family = self.families.iter().find(|f| f.name == cell.pin.family)?;
        let declared = family.declared.get(cell.pin.at.version()?)?;
        let rustc = self.rustc(&cell.row)?;
        Some(declared).filter(|declared| **declared > rustc)
    }

    /// The cells of a family, row by row, each in the order of the ladder.
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

    /// The rows of which a run tells as a whole, by family and name: some of their cells ran, and
    /// none was left out by a selection.
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

    /// True for a share of a plan in which no cell is.
    #[must_use]
    pub fn is_empty_shard(&self) -> bool {
        let is_elsewhere = |record: &CellRecord| {
            let is_excluded = |reason: &SkipReason| matches!(reason, SkipReason::Excluded(_));
            let is_excluded = match &record.state {
                State::Skipped { reason } => is_excluded(reason),
                State::Pending | State::Ended { .. } => false,
            };
            is_excluded || record.is_unselected()
        };
        self.shard.is_some() && self.cells.iter().all(is_elsewhere)
    }

    /// Takes pins between rungs out where no row looked at them.
    pub fn drop_unused_pins(&mut self) {
        let mut used: BTreeSet<_> = self.families.iter().flat_map(|f| f.pins.clone()).collect();
        let ended = self
            .cells
            .iter()
            .filter(|record| record.outcome().is_some());
        used.extend(ended.map(|record| record.cell.pin.as_ref().clone()));
        self.cells.retain(|record| used.contains(&*record.cell.pin));
    }

    /// The cells counted by status.
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
