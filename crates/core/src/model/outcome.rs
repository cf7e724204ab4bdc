//! The evidence of one cell: phases, targets, cases, and the first error of each that failed.

pub mod case;
pub mod moved;
pub mod enforced;

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::cell::CellId;
use crate::model::diagnostic::Diagnostic;
pub use crate::model::outcome::case::{CaseOutcome, Flaky};
use crate::model::outcome::enforced::Enforced;
use crate::model::outcome::moved::{Moved, OldLock, forward};
use crate::model::status::{FailureKind, InconclusiveReason, SkipReason, Status};

/// What one cell showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The status of the whole cell.
    #[serde(flatten)]
    pub status: Status,
    /// What stopped the cell as a whole, where no target can be named: a resolve failure, an MSRV
    /// answer, a machine that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Diagnostic>,
    /// What was done, in order.
    pub phases: Vec<PhaseRecord>,
    /// Every target of the subject that is built and tested, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetOutcome>,
    /// Packages outside the family that were moved: to make the lock fit the toolchain, or because
    /// something did not compile with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// What did not compile with the lock as it is, where that is not the subject's, and what was
    /// tried against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_lock: Option<OldLock>,
    /// A hash of the packages in the lock that it rests on: where two are the same, so are all
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The rustc that its lock asks for, as packages declare it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
    /// What its build and its tests were kept from.
    #[serde(default)]
    pub sandbox: Enforced,
    /// What its failures name that is in the user's tree and not in the copy that it worked on:
    /// relative to the top of the checkout, or absolute where it lies outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The rustc that a lock asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// What the crates of the family declare.
    pub family: Option<Need>,
    /// The most that any package in the graph declares.
    pub lock: Option<Need>,
}

/// A rustc, and the package that asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Need {
    /// The rustc.
    pub rustc: Version,
    /// The package and its version.
    pub package: String,
}

impl Outcome {
    /// A cell that ended as a whole, before any target could be looked at.
    #[must_use]
    pub fn whole(status: Status, errors: Vec<Diagnostic>) -> Self {
        Self {
            status,
            errors,
            phases: Vec::new(),
            targets: Vec::new(),
            moved: Vec::new(),
            old_lock: None,
            lock: None,
            needs: None,
            sandbox: Enforced::default(),
            left_out: Vec::new(),
        }
    }

    /// A cell that the machine kept from an answer, told in words.
    #[must_use]
    pub fn in_doubt(why: String) -> Self {
        let error = Diagnostic::from_message(why.clone());
        let doubt = InconclusiveReason::Machine(why);
        Self::whole(Status::Inconclusive { doubt }, vec![error])
    }

    /// Every text in it that a child had a part in.
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

    /// True where anything in it is in doubt.
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
    /// What is said beside its result where the lock was too old for what it holds: a line for what
    /// moving packages mends, and one for what it does not.
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

    /// Whether a target failed by something else than what the compiler has against code: a library
    /// may be missing on this system, or a program that a test starts.
    #[must_use]
    pub fn may_lie_in_the_system(&self) -> bool {
        let is_the_codes = |target: &TargetOutcome| match target.status {
            Status::Failed { class } => match class {
                FailureKind::Compile | FailureKind::Drift => {
                    target.errors.iter().all(|e| e.code.is_some())
                }
                FailureKind::Lint | FailureKind::Resolve | FailureKind::Msrv => true,
                FailureKind::Link
                | FailureKind::Test
                | FailureKind::Timeout
                | FailureKind::Crash => false,
            },
            Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => true,
        };
        // Nothing would have moved, had it compiled.
        let mended = self.old_lock.iter().flat_map(|old| &old.mended);
        let is_coded = mended.map(|broken| &broken.error).all(|e| e.code.is_some());
        !(is_coded && self.targets.iter().all(is_the_codes))
    }
}

/// What a cell shows, without times and words: statuses and error codes.
pub type Signature = Vec<Observation>;

/// One thing that a cell shows: the target and the case, none for the whole, its status, and the
/// code of its first error.
pub type Observation = (Option<TargetId>, Option<String>, Status, Option<String>);

impl Outcome {
    /// What the cell shows, sure or not. A flaky case shows what one that passed at once does.
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

    /// What the cell shows; `None` while anything in it is in doubt, or is drift.
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

/// The three steps of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Pin, lock, prove, fetch.
    Resolve,
    /// Compile every target.
    Build,
    /// Run what compiled.
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
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Resolve, Self::Build, Self::Test];
}

/// How one phase went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseRecord {
    /// Which phase.
    pub phase: Phase,
    /// How its last command ended, in words: `exit 0`, `signal 9`, `timed out`.
    pub exit: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// CPU time in seconds, of all children that were waited for.
    pub cpu_seconds: f64,
    /// The log's path, relative to the results folder.
    pub log: String,
}

impl PhaseRecord {
    /// The path of a cell's log, relative to the results folder.
    #[must_use]
    pub fn log_of(cell: &CellId, phase: Phase) -> String {
        format!("logs/{cell}/{phase}.log")
    }
}

/// What kind of compile target, as `cargo` names them; `doc` stands for a library's doc tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// The library's unit tests.
    Lib,
    /// A binary's unit tests.
    Bin,
    /// An integration test.
    Test,
    /// A benchmark that is also a test.
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

/// Which target: package, kind, name.
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
    /// Whether a person who writes this means the target: by its whole name, or by its last part.
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

/// What one target showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetOutcome {
    /// Which target.
    #[serde(flatten)]
    pub id: TargetId,
    /// The target's status: its own where it did not compile, else that of its cases.
    #[serde(flatten)]
    pub status: Status,
    /// The errors that kept it from compiling or from running, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Diagnostic>,
    /// Its tests, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseOutcome>,
    /// Wall time of its run in seconds; zero where it did not run.
    pub seconds: f64,
}

impl TargetOutcome {
    /// Whether its tests ran, whatever they showed.
    #[must_use]
    pub fn has_run(&self) -> bool {
        match &self.status {
            Status::Passed => true,
            Status::Failed { class } => class.arises_while_running(),
            Status::Skipped { .. } | Status::Inconclusive { .. } => false,
        }
    }

    /// Whether it compiles, and all its tests are ignored.
    #[must_use]
    pub fn only_compiles(&self) -> bool {
        let ignored = Status::Skipped {
            reason: SkipReason::Ignored,
        };
        self.status == ignored
    }

    /// A target that did not get as far as running.
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

    /// What it showed, with the code of its first error: `failed(compile) E0425`.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.status, self.errors.first())
    }

    /// One line: the first error, or the first case that did not pass with its last words.
    #[must_use]
    pub fn first_error(&self) -> String {
        if let Some(error) = self.errors.first() {
            return error.to_string();
        }
        let failing = self.cases.iter().find(|c| c.status.is_failed());
        match failing {
            Some(case) => match case.said() {
                Some(said) => format!("{}: {said}", case.name),
                None => format!("{}: {}", case.name, case.status),
            },
            None => self.status.to_string(),
        }
    }
}

/// A status, with the code of the error that stands for it.
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
        // A build script that misses a library; in a package outside the family it is drift.
        assert!(of(FailureKind::Compile, None));
        assert!(of(FailureKind::Drift, None));
        assert!(of(FailureKind::Link, None));
        let fails = case("a", Status::failed(FailureKind::Test), None);
        assert!(outcome(vec![target("t", vec![fails])]).may_lie_in_the_system());
        let passes = case("a", Status::Passed, None);
        assert!(!outcome(vec![target("t", vec![passes])]).may_lie_in_the_system());
    }
}
