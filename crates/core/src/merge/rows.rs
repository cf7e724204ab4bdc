//! Completes the rows of a merged run and puts them in plan order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::Config;
use crate::model::cell::{Cell, CellId, Pin, Row};
use crate::model::run::{CellRecord, Run, State};
use crate::model::status::SkipReason;

/// Adds the cells that a single run would have in rows in which nobody looked at a version between
/// two pins.
pub(super) fn fill(run: &mut Run, rows: &[Arc<Row>], config: &Config) {
    let recorded: BTreeSet<CellId> = run.cells.iter().map(|record| record.id.clone()).collect();
    let pins: BTreeSet<Arc<Pin>> = run.cells.iter().map(|r| Arc::clone(&r.cell.pin)).collect();
    let left_out = left_out(run);
    let mut missing = Vec::new();
    for row in rows {
        for pin in &pins {
            let cell = Cell {
                row: Arc::clone(row),
                pin: Arc::clone(pin),
            };
            let id = cell.id();
            if recorded.contains(&id) {
                continue;
            }
            let reason = match config.left_out(&cell) {
                Some(reason) => reason,
                None => left_out
                    .get(&key(&cell))
                    .cloned()
                    .unwrap_or(SkipReason::BetweenRungs),
            };
            missing.push(CellRecord {
                id,
                cell,
                state: State::Skipped { reason },
            });
        }
    }
    run.cells.extend(missing);
}

/// A row and a family.
type RowKey = (Arc<Row>, String);

fn key(cell: &Cell) -> RowKey {
    (Arc::clone(&cell.row), cell.pin.family.clone())
}

/// The rows that are skipped as a whole, and why.
fn left_out(run: &Run) -> BTreeMap<RowKey, SkipReason> {
    let mut reasons = BTreeMap::new();
    let mut taken_in = BTreeSet::new();
    for record in &run.cells {
        match &record.state {
            State::Skipped {
                reason: SkipReason::Excluded(_) | SkipReason::Blocked(_) | SkipReason::BetweenRungs,
            } => {}
            State::Skipped { reason } if !reason.is_open() => {
                reasons.insert(key(&record.cell), reason.clone());
            }
            State::Skipped { .. } | State::Pending | State::Ended { .. } => {
                taken_in.insert(key(&record.cell));
            }
        }
    }
    reasons.retain(|key, _| !taken_in.contains(key));
    reasons
}

/// Marks the open cells of a toolchain that no machine has as skipped for that reason, as a single
/// machine would.
pub(super) fn tell_missing(run: &mut Run) {
    let missing = State::Skipped {
        reason: SkipReason::ToolchainMissing,
    };
    let labels = run.cells.iter().filter(|record| record.state == missing);
    let labels: BTreeSet<String> = labels.map(|r| r.cell.row.toolchain.clone()).collect();
    for record in &mut run.cells {
        let is_missing = labels.contains(&record.cell.row.toolchain);
        if let State::Skipped { reason } = &mut record.state
            && is_missing
            && reason.is_open()
        {
            *reason = SkipReason::ToolchainMissing;
        }
    }
}

/// Sorts the cells in plan order: families, rows, pins.
pub(super) fn sort(run: &mut Run, rows: &[Arc<Row>]) {
    let rows: BTreeMap<&Row, usize> = rows.iter().map(AsRef::as_ref).zip(0..).collect();
    let mut pins = BTreeMap::new();
    for (number, family) in run.families.iter().enumerate() {
        for (place, pin) in family.all().into_iter().enumerate() {
            pins.insert((family.name.clone(), pin.to_string()), (number, place));
        }
    }
    run.cells.sort_by_cached_key(|record| {
        let Cell { row, pin } = &record.cell;
        let pin = pins.get(&(pin.family.clone(), pin.at.to_string()));
        let (family, place) = pin.copied().unwrap_or_default();
        (family, rows.get(row.as_ref()).copied(), place)
    });
}
