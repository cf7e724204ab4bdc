//! What a person or a CI engine sees: progress, plans, errors, reports.

pub(crate) mod stdout;
pub(crate) mod error_report;
pub(crate) mod plan;
pub(crate) mod lines;
pub(crate) mod progress;
pub(crate) mod ci;
pub(crate) mod reports;
