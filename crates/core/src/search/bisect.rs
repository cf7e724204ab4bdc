//! Bisection: one question along one axis, as a pure function of the answers so far.

use crate::model::run::bisection::PointAnswer;

/// The state of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointState {
    /// Not asked yet.
    Open,
    /// A lane is working on it.
    Running,
    /// Its answer.
    Answered(PointAnswer),
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BisectResult {
    /// The answer changes between two points. Those in between cannot tell.
    Found {
        /// The last point with the answer of the first end.
        before: usize,
        /// The first point with the answer of the last end.
        after: usize,
        /// The points in between.
        inconclusive: Vec<usize>,
    },
    /// Both ends have the same answer.
    EndsAgree(PointAnswer),
    /// The end at this index cannot tell.
    EndCannotTell(usize),
}

/// Returns the points to ask next, at most `n_idle`: both ends; then the point that halves the
/// interval in which the answer changes; and for additional lanes, the points that would be halved
/// next under either answer.
#[must_use]
pub fn next(points: &[PointState], n_idle: usize) -> Vec<usize> {
    let Some(last) = points.len().checked_sub(1) else {
        return Vec::new();
    };
    let is_open = |index: &usize| points.get(*index) == Some(&PointState::Open);
    let ends = || {
        [0, last]
            .into_iter()
            .filter(|index| *index == last || last > 0)
    };
    if ends().any(|index| !matches!(points[index], PointState::Answered(_))) {
        let mut open: Vec<usize> = ends().filter(is_open).collect();
        open.dedup();
        open.truncate(n_idle);
        return open;
    }
    let Some((low, high)) = interval(points) else {
        return Vec::new();
    };
    let mut taken: Vec<usize> = (low..=high).filter(|index| !is_open(index)).collect();
    let mut chosen = Vec::new();
    while chosen.len() < n_idle {
        let gaps = taken.windows(2).filter(|pair| pair[1] - pair[0] > 1);
        // The widest gap, or the first of several.
        let Some(widest) = gaps.min_by_key(|pair| std::cmp::Reverse(pair[1] - pair[0])) else {
            break;
        };
        let middle = widest[0].midpoint(widest[1]);
        chosen.push(middle);
        taken.push(middle);
        taken.sort_unstable();
    }
    chosen
}

/// The result of the search; `None` while there are points left to ask.
#[must_use]
pub fn end(points: &[PointState]) -> Option<BisectResult> {
    let last = points.len().checked_sub(1)?;
    let answer_at = |index: usize| match points.get(index) {
        Some(PointState::Answered(answer)) => Some(*answer),
        Some(PointState::Open | PointState::Running) | None => None,
    };
    let (first, other) = (answer_at(0)?, answer_at(last)?);
    if let Some(doubt) = [(first, 0), (other, last)]
        .iter()
        .find(|(a, _)| *a == PointAnswer::CannotTell)
    {
        return Some(BisectResult::EndCannotTell(doubt.1));
    }
    if first == other {
        return Some(BisectResult::EndsAgree(first));
    }
    let (before, after) = interval(points)?;
    let inconclusive: Vec<usize> = (before + 1..after).collect();
    let is_settled = inconclusive.iter().all(|index| answer_at(*index).is_some());
    is_settled.then_some(BisectResult::Found {
        before,
        after,
        inconclusive,
    })
}

/// The interval in which the answer changes, narrowed by one answer after another as if there were
/// only one change.
fn interval(points: &[PointState]) -> Option<(usize, usize)> {
    let (mut low, mut high) = (0, points.len().checked_sub(1)?);
    let answer_at = |index: usize| match points[index] {
        PointState::Answered(answer @ (PointAnswer::Good | PointAnswer::Bad)) => Some(answer),
        PointState::Answered(PointAnswer::CannotTell) | PointState::Open | PointState::Running => {
            None
        }
    };
    let (first, last) = (answer_at(low)?, answer_at(high)?);
    if first == last {
        return None;
    }
    // If there are several changes, the search follows the one that halving leads to.
    loop {
        let middle = low.midpoint(high);
        let inside = (low + 1..high).filter(|index| answer_at(*index).is_some());
        let Some(index) = inside.min_by_key(|index| index.abs_diff(middle)) else {
            return Some((low, high));
        };
        if answer_at(index) == Some(first) {
            low = index
        } else {
            high = index
        }
    }
}

#[cfg(test)]
mod tests;
