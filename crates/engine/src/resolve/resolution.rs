//! The result of resolving a cell: a lock, or the reason why there is none.

use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::copies::OtherCopy;
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
    /// Crates of the family beside the pin.
    #[serde(default)]
    pub copies: Vec<OtherCopy>,
    /// The rustc versions that the lock needs.
    #[serde(default)]
    pub needs: Option<Needs>,
    /// Cargo's output, which is replayed in the log of a run that reuses this resolution.
    #[serde(rename = "said")]
    pub output: String,
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
            copies: Vec::new(),
            needs: None,
            output: String::new(),
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

#[cfg(test)]
mod tests {
    use pinmatrix_core::model::status::FailureKind;

    use super::*;

    fn resolution(lock: Option<&str>) -> Resolution {
        Resolution {
            status: Status::Passed,
            errors: Vec::new(),
            lock: lock.map(str::to_owned),
            moved: Vec::new(),
            copies: Vec::new(),
            needs: None,
            output: "Locking 1 package".to_owned(),
        }
    }

    fn decides(resolution: &Resolution) -> String {
        serde_json::to_string(&resolution.deciding_parts()).expect("JSON")
    }

    const LOCK: &str =
        "# By hand.\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"4.0.0\"\n";

    #[test]
    fn only_what_a_lock_holds_decides() {
        let lines = ["[[package]]", "name = \"a\"", "version = \"4.0.0\""];
        assert_eq!(decisive_lines(LOCK), lines);
        let older = LOCK.replace("version = 4\n", "version = 3\n");
        assert_eq!(decisive_lines(&older), lines);
        assert_eq!(decisive_lines(&LOCK.replace("By hand", "By cargo")), lines);
        let other = LOCK.replace("4.0.0", "4.0.1");
        assert_ne!(decisive_lines(&other), lines);
        let three = LOCK.replace("4.0.0", "3.0.0");
        assert_ne!(decisive_lines(&three), lines);
    }

    #[test]
    fn what_cargo_said_does_not_decide() {
        let first = resolution(Some(LOCK));
        let mut second = first.clone();
        second.output = "replayed".to_owned();
        assert_eq!(decides(&first), decides(&second));
        second.status = Status::failed(FailureKind::Drift);
        assert_ne!(decides(&first), decides(&second));
        let mut moved = first.clone();
        moved.errors.push(Diagnostic::from_message("no"));
        assert_ne!(decides(&first), decides(&moved));
        assert_ne!(decides(&first), decides(&resolution(None)));
    }

    #[test]
    fn a_lock_is_usable_if_its_cell_was_resolved() {
        let mut passed = resolution(Some(LOCK));
        assert_eq!(passed.usable(), Some(LOCK));
        assert_eq!(resolution(None).usable(), None);
        let error = Diagnostic::from_message("relay 1.3.0 needs rustc 1.80.0");
        passed.refuse(Outcome::whole(
            Status::failed(FailureKind::Msrv),
            vec![error.clone()],
        ));
        assert_eq!(passed.usable(), None);
        assert_eq!(passed.lock.as_deref(), Some(LOCK), "it stays, as evidence");
        assert_eq!(passed.errors.first(), Some(&error));
        let refused = Resolution::refused(Status::failed(FailureKind::Resolve), error.clone());
        assert_eq!((refused.lock, refused.errors), (None, vec![error]));
    }
}
