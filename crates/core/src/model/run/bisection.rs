//! A bisection: what was asked along which axis, and what every point answered. It can be read
//! again in place of asking.

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;
use crate::model::outcome::TargetId;

/// The version of the form of a kept bisection.
pub const SCHEMA: u32 = 1;

/// What one point of an axis answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointAnswer {
    /// It does what it should.
    Good,
    /// It does not.
    Bad,
    /// It says nothing about the question; the search steps over it.
    CannotTell,
}

/// A bisection, whole or under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bisection {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What is asked, in words.
    pub question: String,
    /// Along which axis, in words.
    pub axis: String,
    /// A hash of what decides besides the points: answers hold for nothing else.
    pub conditions: String,
    /// Every point, in the order of the axis.
    pub points: Vec<String>,
    /// The one target or case that it is about, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<BisectTarget>,
    /// The points that were asked, in the order in which they answered.
    pub asked: Vec<AskedPoint>,
}

/// What a question comes to, with the one target it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BisectTarget {
    /// The cell.
    Cell,
    /// A target.
    Target(TargetId),
    /// A case of it.
    Case(TargetId, String),
}

/// Why a point answers as it does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// In a line.
    pub said: String,
    /// The whole of it, where it is bad: what the compiler or the test printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Evidence {
    /// What is told in a line.
    #[must_use]
    pub fn line(said: impl Into<String>) -> Self {
        Self {
            said: said.into(),
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
    /// What it answered.
    pub answer: PointAnswer,
    /// Why.
    #[serde(flatten)]
    pub why: Evidence,
    /// True where an earlier run or a replayed bisection knew it.
    pub known: bool,
}
