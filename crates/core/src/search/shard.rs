//! Shards: a plan divided among machines that know nothing of each other.
//!
//! Which cell is in which shard follows from what all of them see alike: the matrix, what the
//! command line selects, and times that are given explicitly. Never from what one machine has or
//! knows.

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

/// What a cell weighs of which nothing is known, in milliseconds.
const UNKNOWN: u64 = 1000;
/// The most that a cell weighs, in milliseconds: some thirty years.
const MOST: f64 = 1e12;

/// How long cells took in an earlier run, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct KnownDurations {
    of_cells: BTreeMap<CellId, u64>,
    /// The median of each row of a family.
    of_rows: BTreeMap<(Row, String), u64>,
    of_all: Option<u64>,
}

impl KnownDurations {
    /// What a run says of its cells. One that was kept from an answer says nothing.
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

    /// What a cell weighs: what it took, else the median of its row, else that of all, in
    /// milliseconds.
    fn weight(&self, planned: &Planned) -> u64 {
        let own = self.of_cells.get(&planned.id).copied();
        let of_row = || {
            let (row, family) = row_of(&planned.cell);
            self.of_rows.get(&(row.clone(), family.to_owned())).copied()
        };
        own.or_else(of_row).or(self.of_all).unwrap_or(UNKNOWN)
    }
}

/// What a cell took over all of its phases. The file may say anything.
fn took(outcome: &Outcome) -> u64 {
    let seconds: f64 = outcome.phases.iter().map(|phase| phase.seconds).sum();
    // A number that is none becomes 0.
    (seconds * 1000.0).clamp(1.0, MOST) as u64
}

fn median(mut times: Vec<u64>) -> Option<u64> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// One shard of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardCells {
    /// Which one.
    pub shard: Shard,
    /// Where its cells stand in the plan.
    pub cells: Vec<usize>,
    /// What they weigh together, in milliseconds.
    pub weight: u64,
}

/// Divides a plan: into pieces of its order, so that rows and neighbouring pins, which have most in
/// common, keep together. The heaviest piece is as light as it can be.
///
/// # Errors
///
/// A [`UserError`] where what runs depends on what other cells show.
pub fn shares(
    plan: &Plan,
    of: usize,
    times: &KnownDurations,
) -> Result<Vec<ShardCells>, UserError> {
    let cells = plan.cells.iter().enumerate();
    let asked = cells.filter(|(_, planned)| is_asked_for(planned));
    let asked: Vec<usize> = asked.map(|(at, _)| at).collect();
    check(plan, &asked)?;
    let weights: Vec<u64> = asked
        .iter()
        .map(|at| times.weight(&plan.cells[*at]))
        .collect();
    let pieces = pieces(&weights, of).into_iter();
    let shares = Shard::all(of).zip(pieces).map(|(shard, piece)| ShardCells {
        shard,
        weight: weights[piece.clone()].iter().sum(),
        cells: asked[piece].to_vec(),
    });
    Ok(shares.collect())
}

/// Leaves to a plan what is in one shard.
///
/// # Errors
///
/// As [`shares`].
pub fn keep(plan: &mut Plan, shard: Shard, times: &KnownDurations) -> Result<(), UserError> {
    let shares = shares(plan, shard.of(), times)?;
    for share in shares.iter().filter(|share| share.shard != shard) {
        for at in &share.cells {
            plan.cells[*at].fate = CellFate::Skip(SkipReason::OtherShard);
        }
    }
    plan.shard = Some(shard);
    Ok(())
}

/// Whether a cell is meant to run, on a machine that has its toolchain and knows nothing yet.
fn is_asked_for(planned: &Planned) -> bool {
    match &planned.fate {
        CellFate::Run { .. } | CellFate::Known(_) => true,
        CellFate::Skip(reason) => *reason == SkipReason::ToolchainMissing,
    }
}

/// Checks that it is known beforehand what runs.
fn check(plan: &Plan, asked: &[usize]) -> Result<(), UserError> {
    let rounds = "or go in rounds: `plan --round` says what runs next";
    if plan.strategy == Strategy::Frontier {
        let message = "strategy `frontier` finds out on the way which cells run, and a shard does \
                       not see what others find";
        return Err(UserError::new(message).help(format!("add --full or --ends, {rounds}")));
    }
    if asked.iter().any(|at| !plan.cells[*at].is_rung) {
        let message = "whether a version between two pins runs depends on what both show, and a \
                       shard does not see what others find";
        let help = format!("leave out --exact, and `exact` in [run], {rounds}");
        return Err(UserError::new(message).help(help));
    }
    Ok(())
}

/// Cuts a row of weights into so many pieces, of which the heaviest is as light as possible and
/// the others are as even as that allows. Where there are fewer weights than pieces, the last ones
/// are empty.
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
            // As much as is fair, to the nearer side; and no less than lets the rest fit.
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

/// The least that the heaviest of so many pieces can weigh.
fn capacity(weights: &[u64], n_pieces: usize) -> u64 {
    let heaviest = weights.iter().copied().max().unwrap_or_default();
    let (mut low, mut high) = (heaviest, weights.iter().sum());
    while low < high {
        let middle = low.midpoint(high);
        let n_needed = needed(weights, middle).first().copied().unwrap_or_default();
        match n_needed <= n_pieces {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    low
}

/// From each place on, how many pieces it takes at least where none weighs more than a capacity
/// that holds every single weight.
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
