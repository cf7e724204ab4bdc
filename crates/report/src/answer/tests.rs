//! The answers for made-up histories must be true and read naturally.

mod checker;

use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{Outcome, TargetOutcome};
use pinmatrix_core::model::run::findings::Findings;
use pinmatrix_core::model::run::verdict::{Deviation, Verdict};
use pinmatrix_core::model::run::{Adjusted, State, TodayRecord};
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason, SkipReason};
use pinmatrix_core::testing;
use pinmatrix_core::testing::{case, history, random, target};
use proptest::prelude::*;

use super::*;

fn answer_to(run: &Run) -> String {
    let sentences: Vec<String> = answer(&Analysis::of(run))
        .iter()
        .map(ToString::to_string)
        .collect();
    sentences.join("\n")
}

/// A run with several rows, each with its history.
fn rows(histories: &[(&str, &str)], n_patches: u64) -> Run {
    let mut runs = histories.iter().map(|(toolchain, letters)| {
        let mut run = history(letters, n_patches);
        for record in &mut run.cells {
            record.cell.row = Row::of_toolchain(*toolchain).into();
            record.id = record.cell.id();
        }
        run
    });
    let mut all = runs.next().expect("a row");
    for run in runs {
        all.cells.extend(run.cells);
    }
    all
}

/// Ends all cells of a run with the same status, before any target.
fn ended(mut run: Run, status: &Status, error: &str) -> Run {
    for record in &mut run.cells {
        let outcome = Outcome::whole(status.clone(), vec![Diagnostic::from_message(error)]);
        record.state = State::Ended {
            reused: false,
            outcome: Box::new(outcome),
        };
    }
    run
}

#[test]
fn one_break_is_one_sentence() {
    insta::assert_snapshot!(answer_to(&history("..bb", 1)));
}

#[test]
fn untested_versions_between_are_reported() {
    insta::assert_snapshot!(answer_to(&history("..bb", 3)));
}

#[test]
fn the_same_break_on_several_rows_is_reported_once() {
    let run = rows(&[("stable", "..bb"), ("1.85", "..bb"), ("1.78", "..--")], 1);
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn a_break_that_comes_sooner_on_one_row_is_reported_for_that_row() {
    let run = rows(&[("stable", "...b"), ("1.85", ".bbb")], 1);
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn a_target_that_only_one_toolchain_takes_is_reported() {
    insta::assert_snapshot!(answer_to(&rows(&[("stable", "...."), ("1.85", "bbbb")], 1)));
}

#[test]
fn cases_that_go_their_own_way_are_named() {
    insta::assert_snapshot!(answer_to(&history("..11b", 1)));
}

#[test]
fn a_fix_without_a_break_is_reported() {
    insta::assert_snapshot!(answer_to(&history("bb..", 1)));
}

/// The move from the first to the last pin breaks nothing, but some pins in between do.
#[test]
fn a_last_pin_that_works_is_said_first_and_what_does_not_before_it() {
    insta::assert_snapshot!(answer_to(&history("..bbb.", 1)));
}

/// A regression test: the answer stopped at 36.0.0 and missed that it breaks again at 37.0.0.
#[test]
fn every_turn_of_what_breaks_more_than_once_is_reported_in_order() {
    insta::assert_snapshot!(answer_to(&history("..b.b", 1)));
}

/// What had passed before does not begin to pass.
#[test]
fn only_what_had_never_passed_begins_to_pass() {
    let answer = answer_to(&history(".b.", 1));
    assert!(!answer.contains("begins to pass"), "{answer}");
}

/// A regression test: two breaks that nobody had run were listed under "pass wherever they ran".
#[test]
fn an_answer_that_rests_on_few_cells_says_so_first() {
    let answer = answer_to(&history(".--.-.-", 1));
    let first = answer.lines().next().expect("a sentence");
    assert!(
        first.contains("2 of 6 later pins were tested, and `cargo xtask matrix run --full`"),
        "{answer}"
    );
    insta::assert_snapshot!(answer);
}

#[test]
fn nothing_changes_is_a_verdict_of_its_own() {
    insta::assert_snapshot!(answer_to(&history("1111", 1)));
    let answer = answer_to(&history("..", 3));
    assert!(
        answer.contains("; 2 versions between them were not tested"),
        "{answer}"
    );
}

#[test]
fn that_ignored_tests_do_not_compile_any_more_is_reported() {
    insta::assert_snapshot!(answer_to(&history("iib", 1)));
}

#[test]
fn what_works_after_something_inconclusive_is_said_with_it() {
    insta::assert_snapshot!(answer_to(&history(".d.b", 1)));
}

#[test]
fn what_passes_throughout_is_said_with_how_much_of_it_ran() {
    insta::assert_snapshot!(answer_to(&history("....", 1)));
    insta::assert_snapshot!(answer_to(&history(".--.", 1)));
}

#[test]
fn what_fails_throughout_is_said() {
    insta::assert_snapshot!(answer_to(&history("bbb", 1)));
}

#[test]
fn a_run_of_doubts_says_nothing_of_the_code() {
    let doubt = Status::Inconclusive {
        doubt: InconclusiveReason::Network,
    };
    insta::assert_snapshot!(answer_to(&ended(history("...", 1), &doubt, "no route")));
}

#[test]
fn drift_says_nothing_of_the_code() {
    insta::assert_snapshot!(answer_to(&history("ddd", 1)));
}

#[test]
fn a_run_in_which_nothing_ran_says_why() {
    let mut run = history("----", 1);
    insta::assert_snapshot!(answer_to(&run));
    run.cells[0].state = State::Skipped {
        reason: SkipReason::ToolchainMissing,
    };
    insta::assert_snapshot!(answer_to(&run));
    run.cells.clear();
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn a_run_that_did_not_end_says_so() {
    let mut run = history("..b-", 1);
    run.finished = false;
    run.cells[3].state = State::Pending;
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn a_ladder_that_no_lock_fits_is_reported_with_its_error() {
    let failed = Status::failed(FailureKind::Resolve);
    insta::assert_snapshot!(answer_to(&ended(
        history("...", 1),
        &failed,
        "no version fits"
    )));
}

#[test]
fn a_row_that_becomes_too_old_is_reported() {
    let mut run = rows(&[("stable", "...."), ("1.78", "....")], 1);
    for record in &mut run.cells[6..] {
        let error = Diagnostic::from_message("gadget 2.0.0 needs rustc 1.80.0, and this is 1.78.0");
        let outcome = Outcome::whole(Status::failed(FailureKind::Msrv), vec![error]);
        record.state = State::Ended {
            reused: false,
            outcome: Box::new(outcome),
        };
    }
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn of_many_rows_that_become_too_old_a_few_are_reported_and_the_rest_counted() {
    let labels = ["a", "b", "c", "d", "e", "f"];
    let histories: Vec<(&str, &str)> = labels.iter().map(|label| (*label, "....")).collect();
    let mut run = rows(&histories, 1);
    for (index, record) in run.cells.iter_mut().enumerate() {
        if index % 4 < 2 {
            continue;
        }
        let outcome = Outcome::whole(
            Status::failed(FailureKind::Msrv),
            vec![Diagnostic::from_message("no")],
        );
        record.state = State::Ended {
            reused: false,
            outcome: Box::new(outcome),
        };
    }
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn what_regressed_comes_first_and_what_is_expected_last() {
    let mut run = history("..bb", 1);
    let verdict = |deviations| Findings {
        verdict: Some(Verdict {
            deviations,
            n_expected: 4,
            ..Verdict::default()
        }),
        ..Findings::default()
    };
    run.findings = verdict(Vec::new());
    insta::assert_snapshot!(answer_to(&run));
    run.findings = verdict(vec![Deviation {
        kind: DeviationKind::Regressed,
        cell: run.cells[2].id.clone(),
        target: Some("app test:t".to_owned()),
        case: None,
        expected: "passed".to_owned(),
        found: "failed(compile): no".to_owned(),
    }]);
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn a_target_whose_cases_are_others_at_each_pin_leaves_no_answer_empty() {
    let mut run = history(".x", 1);
    let State::Ended { outcome, .. } = &mut run.cells[1].state else {
        panic!("it ended")
    };
    for case in &mut outcome.targets[0].cases {
        case.name.push_str("_new");
    }
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn what_comes_from_outside_stays_on_one_line_and_short() {
    let mut run = history("..bb", 1);
    let long = format!("a\n::error::b\u{202e}{}", "x".repeat(1 << 20));
    for record in &mut run.cells {
        let State::Ended { outcome, .. } = &mut record.state else {
            continue;
        };
        outcome.targets[0].id.name.clone_from(&long);
        for error in &mut outcome.targets[0].errors {
            error.message.clone_from(&long);
        }
    }
    for sentence in answer(&Analysis::of(&run)) {
        let sentence = sentence.to_string();
        assert!(sentence.len() < 1024 && !sentence.contains(['\n', '\u{202e}']));
    }
}

/// A target that fails to compile because an item is missing.
fn lacking(name: &str, item: &str) -> TargetOutcome {
    let error = Diagnostic {
        code: Some("E0432".to_owned()),
        ..Diagnostic::from_message(format!("unresolved import `{item}`"))
    };
    let status = Status::failed(FailureKind::Compile);
    TargetOutcome::not_run(testing::test_named(name), status, vec![error])
}

#[test]
fn what_stands_before_the_last_pin_is_reported_by_cause() {
    let mut run = history("...", 1);
    let names = ["a", "b", "c", "d", "e"];
    let last = run.cells.len() - 1;
    for (n, record) in run.cells.iter_mut().enumerate() {
        let targets = names.iter().map(|name| match (n == last, *name) {
            (true, "a" | "b" | "d") => lacking(name, "gadget::turn"),
            (true, "c") => lacking(name, "gadget::spin"),
            (_, name) => target(name, vec![case("adds", Status::Passed, None)]),
        });
        record.state = testing::ended(testing::outcome(targets.collect()));
    }
    insta::assert_snapshot!(answer_to(&run));
}

#[test]
fn rows_held_against_the_same_pin_are_told_apart_where_it_is_today_for_one_only() {
    let mut run = rows(&[("stable", "..b"), ("stable", "..b")], 1);
    let sources = ["before", "now"];
    for (n, record) in run.cells.iter_mut().enumerate() {
        let row = Row {
            source: Some(sources[n / 3].to_owned()),
            ..Row::of_toolchain("stable")
        };
        record.cell.row = row.into();
        record.id = record.cell.id();
    }
    let today = |source: &str, major| TodayRecord {
        source: Some(source.to_owned()),
        version: semver::Version::new(major, 0, 0),
        is_fresh: false,
    };
    // Nothing passes at the version that the second source is on.
    run.families[0].todays = vec![today("before", 0), today("now", 2)];
    let answer = answer_to(&run);
    assert!(
        answer.contains("on stable~before: nothing that passes today (0.0.0)"),
        "{answer}"
    );
    assert!(
        answer.contains("on stable~now: nothing that passes at 0.0.0"),
        "{answer}"
    );
}

#[test]
fn what_is_adjusted_at_a_pin_is_reported() {
    let mut run = history("..b", 1);
    run.families[0].adjusted = vec![Adjusted {
        at: semver::Version::new(1, 0, 0).into(),
        changes: vec!["features of gadget".to_owned()],
    }];
    insta::assert_snapshot!(answer_to(&run));
}

/// Checks the answer for a run with an independent reading of the run.
fn checked(run: &Run) -> Result<(), TestCaseError> {
    let answer = answer_to(run);
    let json = serde_json::to_value(run).expect("JSON");
    let checked = checker::check(&json, &answer);
    checked.map_err(|why| TestCaseError::fail(format!("{why}\n{answer}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn every_sentence_is_true_and_every_change_is_reported(
        letters in "[.b12xfd-]{1,12}",
        today in 0..14_u64,
        n_patches in 1..3_u64,
    ) {
        let mut run = history(&letters, n_patches);
        run.families[0].todays = testing::today((today < letters.len() as u64).then_some(today));
        checked(&run)?;
    }

    #[test]
    fn what_is_said_of_any_run_is_true(drawn in random::drawn()) {
        checked(&drawn.run())?;
    }

    #[test]
    fn what_is_said_of_rows_that_differ_is_true(
        one in "[.b12xfd-]{2,7}",
        other in "[.b12xfd-]{2,7}",
        today in 0..9_u64,
    ) {
        let length = one.len().min(other.len());
        let mut run = rows(&[("stable", &one[..length]), ("old", &other[..length])], 1);
        run.families[0].todays = testing::today((today < length as u64).then_some(today));
        checked(&run)?;
    }
}
