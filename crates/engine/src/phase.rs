//! What each phase of a cell leaves: its duration and its log.

pub(crate) mod timer;
pub(crate) mod log;
