//! The findings of a run, derived from its outcomes and from `matrix.toml`. They are stored with
//! the run so that all reports show the same.

use std::collections::BTreeSet;
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::cell::{CellId, Row};
use crate::model::forecast::Finding;
use crate::model::outcome::{Need, TargetId};
use crate::model::run::gaps::MergeGaps;
use crate::model::run::verdict::Verdict;

/// The findings of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The comparison with the committed baseline, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The claims, judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<JudgedClaim>,
    /// The minimum toolchain of each pin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub least: Vec<LeastToolchain>,
    /// Code that needs a newer rustc without declaring it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undeclared: Vec<Undeclared>,
    /// The newest passing pin of each row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reach: Vec<NewestPassing>,
    /// The work left at the last pin of each family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worklists: Vec<Worklist>,
    /// Cells that strategy `frontier` would have inferred wrongly, because their neighbours show
    /// something else. Only a run of all cells can find them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrongly_inferred: Vec<CellId>,
    /// What the sources say of the changes along the ladder, where they were there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// The gaps in results that were merged from several machines.
    #[serde(default, skip_serializing_if = "MergeGaps::is_empty")]
    pub gaps: MergeGaps,
}

/// What changed in the sources, between two versions, of what a target names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The family's name.
    pub family: String,
    /// The target.
    pub target: TargetId,
    /// The version before.
    pub before: Version,
    /// The version after.
    pub after: Version,
    /// What changed, sorted.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// Adds what the sources say to the work that is left.
    pub fn explain(&mut self) {
        for worklist in &mut self.worklists {
            worklist.explain(&self.causes);
        }
    }
}

impl Worklist {
    /// Adds what the sources say to each cause.
    pub fn explain(&mut self, causes: &[Cause]) {
        let of_pin = causes
            .iter()
            .filter(|cause| cause.family == self.family && cause.after.to_string() == self.pin);
        let of_pin: Vec<&Cause> = of_pin.collect();
        for cause in &mut self.causes {
            let is_meant = |of: &&&Cause| {
                let target = of.target.to_string();
                cause
                    .errors
                    .iter()
                    .any(|error| error.targets.contains(&target))
            };
            let findings = of_pin.iter().filter(is_meant).flat_map(|of| &of.findings);
            let named = findings.filter(|finding| {
                let mut texts = cause.errors.iter().map(|error| &error.message);
                finding.is_in(&cause.item) || texts.any(|text| finding.is_in(text))
            });
            let lines: BTreeSet<String> = named.map(ToString::to_string).collect();
            cause.changes = lines.into_iter().collect();
        }
    }
}

/// A claim with its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedClaim {
    /// The claim, as text.
    pub says: String,
    /// The verdict.
    pub truth: Truth,
    /// The evidence for the verdict, one line each.
    pub evidence: Vec<String>,
}

/// The verdict on a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    /// The claim is true.
    Confirmed,
    /// The claim is false.
    Refuted,
    /// The cells that ran do not settle it.
    Inconclusive,
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// The minimum toolchain of one pin, declared and measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeastToolchain {
    /// The family.
    pub family: String,
    /// The pin.
    pub pin: String,
    /// The version that the family's crates declare.
    pub declared: Option<Need>,
    /// The highest version that any package in the lock declares.
    pub lock: Option<Need>,
    /// The oldest toolchain on which as much passes as on any other.
    pub measured: Option<String>,
}

/// Code that, at one pin, does not compile on one toolchain but does on a newer one, although no
/// package declares that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undeclared {
    /// The family.
    pub family: String,
    /// The pin.
    pub pin: String,
    /// The package and its version; `None` for the subject's own code.
    pub package: Option<String>,
    /// The cells in which it does not compile.
    pub cells: Vec<CellId>,
    /// Its first error in these cells.
    pub error: String,
    /// The newest toolchain on which it does not compile.
    pub fails_on: Rustc,
    /// The oldest newer toolchain on which it compiles.
    pub compiles_on: Rustc,
}

/// `needs a newer rustc, undeclared: PACKAGE at FAMILY PIN does not compile on ROW and does on ROW:
/// ERROR`.
impl fmt::Display for Undeclared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            family,
            pin,
            package,
            error,
            fails_on,
            compiles_on,
            ..
        } = self;
        let what = package.as_deref().unwrap_or("the subject's own code");
        write!(
            f,
            "needs a newer rustc, undeclared: {what} at {family} {pin} does not compile on {fails_on} \
             and does on {compiles_on}: {error}"
        )
    }
}

/// A toolchain and its rustc.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rustc {
    /// The toolchain's label.
    pub toolchain: String,
    /// The version of its rustc.
    pub rustc: Version,
}

/// `old (rustc 1.78.0)`.
impl fmt::Display for Rustc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (rustc {})", self.toolchain, self.rustc)
    }
}

/// The newest passing pin of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestPassing {
    /// The row.
    #[serde(flatten)]
    pub row: Row,
    /// The family.
    pub family: String,
    /// The newest tested pin for which the row's toolchain is not too old.
    pub newest: Option<String>,
    /// The newest tested pin at which everything passes.
    pub newest_passed: Option<String>,
}

/// The work left at one pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worklist {
    /// The family.
    pub family: String,
    /// The pin.
    pub pin: String,
    /// The rows that tested it.
    pub rows: Vec<String>,
    /// The remaining errors by cause, the most frequent cause first.
    pub causes: Vec<WorklistCause>,
    /// The number of errors per file, highest first.
    pub files: Vec<(String, usize)>,
}

/// Errors with a common cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorklistCause {
    /// The item that is missing or has changed, or a description of the problem.
    pub item: String,
    /// The errors, by file and line.
    pub errors: Vec<WorkItem>,
    /// What the sources say of it, since the version that the subject is on today: what it is now, or
    /// where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

/// One remaining error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkItem {
    /// The file.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The compiler's code, or the failure kind.
    pub code: String,
    /// The error message.
    pub message: String,
    /// The targets that show it.
    pub targets: Vec<String>,
}
