//! What is kept from run to run: outcomes under a hash of all that decides them, and durations.

pub(crate) mod key;
pub(crate) mod record_store;
pub(crate) mod outcome_store;
pub(crate) mod durations;
