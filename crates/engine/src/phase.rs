//! What each phase of a cell leaves: how long it took, and its log.

pub(crate) mod timer;
pub(crate) mod log;
