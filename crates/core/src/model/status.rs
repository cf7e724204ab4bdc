//! What can be said of a cell, a target or a case: four verdicts, and the reasons behind them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The answer for one cell, target or case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Status {
    /// It did what it should.
    Passed,
    /// The code, at this pin on this toolchain, does not do what it should.
    Failed {
        /// Where on the way it failed.
        class: FailureKind,
    },
    /// It was not run, on purpose.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// It ended through something that says nothing about the code.
    Inconclusive {
        /// What happened instead.
        doubt: InconclusiveReason,
    },
}

impl Status {
    /// A failure of the given class.
    #[must_use]
    pub fn failed(class: FailureKind) -> Self {
        Self::Failed { class }
    }

    /// True for any failure.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// True for what says something about the code: a pass, or a failure that is the code's own.
    #[must_use]
    pub fn is_verdict(&self) -> bool {
        match self {
            Self::Passed => true,
            Self::Failed { class } => *class != FailureKind::Drift,
            Self::Skipped { .. } | Self::Inconclusive { .. } => false,
        }
    }

    /// How much it counts when several are folded into one: a failure that is the code's own says
    /// more than drift, drift more than a doubt, a doubt more than a pass, and a pass more than a
    /// skip.
    fn weight(&self) -> u8 {
        match self {
            Self::Failed { .. } if self.is_verdict() => 4,
            Self::Failed { .. } => 3,
            Self::Inconclusive { .. } => 2,
            Self::Passed => 1,
            Self::Skipped { .. } => 0,
        }
    }

    /// The status of a whole from those of its parts, in their order: the first of the heaviest.
    /// A whole without parts has passed: there was nothing that could fail.
    #[must_use]
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a Status>) -> Status {
        let mut whole: Option<&Status> = None;
        for part in parts {
            if whole.is_none_or(|w| part.weight() > w.weight()) {
                whole = Some(part);
            }
        }
        whole.cloned().unwrap_or(Status::Passed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed { class } => write!(f, "failed({class})"),
            Self::Skipped { reason } => write!(f, "skipped({reason})"),
            Self::Inconclusive { doubt } => write!(f, "inconclusive({doubt})"),
        }
    }
}

/// Where on its way a cell, target or case failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// No lock satisfies the subject at this pin.
    Resolve,
    /// A package in the lock asks for a newer rustc.
    Msrv,
    /// Something outside family and subject is too new for the toolchain, or does not build on it:
    /// never a verdict on the pin.
    Drift,
    /// The compiler, a build script or a proc macro refused it.
    Compile,
    /// Only lints that the subject denies stand in the way.
    Lint,
    /// It compiled, and the linker refused it.
    Link,
    /// A test said no.
    Test,
    /// It ran longer than `matrix.toml` allows.
    Timeout,
    /// A test's process, or the compiler, died.
    Crash,
}

impl FailureKind {
    /// True for what shows only while a test runs, so that the target was built and another run may
    /// show something else.
    #[must_use]
    pub fn arises_while_running(self) -> bool {
        match self {
            Self::Test | Self::Timeout | Self::Crash => true,
            Self::Resolve | Self::Msrv | Self::Drift | Self::Compile | Self::Lint | Self::Link => {
                false
            }
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Msrv => "msrv",
            Self::Drift => "drift",
            Self::Compile => "compile",
            Self::Lint => "lint",
            Self::Link => "link",
            Self::Test => "test",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
        })
    }
}

/// Why something was left out on purpose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// The toolchain is not on this machine.
    ToolchainMissing,
    /// `--ends` asks for the first and the last pin only.
    NotAnEnd,
    /// A selection on the command line leaves it out; the flag is named.
    NotSelected(String),
    /// Another machine's shard has it.
    OtherShard,
    /// Its pin lies between two rungs of the ladder, and nothing asked for it.
    BetweenRungs,
    /// An `[[exclude]]` leaves it out; its reason is told.
    Excluded(String),
    /// The test is marked as one to be left out.
    Ignored,
    /// No one ran it, and its nearest neighbours that ran agree. Never to be called passed.
    Inferred,
    /// Its target did not come to it: it ran out of time, or died.
    NotReached,
    /// The run ended before it began, or no results answer it.
    NotBegun,
    /// The subject has no target to build and test.
    NothingToTest,
    /// The target asks for features that are off.
    RequiredFeatures(Vec<String>),
}

impl SkipReason {
    /// Whether what lets a search stop is all that keeps a cell from running: it was inferred, or
    /// single others were named.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Inferred => true,
            Self::NotSelected(flag) => flag == "--cell",
            Self::ToolchainMissing
            | Self::NotAnEnd
            | Self::OtherShard
            | Self::BetweenRungs
            | Self::Excluded(_)
            | Self::Ignored
            | Self::NotReached
            | Self::NotBegun
            | Self::NothingToTest
            | Self::RequiredFeatures(_) => false,
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToolchainMissing => f.write_str("toolchain missing"),
            Self::NotAnEnd => f.write_str("not an end of the ladder"),
            Self::NotSelected(flag) => write!(f, "not selected by {flag}"),
            Self::OtherShard => f.write_str("in another shard"),
            Self::BetweenRungs => f.write_str("between two pins of the ladder"),
            Self::Excluded(why) => write!(f, "excluded: {why}"),
            Self::Ignored => f.write_str("ignored"),
            Self::Inferred => f.write_str("inferred"),
            Self::NotReached => f.write_str("not reached"),
            Self::NotBegun => f.write_str("not run"),
            Self::NothingToTest => f.write_str("nothing to test"),
            Self::RequiredFeatures(features) => {
                write!(f, "required features off: {}", features.join(", "))
            }
        }
    }
}

/// What kept a cell from an answer. Never a verdict on the code, and never kept: the next run
/// tries again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InconclusiveReason {
    /// The disk is full, or a quota is.
    OutOfDisk,
    /// A process was killed as the system kills for memory, or said that it had none.
    OutOfMemory,
    /// The registry could not be reached or gave no sensible answer, and what is needed is not here.
    Network,
    /// The run was interrupted.
    Interrupted,
    /// The machine or the toolchain failed in another way, told in words.
    Machine(String),
}

impl fmt::Display for InconclusiveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfDisk => f.write_str("out of disk"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Network => f.write_str("network"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Machine(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_outweighs_a_doubt_and_a_doubt_outweighs_a_pass() {
        let failed = Status::failed(FailureKind::Test);
        let doubt = Status::Inconclusive {
            doubt: InconclusiveReason::Network,
        };
        assert_eq!(
            Status::of_parts([&Status::Passed, &doubt, &failed]),
            failed.clone()
        );
        assert_eq!(Status::of_parts([&Status::Passed, &doubt]), doubt);
    }

    #[test]
    fn drift_does_not_hide_a_failure_that_is_the_codes_own() {
        let parts = [
            Status::failed(FailureKind::Drift),
            Status::failed(FailureKind::Test),
        ];
        assert_eq!(Status::of_parts(&parts), Status::failed(FailureKind::Test));
        let parts = [Status::Passed, Status::failed(FailureKind::Drift)];
        assert_eq!(Status::of_parts(&parts), Status::failed(FailureKind::Drift));
    }

    #[test]
    fn the_first_failure_gives_the_class() {
        let parts = [
            Status::failed(FailureKind::Link),
            Status::failed(FailureKind::Test),
        ];
        assert_eq!(Status::of_parts(&parts), Status::failed(FailureKind::Link));
    }

    #[test]
    fn a_skipped_case_does_not_hide_a_pass() {
        let ignored = Status::Skipped {
            reason: SkipReason::Ignored,
        };
        assert_eq!(
            Status::of_parts([&ignored, &Status::Passed]),
            Status::Passed
        );
        assert_eq!(Status::of_parts([&ignored]), ignored);
    }
}
