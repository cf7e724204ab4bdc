//! Decides which of the two builds of a unit an error belongs to: the one with its tests, or the
//! one that other targets use.
//!
//! Cargo compiles a library, a binary or an example with tests twice, in parallel. Its messages
//! name the target, but not which of the two builds they are about.
//! <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>

use std::collections::BTreeSet;

use cargo_metadata::PackageId;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{TargetId, TargetKind};

use crate::cargo::messages::{BuildMessages, CountedError, Unit};
use crate::cargo::targets::{Target, Workspace};

/// One of the two builds of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitBuild {
    /// Without its tests, as other targets use it.
    Plain,
    /// With its tests.
    Test,
}

impl UnitBuild {
    /// Returns the build that decides a target's result.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        // Cargo compiles a bench with its tests, whether it runs them or not.
        if target.bears_tests || target.id.kind == TargetKind::Bench {
            Self::Test
        } else {
            Self::Plain
        }
    }
}

/// The messages of a workspace's build, and those of plain builds alone.
#[derive(Default)]
pub struct BuildAccount {
    /// The messages of commands that ran both builds.
    pub messages: BuildMessages,
    /// The messages of commands that ran only plain builds; `None` if there was no such command.
    pub plain: Option<BuildMessages>,
    /// The units that are built with their tests.
    tested: BTreeSet<Unit>,
    /// The units that are built without their tests.
    used: BTreeSet<Unit>,
    /// Whether each build that can fail did so once, within one command.
    pub is_complete: bool,
}

impl BuildAccount {
    /// Creates an empty account of a build that requests some targets and doc tests of a workspace.
    #[must_use]
    pub fn new(workspace: &Workspace, is_asked_for: impl Fn(&TargetId) -> bool) -> Self {
        let targets = workspace.targets.iter();
        let targets: Vec<&Target> = targets.filter(|t| is_asked_for(&t.id)).collect();
        let tested = targets.iter();
        let tested = tested.filter(|target| UnitBuild::of(target) == UnitBuild::Test);
        let tested = tested.map(|target| unit_of(target)).collect();

        let packages: BTreeSet<&PackageId> = targets.iter().map(|t| &t.package).collect();
        let of_others = packages.into_iter().flat_map(|id| {
            let below = workspace.below(id).into_iter();
            below.filter(move |other| other != id)
        });
        let more_than_library = targets.iter().filter(|t| t.id.kind != TargetKind::Lib);
        let documented = workspace
            .documented
            .iter()
            .filter(|(_, id)| is_asked_for(id));
        let with_library: BTreeSet<PackageId> = of_others
            .chain(more_than_library.map(|target| target.package.clone()))
            .chain(documented.map(|(package, _)| package.clone()))
            .collect();
        let is_used = |target: &&Target| match target.id.kind {
            TargetKind::Lib => with_library.contains(&target.package),
            TargetKind::Bin => targets
                .iter()
                .any(|t| t.package == target.package && t.binaries.contains(&target.id.name)),
            TargetKind::Example => workspace.has_examples(),
            TargetKind::Test | TargetKind::Bench | TargetKind::Doc => false,
        };
        let used = workspace.targets.iter().filter(is_used).map(unit_of);
        Self {
            tested,
            used: used.collect(),
            ..Self::default()
        }
    }

    /// Creates an account of messages from a build in which no unit is built with its tests.
    #[must_use]
    pub fn of_plain(messages: BuildMessages) -> Self {
        Self {
            messages,
            ..Self::default()
        }
    }

    /// Replaces this account by that of another run of the same build, which reports all failures
    /// again. What was already built stays built.
    pub fn ask_again(&mut self, other: Self) {
        let before = std::mem::replace(self, other);
        self.messages = before.messages;
        self.messages.errors.clear();
    }

    /// Returns the units that have errors.
    pub fn units(&self) -> BTreeSet<&Unit> {
        let plain = self.plain.iter().flat_map(|plain| plain.errors.keys());
        plain.chain(self.messages.errors.keys()).collect()
    }

    /// Returns the errors of one build of a unit, in the compiler's order. The list is empty if
    /// there are none, or if they cannot be attributed yet.
    #[must_use]
    pub fn errors(&self, unit: &Unit, build: UnitBuild) -> Vec<Diagnostic> {
        let errors = self
            .messages
            .errors
            .get(unit)
            .map_or(&[][..], Vec::as_slice);
        let all = || errors.iter().map(|counted| counted.error.clone()).collect();
        match (self.only(unit), build) {
            (Some(UnitBuild::Plain), UnitBuild::Plain) if errors.is_empty() => {
                self.plain_alone(unit)
            }
            (Some(only), build) if only == build => all(),
            (Some(_), _) => Vec::new(),
            (None, _) if self.says_the_same(errors) => all(),
            (None, UnitBuild::Plain) => self.plain_alone(unit),
            (None, UnitBuild::Test) if self.plain.is_none() => Vec::new(),
            (None, UnitBuild::Test) => {
                let plain = self.plain_alone(unit);
                let is_own = |counted: &&CountedError| {
                    self.is_of_both(counted) || !plain.contains(&counted.error)
                };
                let own = errors.iter().filter(is_own).map(|counted| &counted.error);
                let (both, rest): (Vec<_>, Vec<_>) = own.partition(|error| plain.contains(error));
                // Two compilers reported in parallel: the errors of both follow the order of the
                // one that also ran alone. Errors without a code come from macro expansion, which
                // precedes all others.
                let both = plain.iter().filter(|error| both.contains(error));
                let (first, last): (Vec<_>, Vec<_>) =
                    rest.into_iter().partition(|error| error.code.is_none());
                let own = first.into_iter().chain(both).chain(last);
                let own: Vec<Diagnostic> = own.cloned().collect();
                if own.is_empty() && !self.is_complete {
                    plain
                } else {
                    own
                }
            }
        }
    }

    /// Returns true if a unit that is built twice has errors that cannot be attributed to one of
    /// its builds.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        let is_open = |(unit, errors): (&Unit, &Vec<CountedError>)| {
            self.only(unit).is_none() && !self.says_the_same(errors)
        };
        self.plain.is_none() && self.messages.errors.iter().any(is_open)
    }

    /// Returns true if a library that others can use was built.
    #[must_use]
    pub fn has_library(&self, package: &PackageId) -> bool {
        let plain = self.plain.iter();
        let mut messages = plain.chain([&self.messages]);
        messages.any(|messages| messages.libraries.contains(package))
    }

    /// Returns the only build that a unit's errors can belong to, if the other one succeeded or is
    /// never requested.
    fn only(&self, unit: &Unit) -> Option<UnitBuild> {
        let (package, kind, name) = unit;
        let plain_is_made = match kind {
            None => return Some(UnitBuild::Plain),
            Some(TargetKind::Test | TargetKind::Bench | TargetKind::Doc) => {
                return Some(UnitBuild::Test);
            }
            Some(TargetKind::Lib) => self.has_library(package),
            Some(TargetKind::Bin) => {
                let binary = (package.clone(), name.clone());
                self.messages.binaries.contains_key(&binary)
                    || self.plain.iter().any(|p| p.binaries.contains_key(&binary))
            }
            Some(TargetKind::Example) => {
                let example = (package.clone(), name.clone());
                self.messages.examples.contains(&example)
                    || self.plain.iter().any(|p| p.examples.contains(&example))
            }
        };
        if !self.tested.contains(unit) || self.messages.executables.contains_key(unit) {
            return Some(UnitBuild::Plain);
        }
        (plain_is_made || !self.used.contains(unit)).then_some(UnitBuild::Test)
    }

    fn plain_alone(&self, unit: &Unit) -> Vec<Diagnostic> {
        let errors = self.plain.as_ref().and_then(|plain| plain.errors.get(unit));
        errors
            .map(|errors| errors.iter().map(|counted| counted.error.clone()).collect())
            .unwrap_or_default()
    }

    /// Returns true if both builds report the same errors. A single build reports no error twice.
    fn says_the_same(&self, errors: &[CountedError]) -> bool {
        errors.iter().all(|counted| self.is_of_both(counted))
    }

    fn is_of_both(&self, counted: &CountedError) -> bool {
        self.is_complete && counted.n_times > 1
    }
}

/// Returns a target as messages name it.
#[must_use]
pub fn unit_of(target: &Target) -> Unit {
    let TargetId { kind, name, .. } = &target.id;
    (target.package.clone(), Some(*kind), name.clone())
}

#[cfg(test)]
mod tests;
