//! The evidence of one cell: phases, targets, cases, and the first error of each failure.

pub mod case;
pub mod copies;
pub mod features;
pub mod moved;
pub mod enforced;

use std::collections::BTreeMap;

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;
use crate::model::diagnostic::Diagnostic;
use crate::model::failure_kind::SaidBy;
pub use crate::model::outcome::case::{CaseOutcome, Flaky};
use crate::model::outcome::copies::OtherCopy;
use crate::model::outcome::enforced::Enforced;
use crate::model::outcome::features::FewerFeatures;
use crate::model::outcome::moved::{Moved, OldLock, forward};
use crate::model::status::{InconclusiveReason, SkipReason, Status};

/// The outcome of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The status of the whole cell.
    #[serde(flatten)]
    pub status: Status,
    /// Errors of the cell as a whole that cannot be assigned to a target: a resolve failure, an
    /// MSRV conflict, a machine failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Diagnostic>,
    /// The phases that ran, in order.
    pub phases: Vec<PhaseRecord>,
    /// All targets of the subject that are built and tested, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetOutcome>,
    /// Packages outside the family that were moved, to make the lock fit the toolchain or because
    /// something did not compile with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// Crates of the family that other packages bring in at another version than the pin's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<OtherCopy>,
    /// Packages that have fewer features than in a build of the whole workspace, because only some
    /// members are built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fewer_features: Vec<FewerFeatures>,
    /// What did not compile with the lock as it is and does not belong to the subject, and what was
    /// tried to fix it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_lock: Option<OldLock>,
    /// The versions in the cell's lock of the crates that are shown beside the pins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shown: BTreeMap<String, Vec<Version>>,
    /// A hash of the packages in the cell's lock. Two cells with the same hash have the same
    /// versions of all packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The rustc that the lock needs, as its packages declare it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
    /// The parts of the sandbox that were enforced for its build and tests.
    #[serde(default)]
    pub sandbox: Enforced,
    /// Files that its failures name and that are in the user's tree but not in the copy that the
    /// cell worked on: relative to the top of the checkout, or absolute if outside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The rustc that a lock needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The version that the family's crates declare.
    pub family: Option<Need>,
    /// The highest version that any package in the graph declares.
    pub lock: Option<Need>,
}

/// A rustc version, and the package that requires it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Need {
    /// The rustc version.
    pub rustc: Version,
    /// The package and its version.
    pub package: String,
}

impl Outcome {
    /// Creates the outcome of a cell that ended as a whole, before any target was looked at.
    #[must_use]
    pub fn whole(status: Status, errors: Vec<Diagnostic>) -> Self {
        Self {
            status,
            errors,
            phases: Vec::new(),
            targets: Vec::new(),
            moved: Vec::new(),
            copies: Vec::new(),
            fewer_features: Vec::new(),
            old_lock: None,
            shown: BTreeMap::new(),
            lock: None,
            needs: None,
            sandbox: Enforced::default(),
            left_out: Vec::new(),
        }
    }

    /// Creates the outcome of a cell that is inconclusive because of the machine, with the reason
    /// as text.
    #[must_use]
    pub fn inconclusive(why: String) -> Self {
        let error = Diagnostic::from_message(why.clone());
        let doubt = InconclusiveReason::Machine(why);
        Self::whole(Status::Inconclusive { doubt }, vec![error])
    }

    /// All texts that can contain output of a child process.
    pub fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self {
            errors,
            targets,
            old_lock,
            ..
        } = self;
        let own = errors.iter_mut().flat_map(Diagnostic::texts);
        let own = own.chain(old_lock.iter_mut().flat_map(OldLock::texts));
        own.chain(targets.iter_mut().flat_map(|target| {
            let errors = target.errors.iter_mut().flat_map(Diagnostic::texts);
            errors.chain(target.cases.iter_mut().flat_map(|case| {
                let flaky = case.flaky.as_mut().and_then(|flaky| flaky.output.as_mut());
                case.output.iter_mut().chain(flaky)
            }))
        }))
    }

    /// Whether the cell, a target or a case is inconclusive.
    #[must_use]
    pub fn has_doubt(&self) -> bool {
        let doubtful = |status: &Status| matches!(status, Status::Inconclusive { .. });
        let in_target = |target: &TargetOutcome| {
            doubtful(&target.status) || target.cases.iter().any(|case| doubtful(&case.status))
        };
        doubtful(&self.status) || self.targets.iter().any(in_target)
    }
}

impl Outcome {
    /// Lines to show next to the result if the lock was too old for its contents: one for what
    /// moving packages fixed, and one for what is still broken.
    #[must_use]
    pub fn of_old_lock(&self) -> Vec<String> {
        let Some(old) = &self.old_lock else {
            return Vec::new();
        };
        let status = &self.status;
        let mended = old.as_it_is().zip(forward(&self.moved));
        let mended = mended.map(|(as_it_is, moved)| format!("{as_it_is}; {status} {moved}"));
        mended.into_iter().chain(old.still_broken()).collect()
    }

    /// Whether a target failed for a reason other than an error that the compiler reports against
    /// code. The system may lack a library, or a program that a test starts.
    #[must_use]
    pub fn may_lie_in_the_system(&self) -> bool {
        let is_the_codes = |target: &TargetOutcome| match target.status {
            Status::Failed { class } => match class.said_by() {
                SaidBy::Cargo => true,
                SaidBy::Compiler => target.errors.iter().all(|e| e.code.is_some()),
                SaidBy::System | SaidBy::Run => false,
            },
            Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => true,
        };
        // Packages only moved because these did not compile, and the system may be to blame for
        // that too.
        let mended = self.old_lock.iter().flat_map(|old| &old.mended);
        let is_coded = mended.map(|broken| &broken.error).all(|e| e.code.is_some());
        !(is_coded && self.targets.iter().all(is_the_codes))
    }
}

/// What a cell shows, without times and messages: statuses and error codes.
pub type Signature = Vec<Observation>;

/// One observation of a cell: the target and the case (both `None` for the whole cell), the status,
/// and the code of the first error.
pub type Observation = (Option<TargetId>, Option<String>, Status, Option<String>);

impl Outcome {
    /// What the cell shows, conclusive or not. A flaky case counts like one that passed at once.
    #[must_use]
    pub fn shows(&self) -> Signature {
        let mut signature = vec![(None, None, self.status.clone(), None)];
        for target in &self.targets {
            let id = Some(target.id.clone());
            let code = target.errors.first().and_then(|e| e.code.clone());
            signature.push((id.clone(), None, target.status.clone(), code));
            let cases = target.cases.iter();
            signature
                .extend(cases.map(|c| (id.clone(), Some(c.name.clone()), c.status.clone(), None)));
        }
        signature
    }

    /// What the cell shows; `None` if any part of it is inconclusive or drift.
    #[must_use]
    pub fn signature(&self) -> Option<Signature> {
        let signature = self.shows();
        let is_sure =
            |status: &Status| status.is_verdict() || matches!(status, Status::Skipped { .. });
        signature
            .iter()
            .all(|(_, _, status, _)| is_sure(status))
            .then_some(signature)
    }
}

/// The three phases of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Set the pin, resolve the lock, check it, fetch.
    Resolve,
    /// Compile all targets.
    Build,
    /// Run the compiled targets.
    Test,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Build => "build",
            Self::Test => "test",
        })
    }
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 3] = [Self::Resolve, Self::Build, Self::Test];
}

/// The record of one phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseRecord {
    /// The phase.
    pub phase: Phase,
    /// How its last command ended, as text: `exit 0`, `signal 9`, `timed out`.
    pub exit: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// CPU time in seconds of all children that were waited for.
    pub cpu_seconds: f64,
    /// The path of the log, relative to the results folder.
    pub log: String,
}

impl PhaseRecord {
    /// The path of a cell's log, relative to the results folder.
    #[must_use]
    pub fn log_of(cell: &CellId, phase: Phase) -> String {
        format!("logs/{cell}/{phase}.log")
    }
}

/// The kind of a compile target, as `cargo` names it; `doc` stands for a library's doc tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// The library's unit tests.
    Lib,
    /// A binary's unit tests.
    Bin,
    /// An integration test.
    Test,
    /// A benchmark that also runs as a test.
    Bench,
    /// An example with tests.
    Example,
    /// The library's doc tests.
    Doc,
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lib => "lib",
            Self::Bin => "bin",
            Self::Test => "test",
            Self::Example => "example",
            Self::Bench => "bench",
            Self::Doc => "doc",
        })
    }
}

/// The identity of a target: package, kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetId {
    /// The package's name.
    pub package: String,
    /// The target's kind.
    pub kind: TargetKind,
    /// The target's name.
    pub name: String,
}

impl TargetId {
    /// Whether `written` names this target, by its full name or by its last part.
    #[must_use]
    pub fn is_called(&self, written: &str) -> bool {
        written == self.name || written == self.to_string()
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.package, self.kind, self.name)
    }
}

/// The outcome of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetOutcome {
    /// The target.
    #[serde(flatten)]
    pub id: TargetId,
    /// The target's status: its own if it did not compile, otherwise that of its cases.
    #[serde(flatten)]
    pub status: Status,
    /// The errors that kept it from compiling or running, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Diagnostic>,
    /// Its tests, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseOutcome>,
    /// Wall time of its run in seconds; zero if it did not run.
    pub seconds: f64,
}

impl TargetOutcome {
    /// Whether its tests ran, regardless of their result.
    #[must_use]
    pub fn has_run(&self) -> bool {
        match &self.status {
            Status::Passed => true,
            Status::Failed { class } => class.arises_while_running(),
            Status::Skipped { .. } | Status::Inconclusive { .. } => false,
        }
    }

    /// Whether it compiles and none of its tests ran: all are ignored, or nothing here runs them.
    #[must_use]
    pub fn only_compiles(&self) -> bool {
        match &self.status {
            Status::Skipped { reason } => *reason == SkipReason::Ignored || self.status.is_built(),
            Status::Passed | Status::Failed { .. } | Status::Inconclusive { .. } => false,
        }
    }

    /// Creates the outcome of a target that was not run.
    #[must_use]
    pub fn not_run(id: TargetId, status: Status, errors: Vec<Diagnostic>) -> Self {
        Self {
            id,
            status,
            errors,
            cases: Vec::new(),
            seconds: 0.0,
        }
    }

    /// The status with the code of the first error: `failed(compile) E0425`.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.status, self.errors.first())
    }

    /// One line: the first error, or the first case that failed with the most telling line of its
    /// output.
    #[must_use]
    pub fn first_error(&self) -> String {
        if let Some(error) = self.errors.first() {
            return error.to_string();
        }
        let failing = self.cases.iter().find(|c| c.status.is_failed());
        match failing {
            Some(case) => match case.message() {
                Some(message) => format!("{}: {message}", case.name),
                None => format!("{}: {}", case.name, case.status),
            },
            None => self.status.to_string(),
        }
    }
}

/// The status, with the code of the error that explains it if the status is a failure.
#[must_use]
pub fn shown(status: &Status, error: Option<&Diagnostic>) -> String {
    let code = error.and_then(|error| error.code.as_deref());
    match code.filter(|_| status.is_failed()) {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::FailureKind;
    use crate::testing::{case, outcome, target, test_named};

    #[test]
    fn only_what_the_compiler_has_against_code_is_never_the_systems() {
        let of = |class: FailureKind, code: Option<&str>| {
            let error = Diagnostic {
                code: code.map(str::to_owned),
                ..Diagnostic::from_message("no")
            };
            let target =
                TargetOutcome::not_run(test_named("a"), Status::failed(class), vec![error]);
            outcome(vec![target]).may_lie_in_the_system()
        };
        assert!(!of(FailureKind::Compile, Some("E0425")));
        assert!(!of(FailureKind::Drift, Some("E0425")));
        assert!(!of(FailureKind::Lint, Some("unused_variables")));
        // A build script that lacks a library; in a package outside the family it is drift.
        assert!(of(FailureKind::Compile, None));
        assert!(of(FailureKind::Drift, None));
        assert!(of(FailureKind::Link, None));
        let fails = case("a", Status::failed(FailureKind::Test), None);
        assert!(outcome(vec![target("t", vec![fails])]).may_lie_in_the_system());
        let passes = case("a", Status::Passed, None);
        assert!(!outcome(vec![target("t", vec![passes])]).may_lie_in_the_system());
    }
}
