//! The result of resolving a cell: a lock, or the reason why there is none.

use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::moved::Moved;
use pinmatrix_core::model::outcome::{Needs, Outcome};
use pinmatrix_core::model::status::Status;
use serde::{Deserialize, Serialize};

/// The result of resolving a cell, stored under a hash of everything that decides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// `Passed`, or what went wrong: `resolve`, `msrv`, `drift`, or an inconclusive reason.
    #[serde(flatten)]
    pub status: Status,
    /// Why resolving did not pass.
    pub errors: Vec<Diagnostic>,
    /// The text of `Cargo.lock`, if there is one.
    pub lock: Option<String>,
    /// The packages that the repair moved.
    pub moved: Vec<Moved>,
    /// The rustc versions that the lock needs.
    #[serde(default)]
    pub needs: Option<Needs>,
    /// Cargo's output, which is replayed in the log of a run that reuses this resolution.
    pub said: String,
}

/// The parts of a resolution that decide an outcome: everything but the comments in its lock.
#[derive(Serialize)]
pub struct DecidingParts<'a> {
    status: &'a Status,
    errors: &'a [Diagnostic],
    moved: &'a [Moved],
    lock: Vec<&'a str>,
}

impl Resolution {
    /// Returns the parts that decide an outcome.
    #[must_use]
    pub fn deciding_parts(&self) -> DecidingParts<'_> {
        DecidingParts {
            status: &self.status,
            errors: &self.errors,
            moved: &self.moved,
            lock: decisive_lines(self.lock.as_deref().unwrap_or_default()),
        }
    }

    /// Returns the lock if the cell can be built with it.
    #[must_use]
    pub fn usable(&self) -> Option<&str> {
        let lock = self.lock.as_deref();
        lock.filter(|_| self.status == Status::Passed)
    }

    /// Marks a resolution that has a lock as failed, with the status and errors of `outcome`.
    pub fn refuse(&mut self, outcome: Outcome) {
        self.status = outcome.status;
        self.errors = outcome.errors;
    }

    /// Creates a resolution without a lock.
    #[must_use]
    pub fn refused(status: Status, error: Diagnostic) -> Self {
        Self {
            status,
            errors: vec![error],
            lock: None,
            moved: Vec::new(),
            needs: None,
            said: String::new(),
        }
    }
}

/// Returns the lines of a lock that decide which packages it holds.
#[must_use]
pub fn decisive_lines(lock: &str) -> Vec<&str> {
    lock.lines().filter(|line| decides(line)).collect()
}

/// Returns true if a line of a lock decides which packages it holds. Comments and the format
/// version do not: when only a comment changes, cargo rewrites the lock in its newest format.
fn decides(line: &str) -> bool {
    !line.is_empty()
        && !line.starts_with('#')
        && !line.starts_with("version = 3")
        && !line.starts_with("version = 4")
}
