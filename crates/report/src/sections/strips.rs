//! Strips: the statuses of one target along the ladder on one row, one letter per pin.

use std::collections::BTreeMap;

use pinmatrix_core::model::cell::PinnedAt;
use pinmatrix_core::model::outcome::TargetId;
use pinmatrix_core::model::run::between::Between;
use pinmatrix_core::model::run::{CellRecord, FamilyRecord, Run};
use pinmatrix_core::model::status::{FailureKind, Status};

/// The strips of all targets in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strips {
    /// The row's name.
    pub row: String,
    /// The pins.
    pub pins: Vec<PinnedAt>,
    family: FamilyRecord,
    /// The strips, one per target, sorted.
    pub strips: Vec<Strip>,
}

/// The statuses of one target along the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// The target.
    pub target: TargetId,
    /// Its status at each pin; `None` if the cell did not get that far.
    pub statuses: Vec<Option<Status>>,
    /// The pins at which the cell is inferred and did not run.
    pub inferred: Vec<bool>,
}

/// The strips of a family, one group per row; rows with nothing to show are left out.
#[must_use]
pub fn strips(run: &Run, family: &FamilyRecord) -> Vec<Strips> {
    let rows = run.rows(family).into_iter();
    let rows = rows.map(|row| of_row(family, &row));
    rows.filter(|row| !row.strips.is_empty()).collect()
}

fn of_row(family: &FamilyRecord, row: &[&CellRecord]) -> Strips {
    let mut targets: BTreeMap<&TargetId, Vec<Option<Status>>> = BTreeMap::new();
    for (index, record) in row.iter().enumerate() {
        for target in record.outcome().into_iter().flat_map(|o| &o.targets) {
            let statuses = targets
                .entry(&target.id)
                .or_insert_with(|| vec![None; row.len()]);
            if let Some(status) = statuses.get_mut(index) {
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
    /// True if nothing that ran failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let is_clean = |s: &Status| matches!(s, Status::Passed | Status::Skipped { .. });
        self.statuses.iter().flatten().all(is_clean)
    }

    /// True if it does not differ from the other strip anywhere, and the other one ran wherever
    /// this one fails.
    #[must_use]
    pub fn is_covered_by(&self, other: &Self) -> bool {
        let mut pairs = self.statuses.iter().zip(&other.statuses);
        self.target == other.target
            && pairs.all(|(own, other)| match (own, other) {
                (Some(own), Some(other)) => own == other,
                (Some(own), None) => !own.is_failed(),
                (None, _) => true,
            })
    }

    /// The status changes along the ladder as text, with the number of untested versions before
    /// each: `does not build from 30.0.2 (2 untested)`.
    #[must_use]
    pub fn changes(&self, row: &Strips) -> Vec<String> {
        let mut changes = Vec::new();
        let mut last: Option<(&Status, &PinnedAt)> = None;
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

/// The letters of a strip, one per pin.
#[must_use]
pub fn letters(strip: &Strip) -> Vec<(char, Option<&Status>)> {
    let statuses = strip.statuses.iter().zip(&strip.inferred);
    let letters = statuses.map(|(status, inferred)| {
        if *inferred {
            ('≈', None)
        } else {
            (letter(status.as_ref()), status.as_ref())
        }
    });
    letters.collect()
}

/// The letter of a status.
#[must_use]
pub fn letter(status: Option<&Status>) -> char {
    match status {
        Some(Status::Passed) => '✔',
        Some(Status::Failed { class }) => class.letter().0,
        Some(Status::Inconclusive { .. }) => '?',
        Some(built) if built.is_built() => '□',
        Some(Status::Skipped { .. }) | None => '·',
    }
}

/// A short phrase for a status.
#[must_use]
pub fn word(status: &Status) -> &'static str {
    match status {
        Status::Passed => "passes",
        Status::Failed { class } => class.letter().1,
        Status::Inconclusive { .. } => "inconclusive",
        Status::Skipped { .. } if status.is_built() => "builds",
        Status::Skipped { .. } => "skipped",
    }
}

/// The meaning of the letters, each entry starting with its letter; shown under every group of
/// strips.
#[must_use]
pub fn legend() -> Vec<String> {
    let mut entries = vec!["✔ passes".to_owned()];
    for (letter, meaning) in FailureKind::ALL.map(FailureKind::letter) {
        let entry = format!("{letter} {meaning}");
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries.extend(["? inconclusive", "≈ inferred", "□ built", "· not run"].map(str::to_owned));
    entries
}
