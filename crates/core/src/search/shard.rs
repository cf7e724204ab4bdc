//! Shards: a plan divided among machines that do not communicate.
//!
//! The assignment of cells to shards only depends on what all machines see: the matrix, the
//! selection on the command line, and durations that are passed explicitly. It never depends on
//! what one machine has or knows.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::config::Strategy;
use crate::error::UserError;
use crate::model::cell::{CellId, Row};
use crate::model::outcome::Outcome;
use crate::model::run::Run;
use crate::model::run::shard::Shard;
use crate::model::status::SkipReason;
use crate::search::plan::{CellFate, Plan, Planned, row_of};

/// The weight of a cell without known duration, in milliseconds.
const UNKNOWN: u64 = 1000;
/// The maximum weight of a cell, in milliseconds: about thirty years.
const MOST: f64 = 1e12;

/// The durations of cells in an earlier run, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct KnownDurations {
    of_cells: BTreeMap<CellId, u64>,
    /// The median of each row of a family.
    of_rows: BTreeMap<(Row, String), u64>,
    of_all: Option<u64>,
}

impl KnownDurations {
    /// Collects the durations of a run's cells. Inconclusive cells are ignored.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let mut of_rows: BTreeMap<(Row, String), Vec<u64>> = BTreeMap::new();
        let mut of_cells = BTreeMap::new();
        for record in &run.cells {
            let Some(outcome) = record.outcome().filter(|outcome| !outcome.has_doubt()) else {
                continue;
            };
            let (row, family) = row_of(&record.cell);
            let took = took(outcome);
            of_cells.insert(record.id.clone(), took);
            let of_row = of_rows.entry((row.clone(), family.to_owned()));
            of_row.or_default().push(took);
        }
        let rows = of_rows.into_iter();
        Self {
            of_all: median(of_cells.values().copied().collect()),
            of_rows: rows
                .filter_map(|(row, times)| Some((row, median(times)?)))
                .collect(),
            of_cells,
        }
    }

    /// The weight of a cell in milliseconds: its own duration, or else the median of its row, or
    /// else the median of all cells.
    fn weight(&self, planned: &Planned) -> u64 {
        let own = self.of_cells.get(&planned.id).copied();
        let of_row = || {
            let (row, family) = row_of(&planned.cell);
            self.of_rows.get(&(row.clone(), family.to_owned())).copied()
        };
        own.or_else(of_row).or(self.of_all).unwrap_or(UNKNOWN)
    }
}

/// The total duration of a cell's phases. The file is untrusted and can contain any number.
fn took(outcome: &Outcome) -> u64 {
    let seconds: f64 = outcome.phases.iter().map(|phase| phase.seconds).sum();
    // NaN becomes 0.
    (seconds * 1000.0).clamp(1.0, MOST) as u64
}

fn median(mut times: Vec<u64>) -> Option<u64> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// One shard of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardCells {
    /// The shard.
    pub shard: Shard,
    /// The indices of its cells in the plan.
    pub cells: Vec<usize>,
    /// Their total weight, in milliseconds.
    pub weight: u64,
}

/// Divides a plan into contiguous pieces, so that rows and neighbouring pins, which share most
/// work, stay together. The heaviest piece is as light as possible.
///
/// # Errors
///
/// A [`UserError`] if the cells to run depend on what other cells show.
pub fn shares(
    plan: &Plan,
    of: usize,
    times: &KnownDurations,
) -> Result<Vec<ShardCells>, UserError> {
    let cells = plan.cells.iter().enumerate();
    let asked = cells.filter(|(_, planned)| is_asked_for(planned));
    let asked: Vec<usize> = asked.map(|(index, _)| index).collect();
    check(plan, &asked)?;
    let weights: Vec<u64> = asked
        .iter()
        .map(|index| times.weight(&plan.cells[*index]))
        .collect();
    let pieces = pieces(&weights, of).into_iter();
    let shares = Shard::all(of).zip(pieces).map(|(shard, piece)| ShardCells {
        shard,
        weight: weights[piece.clone()].iter().sum(),
        cells: asked[piece].to_vec(),
    });
    Ok(shares.collect())
}

/// Keeps only the cells of one shard in a plan.
///
/// # Errors
///
/// See [`shares`].
pub fn keep(plan: &mut Plan, shard: Shard, times: &KnownDurations) -> Result<(), UserError> {
    let shares = shares(plan, shard.of(), times)?;
    for share in shares.iter().filter(|share| share.shard != shard) {
        for index in &share.cells {
            plan.cells[*index].fate = CellFate::Skip(SkipReason::OtherShard);
        }
    }
    plan.shard = Some(shard);
    Ok(())
}

/// Whether a cell would run on a machine that has its toolchain and no cached outcomes.
fn is_asked_for(planned: &Planned) -> bool {
    match &planned.fate {
        CellFate::Run { .. } | CellFate::Known(_) => true,
        CellFate::Skip(reason) => *reason == SkipReason::ToolchainMissing,
    }
}

/// Checks that the set of cells to run is known in advance.
fn check(plan: &Plan, asked: &[usize]) -> Result<(), UserError> {
    let rounds = "or go in rounds: `plan --round` says what runs next";
    if plan.strategy == Strategy::Frontier {
        let message = "strategy `frontier` finds out on the way which cells run, and a shard does \
                       not see what others find";
        return Err(UserError::new(message).help(format!("add --full or --ends, {rounds}")));
    }
    if asked.iter().any(|index| !plan.cells[*index].is_rung) {
        let message = "whether a version between two pins runs depends on what both show, and a \
                       shard does not see what others find";
        let help = format!("leave out --exact, and `exact` in [run], {rounds}");
        return Err(UserError::new(message).help(help));
    }
    Ok(())
}

/// Cuts a list of weights into `n_pieces` pieces. The heaviest is as light as possible, and the
/// others are as even as that allows. If there are fewer weights than pieces, the last pieces are
/// empty.
fn pieces(weights: &[u64], n_pieces: usize) -> Vec<Range<usize>> {
    let capacity = capacity(weights, n_pieces);
    let needed = needed(weights, capacity);
    let mut pieces = Vec::with_capacity(n_pieces);
    let mut left: u64 = weights.iter().sum();
    let mut start = 0;
    for n_left in (1..=n_pieces).rev() {
        let fair = left.div_ceil(n_left as u64);
        let (mut end, mut weight) = (start, 0);
        while let Some(next) = weights.get(end) {
            // Take the fair share, rounded to the nearer side, but enough that the rest still fits.
            let is_enough = weight + next / 2 >= fair && weight > 0;
            if weight + next > capacity || (is_enough && needed[end] < n_left) {
                break;
            }
            weight += next;
            end += 1;
        }
        pieces.push(start..end);
        left -= weight;
        start = end;
    }
    pieces
}

/// The minimum weight of the heaviest piece.
fn capacity(weights: &[u64], n_pieces: usize) -> u64 {
    let heaviest = weights.iter().copied().max().unwrap_or_default();
    let (mut low, mut high) = (heaviest, weights.iter().sum());
    while low < high {
        let middle = low.midpoint(high);
        let n_needed = needed(weights, middle).first().copied().unwrap_or_default();
        if n_needed <= n_pieces {
            high = middle
        } else {
            low = middle + 1
        }
    }
    low
}

/// For each index, the minimum number of pieces for the weights from there on, if no piece may
/// exceed `capacity`. Every single weight must fit into `capacity`.
fn needed(weights: &[u64], capacity: u64) -> Vec<usize> {
    let mut needed = vec![0; weights.len() + 1];
    let (mut end, mut weight) = (weights.len(), 0);
    for start in (0..weights.len()).rev() {
        weight += weights[start];
        while weight > capacity {
            end -= 1;
            weight -= weights[end];
        }
        needed[start] = needed[end] + 1;
    }
    needed
}

#[cfg(test)]
mod tests;
