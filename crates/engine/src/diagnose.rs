//! Turns errors into results: whose fault they are, and what happened to each target.

pub(crate) mod unit_blame;
pub(crate) mod classify;
pub(crate) mod target_result;
pub(crate) mod broken;
