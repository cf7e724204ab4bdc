//! The grid: rows down, pins across, a short word in each cell. Each report draws it in its own
//! way.

use pinmatrix_core::model::outcome::{Outcome, Signature};
use pinmatrix_core::model::run::{CellRecord, FamilyRecord, Run};
use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};

/// The grid of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The family's name.
    pub family: String,
    /// The pins.
    pub pins: Vec<String>,
    /// The rows' names, each with its cells.
    pub rows: Vec<(String, Vec<GridCell>)>,
}

/// One cell of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridCell {
    /// The cell's status.
    pub status: Status,
    /// A word of at most eight characters that works without colour.
    pub word: String,
    /// Whether nobody ran it and the tested pins around it fail in the same way.
    pub is_among_failing: bool,
}

/// The grids of a run, one per family.
#[must_use]
pub fn grids(run: &Run) -> Vec<Grid> {
    run.families
        .iter()
        .map(|family| grid(run, family))
        .collect()
}

fn grid(run: &Run, family: &FamilyRecord) -> Grid {
    let rows = run.rows(family);
    let label = |row: &[&CellRecord]| row.first().map(|r| r.cell.row.to_string());
    let pins = rows.first().into_iter().flatten();
    Grid {
        family: family.name.clone(),
        pins: pins.map(|record| record.cell.pin.at.to_string()).collect(),
        rows: rows
            .iter()
            .map(|row| (label(row).unwrap_or_default(), places(row)))
            .collect(),
    }
}

/// The grid cells of a row.
#[must_use]
pub fn places(row: &[&CellRecord]) -> Vec<GridCell> {
    let mut places: Vec<GridCell> = row.iter().map(|record| place(record)).collect();
    if !row.iter().any(|record| record.is_inferred()) {
        return places;
    }
    let shown: Vec<Option<Signature>> = row
        .iter()
        .map(|record| record.outcome().and_then(Outcome::signature))
        .collect();
    let tested: Vec<usize> = (0..row.len())
        .filter(|index| shown[*index].is_some())
        .collect();
    for pair in tested.windows(2) {
        let fails = row[pair[0]].status().is_failed() && shown[pair[0]] == shown[pair[1]];
        for index in pair[0] + 1..pair[1] {
            if fails && row[index].is_inferred() {
                places[index].is_among_failing = true;
                places[index].word = "≈✘".to_owned();
            }
        }
    }
    places
}

/// The grid cell of a record, regardless of its neighbours.
fn place(record: &CellRecord) -> GridCell {
    let status = record.status();
    let word = match &status {
        Status::Passed => "✔".to_owned(),
        // That the pin is not to blame is more important than how many targets fail.
        Status::Failed {
            class: FailureKind::Drift,
        } => format!("✘ {}", FailureKind::Drift.word()),
        Status::Failed { class } => match failing_targets(record) {
            Some((n, of)) => format!("✘ {n}/{of}"),
            None => format!("✘ {}", class.word()),
        },
        Status::Skipped {
            reason: SkipReason::Inferred,
        } => "≈".to_owned(),
        Status::Skipped { .. } if status.is_built() => "built".to_owned(),
        Status::Skipped { .. } => "·".to_owned(),
        Status::Inconclusive { .. } => "?".to_owned(),
    };
    GridCell {
        status,
        word,
        is_among_failing: false,
    }
}

/// The number of failed targets of a cell, and of all its targets.
#[must_use]
pub fn failing_targets(record: &CellRecord) -> Option<(usize, usize)> {
    let targets = &record.outcome()?.targets;
    let n = targets.iter().filter(|t| t.status.is_failed()).count();
    (n > 0).then_some((n, targets.len()))
}

/// The meaning of the words, each entry starting with its mark; shown under every grid.
pub const LEGEND: [&str; 6] = [
    "✔ passed",
    "✘ n/m failed: n of m targets, or what stopped the cell",
    "? inconclusive",
    "≈ inferred, not run",
    "≈✘ not run; the tested pins around it fail alike",
    "· not run",
];

#[cfg(test)]
mod tests {
    use pinmatrix_core::model::run::State;
    use pinmatrix_core::testing::history;

    use super::*;

    #[test]
    fn what_is_inferred_between_two_that_fail_is_drawn_apart() {
        // What did not run counts as inferred here.
        let words = |letters: &str| {
            let mut run = history(letters, 1);
            for record in &mut run.cells {
                if let State::Skipped { reason } = &mut record.state {
                    *reason = SkipReason::Inferred;
                }
            }
            let grid = grids(&run).remove(0);
            let words = grid.rows[0].1.iter().map(|place| place.word.clone());
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words("b--b-.-.-"), "✘ 1/1 ≈✘ ≈✘ ✘ 1/1 ≈ ✔ ≈ ✔ ≈");
        // A cell without a verdict says nothing about its neighbours.
        assert_eq!(words(".d-d."), "✔ ✘ drift ≈ ✘ drift ✔");
        assert_eq!(words("b-d-b"), "✘ 1/1 ≈✘ ✘ drift ≈✘ ✘ 1/1");
        assert_eq!(words("b-1"), "✘ 1/1 ≈ ✘ 1/1");
    }
}
