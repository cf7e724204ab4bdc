//! What users and CI systems see: progress, plans, errors and reports.

pub(crate) mod stdout;
pub(crate) mod error_report;
pub(crate) mod plan;
pub(crate) mod lines;
pub(crate) mod progress;
pub(crate) mod ci;
pub(crate) mod reports;
pub(crate) mod trace;
