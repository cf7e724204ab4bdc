//! Strips: one target's way along the ladder on one toolchain, a letter a pin.

use std::collections::BTreeMap;

use pinmatrix_core::model::cell::PinSource;
use pinmatrix_core::model::outcome::TargetId;
use pinmatrix_core::model::run::between::Between;
use pinmatrix_core::model::run::{CellRecord, FamilyRecord, Run};
use pinmatrix_core::model::status::{FailureKind, Status};

/// All targets of one row of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strips {
    /// The row's name.
    pub row: String,
    /// The pins.
    pub pins: Vec<PinSource>,
    family: FamilyRecord,
    /// A strip a target, sorted.
    pub strips: Vec<Strip>,
}

/// One target's way along the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// The target.
    pub target: TargetId,
    /// Its status at each pin; `None` where its cell did not get that far.
    pub statuses: Vec<Option<Status>>,
    /// At which pins its cell is inferred and was not run.
    pub inferred: Vec<bool>,
}

/// The strips of a family, a group a row; rows with nothing to show are left out.
#[must_use]
pub fn strips(run: &Run, family: &FamilyRecord) -> Vec<Strips> {
    let rows = run.rows(family).into_iter();
    let rows = rows.map(|row| of_row(family, &row));
    rows.filter(|row| !row.strips.is_empty()).collect()
}

fn of_row(family: &FamilyRecord, row: &[&CellRecord]) -> Strips {
    let mut targets: BTreeMap<&TargetId, Vec<Option<Status>>> = BTreeMap::new();
    for (at, record) in row.iter().enumerate() {
        for target in record.outcome().into_iter().flat_map(|o| &o.targets) {
            let statuses = targets
                .entry(&target.id)
                .or_insert_with(|| vec![None; row.len()]);
            if let Some(status) = statuses.get_mut(at) {
                *status = Some(target.status.clone());
            }
        }
    }
    let inferred: Vec<bool> = row.iter().map(|record| record.is_inferred()).collect();
    let strip = |(target, statuses): (&TargetId, Vec<Option<Status>>)| Strip {
        target: target.clone(),
        inferred: inferred.clone(),
        statuses,
    };
    let name = row.first().map(|record| record.cell.row.to_string());
    Strips {
        row: name.unwrap_or_default(),
        pins: row.iter().map(|r| r.cell.pin.at.clone()).collect(),
        family: family.clone(),
        strips: targets.into_iter().map(strip).collect(),
    }
}

impl Strip {
    /// True when nothing that ran failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let is_clean = |s: &Status| matches!(s, Status::Passed | Status::Skipped { .. });
        self.statuses.iter().flatten().all(is_clean)
    }

    /// True when it differs from the other nowhere, and the other ran wherever it does not pass.
    #[must_use]
    pub fn is_told_by(&self, other: &Self) -> bool {
        let mut pairs = self.statuses.iter().zip(&other.statuses);
        self.target == other.target
            && pairs.all(|(own, other)| match (own, other) {
                (Some(own), Some(other)) => own == other,
                (Some(own), None) => !own.is_failed(),
                (None, _) => true,
            })
    }

    /// Where the status changes on the way up, in words, with how many versions before that were
    /// not tested: `does not build from 30.0.2 (2 untested)`.
    #[must_use]
    pub fn changes(&self, row: &Strips) -> Vec<String> {
        let mut changes = Vec::new();
        let mut last: Option<(&Status, &PinSource)> = None;
        for (status, pin) in self.statuses.iter().zip(&row.pins) {
            let Some(status) = status else { continue };
            if let Some((_, from)) = last.filter(|(before, _)| *before != status) {
                let between = Between::of(&row.family, from, pin);
                let untested = match (between.n_untested(), between.is_exact()) {
                    (0, true) => String::new(),
                    (0, false) => format!(" ({})", between.brief()),
                    (n, _) => format!(" ({n} untested)"),
                };
                changes.push(format!("{} from {pin}{untested}", word(status)));
            }
            last = Some((status, pin));
        }
        changes
    }
}

/// A strip's letters, one a pin.
#[must_use]
pub fn letters(strip: &Strip) -> Vec<(char, Option<&Status>)> {
    let statuses = strip.statuses.iter().zip(&strip.inferred);
    let letters = statuses.map(|(status, inferred)| match inferred {
        true => ('≈', None),
        false => (letter(status.as_ref()), status.as_ref()),
    });
    letters.collect()
}

/// A status as one letter.
#[must_use]
pub fn letter(status: Option<&Status>) -> char {
    match status {
        Some(Status::Passed) => '✔',
        Some(Status::Failed { class }) => match class {
            FailureKind::Compile | FailureKind::Resolve | FailureKind::Msrv => 'b',
            FailureKind::Drift => 'd',
            FailureKind::Lint => 'l',
            FailureKind::Link => 'k',
            FailureKind::Test => 't',
            FailureKind::Timeout => 'o',
            FailureKind::Crash => 'c',
        },
        Some(Status::Inconclusive { .. }) => '?',
        Some(Status::Skipped { .. }) | None => '·',
    }
}

/// A status in a word or two.
#[must_use]
pub fn word(status: &Status) -> &'static str {
    match status {
        Status::Passed => "passes",
        Status::Failed { class } => match class {
            FailureKind::Compile | FailureKind::Resolve | FailureKind::Msrv => "does not build",
            FailureKind::Drift => "drift",
            FailureKind::Lint => "denied lints",
            FailureKind::Link => "does not link",
            FailureKind::Test => "tests fail",
            FailureKind::Timeout => "times out",
            FailureKind::Crash => "crashes",
        },
        Status::Inconclusive { .. } => "inconclusive",
        Status::Skipped { .. } => "skipped",
    }
}

/// What the letters mean, each entry by its letter; under every group of strips.
pub const LEGEND: [&str; 11] = [
    "✔ passes",
    "b does not build",
    "t tests fail",
    "l denied lints",
    "k does not link",
    "o times out",
    "c crashes",
    "d drift",
    "? inconclusive",
    "≈ inferred",
    "· not run",
];
