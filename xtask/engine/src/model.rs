//! The nouns that everything else speaks in: cells, statuses, outcomes, runs and events.
//!
//! Plain values with serde forms. Nothing here reads a file, a clock or the environment.

pub mod cell;
pub mod shard;
pub mod status;
pub mod diagnostic;
pub mod case;
pub mod moved;
pub mod enforced;
pub mod outcome;
pub mod verdict;
pub mod gaps;
pub mod findings;
pub mod timeline;
pub mod run;
pub mod command;
pub mod between;
pub mod bisection;
pub mod verified;
pub mod event;
#[cfg(test)]
pub mod made_up;
#[cfg(test)]
pub mod drawn;
