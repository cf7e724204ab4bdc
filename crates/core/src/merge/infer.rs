//! What the merged parts leave to inference, as a single run with strategy `frontier` would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{Config, Strategy};
use crate::model::cell::{Cell, Pin, PinnedAt};
use crate::model::outcome::{Outcome, Signature};
use crate::model::run::{CellRecord, FamilyRecord, Run, State};
use crate::model::status::SkipReason;
use crate::search::strategy::Slot;
use crate::search::{Search, SearchRow};

/// Marks cells that nobody ran and whose neighbours agree as inferred, once nothing is left to run;
/// and cells that a part inferred from less than is known now as missing.
pub(super) fn infer(run: &mut Run, config: &Config) {
    let mut views = [false, true].map(|exact| SearchView::new(run, config, exact));
    let inferred = views[0].inferred();
    let is_done = views.iter_mut().any(SearchView::is_done);
    for (index, record) in run.cells.iter_mut().enumerate() {
        let State::Skipped { reason } = &mut record.state else {
            continue;
        };
        let is_inferred = inferred.contains(&index);
        if is_inferred && is_done && reason.is_open() {
            *reason = SkipReason::Inferred;
        } else if !is_inferred && *reason == SkipReason::Inferred {
            record.state = State::Pending;
        }
    }
}

/// A run as a search.
struct SearchView {
    search: Search<Signature>,
    /// For each row, the indices of its slots' cells in the run.
    rows: Vec<Vec<Option<usize>>>,
}

impl SearchView {
    /// Creates a view of the rungs and of the versions between them that ran; with `exact`, of all
    /// versions that could run.
    fn new(run: &Run, config: &Config, exact: bool) -> Self {
        let mut leaders = BTreeMap::new();
        let mut view = (Vec::new(), Vec::new());
        let cells: Vec<(usize, &CellRecord)> = run.cells.iter().enumerate().collect();
        let key = |record: &CellRecord| (record.cell.row.clone(), record.cell.pin.family.clone());
        for row in cells.chunk_by(|(_, a), (_, b)| key(a) == key(b)) {
            let (row, cells) = (ViewRow::new(run, config, row, exact), &row[0].1.cell);
            let (source, features) = (&cells.row.source, &cells.row.features);
            let kind = (&cells.pin.family, source, features);
            let leader = leaders.get(&kind).copied();
            if !row.is_left_out {
                leaders.entry(kind).or_insert(view.0.len());
            }
            view.0.push(row.cells);
            view.1.push(SearchRow {
                leader,
                ..row.known
            });
        }
        let (rows, known) = view;
        Self {
            search: Search::new(Strategy::Frontier, config.run.probes, known),
            rows,
        }
    }

    fn is_done(&mut self) -> bool {
        self.search.ready().is_empty()
    }

    fn inferred(&self) -> BTreeSet<usize> {
        let inferred = self.search.inferred().into_iter();
        let cells = inferred.filter_map(|(row, place)| *self.rows.get(row)?.get(place)?);
        cells.collect()
    }
}

struct ViewRow {
    known: SearchRow<Signature>,
    cells: Vec<Option<usize>>,
    /// Whether none of its cells is to run.
    is_left_out: bool,
}

impl ViewRow {
    fn new(run: &Run, config: &Config, cells: &[(usize, &CellRecord)], exact: bool) -> Self {
        let mut row = Self {
            known: SearchRow {
                places: Vec::new(),
                rungs: Vec::new(),
                predicted_msrv: Vec::new(),
                today: None,
                leader: None,
            },
            cells: Vec::new(),
            is_left_out: cells.iter().all(|(_, record)| is_left_out(record)),
        };
        let Some((_, first)) = cells.first() else {
            return row;
        };
        let mut families = run.families.iter();
        let family = families.find(|family| family.name == first.cell.pin.family);
        let by_pin = cells
            .iter()
            .map(|(n, record)| (&record.cell.pin.at, (*n, *record)));
        let by_pin: BTreeMap<&PinnedAt, (usize, &CellRecord)> = by_pin.collect();
        for at in family.into_iter().flat_map(FamilyRecord::all) {
            let known = by_pin.get(&at).copied();
            let pin = Pin {
                family: first.cell.pin.family.clone(),
                at,
            };
            let is_rung = family.is_some_and(|family| family.pins.contains(&pin));
            let cell = Cell {
                row: Arc::clone(&first.cell.row),
                pin: pin.into(),
            };
            let place = match known.filter(|(_, record)| !is_between(record)) {
                Some((_, record)) => place(record),
                None if !exact => continue,
                None if row.is_left_out || config.left_out(&cell).is_some() => Slot::Unavailable,
                None => Slot::Open,
            };
            let is_today = family.is_some_and(|family| family.is_today(&cell));
            if is_today && config.run.today {
                row.known.today = Some(row.known.places.len());
            }
            row.known.places.push(place);
            row.known.rungs.push(is_rung);
            row.known.predicted_msrv.push(run.too_new(&cell).is_some());
            row.cells.push(known.map(|(n, _)| n));
        }
        row
    }
}

fn is_between(record: &CellRecord) -> bool {
    let between = State::Skipped {
        reason: SkipReason::BetweenRungs,
    };
    record.state == between
}

fn is_left_out(record: &CellRecord) -> bool {
    match &record.state {
        State::Skipped { reason } => !reason.is_open(),
        State::Pending | State::Ended { .. } => false,
    }
}

/// The slot of a cell. A cell that was skipped only because other cells were named is still open.
fn place(record: &CellRecord) -> Slot<Signature> {
    match &record.state {
        State::Pending => Slot::Open,
        State::Ended { outcome, .. } => {
            Outcome::signature(outcome).map_or(Slot::Unavailable, Slot::Observed)
        }
        State::Skipped { reason } if reason.is_open() => Slot::Open,
        State::Skipped { .. } => Slot::Unavailable,
    }
}
