//! What came of resolving a cell: a lock, or words against it.

use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::moved::Moved;
use pinmatrix_core::model::outcome::{Needs, Outcome};
use pinmatrix_core::model::status::Status;
use serde::{Deserialize, Serialize};

/// What came of resolving a cell. Kept under a hash of all that decides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Passed, or what was wrong: `resolve`, `msrv`, `drift` or a doubt.
    #[serde(flatten)]
    pub status: Status,
    /// Why it did not pass.
    pub errors: Vec<Diagnostic>,
    /// The text of `Cargo.lock`, wherever one was reached.
    pub lock: Option<String>,
    /// What the repair moved.
    pub moved: Vec<Moved>,
    /// The rustc that the lock asks for.
    #[serde(default)]
    pub needs: Option<Needs>,
    /// What cargo said on the way, for the log of a run that takes this over.
    pub said: String,
}

/// What of a resolution decides an outcome: everything but the comments in its lock.
#[derive(Serialize)]
pub struct DecidingParts<'a> {
    status: &'a Status,
    errors: &'a [Diagnostic],
    moved: &'a [Moved],
    lock: Vec<&'a str>,
}

impl Resolution {
    /// What of it decides an outcome.
    #[must_use]
    pub fn deciding_parts(&self) -> DecidingParts<'_> {
        DecidingParts {
            status: &self.status,
            errors: &self.errors,
            moved: &self.moved,
            lock: decisive_lines(self.lock.as_deref().unwrap_or_default()),
        }
    }

    /// The lock, where nothing stands against building with it.
    #[must_use]
    pub fn usable(&self) -> Option<&str> {
        let lock = self.lock.as_deref();
        lock.filter(|_| self.status == Status::Passed)
    }

    /// Takes over what stands against a cell whose lock is there.
    pub fn refuse(&mut self, outcome: Outcome) {
        self.status = outcome.status;
        self.errors = outcome.errors;
    }

    /// One that ended in words against the cell.
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

/// The lines of a lock that say which packages are in it.
#[must_use]
pub fn decisive_lines(lock: &str) -> Vec<&str> {
    lock.lines().filter(|line| decides(line)).collect()
}

/// Whether a line of a lock says which packages are in it. Comments do not, nor does the number of
/// its format: cargo writes an unchanged lock anew for a changed comment, in its newest format.
fn decides(line: &str) -> bool {
    !line.is_empty()
        && !line.starts_with('#')
        && !line.starts_with("version = 3")
        && !line.starts_with("version = 4")
}
