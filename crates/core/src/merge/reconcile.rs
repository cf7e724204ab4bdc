//! One cell, of which several parts speak.

use std::collections::BTreeSet;

use super::PartOutcome;
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{Observation, Outcome, Signature};
use crate::model::run::State;
use crate::model::run::gaps::ConflictSide;
use crate::model::status::{InconclusiveReason, SkipReason, Status};

/// What comes of a cell.
pub(super) struct ReconciledCell {
    /// How far it is.
    pub state: State,
    /// Whose outcome was taken.
    pub part: Option<String>,
    /// What was said of it, where that is not one thing.
    pub sides: Vec<ConflictSide>,
}

/// A cell, and all that is known of it.
#[derive(Clone, Copy)]
pub(super) struct CellParts<'a> {
    /// What each part knows, in the order of the parts.
    pub known: &'a [PartOutcome<'a>],
    /// What earlier merges found it contradicted by.
    pub earlier: &'a [&'a ConflictSide],
    /// Whether any machine has its toolchain.
    pub has_toolchain: bool,
}

/// Settles a cell by all that is known of it: a verdict before a doubt, and a doubt before what did
/// not run.
pub(super) fn reconcile(asked: CellParts<'_>) -> ReconciledCell {
    let CellParts {
        known,
        earlier,
        has_toolchain,
    } = asked;
    let said: Vec<Testimony<'_>> = known.iter().filter_map(Testimony::of).collect();
    if said.is_empty() {
        return ReconciledCell {
            state: unanswered(known, has_toolchain),
            part: None,
            sides: Vec::new(),
        };
    }
    let sides = sides(&said, earlier);
    if !sides.is_empty() {
        return contradicted(sides);
    }
    // Of those that say the same, one that ran the cell rather than one that had it from before.
    let best = said
        .iter()
        .min_by_key(|said| (said.outcome.has_doubt(), said.reused));
    let taken = best.map(|best| (best.state.clone(), best.part.to_owned()));
    let (state, part) = taken.unzip();
    ReconciledCell {
        state: state.unwrap_or(State::Pending),
        part,
        sides: Vec::new(),
    }
}

/// An outcome, and who says it.
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

/// What parts say of a cell, where that is not one thing; also what an earlier merge found so.
fn sides(said: &[Testimony<'_>], earlier: &[&ConflictSide]) -> Vec<ConflictSide> {
    let sure = said.iter().filter(|said| !said.outcome.has_doubt());
    let sure: Vec<(&str, Signature)> = sure.map(|said| (said.part, said.outcome.shows())).collect();
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

/// What one part says: of the whole, and the first thing that not all say.
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

/// A cell of which parts say different things is in doubt, and says what they say.
fn contradicted(sides: Vec<ConflictSide>) -> ReconciledCell {
    let doubt = InconclusiveReason::Machine("results contradict each other".to_owned());
    let said = |side: &ConflictSide| {
        Diagnostic::from_message(format!("{} says {}", side.part, side.shown))
    };
    let errors = sides.iter().map(said).collect();
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

/// A cell that no part ran: the reason that says most of the whole. What one part left to others,
/// or did not come to, is missing; so is what one has no toolchain for, and another has.
fn unanswered(known: &[PartOutcome<'_>], has_toolchain: bool) -> State {
    let states = known.iter().map(|known| &known.record.state);
    let state = states.max_by_key(|state| (weight(state), std::cmp::Reverse(reason(state))));
    match state {
        Some(State::Skipped { reason }) => match reason {
            SkipReason::OtherShard | SkipReason::NotBegun => State::Pending,
            SkipReason::ToolchainMissing if has_toolchain => State::Pending,
            SkipReason::ToolchainMissing
            | SkipReason::Excluded(_)
            | SkipReason::NotSelected(_)
            | SkipReason::NotAnEnd
            | SkipReason::BetweenRungs
            | SkipReason::Inferred
            | SkipReason::Ignored
            | SkipReason::NotReached
            | SkipReason::NothingToTest
            | SkipReason::RequiredFeatures(_) => State::Skipped {
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

/// How much a state says of the whole, where several are known.
fn weight(state: &State) -> u8 {
    match state {
        State::Ended { .. } => 7,
        State::Pending => 4,
        State::Skipped { reason } => match reason {
            SkipReason::Excluded(_) => 6,
            // Whoever was to run the cell and did not end had the toolchain.
            SkipReason::ToolchainMissing => 5,
            SkipReason::NotBegun => 4,
            SkipReason::Inferred => 3,
            SkipReason::OtherShard => 2,
            SkipReason::NotSelected(_) | SkipReason::NotAnEnd => 1,
            // The rest is said of targets and cases, and not of cells.
            SkipReason::BetweenRungs
            | SkipReason::Ignored
            | SkipReason::NotReached
            | SkipReason::NothingToTest
            | SkipReason::RequiredFeatures(_) => 0,
        },
    }
}
