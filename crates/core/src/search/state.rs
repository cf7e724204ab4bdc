//! The state of a plan: what its rows have shown so far, and which of its cells can run next.

use std::collections::HashMap;

use crate::model::outcome::{Outcome, Signature};
use crate::search::plan::{CellFate, Plan, Planned};
use crate::search::strategy::Slot;
use crate::search::{Search, SearchRow, SlotIndex, SlotRank};

/// A plan with the results of its cells so far.
pub struct SearchState<'a> {
    plan: &'a Plan,
    /// For each row, the indices of its cells in the plan.
    rows: Vec<Vec<usize>>,
    /// The state of every slot, with signatures replaced by their number.
    pub search: Search<usize>,
    /// All signatures seen so far, numbered.
    signatures: HashMap<Signature, usize>,
}

impl<'a> SearchState<'a> {
    /// Creates the initial state of a plan from what is already known.
    #[must_use]
    pub fn new(plan: &'a Plan, n_probes: usize) -> Self {
        let mut signatures = HashMap::new();
        let mut rows: Vec<Vec<usize>> = Vec::new();
        let mut known: Vec<SearchRow<usize>> = Vec::new();
        for (cells, leader) in plan.rows() {
            let planned = || cells.iter().filter_map(|index| plan.cells.get(*index));
            known.push(SearchRow {
                places: planned()
                    .map(|planned| match &planned.fate {
                        CellFate::Run { .. } => Slot::Open,
                        CellFate::Known(outcome) => shown(&mut signatures, outcome),
                        CellFate::Skip(_) => Slot::Unavailable,
                    })
                    .collect(),
                rungs: planned().map(|planned| planned.is_rung).collect(),
                predicted_msrv: planned()
                    .map(|planned| planned.forecast.is_some())
                    .collect(),
                today: planned().position(|planned| planned.is_today),
                leader,
            });
            rows.push(cells);
        }
        Self {
            plan,
            rows,
            search: Search::new(plan.strategy, n_probes, known),
            signatures,
        }
    }

    /// All slots with their cells.
    pub fn places(&self) -> impl Iterator<Item = (SlotIndex, &'a Planned)> {
        let plan = self.plan;
        let rows = self.rows.iter().enumerate();
        rows.flat_map(move |(row, cells)| {
            let cells = cells.iter().enumerate();
            cells.filter_map(move |(place, index)| Some(((row, place), plan.cells.get(*index)?)))
        })
    }

    /// The cell in a slot.
    #[must_use]
    pub fn planned(&self, (row, place): SlotIndex) -> Option<&'a Planned> {
        self.plan.cells.get(*self.rows.get(row)?.get(place)?)
    }

    /// Returns the slot to run next; see [`Search::best`].
    pub fn best<W: Ord + Default>(
        &mut self,
        rank: impl Fn(&Planned) -> SlotRank<W>,
    ) -> Option<SlotIndex> {
        let Self {
            plan, rows, search, ..
        } = self;
        search.best(|(row, place)| {
            let at = rows.get(row).and_then(|cells| cells.get(place));
            let planned = at.and_then(|index| plan.cells.get(*index));
            planned.map(&rank).unwrap_or_default()
        })
    }

    /// Records the outcome of a cell.
    pub fn note(&mut self, at: SlotIndex, outcome: &Outcome) {
        let shown = shown(&mut self.signatures, outcome);
        self.search.set(at, shown);
    }
}

fn shown(signatures: &mut HashMap<Signature, usize>, outcome: &Outcome) -> Slot<usize> {
    let Some(signature) = outcome.signature() else {
        return Slot::Unavailable;
    };
    let next = signatures.len();
    Slot::Observed(*signatures.entry(signature).or_insert(next))
}

/// The cells that can run now, concurrently, in plan order: their results only decide what comes
/// after all of them. Empty if nothing is left to run.
#[must_use]
pub fn round(plan: &Plan, n_probes: usize) -> Vec<&Planned> {
    let mut search_state = SearchState::new(plan, n_probes);
    let ready = search_state.search.ready().into_iter();
    ready.filter_map(|at| search_state.planned(at)).collect()
}
