//! Made-up runs held against each other.

use semver::Version;

use super::*;
use crate::model::cell::{Cell, Pin, Row};
use crate::model::diagnostic::Diagnostic;
use crate::model::findings::Findings;
use crate::model::outcome::{
    CaseOutcome, Kind as TargetKind, Outcome, Phase, PhaseRecord, TargetId, TargetOutcome,
};
use crate::model::run::{FamilyRecord, SCHEMA, SourceRecord, SubjectRecord, ToolchainRecord};
use crate::model::status::{Class, Doubt, Skip};

fn case(name: &str, class: Option<Class>, seconds: f64) -> CaseOutcome {
    CaseOutcome {
        name: name.to_owned(),
        status: class.map_or(Status::Passed, Status::failed),
        seconds,
        output: class.map(|_| "left: `1` <b>::error::".to_owned()),
        flaky: None,
    }
}

fn target(name: &str, cases: Vec<CaseOutcome>) -> TargetOutcome {
    let id = TargetId {
        package: "app".to_owned(),
        kind: TargetKind::Test,
        name: name.to_owned(),
    };
    TargetOutcome {
        status: Status::of_parts(cases.iter().map(|case| &case.status)),
        seconds: cases.iter().map(|case| case.seconds).sum(),
        cases,
        ..TargetOutcome::not_run(id, Status::Passed, Vec::new())
    }
}

fn broken(name: &str, code: &str) -> TargetOutcome {
    let error = Diagnostic {
        code: Some(code.to_owned()),
        ..Diagnostic::said("no")
    };
    TargetOutcome {
        status: Status::failed(Class::Compile),
        errors: vec![error],
        ..target(name, Vec::new())
    }
}

fn ended(seconds: f64, targets: Vec<TargetOutcome>) -> State {
    let status = Status::of_parts(targets.iter().map(|target| &target.status));
    let phase = PhaseRecord {
        phase: Phase::Build,
        exit: "exit 0".to_owned(),
        seconds,
        cpu_seconds: 0.0,
        log: String::new(),
    };
    State::Ended {
        reused: false,
        outcome: Outcome {
            targets,
            phases: vec![phase],
            ..Outcome::whole(status, Vec::new())
        }
        .into(),
    }
}

fn run(rustc: &str, states: Vec<State>) -> Run {
    let pin = |at: usize| Pin {
        family: "g".to_owned(),
        at: Version::new(at as u64 + 1, 0, 0).into(),
    };
    let n_pins = states.len();
    let cells = states.into_iter().enumerate().map(|(at, state)| {
        let cell = Cell {
            row: Row::of_toolchain("stable").into(),
            pin: pin(at).into(),
        };
        CellRecord {
            id: cell.id(),
            cell,
            state,
        }
    });
    Run {
        schema: SCHEMA,
        started: 0,
        seconds: 0.0,
        finished: true,
        command: "cargo xtask matrix run".to_owned(),
        out: "target/matrix".to_owned(),
        sources: vec![SourceRecord {
            label: None,
            subject: SubjectRecord {
                path: ".".to_owned(),
                content: "0123456789abcdef".to_owned(),
                revision: None,
                dirty: false,
                folder: None,
            },
        }],
        resolver: String::new(),
        toolchains: vec![ToolchainRecord {
            label: "stable".to_owned(),
            source: None,
            rustc: Some(rustc.to_owned()),
            cargo: None,
        }],
        families: vec![FamilyRecord {
            name: "g".to_owned(),
            crates: vec!["g".to_owned()],
            pins: (0..n_pins).map(pin).collect(),
            declared: Default::default(),
            published: Vec::new(),
        }],
        cells: cells.collect(),
        shard: None,
        timeline: Vec::new(),
        findings: Findings::default(),
    }
}

fn doubt() -> State {
    let doubt = Doubt::Network;
    State::Ended {
        reused: false,
        outcome: Outcome::whole(Status::Inconclusive { doubt }, Vec::new()).into(),
    }
}

/// Two runs with everything in them that can differ.
pub(crate) fn pair() -> (Run, Run) {
    let failed = Some(Class::Test);
    let before = run(
        "rustc 1.90.0",
        vec![
            ended(
                100.0,
                vec![
                    target(
                        "a",
                        vec![case("breaks", None, 2.0), case("goes", None, 0.0)],
                    ),
                    target("b", vec![case("heals", failed, 9.0)]),
                    broken("c", "E0001"),
                    target("d", vec![case("x", None, 0.0)]),
                    target("gone", vec![case("x", None, 0.0)]),
                ],
            ),
            ended(10.0, vec![target("d", vec![case("x", None, 0.0)])]),
            doubt(),
            ended(1.0, vec![target("d", vec![case("x", None, 0.0)])]),
        ],
    );
    let after = run(
        "rustc 1.91.0",
        vec![
            ended(
                40.0,
                vec![
                    target(
                        "a",
                        vec![case("breaks", failed, 9.0), case("comes", None, 0.0)],
                    ),
                    target("b", vec![case("heals", None, 9.1)]),
                    broken("c", "E0002"),
                    broken("d", "E0003"),
                    target("new", vec![case("x", None, 0.0)]),
                ],
            ),
            ended(14.0, vec![broken("d", "E0003")]),
            ended(1.0, vec![target("d", vec![case("x", failed, 0.0)])]),
            State::Skipped {
                reason: Skip::Inferred,
            },
            ended(1.0, vec![target("d", vec![case("x", failed, 0.0)])]),
        ],
    );
    (before, after)
}

#[test]
fn two_runs_are_told_apart() {
    let (before, after) = pair();
    let compared = compare(&before, &after);
    assert!(compared.has_broken());
    insta::assert_snapshot!(serde_json::to_string_pretty(&compared).expect("JSON"));
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let (before, after) = pair();
    for run in [before, after] {
        let compared = compare(&run, &run);
        assert!(compared.differs.is_empty() && compared.changes.is_empty());
        assert!(compared.times.is_empty());
    }
}

#[test]
fn the_other_way_round_what_broke_is_fixed_and_what_came_is_gone() {
    let (before, after) = pair();
    let (one, other) = (compare(&before, &after), compare(&after, &before));
    let count = |compared: &Comparison, kind: Kind| {
        let of_kind = compared.changes.iter().filter(|change| change.kind == kind);
        of_kind.map(|change| change.cells.len()).sum::<usize>()
    };
    for (kind, counterpart) in [
        (Kind::Broke, Kind::Fixed),
        (Kind::Fixed, Kind::Broke),
        (Kind::Shifted, Kind::Shifted),
        (Kind::Appeared, Kind::Vanished),
        (Kind::Vanished, Kind::Appeared),
    ] {
        assert!(count(&one, kind) > 0, "{kind}");
        assert_eq!(count(&one, kind), count(&other, counterpart), "{kind}");
    }
    assert_eq!(one.times.len(), other.times.len());
}

#[test]
fn drift_breaks_nothing_and_what_was_taken_over_took_no_time() {
    let drifted = || {
        let drift = Status::failed(Class::Drift);
        Outcome::whole(drift, vec![Diagnostic::said("relay is too new")])
    };
    let mut before = run(
        "r",
        vec![ended(100.0, vec![target("a", vec![case("x", None, 90.0)])])],
    );
    let mut after = before.clone();
    after.cells[0].state = State::Ended {
        reused: false,
        outcome: drifted().into(),
    };
    let compared = compare(&before, &after);
    assert!(!compared.has_broken());
    assert_eq!(compared.changes[0].kind, Kind::Shifted);
    let quick = ended(1.0, vec![target("a", vec![case("x", None, 1.0)])]);
    after.cells[0].state = quick;
    assert_eq!(compare(&before, &after).times.len(), 3);
    if let State::Ended { reused, .. } = &mut before.cells[0].state {
        *reused = true;
    }
    assert!(compare(&before, &after).times.is_empty());
}

#[test]
fn a_baseline_is_compared_by_its_verdict() {
    let (_, after) = pair();
    let deviation = |kind, case: &str| verdict::Deviation {
        kind,
        cell: after.cells[0].id.clone(),
        target: Some("app test:a".to_owned()),
        case: Some(case.to_owned()),
        expected: "passed".to_owned(),
        found: "failed(test): no".to_owned(),
    };
    let verdict = Verdict {
        deviations: vec![
            deviation(verdict::Kind::Fixed, "a"),
            deviation(verdict::Kind::Gone, "b"),
            deviation(verdict::Kind::New, "c"),
            deviation(verdict::Kind::Regressed, "d"),
        ],
        n_expected: 3,
        n_inconclusive: 1,
        n_unjudged: 2,
    };
    let compared = against_baseline(&after, &verdict);
    let kinds: Vec<Kind> = compared.changes.iter().map(|change| change.kind).collect();
    assert_eq!(
        kinds,
        [Kind::Broke, Kind::Broke, Kind::Fixed, Kind::Vanished]
    );
    assert_eq!((compared.n_compared, compared.n_not_compared), (3, 3));
}
