//! The inference audit: which cells strategy `frontier` would have inferred wrongly, checked on a
//! run of all cells.

use crate::config::{RunOptions, Strategy};
use crate::model::cell::CellId;
use crate::model::outcome::Signature;
use crate::model::run::{CellRecord, Run};
use crate::model::status::{FailureKind, Status};
use crate::search::strategy::Slot;
use crate::search::{Search, SearchRow, SlotRank};

/// The cells that would have been inferred although they differ from their neighbours. Empty for a
/// run that contains inferred cells, which cannot check itself, and for a shard, which does not see
/// the leading rows.
#[must_use]
pub fn wrongly_inferred(run: &Run, options: &RunOptions) -> Vec<CellId> {
    if run.shard.is_some() || run.cells.iter().any(CellRecord::is_inferred) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for family in &run.families {
        let rows = run.rows(family);
        let known: Vec<Vec<Option<Signature>>> = rows.iter().map(|row| signatures(row)).collect();
        let runs_today = |record: &CellRecord| options.today && family.is_today(&record.cell);
        let search = replay(&rows, &known, options.probes, runs_today);
        for (row, place) in search.inferred() {
            let cells = (rows.get(row), known.get(row));
            let (Some(cells), Some(known)) = cells else {
                continue;
            };
            let is_shown = |index: &usize| search.is_shown((row, *index));
            let before = (0..place).rev().find(is_shown);
            let differs = before
                .is_some_and(|before| known[place].is_some() && known[place] != known[before]);
            if differs {
                wrong.push(cells[place].id.clone());
            }
        }
    }
    wrong
}

fn signatures(row: &[&CellRecord]) -> Vec<Option<Signature>> {
    let signature = |record: &&CellRecord| record.outcome()?.signature();
    row.iter().map(signature).collect()
}

/// The final state of the search that strategy `frontier` would have made.
fn replay<'a>(
    rows: &[Vec<&CellRecord>],
    known: &'a [Vec<Option<Signature>>],
    n_probes: usize,
    is_today: impl Fn(&CellRecord) -> bool,
) -> Search<&'a Signature> {
    let is_too_old = |record: &&CellRecord| {
        record
            .outcome()
            .is_some_and(|o| o.status == Status::failed(FailureKind::Msrv))
    };
    let mut leaders = std::collections::BTreeMap::new();
    let mut search_rows = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let kind = row
            .first()
            .map(|r| (r.cell.row.source.clone(), r.cell.row.features.clone()));
        let leader = leaders.get(&kind).copied();
        if leader.is_none() && row.iter().any(|record| record.outcome().is_some()) {
            leaders.insert(kind, index);
        }
        search_rows.push(SearchRow {
            places: row
                .iter()
                .map(|record| match record.outcome() {
                    Some(_) => Slot::Open,
                    None => Slot::Unavailable,
                })
                .collect(),
            rungs: vec![true; row.len()],
            predicted_msrv: row.iter().map(is_too_old).collect(),
            today: row.iter().position(|record| is_today(record)),
            leader,
        });
    }
    let mut search = Search::new(Strategy::Frontier, n_probes, search_rows);
    while let Some((row, place)) = search.best(|_| SlotRank::<()>::default()) {
        let shown = known
            .get(row)
            .and_then(|row| row.get(place))
            .and_then(Option::as_ref);
        search.set(
            (row, place),
            shown.map_or(Slot::Unavailable, Slot::Observed),
        );
    }
    search
}
