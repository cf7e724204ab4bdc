//! Reconciling the outcomes of one cell from several parts.

use std::collections::BTreeSet;

use super::PartOutcome;
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{Observation, Outcome, Signature};
use crate::model::run::State;
use crate::model::run::gaps::ConflictSide;
use crate::model::status::{InconclusiveReason, SkipReason, Status};

/// The reconciled state of a cell.
pub(super) struct ReconciledCell {
    /// The state of the cell.
    pub state: State,
    /// The part that provided the outcome.
    pub part: Option<String>,
    /// The contradicting results, if the parts disagree.
    pub sides: Vec<ConflictSide>,
}

/// Everything that is known about a cell.
#[derive(Clone, Copy)]
pub(super) struct CellParts<'a> {
    /// What each part knows, in the order of the parts.
    pub known: &'a [PartOutcome<'a>],
    /// The contradicting results that earlier merges found.
    pub earlier: &'a [&'a ConflictSide],
    /// Whether any machine has its toolchain.
    pub has_toolchain: bool,
}

/// Reconciles a cell: a conclusive outcome takes precedence over an inconclusive one, and that over
/// a cell that did not run.
pub(super) fn reconcile(asked: CellParts<'_>) -> ReconciledCell {
    let CellParts {
        known,
        earlier,
        has_toolchain,
    } = asked;
    let testimonies: Vec<Testimony<'_>> = known.iter().filter_map(Testimony::of).collect();
    if testimonies.is_empty() {
        return ReconciledCell {
            state: unanswered(known, has_toolchain),
            part: None,
            sides: Vec::new(),
        };
    }
    let sides = sides(&testimonies, earlier);
    if !sides.is_empty() {
        return contradicted(sides);
    }
    // Among equal results, prefer one from a part that ran the cell over a reused one.
    let best = testimonies
        .iter()
        .min_by_key(|testimony| (testimony.outcome.has_doubt(), testimony.reused));
    let taken = best.map(|best| (best.state.clone(), best.part.to_owned()));
    let (state, part) = taken.unzip();
    ReconciledCell {
        state: state.unwrap_or(State::Pending),
        part,
        sides: Vec::new(),
    }
}

/// An outcome, and the part that reports it.
struct Testimony<'a> {
    part: &'a str,
    state: &'a State,
    reused: bool,
    outcome: &'a Outcome,
}

impl<'a> Testimony<'a> {
    fn of(known: &PartOutcome<'a>) -> Option<Self> {
        match &known.record.state {
            State::Ended { reused, outcome } => Some(Self {
                part: &known.part.name,
                state: &known.record.state,
                reused: *reused,
                outcome,
            }),
            State::Pending | State::Skipped { .. } => None,
        }
    }
}

/// The contradicting results of a cell, if the parts disagree or an earlier merge found that they
/// do.
fn sides(testimonies: &[Testimony<'_>], earlier: &[&ConflictSide]) -> Vec<ConflictSide> {
    let sure = testimonies
        .iter()
        .filter(|testimony| !testimony.outcome.has_doubt());
    let sure: Vec<(&str, Signature)> = sure
        .map(|testimony| (testimony.part, testimony.outcome.shows()))
        .collect();
    let is_one = sure.windows(2).all(|pair| pair[0].1 == pair[1].1);
    if is_one && earlier.is_empty() {
        return Vec::new();
    }
    let common = sure.iter().map(|(_, shows)| shows.iter().collect());
    let common = common.reduce(|a: BTreeSet<_>, b| &a & &b);
    let common = common.unwrap_or_default();
    let now = sure.iter().map(|(part, shows)| ConflictSide {
        part: (*part).to_owned(),
        shown: describe(shows, &common),
    });
    let mut sides: Vec<ConflictSide> = now.chain(earlier.iter().copied().cloned()).collect();
    sides.sort();
    sides.dedup();
    sides
}

/// Describes what one part shows: the status of the whole, and the first observation that not all
/// parts share.
fn describe(shows: &[Observation], common: &BTreeSet<&Observation>) -> String {
    let whole = shows.first().map(|(_, _, status, _)| status.to_string());
    let mut things = shows.iter().skip(1);
    let own = things.find(|thing| !common.contains(thing));
    let own = own.map(|(target, case, status, code)| {
        let target = target.iter().map(ToString::to_string);
        let words = target.chain(case.clone()).collect::<Vec<_>>().join(" ");
        let code = code.iter().map(|code| format!(" {code}"));
        format!("; {words}: {status}{}", code.collect::<String>())
    });
    format!("{}{}", whole.unwrap_or_default(), own.unwrap_or_default())
}

/// Creates an inconclusive outcome that lists the contradicting results.
fn contradicted(sides: Vec<ConflictSide>) -> ReconciledCell {
    let doubt = InconclusiveReason::Machine("results contradict each other".to_owned());
    let diagnostic = |side: &ConflictSide| {
        Diagnostic::from_message(format!("{} says {}", side.part, side.shown))
    };
    let errors = sides.iter().map(diagnostic).collect();
    let outcome = Outcome::whole(Status::Inconclusive { doubt }, errors);
    ReconciledCell {
        state: State::Ended {
            reused: false,
            outcome: Box::new(outcome),
        },
        part: None,
        sides,
    }
}

/// The state of a cell that no part ran: the reason that says most about the whole. A cell that one
/// part left to others, or did not reach, is missing; so is a cell whose toolchain one part lacks
/// but another has.
fn unanswered(known: &[PartOutcome<'_>], has_toolchain: bool) -> State {
    let states = known.iter().map(|known| &known.record.state);
    let state = states.max_by_key(|state| (weight(state), std::cmp::Reverse(reason(state))));
    match state {
        Some(State::Skipped { reason }) => match reason {
            SkipReason::OtherShard | SkipReason::NotBegun => State::Pending,
            SkipReason::ToolchainMissing if has_toolchain => State::Pending,
            SkipReason::ToolchainMissing
            | SkipReason::Excluded(_)
            | SkipReason::Blocked(_)
            | SkipReason::NotSelected(_)
            | SkipReason::NotAnEnd
            | SkipReason::BetweenRungs
            | SkipReason::Inferred
            | SkipReason::Ignored
            | SkipReason::NotReached
            | SkipReason::NothingToTest
            | SkipReason::RequiredFeatures(_)
            | SkipReason::Built(_) => State::Skipped {
                reason: reason.clone(),
            },
        },
        Some(State::Pending | State::Ended { .. }) | None => State::Pending,
    }
}

fn reason(state: &State) -> Option<&SkipReason> {
    match state {
        State::Skipped { reason } => Some(reason),
        State::Pending | State::Ended { .. } => None,
    }
}

/// The precedence of a state among several parts.
fn weight(state: &State) -> u8 {
    match state {
        State::Ended { .. } => 7,
        State::Pending => 4,
        State::Skipped { reason } => match reason {
            SkipReason::Excluded(_) | SkipReason::Blocked(_) => 6,
            // The machine that was to run the cell and did not finish had the toolchain.
            SkipReason::ToolchainMissing => 5,
            SkipReason::NotBegun => 4,
            SkipReason::Inferred => 3,
            SkipReason::OtherShard => 2,
            SkipReason::NotSelected(_) | SkipReason::NotAnEnd => 1,
            // The rest applies to targets and cases, not to cells.
            SkipReason::BetweenRungs
            | SkipReason::Ignored
            | SkipReason::NotReached
            | SkipReason::NothingToTest
            | SkipReason::RequiredFeatures(_)
            | SkipReason::Built(_) => 0,
        },
    }
}
