//! The status of a cell, a target or a case, and the reasons behind it.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::model::failure_kind::FailureKind;

/// The status of one cell, target or case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Status {
    /// It did what it should.
    Passed,
    /// The code, at this pin on this toolchain, does not do what it should.
    Failed {
        /// The kind of failure.
        class: FailureKind,
    },
    /// It was deliberately not run.
    Skipped {
        /// The reason.
        reason: SkipReason,
    },
    /// It ended in a way that says nothing about the code.
    Inconclusive {
        /// The reason.
        doubt: InconclusiveReason,
    },
}

impl Status {
    /// Creates a failure of the given kind.
    #[must_use]
    pub fn failed(class: FailureKind) -> Self {
        Self::Failed { class }
    }

    /// True for any failure.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// True for a statement about the code: a pass, a build of what nothing here runs, or a failure
    /// that is the code's own fault.
    #[must_use]
    pub fn is_verdict(&self) -> bool {
        match self {
            Self::Passed => true,
            Self::Failed { class } => *class != FailureKind::Drift,
            Self::Skipped { .. } => self.is_built(),
            Self::Inconclusive { .. } => false,
        }
    }

    /// True for what was built, and not run because nothing here runs its platform.
    #[must_use]
    pub fn is_built(&self) -> bool {
        match self {
            Self::Skipped { reason } => matches!(reason, SkipReason::Built(_)),
            Self::Passed | Self::Failed { .. } | Self::Inconclusive { .. } => false,
        }
    }

    /// The precedence of the status when several are combined into one: a failure of the code
    /// itself outweighs drift, drift outweighs inconclusive, inconclusive outweighs what was only
    /// built, that outweighs a pass, and a pass outweighs any other skip.
    fn weight(&self) -> u8 {
        match self {
            Self::Failed { .. } if self.is_verdict() => 5,
            Self::Failed { .. } => 4,
            Self::Inconclusive { .. } => 3,
            Self::Skipped { .. } if self.is_built() => 2,
            Self::Passed => 1,
            Self::Skipped { .. } => 0,
        }
    }

    /// Combines the statuses of parts, in their order, into the status of the whole: the first with
    /// the highest weight. A whole without parts has passed, because nothing could fail.
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
            Self::Skipped {
                reason: SkipReason::Built(_),
            } => f.write_str("built"),
            Self::Skipped { reason } => write!(f, "skipped({reason})"),
            Self::Inconclusive { doubt } => write!(f, "inconclusive({doubt})"),
        }
    }
}

/// Why something was deliberately skipped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// The toolchain is not on this machine.
    ToolchainMissing,
    /// `--ends` asks for the first and the last pin only.
    NotAnEnd,
    /// A selection flag on the command line, named here, excludes it.
    NotSelected(String),
    /// It belongs to another machine's shard.
    OtherShard,
    /// Its pin lies between two rungs of the ladder, and nothing required it.
    BetweenRungs,
    /// An `[[exclude]]` excludes it, for the reason given here.
    Excluded(String),
    /// A follower of its family does not go with its pin, for the reason given here.
    Blocked(String),
    /// The test is marked as ignored.
    Ignored,
    /// Nobody ran it, and the nearest neighbours that ran agree. Never call it passed.
    Inferred,
    /// Its target timed out or crashed before it reached this test.
    NotReached,
    /// The run ended before the cell began, or the merged results do not contain it.
    NotBegun,
    /// The subject has no targets to build and test.
    NothingToTest,
    /// The target requires features that are off.
    RequiredFeatures(Vec<String>),
    /// The target was built, and nothing here runs executables of the platform named here. It has
    /// not passed.
    Built(String),
}

impl SkipReason {
    /// Whether the cell was skipped only because the search could stop early or because other cells
    /// were named: it was inferred, or `--cell` named others.
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
            | Self::Blocked(_)
            | Self::Ignored
            | Self::NotReached
            | Self::NotBegun
            | Self::NothingToTest
            | Self::RequiredFeatures(_)
            | Self::Built(_) => false,
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
            Self::Blocked(why) => write!(f, "blocked: {why}"),
            Self::Ignored => f.write_str("ignored"),
            Self::Inferred => f.write_str("inferred"),
            Self::NotReached => f.write_str("not reached"),
            Self::NotBegun => f.write_str("not run"),
            Self::NothingToTest => f.write_str("nothing to test"),
            Self::RequiredFeatures(features) => {
                write!(f, "required features off: {}", features.join(", "))
            }
            Self::Built(platform) => write!(f, "built, nothing here runs {platform}"),
        }
    }
}

/// Why there is no result. Never a verdict on the code, and never cached: the next run tries again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InconclusiveReason {
    /// The disk or a quota is full.
    OutOfDisk,
    /// A process was killed the way the system kills when memory runs out, or reported that it had
    /// no memory left.
    OutOfMemory,
    /// The registry was unreachable or sent an invalid response, and what is needed is not
    /// available locally.
    Network,
    /// The run was interrupted.
    Interrupted,
    /// The machine or the toolchain failed in another way, described here.
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

    #[test]
    fn what_is_only_built_is_a_verdict_and_outweighs_what_passes_beside_it() {
        let built = Status::Skipped {
            reason: SkipReason::Built("wasm32-wasip1".to_owned()),
        };
        assert!(built.is_verdict() && built.is_built() && !Status::Passed.is_built());
        assert_eq!(Status::of_parts([&Status::Passed, &built]), built);
        let failed = Status::failed(FailureKind::Compile);
        assert_eq!(Status::of_parts([&built, &failed]), failed);
        assert_eq!(built.to_string(), "built");
    }
}
