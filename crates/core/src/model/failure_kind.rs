//! The kinds of failure, and everything that the tool knows of each: one row per kind.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of failure of a cell, target or case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// No lock satisfies the subject at this pin.
    Resolve,
    /// A package in the lock needs a newer rustc.
    Msrv,
    /// Something outside the family and the subject is too new for the toolchain or does not build
    /// on it: never a verdict on the pin.
    Drift,
    /// The compiler, a build script or a proc macro failed.
    Compile,
    /// Only lints that the subject denies failed.
    Lint,
    /// It compiled, but did not link.
    Link,
    /// A test failed.
    Test,
    /// It ran longer than `matrix.toml` allows.
    Timeout,
    /// The process of a test, or the compiler, crashed.
    Crash,
}

/// Who says that something failed, which decides what a failure can be blamed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidBy {
    /// Cargo, before anything is compiled.
    Cargo,
    /// The compiler, of code.
    Compiler,
    /// A linker, a test, or the system: something that is installed may be missing.
    System,
    /// A test that runs, or the system that ends it; another run can have another result.
    Run,
}

/// What the tool knows of a kind.
struct Traits {
    /// Its name in `run.json`, and in `failed(NAME)`.
    name: &'static str,
    said_by: SaidBy,
    /// Its word in a grid.
    word: &'static str,
    /// Its letter in a status track, and what that means. Kinds can share one.
    letter: (char, &'static str),
    /// What the page says of a target's result, for readers and for the style sheet.
    page: (&'static str, &'static str),
    /// A sentence about it.
    sentence: &'static str,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Compile,
        Self::Test,
        Self::Lint,
        Self::Link,
        Self::Timeout,
        Self::Crash,
        Self::Drift,
        Self::Resolve,
        Self::Msrv,
    ];

    const fn traits(self) -> Traits {
        let not_built = ('b', "does not build");
        let page_not_built = ("build failed", "failed h2");
        match self {
            Self::Resolve => Traits {
                name: "resolve",
                said_by: SaidBy::Cargo,
                word: "lock",
                letter: not_built,
                page: page_not_built,
                sentence: "No lock satisfies the workspace at this pin",
            },
            Self::Msrv => Traits {
                name: "msrv",
                said_by: SaidBy::Cargo,
                word: "msrv",
                letter: not_built,
                page: page_not_built,
                sentence: "A package in the lock asks for a newer rustc",
            },
            Self::Drift => Traits {
                name: "drift",
                said_by: SaidBy::Compiler,
                word: "drift",
                letter: ('d', "drift"),
                page: ("drift", "drift"),
                sentence: "A package outside the family does not fit the toolchain",
            },
            Self::Compile => Traits {
                name: "compile",
                said_by: SaidBy::Compiler,
                word: "build",
                letter: not_built,
                page: page_not_built,
                sentence: "It does not compile",
            },
            Self::Lint => Traits {
                name: "lint",
                said_by: SaidBy::Compiler,
                word: "lint",
                letter: ('l', "denied lints"),
                page: ("lint denied", "failed h2"),
                sentence: "Denied lints stop it",
            },
            Self::Link => Traits {
                name: "link",
                said_by: SaidBy::System,
                word: "link",
                letter: ('k', "does not link"),
                page: ("link failed", "failed h2"),
                sentence: "It compiles and does not link",
            },
            Self::Test => Traits {
                name: "test",
                said_by: SaidBy::Run,
                word: "test",
                letter: ('t', "tests fail"),
                page: ("test failed", "failed h4"),
                sentence: "A test fails",
            },
            Self::Timeout => Traits {
                name: "timeout",
                said_by: SaidBy::Run,
                word: "time",
                letter: ('o', "times out"),
                page: ("time ran out", "failed h4"),
                sentence: "It runs out of time",
            },
            Self::Crash => Traits {
                name: "crash",
                said_by: SaidBy::Run,
                word: "crash",
                letter: ('c', "crashes"),
                page: ("crash", "failed h4"),
                sentence: "Its process dies",
            },
        }
    }

    /// Who says that something failed in this way.
    #[must_use]
    pub fn said_by(self) -> SaidBy {
        self.traits().said_by
    }

    /// Whether it occurs only while a test runs: the target was built, and another run may have a
    /// different result.
    #[must_use]
    pub fn arises_while_running(self) -> bool {
        self.said_by() == SaidBy::Run
    }

    /// Its word in a grid.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.traits().word
    }

    /// Its letter in a status track, and what that means.
    #[must_use]
    pub fn letter(self) -> (char, &'static str) {
        self.traits().letter
    }

    /// What the page says of a target's result, and the names of the style sheet for it.
    #[must_use]
    pub fn on_the_page(self) -> (&'static str, &'static str) {
        self.traits().page
    }

    /// A sentence about it, for SARIF.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        self.traits().sentence
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.traits().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_the_list_and_kept_by_its_name() {
        // Exhaustive on purpose: whoever adds a kind is asked for its number, and then for its place.
        let number = |kind: FailureKind| match kind {
            FailureKind::Resolve => 0,
            FailureKind::Msrv => 1,
            FailureKind::Drift => 2,
            FailureKind::Compile => 3,
            FailureKind::Lint => 4,
            FailureKind::Link => 5,
            FailureKind::Test => 6,
            FailureKind::Timeout => 7,
            FailureKind::Crash => 8,
        };
        let mut numbers = FailureKind::ALL.map(number);
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..FailureKind::ALL.len()));
        for kind in FailureKind::ALL {
            let written = serde_json::to_string(&kind).expect("JSON");
            assert_eq!(written, format!("\"{kind}\""));
            let alike = FailureKind::ALL.into_iter().filter(|other| *other == kind);
            assert_eq!(alike.count(), 1, "{kind}");
        }
    }

    #[test]
    fn kinds_that_share_a_letter_mean_the_same() {
        for one in FailureKind::ALL {
            for other in FailureKind::ALL {
                if one.letter().0 == other.letter().0 {
                    assert_eq!(one.letter(), other.letter());
                    assert_eq!(one.on_the_page(), other.on_the_page());
                }
            }
        }
    }
}
