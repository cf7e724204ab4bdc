//! Bisection: one question along one axis, as a pure search over what its points have answered.

use crate::model::run::bisection::PointAnswer;

/// What is known of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointState {
    /// Nothing yet.
    Open,
    /// A lane is at it.
    Running,
    /// Its answer.
    Told(PointAnswer),
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BisectResult {
    /// Between two points the answer changes. Those that lie between could not tell.
    Found {
        /// The last point with the answer of the first end.
        before: usize,
        /// The first point with the answer of the last end.
        after: usize,
        /// What lies between.
        inconclusive: Vec<usize>,
    },
    /// Both ends answer the same.
    EndsAgree(PointAnswer),
    /// An end cannot tell.
    InDoubt(usize),
}

/// The points to ask next, at most `n_idle`: both ends; then what halves the stretch within which
/// the answer changes; and with more lanes, what will be halved next whatever the answer is.
#[must_use]
pub fn next(points: &[PointState], n_idle: usize) -> Vec<usize> {
    let Some(last) = points.len().checked_sub(1) else {
        return Vec::new();
    };
    let is_open = |at: &usize| points.get(*at) == Some(&PointState::Open);
    let ends = || [0, last].into_iter().filter(|at| *at == last || last > 0);
    if ends().any(|at| !matches!(points[at], PointState::Told(_))) {
        let mut open: Vec<usize> = ends().filter(is_open).collect();
        open.dedup();
        open.truncate(n_idle);
        return open;
    }
    let Some((low, high)) = interval(points) else {
        return Vec::new();
    };
    let mut taken: Vec<usize> = (low..=high).filter(|at| !is_open(at)).collect();
    let mut chosen = Vec::new();
    while chosen.len() < n_idle {
        let gaps = taken.windows(2).filter(|pair| pair[1] - pair[0] > 1);
        // The widest, and of those alike the first.
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

/// What the search came to; `None` while there is more to ask.
#[must_use]
pub fn end(points: &[PointState]) -> Option<BisectResult> {
    let last = points.len().checked_sub(1)?;
    let told = |at: usize| match points.get(at) {
        Some(PointState::Told(answer)) => Some(*answer),
        Some(PointState::Open | PointState::Running) | None => None,
    };
    let (first, other) = (told(0)?, told(last)?);
    if let Some(doubt) = [(first, 0), (other, last)]
        .iter()
        .find(|(a, _)| *a == PointAnswer::CannotTell)
    {
        return Some(BisectResult::InDoubt(doubt.1));
    }
    if first == other {
        return Some(BisectResult::EndsAgree(first));
    }
    let (before, after) = interval(points)?;
    let inconclusive: Vec<usize> = (before + 1..after).collect();
    let is_settled = inconclusive.iter().all(|at| told(*at).is_some());
    is_settled.then_some(BisectResult::Found {
        before,
        after,
        inconclusive,
    })
}

/// The stretch within which the answer changes: halved by every answer in turn, as if the change
/// were the only one.
fn interval(points: &[PointState]) -> Option<(usize, usize)> {
    let (mut low, mut high) = (0, points.len().checked_sub(1)?);
    let told = |at: usize| match points[at] {
        PointState::Told(answer @ (PointAnswer::Good | PointAnswer::Bad)) => Some(answer),
        PointState::Told(PointAnswer::CannotTell) | PointState::Open | PointState::Running => None,
    };
    let (first, last) = (told(low)?, told(high)?);
    if first == last {
        return None;
    }
    // Of two changes the search follows the one that the halvings lead to.
    loop {
        let middle = low.midpoint(high);
        let inside = (low + 1..high).filter(|at| told(*at).is_some());
        let Some(at) = inside.min_by_key(|at| at.abs_diff(middle)) else {
            return Some((low, high));
        };
        match told(at) == Some(first) {
            true => low = at,
            false => high = at,
        }
    }
}

#[cfg(test)]
mod tests;
