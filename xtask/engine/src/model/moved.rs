//! What moved in a lock, and why: where it was too new for a toolchain, and where it was too old for
//! what it holds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::diagnostic::Diagnostic;
use crate::text;

/// A package outside the family that moved in the lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moved {
    /// The package.
    pub package: String,
    /// Its version in the lock.
    pub from: String,
    /// The version that it moved to.
    pub to: String,
    /// Why, as a clause: which package needs which rustc, or which one does not compile.
    pub because: String,
    /// What is wrong with the lock.
    #[serde(default)]
    pub fault: Fault,
}

/// What is wrong with a lock.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It is too new for the toolchain: packages go back.
    #[default]
    TooNew,
    /// It is too old for what it holds: packages go forward.
    TooOld,
}

/// `bytes 1.3.0 → 1.10.1`.
impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} → {}", self.package, self.from, self.to)
    }
}

/// A package that is not the subject's and does not compile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The package and its version: `axum-core 0.5.5`.
    pub package: String,
    /// Its first error.
    pub error: Diagnostic,
}

/// A cell in which packages that are not the subject's do not compile with the lock as it is, and
/// what came of moving it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldLock {
    /// The targets that need such a package, by name.
    pub targets: Vec<String>,
    /// The packages that compile once newer ones have moved in: failed(old lock). The result of the
    /// cell is the one with those, which it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mended: Vec<Broken>,
    /// The packages that do not compile in the result of the cell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Broken>,
    /// What was tried against the latter.
    pub tried: Tried,
}

/// What was tried against packages that do not compile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tried {
    /// Newer packages, in vain.
    Newer {
        /// What was moved.
        moved: Vec<Moved>,
    },
    /// Nothing: requirements and toolchain admit nothing newer.
    Newest,
    /// Nothing: `--locked` moves no package.
    Locked,
}

impl OldLock {
    /// Every text in it that a child had a part in.
    pub fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let broken = self.mended.iter_mut().chain(&mut self.broken);
        broken.flat_map(|broken| broken.error.texts())
    }

    /// What fails with the lock as it is and is mended by moving it: `failed(old lock) with your lock
    /// as it is: lathe 2.0.0 does not compile: …`.
    #[must_use]
    pub fn as_it_is(&self) -> Option<String> {
        let told = told(&self.mended)?;
        Some(format!("failed(old lock) with your lock as it is: {told}"))
    }

    /// What does not compile all the same, and that it is not the subject's.
    #[must_use]
    pub fn still_broken(&self) -> Option<String> {
        let told = told(&self.broken)?;
        let tried = match &self.tried {
            Tried::Newer { moved } => format!("nor does it {}", with(moved)),
            Tried::Newest => "and requirements and toolchain admit nothing newer".to_owned(),
            Tried::Locked => "and --locked moves no package".to_owned(),
        };
        Some(format!(
            "the error is not in the subject's code: {told}; {tried}"
        ))
    }
}

/// How many packages are told by name.
const MOST_NAMES: usize = 6;

/// `lathe 2.0.0 does not compile: E0425 …`.
fn told(broken: &[Broken]) -> Option<String> {
    let first = broken.first()?;
    let names: Vec<&str> = broken.iter().map(|b| b.package.as_str()).collect();
    let verb = if names.len() == 1 { "does" } else { "do" };
    let mut error = first.error.clone();
    // It is named.
    error.package = None;
    let error = text::one_line(&error.to_string());
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

/// As [`with`], of what moved forward; `None` where nothing did.
#[must_use]
pub fn forward(moved: &[Moved]) -> Option<String> {
    let forward = moved.iter().filter(|moved| moved.fault == Fault::TooOld);
    let forward: Vec<Moved> = forward.cloned().collect();
    (!forward.is_empty()).then(|| with(&forward))
}

fn few(names: &[&str]) -> String {
    match names.get(MOST_NAMES..).map_or(0, <[&str]>::len) {
        0 => names.join(", "),
        n => format!("{} and {n} more", names[..MOST_NAMES].join(", ")),
    }
}
