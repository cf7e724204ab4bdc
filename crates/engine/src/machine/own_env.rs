//! This process's own environment, and the time of day: the only place that reads them.

use std::ffi::OsString;
use std::time::SystemTime;

/// A variable of this process.
#[expect(clippy::disallowed_methods, reason = "the one place")]
#[must_use]
pub fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// All variables of this process.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn vars() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "the one place")]
#[must_use]
pub fn now() -> SystemTime {
    SystemTime::now()
}
