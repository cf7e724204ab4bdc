//! The verdict on a run: how it differs from what was expected of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;

/// A run held against what was expected of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Where it differs, in the order of the run.
    pub deviations: Vec<Deviation>,
    /// How many targets and cases of cells did what was expected.
    pub n_expected: usize,
    /// How many cells ended in doubt.
    pub n_inconclusive: usize,
    /// How many cells no one ran, inferred ones among them: nothing is said of those.
    pub n_unjudged: usize,
    /// The cells that ran in rows that the baseline does not know, by family and row: they are not held
    /// against it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_rows: BTreeMap<String, BTreeSet<CellId>>,
    /// The cells at pins that the subject is on today and that the config does not name: they are not
    /// held against the baseline either.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only_today: BTreeSet<CellId>,
}

/// Something that a cell shows and that was not expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// What kind.
    pub kind: DeviationKind,
    /// The cell.
    pub cell: CellId,
    /// The target, as it is written in reports; none for the cell as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The case; none for the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// What was expected, in words.
    pub expected: String,
    /// What it shows, in words, with the first error.
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

/// How something differs from what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviationKind {
    /// It should pass and fails, or fails in another way, or its time to fail is over.
    Regressed,
    /// It is there in the baseline, and a cell that ran does not have it.
    Gone,
    /// It fails, and the baseline does not speak of it.
    New,
    /// It should fail and passes: the baseline has to be told.
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

/// What a verdict comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// All that was judged is as expected.
    AsExpected,
    /// Something regressed, is gone, or fails and is new.
    Regressed,
    /// Nothing regressed, and something passes that should fail.
    Fixed,
    /// A doubt stands in the way, or nothing could be judged.
    Inconclusive,
}

impl Verdict {
    /// What it comes to: what is certain outweighs a doubt.
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

    /// Whether what a cell, a target or a case of it shows is no news: nothing is said of it, nor of
    /// what it is a part of.
    #[must_use]
    pub fn expects(&self, cell: &CellId, target: Option<&str>, case: Option<&str>) -> bool {
        self.knows(cell) && self.news(cell, target, case).is_none()
    }

    /// Whether the baseline speaks of the cell.
    #[must_use]
    pub fn knows(&self, cell: &CellId) -> bool {
        !self.is_of_unknown_row(cell) && !self.only_today.contains(cell)
    }

    /// Whether a cell ran on a row of which the baseline has no line.
    #[must_use]
    pub fn is_of_unknown_row(&self, cell: &CellId) -> bool {
        let mut unknown = self.unknown_rows.values();
        unknown.any(|cells| cells.contains(cell))
    }

    /// What is said of a cell, a target or a case of it, or else of what it is a part of.
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

    /// What is said of a target, or of a case of it.
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
