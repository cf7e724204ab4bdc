//! Builds of both kinds of one unit, and which of the two each error belongs to.

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

fn messages_of(names: &[&str]) -> BuildMessages {
    let mut messages = BuildMessages::default();
    let errors: &mut Vec<CountedError> = messages.errors.entry(unit()).or_default();
    for name in names {
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
        messages: messages_of(both),
        plain: plain.map(messages_of),
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
        messages: messages_of(&["E1"]),
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
    account.messages = messages_of(&["E1"]);
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
        messages: messages_of(&["E1"]),
        ..BuildAccount::default()
    };
    account.messages.libraries.insert(unit().0);
    let workspace = crate::testing::workspace("app: lib, test smoke");
    account.ask_again(BuildAccount::new(&workspace, |_| true));
    assert!(account.units().is_empty());
    assert!(account.has_library(&unit().0));
    account.messages = BuildMessages {
        libraries: account.messages.libraries,
        ..messages_of(&["E2"])
    };
    assert_eq!(account.errors(&unit(), UnitBuild::Test).len(), 1);
}
/// Returns how many errors of a binary are its own and how many are of its unit tests, after
/// one was reported by a build that made some of it.
fn of_binary(text: &str, made: impl Fn(&mut BuildMessages, &Unit)) -> (usize, usize) {
    of_binary_asked_for(text, |_| true, made)
}

/// As [`of_binary`], of a build that does not request everything.
fn of_binary_asked_for(
    text: &str,
    is_asked_for: impl Fn(&TargetId) -> bool,
    made: impl Fn(&mut BuildMessages, &Unit),
) -> (usize, usize) {
    let workspace = crate::testing::workspace(text);
    let mut account = BuildAccount::new(&workspace, is_asked_for);
    let (package, _, _) = unit();
    let binary = (package, Some(TargetKind::Bin), "tool".to_owned());
    let counted = CountedError {
        error: error("E1"),
        n_times: 1,
    };
    let errors = &mut account.messages.errors;
    errors.insert(binary.clone(), vec![counted]);
    made(&mut account.messages, &binary);
    let count = |build| account.errors(&binary, build).len();
    (count(UnitBuild::Plain), count(UnitBuild::Test))
}

#[test]
fn a_binary_is_built_without_its_tests_for_integration_tests_alone() {
    let nothing = |_: &mut BuildMessages, _: &Unit| {};
    assert_eq!(of_binary("app: bin tool, test smoke", nothing), OPEN);
    assert_eq!(of_binary("app: bin tool", nothing), OF_TEST);
    let is_bin = |id: &TargetId| id.kind == TargetKind::Bin;
    let alone = of_binary_asked_for("app: bin tool, test smoke", is_bin, nothing);
    assert_eq!(alone, OF_TEST);
    let other = "app: bin tool\nuser -> app\nuser: test smoke";
    assert_eq!(of_binary(other, nothing), OF_TEST);
}

#[test]
fn a_binary_or_an_executable_of_its_tests_that_was_made_has_no_errors() {
    let text = "app: bin tool, test smoke";
    let binary = |messages: &mut BuildMessages, (package, _, name): &Unit| {
        let binary = (package.clone(), name.clone());
        messages.binaries.insert(binary, "/t/tool".into());
    };
    assert_eq!(of_binary(text, binary), OF_TEST);
    let tests = |messages: &mut BuildMessages, unit: &Unit| {
        messages
            .executables
            .insert(unit.clone(), "/t/tool-1".into());
    };
    assert_eq!(of_binary(text, tests), OF_PLAIN);
}
