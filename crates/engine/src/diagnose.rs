//! What errors come to: whose they are, and what became of each target.

pub(crate) mod unit_blame;
pub(crate) mod refusal;
pub(crate) mod target_result;
pub(crate) mod broken;
