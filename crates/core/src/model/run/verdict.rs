//! The verdict on a run: how it differs from its baseline.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;

/// A run compared with its baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The differences, in the order of the run.
    pub deviations: Vec<Deviation>,
    /// The number of targets and cases that were as expected.
    pub n_expected: usize,
    /// The number of cells without a complete result: inconclusive, unfinished, or drifting where
    /// the baseline expects something.
    pub n_inconclusive: usize,
    /// The number of cells that nobody ran, including inferred ones: they are not judged.
    pub n_unjudged: usize,
    /// The cells that ran in rows that the baseline does not know, by family and row. They are not
    /// judged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_rows: BTreeMap<String, BTreeSet<CellId>>,
    /// The cells at pins that the subject is on today and that the config does not name. They are
    /// not judged either.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only_today: BTreeSet<CellId>,
}

/// An observation of a cell that differs from the baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// The kind of difference.
    pub kind: DeviationKind,
    /// The cell.
    pub cell: CellId,
    /// The target, as written in reports; `None` for the cell as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The case; `None` for the target as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The expected result, as text.
    pub expected: String,
    /// The actual result, as text, with the first error.
    pub found: String,
}

/// `regressed: stable@gadget-2.0.0 app test:a: expected passed, found failed(test)`.
impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            cell,
            target,
            case,
            expected,
            found,
        } = self;
        write!(f, "{kind}: {cell}")?;
        for name in [target, case].into_iter().flatten() {
            write!(f, " {name}")?;
        }
        write!(f, ": expected {expected}, found {found}")
    }
}

/// The kind of difference between a result and the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviationKind {
    /// It should pass but fails, it fails in another way, or its expected failure has expired.
    Regressed,
    /// It is in the baseline, but a cell that ran does not have it.
    Gone,
    /// It fails and is not in the baseline.
    New,
    /// It should fail but passes: the baseline has to be updated.
    Fixed,
}

impl fmt::Display for DeviationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regressed => "regressed",
            Self::Gone => "gone",
            Self::New => "new",
            Self::Fixed => "fixed",
        })
    }
}

/// The overall judgement of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Everything that was judged is as expected.
    AsExpected,
    /// Something regressed, is gone, or is new and fails.
    Regressed,
    /// Nothing regressed, and something passes that should fail.
    Fixed,
    /// Something is inconclusive, or nothing could be judged.
    Inconclusive,
}

impl Verdict {
    /// Returns the overall judgement. A definite difference outweighs an inconclusive result.
    #[must_use]
    pub fn judgement(&self) -> Judgement {
        let is_fixed = |deviation: &Deviation| deviation.kind == DeviationKind::Fixed;
        if !self.deviations.iter().all(is_fixed) {
            Judgement::Regressed
        } else if !self.deviations.is_empty() {
            Judgement::Fixed
        } else if self.n_inconclusive > 0 || self.n_expected == 0 {
            Judgement::Inconclusive
        } else {
            Judgement::AsExpected
        }
    }

    /// Whether the baseline covers the cell, and neither this part of it (the cell, a target or a
    /// case) nor anything that contains the part has a deviation.
    #[must_use]
    pub fn expects(&self, cell: &CellId, target: Option<&str>, case: Option<&str>) -> bool {
        self.knows(cell) && self.news(cell, target, case).is_none()
    }

    /// Whether the baseline covers the cell.
    #[must_use]
    pub fn knows(&self, cell: &CellId) -> bool {
        !self.is_of_unknown_row(cell) && !self.only_today.contains(cell)
    }

    /// Whether a cell ran in a row that the baseline does not know.
    #[must_use]
    pub fn is_of_unknown_row(&self, cell: &CellId) -> bool {
        let mut unknown = self.unknown_rows.values();
        unknown.any(|cells| cells.contains(cell))
    }

    /// Returns the deviation of a cell, a target or a case, or else of what contains it.
    #[must_use]
    pub fn news(
        &self,
        cell: &CellId,
        target: Option<&str>,
        case: Option<&str>,
    ) -> Option<&Deviation> {
        let of = |target, case| self.of(cell, target, case);
        of(target, case)
            .or_else(|| of(target, None))
            .or_else(|| of(None, None))
    }

    /// Returns the deviation of exactly this target or case.
    #[must_use]
    pub fn of(
        &self,
        cell: &CellId,
        target: Option<&str>,
        case: Option<&str>,
    ) -> Option<&Deviation> {
        self.deviations.iter().find(|deviation| {
            deviation.cell == *cell
                && deviation.target.as_deref() == target
                && deviation.case.as_deref() == case
        })
    }
}
