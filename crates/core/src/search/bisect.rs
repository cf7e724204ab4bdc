//! Bisection: one question along one axis, as a pure search over what its points have answered.

use crate::model::run::bisection::Answer;

/// What is known of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing yet.
    Open,
    /// A lane is at it.
    Running,
    /// Its answer.
    Told(Answer),
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Between two points the answer changes. Those that lie between could not tell.
    Found {
        /// The last point with the answer of the first end.
        before: usize,
        /// The first point with the answer of the last end.
        after: usize,
        /// What lies between.
        untold: Vec<usize>,
    },
    /// Both ends answer the same.
    EndsAgree(Answer),
    /// An end cannot tell.
    InDoubt(usize),
}

/// The points to ask next, at most `n_idle`: both ends; then what halves the stretch within which
/// the answer changes; and with more lanes, what will be halved next whatever the answer is.
#[must_use]
pub fn next(points: &[Known], n_idle: usize) -> Vec<usize> {
    let Some(last) = points.len().checked_sub(1) else {
        return Vec::new();
    };
    let is_open = |at: &usize| points.get(*at) == Some(&Known::Open);
    let ends = || [0, last].into_iter().filter(|at| *at == last || last > 0);
    if ends().any(|at| !matches!(points[at], Known::Told(_))) {
        let mut open: Vec<usize> = ends().filter(is_open).collect();
        open.dedup();
        open.truncate(n_idle);
        return open;
    }
    let Some((low, high)) = stretch(points) else {
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
pub fn end(points: &[Known]) -> Option<End> {
    let last = points.len().checked_sub(1)?;
    let told = |at: usize| match points.get(at) {
        Some(Known::Told(answer)) => Some(*answer),
        Some(Known::Open | Known::Running) | None => None,
    };
    let (first, other) = (told(0)?, told(last)?);
    if let Some(doubt) = [(first, 0), (other, last)]
        .iter()
        .find(|(a, _)| *a == Answer::CannotTell)
    {
        return Some(End::InDoubt(doubt.1));
    }
    if first == other {
        return Some(End::EndsAgree(first));
    }
    let (before, after) = stretch(points)?;
    let untold: Vec<usize> = (before + 1..after).collect();
    let is_settled = untold.iter().all(|at| told(*at).is_some());
    is_settled.then_some(End::Found {
        before,
        after,
        untold,
    })
}

/// The stretch within which the answer changes: halved by every answer in turn, as if the change
/// were the only one.
fn stretch(points: &[Known]) -> Option<(usize, usize)> {
    let (mut low, mut high) = (0, points.len().checked_sub(1)?);
    let told = |at: usize| match points[at] {
        Known::Told(answer @ (Answer::Good | Answer::Bad)) => Some(answer),
        Known::Told(Answer::CannotTell) | Known::Open | Known::Running => None,
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
