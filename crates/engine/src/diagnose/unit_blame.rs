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
        match target.bears_tests {
            true => Self::Test,
            false => Self::Plain,
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
        let tested = targets.iter().filter(|target| target.bears_tests);
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
        let counted = self
            .messages
            .errors
            .get(unit)
            .map_or(&[][..], Vec::as_slice);
        let all = || {
            counted
                .iter()
                .map(|counted| counted.error.clone())
                .collect()
        };
        match (self.only(unit), build) {
            (Some(UnitBuild::Plain), UnitBuild::Plain) if counted.is_empty() => {
                self.plain_alone(unit)
            }
            (Some(only), build) if only == build => all(),
            (Some(_), _) => Vec::new(),
            (None, _) if self.says_the_same(counted) => all(),
            (None, UnitBuild::Plain) => self.plain_alone(unit),
            (None, UnitBuild::Test) if self.plain.is_none() => Vec::new(),
            (None, UnitBuild::Test) => {
                let plain = self.plain_alone(unit);
                let is_own = |counted: &&CountedError| {
                    self.is_of_both(counted) || !plain.contains(&counted.error)
                };
                let own = counted.iter().filter(is_own).map(|counted| &counted.error);
                let (both, rest): (Vec<_>, Vec<_>) = own.partition(|error| plain.contains(error));
                // Two compilers reported in parallel: the errors of both follow the order of the
                // one that also ran alone. Errors without a code come from macro expansion, which
                // precedes all others.
                let both = plain.iter().filter(|error| both.contains(error));
                let (first, last): (Vec<_>, Vec<_>) =
                    rest.into_iter().partition(|error| error.code.is_none());
                let own = first.into_iter().chain(both).chain(last);
                let own: Vec<Diagnostic> = own.cloned().collect();
                match own.is_empty() && !self.is_complete {
                    true => plain,
                    false => own,
                }
            }
        }
    }

    /// Returns true if a unit that is built twice has errors that cannot be attributed to one of
    /// its builds.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        let is_open = |(unit, counted): (&Unit, &Vec<CountedError>)| {
            self.only(unit).is_none() && !self.says_the_same(counted)
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
        let counted = self.plain.as_ref().and_then(|plain| plain.errors.get(unit));
        counted
            .map(|counted| {
                counted
                    .iter()
                    .map(|counted| counted.error.clone())
                    .collect()
            })
            .unwrap_or_default()
    }

    /// Returns true if both builds report the same errors. A single build reports no error twice.
    fn says_the_same(&self, counted: &[CountedError]) -> bool {
        counted.iter().all(|counted| self.is_of_both(counted))
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
mod tests {
    use super::*;

    fn unit() -> Unit {
        let id = PackageId {
            repr: "app".to_owned(),
        };
        (id, Some(TargetKind::Lib), "app".to_owned())
    }

    /// Creates an error, with a code if its name begins with `E`.
    fn error(name: &str) -> Diagnostic {
        Diagnostic {
            code: name.starts_with('E').then(|| name.to_owned()),
            ..Diagnostic::from_message(name)
        }
    }

    fn heard(counted: &[&str]) -> BuildMessages {
        let mut messages = BuildMessages::default();
        let errors: &mut Vec<CountedError> = messages.errors.entry(unit()).or_default();
        for name in counted {
            let error = error(name);
            match errors.iter_mut().find(|counted| counted.error == error) {
                Some(counted) => counted.n_times += 1,
                None => errors.push(CountedError { error, n_times: 1 }),
            }
        }
        messages
    }

    /// Returns what an account says about the library and about its unit tests, after both were
    /// built at once and, if `plain` is given, the library alone.
    fn describe(both: &[&str], plain: Option<&[&str]>, is_complete: bool) -> (String, String) {
        let account = BuildAccount {
            messages: heard(both),
            plain: plain.map(heard),
            tested: BTreeSet::from([unit()]),
            used: BTreeSet::from([unit()]),
            is_complete,
        };
        let of = |build| {
            let errors = account.errors(&unit(), build);
            let names: Vec<String> = errors.into_iter().map(|error| error.message).collect();
            names.join(" ")
        };
        (of(UnitBuild::Plain), of(UnitBuild::Test))
    }

    #[test]
    fn an_error_is_of_the_build_that_said_it() {
        let is = |plain: &str, test: &str| (plain.to_owned(), test.to_owned());
        let by_both = describe(&["E1", "E2", "E1", "E2"], None, true);
        assert_eq!(by_both, is("E1 E2", "E1 E2"));
        assert_eq!(describe(&["missing", "E1"], None, true), is("", ""));
        let each_its_own = describe(&["missing", "E1"], Some(&["E1"]), true);
        assert_eq!(each_its_own, is("E1", "missing"));
        let more = describe(&["E1", "E3", "missing", "E1"], Some(&["E1"]), true);
        assert_eq!(more, is("E1", "missing E1 E3"));
        assert_eq!(describe(&["E1"], Some(&["E1"]), true), is("E1", ""));
        // Commands that stop at the first failure do not show how often an error occurs.
        assert_eq!(describe(&["E1", "E1"], None, false), is("", ""));
        assert_eq!(describe(&["E1"], Some(&["E1"]), false), is("E1", "E1"));
    }

    #[test]
    fn the_order_in_which_two_compilers_speak_changes_nothing() {
        let (plain, test): (&[&str], &[&str]) = (&["E1", "E2"], &["missing", "E1", "E2", "E9"]);
        let mut seen = BTreeSet::new();
        // Each way to merge the two is a set of positions that the first one's errors take.
        let n = plain.len() + test.len();
        for places in (0..1_u32 << n).filter(|p| p.count_ones() as usize == plain.len()) {
            let (mut of_plain, mut of_test) = (plain.iter(), test.iter());
            let merged = (0..n).filter_map(|place| match places >> place & 1 {
                1 => of_plain.next().copied(),
                _ => of_test.next().copied(),
            });
            let merged: Vec<&str> = merged.collect();
            assert_eq!(merged.len(), n);
            seen.insert(describe(&merged, Some(plain), true));
        }
        let expected = ("E1 E2".to_owned(), "missing E1 E2 E9".to_owned());
        assert_eq!(seen, BTreeSet::from([expected]));
    }

    #[test]
    fn the_build_that_was_made_has_no_errors() {
        let mut account = BuildAccount {
            messages: heard(&["E1"]),
            tested: BTreeSet::from([unit()]),
            used: BTreeSet::from([unit()]),
            is_complete: true,
            ..BuildAccount::default()
        };
        assert!(account.is_ambiguous());
        account.messages.libraries.insert(unit().0);
        assert!(!account.is_ambiguous());
        assert_eq!(account.errors(&unit(), UnitBuild::Plain), []);
        assert_eq!(account.errors(&unit(), UnitBuild::Test).len(), 1);
    }
    /// Returns what an account of a workspace says about the library and about its unit tests if
    /// an error was reported once.
    fn of_library(text: &str, is_asked_for: impl Fn(&TargetId) -> bool) -> (usize, usize) {
        let workspace = crate::testing::workspace(text);
        let mut account = BuildAccount::new(&workspace, is_asked_for);
        account.messages = heard(&["E1"]);
        let count = |build| account.errors(&unit(), build).len();
        (count(UnitBuild::Plain), count(UnitBuild::Test))
    }

    const OPEN: (usize, usize) = (0, 0);
    const OF_PLAIN: (usize, usize) = (1, 0);
    const OF_TEST: (usize, usize) = (0, 1);

    #[test]
    fn a_library_is_built_without_its_tests_if_something_uses_it() {
        assert_eq!(of_library("app: lib, test smoke", |_| true), OPEN);
        assert_eq!(
            of_library("app: lib\nuser -> app\nuser: lib", |_| true),
            OPEN
        );
        // Its doc tests use it too.
        assert_eq!(of_library("app: lib", |_| true), OPEN);
        assert_eq!(
            of_library("app: lib", |id| id.kind == TargetKind::Lib),
            OF_TEST
        );
    }

    #[test]
    fn only_what_is_asked_for_is_built() {
        let text = "app: lib, test smoke\nuser -> app\nuser: lib";
        let library = |id: &TargetId| id.package == "app" && id.kind == TargetKind::Lib;
        assert_eq!(of_library(text, library), OF_TEST);
        assert_eq!(of_library(text, |id| id.kind == TargetKind::Test), OF_PLAIN);
        assert_eq!(of_library(text, |id| id.package == "user"), OF_PLAIN);
        assert_eq!(
            of_library(text, |id| library(id) || id.name == "user"),
            OPEN
        );
    }

    #[test]
    fn a_build_that_runs_again_keeps_what_was_made_and_forgets_the_errors() {
        let mut account = BuildAccount {
            messages: heard(&["E1"]),
            ..BuildAccount::default()
        };
        account.messages.libraries.insert(unit().0);
        let workspace = crate::testing::workspace("app: lib, test smoke");
        account.ask_again(BuildAccount::new(&workspace, |_| true));
        assert!(account.units().is_empty());
        assert!(account.has_library(&unit().0));
        account.messages = BuildMessages {
            libraries: account.messages.libraries,
            ..heard(&["E2"])
        };
        assert_eq!(account.errors(&unit(), UnitBuild::Test).len(), 1);
    }
}
