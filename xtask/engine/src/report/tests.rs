//! Reports of one made-up run with everything in it that can be in one.

use semver::Version;

use super::*;
use crate::model::cell::{Cell, Pin, Row};
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::*;
use crate::model::run::*;
use crate::model::status::*;
use crate::model::timeline::Span;

fn cell(toolchain: &str, major: u64, state: State) -> CellRecord {
    let pin = Pin {
        family: "gadget".to_owned(),
        at: Version::new(major, 0, 0).into(),
    };
    let cell = Cell {
        row: Row::of_toolchain(toolchain).into(),
        pin: pin.into(),
    };
    CellRecord {
        id: cell.id(),
        cell,
        state,
    }
}

fn ended(outcome: Outcome) -> State {
    State::Ended {
        reused: false,
        outcome: Box::new(outcome),
    }
}

fn case(name: &str, status: Status, output: Option<&str>) -> CaseOutcome {
    CaseOutcome {
        name: name.to_owned(),
        status,
        seconds: 0.5,
        output: output.map(str::to_owned),
        flaky: None,
    }
}

fn target(name: &str, errors: Vec<Diagnostic>, cases: Vec<CaseOutcome>) -> TargetOutcome {
    let status = match errors.is_empty() {
        true => Status::of_parts(cases.iter().map(|c| &c.status)),
        false => Status::failed(Class::Compile),
    };
    let id = TargetId {
        package: "p".to_owned(),
        kind: Kind::Test,
        name: name.to_owned(),
    };
    TargetOutcome {
        id,
        status,
        errors,
        cases,
        seconds: 1.0,
    }
}

fn run() -> Run {
    let hostile = "left: `a|b` <script>]]>\u{1b}[31m\u{0}\u{202e}::error::x";
    let broken = Diagnostic {
        code: Some("E0425".to_owned()),
        message: "cannot find function `turn`".to_owned(),
        file: Some("p/tests/before.rs".to_owned()),
        line: Some(7),
        rendered: Some("error[E0425]: cannot find function `turn`".to_owned()),
    };
    let mut unsteady = case("unsteady", Status::Passed, None);
    unsteady.flaky = Some(Flaky {
        n_failed: 2,
        output: Some(hostile.to_owned()),
    });
    let targets = vec![
        target("before", vec![broken], Vec::new()),
        target(
            "after",
            Vec::new(),
            vec![
                case("passes", Status::Passed, None),
                unsteady,
                case("fails", Status::failed(Class::Test), Some(hostile)),
                case(
                    "later",
                    Status::Skipped {
                        reason: Skip::Ignored,
                    },
                    None,
                ),
            ],
        ),
    ];
    let status = Status::of_parts(targets.iter().map(|t| &t.status));
    let log = |phase: Phase| PhaseRecord {
        phase,
        exit: "exit 101".to_owned(),
        seconds: 1.0,
        cpu_seconds: 2.0,
        log: format!("logs/stable@gadget-2.0.0/{phase}.log"),
    };
    let failed = Outcome {
        targets,
        phases: vec![log(Phase::Resolve), log(Phase::Build)],
        moved: vec![Moved {
            package: "relay".to_owned(),
            from: "0.1.26".to_owned(),
            to: "0.1.25".to_owned(),
            because: "archive 0.5.1 needs rustc 1.85.0".to_owned(),
        }],
        ..Outcome::whole(status, Vec::new())
    };
    let msrv = Outcome::whole(
        Status::failed(Class::Msrv),
        vec![Diagnostic::said(
            "gadget 3.0.0 needs rustc 1.90.0, and this is 1.78.0",
        )],
    );
    let doubt = Outcome::whole(
        Status::Inconclusive {
            doubt: Doubt::Network,
        },
        vec![Diagnostic::said("failed to download")],
    );
    let missing = || State::Skipped {
        reason: Skip::ToolchainMissing,
    };
    let toolchain = |label: &str, rustc: Option<&str>| ToolchainRecord {
        label: label.to_owned(),
        source: rustc.map(|_| format!("rustup {label}")),
        rustc: rustc.map(str::to_owned),
        cargo: rustc.map(|r| r.replace("rustc", "cargo")),
    };
    let pins = (1..=4).map(|n| Pin {
        family: "gadget".to_owned(),
        at: Version::new(n, 0, 0).into(),
    });
    Run {
        schema: SCHEMA,
        started: 1_700_000_000,
        seconds: 12.0,
        finished: true,
        command: "cargo xtask matrix run".to_owned(),
        out: "target/matrix".to_owned(),
        shard: None,
        sources: vec![SourceRecord {
            label: None,
            subject: SubjectRecord {
                path: "tests/migration".to_owned(),
                content: "00".to_owned(),
                revision: Some("0123abc".to_owned()),
                dirty: true,
                folder: Some("tests/migration".to_owned()),
            },
        }],
        resolver: "cargo 1.95.0".to_owned(),
        toolchains: vec![
            toolchain("stable", Some("rustc 1.95.0")),
            toolchain("absent", None),
        ],
        families: vec![FamilyRecord {
            name: "gadget".to_owned(),
            crates: vec!["gadget".to_owned()],
            pins: pins.collect(),
            published: Vec::new(),
            declared: std::collections::BTreeMap::new(),
        }],
        timeline: Vec::new(),
        findings: crate::model::findings::Findings::default(),
        cells: vec![
            cell(
                "stable",
                1,
                ended(Outcome::whole(Status::Passed, Vec::new())),
            ),
            cell("stable", 2, ended(failed)),
            cell("stable", 3, ended(msrv)),
            cell("stable", 4, ended(doubt)),
            cell("absent", 1, missing()),
            cell("absent", 2, missing()),
            cell("absent", 3, missing()),
            cell("absent", 4, missing()),
        ],
    }
}

#[test]
fn summary_shows_everything_and_stays_markdown() {
    insta::assert_snapshot!(summary::summary(&run()));
}

#[test]
fn junit_shows_everything_and_stays_xml() {
    let xml = junit::junit(&run()).expect("XML").replace("><", ">\n<");
    insta::assert_snapshot!(xml);
}

#[test]
fn the_closing_line_counts_what_was_left_out() {
    insta::assert_snapshot!(closing_line(&run().counts()));
}

#[test]
fn the_timeline_shows_what_each_lane_did() {
    let span = |run: &Run, cell: usize, lane, phase, start, seconds, waited| Span {
        cell: run.cells[cell].id.clone(),
        lane,
        phase,
        start,
        seconds,
        waited,
    };
    let mut run = run();
    run.seconds = 720.0;
    run.timeline = vec![
        span(&run, 0, 0, Phase::Resolve, 0.0, 30.0, 0.0),
        span(&run, 0, 0, Phase::Build, 30.0, 400.0, 0.0),
        span(&run, 0, 0, Phase::Test, 430.0, 90.0, 0.0),
        span(&run, 1, 1, Phase::Resolve, 30.0, 60.0, 30.0),
        span(&run, 1, 1, Phase::Build, 90.0, 600.0, 340.0),
    ];
    let mut page = String::new();
    timeline::write(&mut page, &run).expect("written");
    insta::assert_snapshot!(page);
}

#[test]
fn a_run_survives_its_own_json() {
    let run = run();
    let text = serde_json::to_string(&run).expect("JSON");
    assert_eq!(serde_json::from_str::<Run>(&text).expect("a run"), run);
}

#[test]
fn problems_are_shown_beside_their_lines_by_every_engine() {
    insta::assert_snapshot!(annotations::annotations(&run()));
    insta::assert_snapshot!(code_quality::json(&run()).expect("JSON"));
    insta::assert_snapshot!(sarif::json(&run()).expect("JSON"));
}
