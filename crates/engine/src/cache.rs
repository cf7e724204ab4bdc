//! Results that are kept from run to run: outcomes under a hash of everything that decides them,
//! and durations.

pub(crate) mod key;
pub(crate) mod record_store;
pub(crate) mod outcome_store;
pub(crate) mod durations;
