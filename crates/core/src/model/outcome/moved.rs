//! Packages that moved in a lock, and why: because the lock was too new for a toolchain, or too old
//! for its contents.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::diagnostic::Diagnostic;

/// A package outside the family that moved in the lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moved {
    /// The package.
    pub package: String,
    /// The version in the lock.
    pub from: String,
    /// The new version.
    pub to: String,
    /// The reason, as a clause: which package needs which rustc, or which one does not compile.
    pub because: String,
    /// The problem with the lock.
    #[serde(default)]
    pub fault: MoveReason,
}

/// The problem with a lock.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum MoveReason {
    /// It is too new for the toolchain: packages move back.
    #[default]
    TooNew,
    /// It is too old for its contents: packages move forward.
    TooOld,
    /// It holds a package at a version that `[[adjust]]` does not admit.
    NotHeld,
}

/// `bytes 1.3.0 → 1.10.1`.
impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} → {}", self.package, self.from, self.to)
    }
}

/// A package that does not belong to the subject and does not compile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The package and its version: `axum-core 0.5.5`.
    pub package: String,
    /// Its first error.
    pub error: Diagnostic,
}

/// A cell in which packages outside the subject do not compile with the lock as it is, and the
/// result of moving packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldLock {
    /// The targets that need such a package, by name.
    pub targets: Vec<String>,
    /// The packages that compile after others moved forward: failed(old lock). The cell's result is
    /// the one with the moved packages, and it names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mended: Vec<Broken>,
    /// The packages that do not compile in the cell's result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Broken>,
    /// What was tried to fix the packages in `broken`.
    pub tried: Tried,
}

/// What was tried to fix packages that do not compile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tried {
    /// Newer packages, without success.
    Newer {
        /// The packages that moved.
        moved: Vec<Moved>,
        /// The packages that did not compile then.
        broken: Vec<String>,
    },
    /// Nothing: requirements and toolchain allow nothing newer.
    Newest,
    /// Nothing: `--locked` does not move packages.
    Locked,
}

impl OldLock {
    /// All texts that can contain output of a child process.
    pub fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let broken = self.mended.iter_mut().chain(&mut self.broken);
        broken.flat_map(|broken| broken.error.texts())
    }

    /// What fails with the lock as it is and is fixed by moving packages: `failed(old lock) with
    /// your lock as it is: lathe 2.0.0 does not compile: …`.
    #[must_use]
    pub fn as_it_is(&self) -> Option<String> {
        let broken_packages = describe(&self.mended)?;
        Some(format!(
            "failed(old lock) with your lock as it is: {broken_packages}"
        ))
    }

    /// What still does not compile, with the note that it does not belong to the subject.
    #[must_use]
    pub fn still_broken(&self) -> Option<String> {
        let broken_packages = describe(&self.broken)?;
        let tried = match &self.tried {
            Tried::Newer { moved, broken } => {
                let names: Vec<&str> = broken.iter().map(String::as_str).collect();
                let verb = if names.len() == 1 { "does" } else { "do" };
                let names = few(&names);
                format!("{}, {names} {verb} not compile either", with(moved))
            }
            Tried::Newest => "and requirements and toolchain admit nothing newer".to_owned(),
            Tried::Locked => "and --locked moves no package".to_owned(),
        };
        Some(format!(
            "the error is not in the subject's code: {broken_packages}; {tried}"
        ))
    }
}

/// The maximum number of packages to list by name.
const MOST_NAMES: usize = 6;

/// `lathe 2.0.0 does not compile: E0425 …`.
fn describe(broken: &[Broken]) -> Option<String> {
    let first = broken.first()?;
    let names: Vec<&str> = broken.iter().map(|b| b.package.as_str()).collect();
    let verb = if names.len() == 1 { "does" } else { "do" };
    let mut error = first.error.clone();
    // The package is named already.
    error.package = None;
    Some(format!("{} {verb} not compile: {error}", few(&names)))
}

/// `with 1 package moved from your lock: bytes 1.3.0 → 1.10.1`.
#[must_use]
pub fn with(moved: &[Moved]) -> String {
    let names: Vec<String> = moved.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let packages = if names.len() == 1 {
        "package"
    } else {
        "packages"
    };
    let n = names.len();
    format!("with {n} {packages} moved from your lock: {}", few(&names))
}

/// Like [`with`], but only for packages that moved forward; `None` if there are none.
#[must_use]
pub fn forward(moved: &[Moved]) -> Option<String> {
    let forward = moved
        .iter()
        .filter(|moved| moved.fault == MoveReason::TooOld);
    let forward: Vec<Moved> = forward.cloned().collect();
    (!forward.is_empty()).then(|| with(&forward))
}

fn few(names: &[&str]) -> String {
    match names.get(MOST_NAMES..).map_or(0, <[&str]>::len) {
        0 => names.join(", "),
        n => format!("{} and {n} more", names[..MOST_NAMES].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(package: &str, fault: MoveReason) -> Moved {
        Moved {
            package: package.to_owned(),
            from: "1.0.0".to_owned(),
            to: "1.1.0".to_owned(),
            because: "lathe 2.0.0 does not compile".to_owned(),
            fault,
        }
    }

    fn broken(package: &str) -> Broken {
        let error = Diagnostic {
            code: Some("E0425".to_owned()),
            package: Some(package.to_owned()),
            ..Diagnostic::from_message("cannot find it")
        };
        Broken {
            package: package.to_owned(),
            error,
        }
    }

    #[test]
    fn only_what_moves_forward_has_moved_from_a_lock_that_was_too_old() {
        let both = [
            moved("a", MoveReason::TooNew),
            moved("b", MoveReason::TooOld),
        ];
        let expected = "with 1 package moved from your lock: b 1.0.0 → 1.1.0";
        assert_eq!(forward(&both).as_deref(), Some(expected));
        assert_eq!(forward(&both[..1]), None);
    }

    #[test]
    fn what_is_mended_and_what_is_not_are_told_apart() {
        let old = |mended: &[&str], left: &[&str], tried| OldLock {
            targets: Vec::new(),
            mended: mended.iter().map(|name| broken(name)).collect(),
            broken: left.iter().map(|name| broken(name)).collect(),
            tried,
        };
        let all = old(&["a 1.0.0", "b 1.0.0"], &[], Tried::Newest);
        let expected = "failed(old lock) with your lock as it is: a 1.0.0, b 1.0.0 do not compile: E0425 \
                    cannot find it";
        assert_eq!(all.as_it_is().as_deref(), Some(expected));
        assert_eq!(all.still_broken(), None);
        let tried = Tried::Newer {
            moved: vec![moved("c", MoveReason::TooOld)],
            broken: vec!["a 1.0.0".to_owned()],
        };
        let none = old(&[], &["a 1.0.0"], tried);
        let expected = "the error is not in the subject's code: a 1.0.0 does not compile: E0425 cannot \
                    find it; with 1 package moved from your lock: c 1.0.0 → 1.1.0, a 1.0.0 does not \
                    compile either";
        assert_eq!(none.still_broken().as_deref(), Some(expected));
        assert_eq!(none.as_it_is(), None);
    }

    #[test]
    fn a_long_list_is_reported_in_part() {
        let many: Vec<Moved> = ["a", "b", "c", "d", "e", "f", "g", "h"]
            .map(|package| moved(package, MoveReason::TooOld))
            .into();
        assert!(with(&many).starts_with("with 8 packages moved"));
        assert!(with(&many).ends_with("f 1.0.0 → 1.1.0 and 2 more"));
    }
}
