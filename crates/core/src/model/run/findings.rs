//! What follows from a run and from what `matrix.toml` asks of it: kept with the run, so that every
//! report shows the same.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::cell::{CellId, Row};
use crate::model::outcome::Need;
use crate::model::run::gaps::MergeGaps;
use crate::model::run::verdict::Verdict;

/// What follows from a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The run held against the committed baseline, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What became of the claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<JudgedClaim>,
    /// The least toolchain of each pin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub least: Vec<LeastToolchain>,
    /// What needs a newer rustc, and does not say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undeclared: Vec<Undeclared>,
    /// How far each row gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reach: Vec<NewestPassing>,
    /// What is left to do at the last pin of each family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worklists: Vec<Worklist>,
    /// Cells that strategy `frontier` would have inferred from neighbours that show something else;
    /// only a run of every cell can tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrongly_inferred: Vec<CellId>,
    /// What is left open where the results of several machines were put together.
    #[serde(default, skip_serializing_if = "MergeGaps::is_empty")]
    pub gaps: MergeGaps,
}

/// A claim, and what the run says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedClaim {
    /// What is claimed, in words.
    pub says: String,
    /// What the run says.
    pub truth: Truth,
    /// What that rests on, a line each.
    pub evidence: Vec<String>,
}

/// What a run says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    /// It is so.
    Confirmed,
    /// It is not so.
    Refuted,
    /// What ran does not tell.
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

/// The least toolchain of one pin, as declared and as measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeastToolchain {
    /// The family.
    pub family: String,
    /// The pin.
    pub pin: String,
    /// What the family's crates declare.
    pub declared: Option<Need>,
    /// The most that any package of the lock declares.
    pub lock: Option<Need>,
    /// The oldest toolchain on which as much passes as on any.
    pub measured: Option<String>,
}

/// Code that does not compile on one toolchain and does on a newer one, at one pin, and of which no
/// package declares that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undeclared {
    /// The family.
    pub family: String,
    /// The pin.
    pub pin: String,
    /// The package and its version; none where it is the subject's own code.
    pub package: Option<String>,
    /// The cells in which it does not compile.
    pub cells: Vec<CellId>,
    /// Its first error there.
    pub error: String,
    /// The newest toolchain of those on which it does not compile.
    pub fails_on: Rustc,
    /// The oldest newer one on which it does.
    pub compiles_on: Rustc,
}

/// `needs a newer rustc, undeclared: PACKAGE at FAMILY PIN does not compile on ROW and does on ROW: ERROR`.
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

/// How far one row gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestPassing {
    /// The row.
    #[serde(flatten)]
    pub row: Row,
    /// The family.
    pub family: String,
    /// The newest tested pin that its toolchain is not too old for.
    pub newest: Option<String>,
    /// The newest tested pin at which everything passes.
    pub newest_passed: Option<String>,
}

/// What is left to do at one pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worklist {
    /// The family.
    pub family: String,
    /// The pin.
    pub pin: String,
    /// The rows that tested it.
    pub rows: Vec<String>,
    /// What is left, by what causes it, the most frequent first.
    pub causes: Vec<WorklistCause>,
    /// How many errors each file has, the most first.
    pub files: Vec<(String, usize)>,
}

/// Errors that have one thing to blame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorklistCause {
    /// The item that is missing or has changed, or what is wrong in words.
    pub item: String,
    /// The errors, by file and line.
    pub errors: Vec<WorkItem>,
}

/// One error that is left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkItem {
    /// The file.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The compiler's code, or the class of failure.
    pub code: String,
    /// What was said.
    pub message: String,
    /// The targets that show it.
    pub targets: Vec<String>,
}
