//! Problems of made-up runs: how occurrences are grouped, their order, and stable fingerprints.

use std::collections::BTreeSet;

use super::*;
use crate::analysis::Analysis;
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::TargetOutcome;
use crate::model::run::State;
use crate::model::run::verdict::{Deviation, DeviationKind, Verdict};
use crate::model::status::Status;
use crate::testing;
use crate::testing::{target, test_named};

fn broken(name: &str, code: &str, file: &str, line: usize) -> TargetOutcome {
    let error = Diagnostic {
        code: Some(code.to_owned()),
        file: Some(file.to_owned()),
        line: Some(line),
        ..Diagnostic::from_message(format!("mismatched types, line {line}"))
    };
    let status = Status::failed(FailureKind::Compile);
    TargetOutcome::not_run(test_named(name), status, vec![error])
}

fn failing(name: &str, output: &str) -> TargetOutcome {
    let status = Status::failed(FailureKind::Test);
    target(name, vec![testing::case("adds", status, Some(output))])
}

/// Creates rows at pins 1.0.0, 2.0.0, … from the targets of each cell.
fn run(rows: &[(&str, Vec<Vec<TargetOutcome>>)]) -> Run {
    let cells = rows.iter().flat_map(|(label, outcomes)| {
        let ended = |targets: &Vec<_>| testing::ended(testing::outcome(targets.clone()));
        let cell = move |(targets, major)| testing::record(label, major, ended(targets));
        outcomes.iter().zip(1..).map(cell)
    });
    let mut run = testing::run(cells.collect());
    run.sources[0].subject.folder = Some("sub/ject".to_owned());
    run.toolchains.clear();
    run
}

fn passing() -> Vec<TargetOutcome> {
    vec![TargetOutcome::not_run(
        test_named("a"),
        Status::Passed,
        Vec::new(),
    )]
}

#[test]
fn what_many_cells_show_is_one_problem_with_its_change_point() {
    let breaks = || {
        vec![
            passing(),
            vec![broken("a", "E0308", "app/tests/a.rs", 7)],
            vec![broken("a", "E0308", "app/tests/a.rs", 7)],
        ]
    };
    let run = run(&[("stable", breaks()), ("old", breaks())]);
    let problems = Analysis::of(&run).problems;
    let [problem] = problems.as_slice() else {
        panic!("{problems:#?}")
    };
    let (title, message) = (problem.title(), problem.message());
    insta::assert_snapshot!(format!("{title}\n{message}\n{:?}", problem.place));
}

#[test]
fn an_error_of_a_library_is_reported_once_for_all_targets_that_need_it() {
    let both = vec![
        broken("a", "E0308", "app/src/lib.rs", 3),
        broken("b", "E0308", "app/src/lib.rs", 3),
    ];
    let run = run(&[("stable", vec![both])]);
    let titles: Vec<String> = Analysis::of(&run)
        .problems
        .into_iter()
        .map(|p| p.title())
        .collect();
    assert_eq!(
        titles,
        ["app test:a and 1 more target: failed(compile) at gadget 1.0.0 on stable"]
    );
}

fn missing(name: &str, item: &str, line: usize) -> TargetOutcome {
    let mut target = broken(name, "E0432", &format!("app/tests/{name}.rs"), line);
    target.errors[0].message = format!("unresolved import `{item}`");
    target
}

#[test]
fn an_item_that_is_missing_in_several_files_is_one_problem() {
    let missing = |name: &str, line| missing(name, "gadget::turn", line);
    let targets = || vec![missing("a", 3), missing("b", 4), missing("c", 5)];
    let passing = |name: &str| TargetOutcome::not_run(test_named(name), Status::Passed, Vec::new());
    let before = || vec![passing("a"), passing("b"), missing("c", 5)];
    let rows = || vec![before(), targets()];
    let run = run(&[("stable", rows()), ("old", rows())]);
    let problems = Analysis::of(&run).problems;
    let [problem] = problems.as_slice() else {
        panic!("{problems:#?}")
    };
    assert_eq!(
        problem.title(),
        "app test:c and 2 more targets: failed(compile) at gadget 1.0.0, 2.0.0 on stable, old"
    );
    let background = problem.background();
    let [change, also] = background.as_slice() else {
        panic!("{background:?}")
    };
    assert!(
        change.starts_with("1.0.0 passed → 2.0.0 failed(compile)"),
        "{change}"
    );
    assert_eq!(
        also,
        "also at sub/ject/app/tests/a.rs:3, sub/ject/app/tests/b.rs:4"
    );
}

#[test]
fn what_fails_differently_at_one_place_is_two_problems() {
    let at = |item: &str| vec![missing("a", item, 3)];
    let ran = run(&[("stable", vec![at("gadget::turn"), at("gadget::spin")])]);
    assert_eq!(Analysis::of(&ran).problems.len(), 2);
    let lacks = |bound: &str| {
        let mut target = broken("a", "E0277", "app/tests/a.rs", 3);
        target.errors[0].message = format!("the trait bound `{bound}` is not satisfied");
        vec![target]
    };
    let ran = run(&[("stable", vec![lacks("Turn: Copy"), lacks("Turn: Send")])]);
    assert_eq!(Analysis::of(&ran).problems.len(), 2);
    let ran = run(&[("stable", vec![lacks("Turn: Copy"), lacks("Turn: Copy")])]);
    assert_eq!(Analysis::of(&ran).problems.len(), 1);
    let panicking = |words: &str| {
        let output = format!("thread 'adds' panicked at app/tests/a.rs:9:5:\n{words}");
        vec![failing("a", &output)]
    };
    let ran = run(&[(
        "stable",
        vec![panicking("an `Err`: Shut"), panicking("an `Err`: Full 3")],
    )]);
    assert_eq!(Analysis::of(&ran).problems.len(), 2);
    let ran = run(&[(
        "stable",
        vec![panicking("an `Err`: Full 4"), panicking("an `Err`: Full 3")],
    )]);
    assert_eq!(Analysis::of(&ran).problems.len(), 1);
}

#[test]
fn a_package_outside_the_subject_stands_once() {
    let outside = |name: &str, line: usize| {
        let mut target = broken(name, "E0432", "g-1.0.0/src/lib.rs", line);
        target.errors[0].package = Some("g 1.0.0".to_owned());
        target.errors[0].message = "unresolved import `gadget::turn`".to_owned();
        target
    };
    let targets = vec![
        outside("a", 3),
        outside("b", 3),
        missing("c", "gadget::turn", 1),
    ];
    let ran = run(&[("stable", vec![targets])]);
    let titles: Vec<String> = Analysis::of(&ran)
        .problems
        .iter()
        .map(Problem::title)
        .collect();
    assert_eq!(
        titles,
        [
            "app test:a and 1 more target: failed(compile) at gadget 1.0.0 on stable",
            "app test:c: failed(compile) at gadget 1.0.0 on stable"
        ]
    );
}

#[test]
fn a_panic_tells_the_place_of_a_case() {
    let output = "thread 'adds' panicked at app/tests/a.rs:9:5:\nno";
    let run = run(&[("stable", vec![vec![failing("a", output)]])]);
    let problems = Analysis::of(&run).problems;
    assert_eq!(
        problems[0].title(),
        "app test:a adds: failed(test) at gadget 1.0.0 on stable"
    );
    let place = problems[0].place.clone().expect("a place");
    assert_eq!(
        (place.file.as_str(), place.line),
        ("sub/ject/app/tests/a.rs", 9)
    );
}

#[test]
fn no_place_leads_out_of_the_subject() {
    for file in [
        "../x.rs",
        "/etc/passwd",
        "a/../../x.rs",
        "g-1.0.0/src/lib.rs",
        "g-core-1.0.0-rc.1/src/lib.rs",
        "target/debug/build/x/out/x.rs",
        "a\n.rs",
        "",
    ] {
        let output = format!("thread 'adds' panicked at {file}:9:5:\nno");
        let run = run(&[("stable", vec![vec![failing("a", &output)]])]);
        assert_eq!(Analysis::of(&run).problems[0].place, None, "{file}");
    }
}

#[test]
fn news_come_first_then_what_changes_and_what_is_expected_last() {
    let mut run = run(&[(
        "stable",
        vec![
            vec![broken("a", "E1", "a.rs", 1), passing().remove(0)],
            vec![
                broken("a", "E1", "a.rs", 1),
                broken("b", "E2", "b.rs", 1),
                broken("c", "E3", "c.rs", 1),
            ],
        ],
    )]);
    // The second target of the first cell is the one that breaks.
    if let State::Ended { outcome, .. } = &mut run.cells[0].state {
        outcome.targets[1].id = test_named("c");
    }
    let checks = |run: &Run| {
        let severity = |p: Problem| (p.severity, p.place.map(|p| p.file).unwrap_or_default());
        Analysis::of(run)
            .problems
            .into_iter()
            .map(severity)
            .collect::<Vec<_>>()
    };
    let file = |name: &str| format!("sub/ject/{name}.rs");
    let new = Severity::New;
    let expected = [(new, file("c")), (new, file("a")), (new, file("b"))];
    assert_eq!(checks(&run), expected, "without a baseline all is new");
    run.findings.verdict = Some(Verdict {
        deviations: vec![Deviation {
            kind: DeviationKind::Regressed,
            cell: run.cells[1].id.clone(),
            target: Some("app test:b".to_owned()),
            case: None,
            expected: "passed".to_owned(),
            found: "failed".to_owned(),
        }],
        ..Verdict::default()
    });
    let known = Severity::Known;
    let expected = [(new, file("b")), (known, file("c")), (known, file("a"))];
    assert_eq!(checks(&run), expected);
}

#[test]
fn fingerprints_outlast_lines_words_and_the_order_of_toolchains() {
    let at = |offset: usize| {
        vec![vec![
            broken("a", "E0308", "a.rs", 10 + offset),
            broken("b", "E0308", "a.rs", 20 + offset),
            failing(
                "c",
                &format!("thread 'x' panicked at c.rs:{}:1:\n{offset}", offset + 1),
            ),
        ]]
    };
    let prints = |run: &Run| -> Vec<(Option<String>, String)> {
        let problems = Analysis::of(run).problems.into_iter();
        let mut all: Vec<_> = problems
            .map(|p| (p.place.map(|place| place.file), p.fingerprint))
            .collect();
        all.sort();
        all
    };
    let one = prints(&run(&[("stable", at(0)), ("old", at(0))]));
    let other = prints(&run(&[("old", at(5)), ("stable", at(5))]));
    assert_eq!(one.len(), 3);
    assert_eq!(one, other);
    let distinct: BTreeSet<_> = one.iter().map(|(_, print)| print).collect();
    assert_eq!(distinct.len(), 3);
}

#[test]
fn what_fails_today_too_is_known_where_another_pin_ran() {
    let broken = || vec![broken("a", "E0308", "a.rs", 7)];
    let standings = |outcomes: Vec<Vec<TargetOutcome>>| {
        let mut run = run(&[("stable", outcomes)]);
        run.families[0].todays = testing::today(Some(1));
        let problems = Analysis::of(&run).problems;
        problems.iter().map(|p| p.severity).collect::<Vec<_>>()
    };
    assert_eq!(standings(vec![broken()]), [Severity::New]);
    assert_eq!(standings(vec![broken(), broken()]), [Severity::Known]);
    assert_eq!(standings(vec![passing(), broken()]), [Severity::New]);
}
