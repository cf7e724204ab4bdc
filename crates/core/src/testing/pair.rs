//! Two made-up runs that differ in everything that can differ.

use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{CaseOutcome, Outcome, Phase, PhaseRecord, TargetOutcome};
use crate::model::run::{Run, State};
use crate::model::status::{FailureKind, InconclusiveReason, SkipReason, Status};
use crate::testing;

pub(crate) fn case(name: &str, class: Option<FailureKind>, seconds: f64) -> CaseOutcome {
    let output = class.map(|_| "left: `1` <b>::error::");
    CaseOutcome {
        seconds,
        ..testing::case(name, class.map_or(Status::Passed, Status::failed), output)
    }
}

pub(crate) fn target(name: &str, cases: Vec<CaseOutcome>) -> TargetOutcome {
    TargetOutcome {
        seconds: cases.iter().map(|case| case.seconds).sum(),
        ..testing::target(name, cases)
    }
}

fn broken(name: &str, code: &str) -> TargetOutcome {
    let error = Diagnostic {
        code: Some(code.to_owned()),
        ..Diagnostic::from_message("no")
    };
    TargetOutcome {
        status: Status::failed(FailureKind::Compile),
        errors: vec![error],
        ..target(name, Vec::new())
    }
}

pub(crate) fn ended(seconds: f64, targets: Vec<TargetOutcome>) -> State {
    let phase = PhaseRecord {
        phase: Phase::Build,
        exit: "exit 0".to_owned(),
        seconds,
        cpu_seconds: 0.0,
        log: String::new(),
    };
    testing::ended(Outcome {
        phases: vec![phase],
        ..testing::outcome(targets)
    })
}

pub(crate) fn run(rustc: &str, states: Vec<State>) -> Run {
    let states = states.into_iter().zip(1..);
    let cells = states.map(|(state, major)| testing::record("stable", major, state));
    Run {
        toolchains: vec![testing::toolchain("stable", Some(rustc))],
        ..testing::run(cells.collect())
    }
}

fn doubt() -> State {
    let doubt = InconclusiveReason::Network;
    testing::ended(Outcome::whole(Status::Inconclusive { doubt }, Vec::new()))
}

/// Two runs that differ in everything that can differ.
pub fn pair() -> (Run, Run) {
    let failed = Some(FailureKind::Test);
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
                reason: SkipReason::Inferred,
            },
            ended(1.0, vec![target("d", vec![case("x", failed, 0.0)])]),
        ],
    );
    (before, after)
}
