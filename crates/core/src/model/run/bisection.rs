//! A bisection: its question, its axis and the answer of every point. It can be replayed instead of
//! asking again.

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;
use crate::model::outcome::TargetId;

/// The schema version of a stored bisection.
pub const SCHEMA: u32 = 1;

/// The answer of one point of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointAnswer {
    /// It behaves as it should.
    Good,
    /// It does not behave as it should.
    Bad,
    /// It has no answer to the question; the search skips it.
    CannotTell,
}

/// A bisection, complete or in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bisection {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// The question, as text.
    pub question: String,
    /// The axis, as text.
    pub axis: String,
    /// A hash of everything besides the points that determines the answers: they are valid for no
    /// other conditions.
    pub conditions: String,
    /// All points, in axis order.
    pub points: Vec<String>,
    /// The target or case in question, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<BisectTarget>,
    /// The points that were asked, in the order of their answers.
    pub asked: Vec<AskedPoint>,
}

/// The subject of a question: the cell, one target or one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BisectTarget {
    /// The cell.
    Cell,
    /// A target.
    Target(TargetId),
    /// A case of a target.
    Case(TargetId, String),
}

/// The reason for a point's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// A one-line summary.
    #[serde(rename = "said")]
    pub summary: String,
    /// The full output of the compiler or test, if the answer is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Evidence {
    /// Creates evidence that consists of one line.
    #[must_use]
    pub fn line(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            detail: None,
        }
    }
}

/// One point that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedPoint {
    /// The point.
    pub point: String,
    /// The cell that was looked at.
    pub cell: CellId,
    /// Its answer.
    pub answer: PointAnswer,
    /// The reason for the answer.
    #[serde(flatten)]
    pub why: Evidence,
    /// True if the answer comes from an earlier run or a replayed bisection.
    pub known: bool,
}
