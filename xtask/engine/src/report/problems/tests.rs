//! Problems of made-up runs: what is one and what is many, what comes first, what stays the same.

use std::collections::BTreeSet;

use super::*;
use crate::model::made_up::{self, target, test_named};
use crate::model::outcome::TargetOutcome;
use crate::model::run::State;
use crate::model::verdict::Verdict;

fn broken(name: &str, code: &str, file: &str, line: usize) -> TargetOutcome {
    let error = Diagnostic {
        code: Some(code.to_owned()),
        file: Some(file.to_owned()),
        line: Some(line),
        ..Diagnostic::said(format!("mismatched types, line {line}"))
    };
    let status = Status::failed(Class::Compile);
    TargetOutcome::not_run(test_named(name), status, vec![error])
}

fn failing(name: &str, output: &str) -> TargetOutcome {
    let status = Status::failed(Class::Test);
    target(name, vec![made_up::case("adds", status, Some(output))])
}

/// Rows of pins 1.0.0, 2.0.0, …: the targets of each cell.
fn run(rows: &[(&str, Vec<Vec<TargetOutcome>>)]) -> Run {
    let cells = rows.iter().flat_map(|(label, outcomes)| {
        let ended = |targets: &Vec<_>| made_up::ended(made_up::outcome(targets.clone()));
        let cell = move |(targets, major)| made_up::record(label, major, ended(targets));
        outcomes.iter().zip(1..).map(cell)
    });
    let mut run = made_up::run(cells.collect());
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
    let problems = problems(&Analysis::of(&run));
    let [problem] = problems.as_slice() else {
        panic!("{problems:#?}")
    };
    let (title, message) = (problem.title(), problem.message());
    insta::assert_snapshot!(format!("{title}\n{message}\n{:?}", problem.place));
}

#[test]
fn an_error_of_a_library_is_told_once_for_all_targets_that_need_it() {
    let both = vec![
        broken("a", "E0308", "app/src/lib.rs", 3),
        broken("b", "E0308", "app/src/lib.rs", 3),
    ];
    let run = run(&[("stable", vec![both])]);
    let titles: Vec<String> = problems(&Analysis::of(&run))
        .into_iter()
        .map(|p| p.title())
        .collect();
    assert_eq!(
        titles,
        ["app test:a and 1 more: failed(compile) at gadget 1.0.0 on stable"]
    );
}

#[test]
fn a_panic_tells_the_place_of_a_case() {
    let said = "thread 'adds' panicked at app/tests/a.rs:9:5:\nno";
    let run = run(&[("stable", vec![vec![failing("a", said)]])]);
    let problems = problems(&Analysis::of(&run));
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
        let said = format!("thread 'adds' panicked at {file}:9:5:\nno");
        let run = run(&[("stable", vec![vec![failing("a", &said)]])]);
        assert_eq!(problems(&Analysis::of(&run))[0].place, None, "{file}");
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
        let standing = |p: Problem| (p.standing, p.place.map(|p| p.file).unwrap_or_default());
        problems(&Analysis::of(run))
            .into_iter()
            .map(standing)
            .collect::<Vec<_>>()
    };
    let file = |name: &str| format!("sub/ject/{name}.rs");
    let new = Standing::New;
    let expected = [(new, file("c")), (new, file("a")), (new, file("b"))];
    assert_eq!(checks(&run), expected, "without a baseline all is new");
    run.findings.verdict = Some(Verdict {
        deviations: vec![Deviation {
            kind: Kind::Regressed,
            cell: run.cells[1].id.clone(),
            target: Some("app test:b".to_owned()),
            case: None,
            expected: "passed".to_owned(),
            found: "failed".to_owned(),
        }],
        ..Verdict::default()
    });
    let known = Standing::Known;
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
        let problems = problems(&Analysis::of(run)).into_iter();
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
