//! The reports of one made-up run that contains everything a run can contain.

mod agreement;

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::enforced::Enforced;
use pinmatrix_core::model::outcome::moved::{MoveReason, Moved};
use pinmatrix_core::model::outcome::*;
use pinmatrix_core::model::run::timeline::LaneSpan;
use pinmatrix_core::model::run::*;
use pinmatrix_core::model::status::*;
use pinmatrix_core::testing;
use pinmatrix_core::testing::{ended, record, toolchain};

use super::*;

fn case(name: &str, status: Status, output: Option<&str>) -> CaseOutcome {
    CaseOutcome {
        seconds: 0.5,
        ..testing::case(name, status, output)
    }
}

fn target(name: &str, errors: Vec<Diagnostic>, cases: Vec<CaseOutcome>) -> TargetOutcome {
    let built = testing::target(name, cases);
    TargetOutcome {
        status: if errors.is_empty() {
            built.status.clone()
        } else {
            Status::failed(FailureKind::Compile)
        },
        errors,
        seconds: 1.0,
        ..built
    }
}

fn run() -> Run {
    let hostile = "left: `a|b` <script>]]>\u{1b}[31m\u{0}\u{202e}::error::x";
    let broken = Diagnostic {
        code: Some("E0425".to_owned()),
        message: "cannot find function `turn`".to_owned(),
        file: Some("app/tests/before.rs".to_owned()),
        line: Some(7),
        rendered: Some("error[E0425]: cannot find function `turn`".to_owned()),
        package: None,
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
                case("fails", Status::failed(FailureKind::Test), Some(hostile)),
                case(
                    "later",
                    Status::Skipped {
                        reason: SkipReason::Ignored,
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
            fault: MoveReason::TooNew,
        }],
        sandbox: Enforced::ALL,
        ..Outcome::whole(status, Vec::new())
    };
    let msrv = Outcome::whole(
        Status::failed(FailureKind::Msrv),
        vec![Diagnostic::from_message(
            "gadget 3.0.0 needs rustc 1.90.0, and this is 1.78.0",
        )],
    );
    let doubt = Outcome::whole(
        Status::Inconclusive {
            doubt: InconclusiveReason::Network,
        },
        vec![Diagnostic::from_message("failed to download")],
    );
    let missing = || State::Skipped {
        reason: SkipReason::ToolchainMissing,
    };
    let mut run = testing::run(vec![
        record(
            "stable",
            1,
            ended(Outcome::whole(Status::Passed, Vec::new())),
        ),
        record("stable", 2, ended(failed)),
        record("stable", 3, ended(msrv)),
        record("stable", 4, ended(doubt)),
        record("absent", 1, missing()),
        record("absent", 2, missing()),
        record("absent", 3, missing()),
        record("absent", 4, missing()),
    ]);
    run.toolchains.push(toolchain("absent", None));
    let subject = &mut run.sources[0].subject;
    subject.path = "tests/migration".to_owned();
    subject.folder = Some("tests/migration".to_owned());
    subject.revision = Some("0123abc".to_owned());
    subject.dirty = true;
    run
}

#[test]
fn summary_shows_everything_and_stays_markdown() {
    insta::assert_snapshot!(summary::summary(&Analysis::of(&run())));
}

#[test]
fn the_page_of_a_terminal_ends_with_the_answer() {
    let page = terminal::page(&Analysis::of(&run()), "target/matrix".into(), Some(80));
    insta::assert_snapshot!(text::sanitize(&page));
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
    let span = |run: &Run, cell: usize, lane, phase, start, seconds, waited| LaneSpan {
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
    sections::timeline::write(&mut page, &run).expect("written");
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
    insta::assert_snapshot!(annotations::annotations(&Analysis::of(&run())));
    insta::assert_snapshot!(code_quality::json(&Analysis::of(&run())).expect("JSON"));
    insta::assert_snapshot!(sarif::json(&Analysis::of(&run())).expect("JSON"));
}

#[test]
fn a_break_says_until_where_and_only_if_it_ends() {
    let run = pinmatrix_core::testing::history(".b.b", 1);
    let markdown = summary::summary(&Analysis::of(&run));
    let ends = [
        "1.0.0 failed(compile), until 2.0.0 |",
        "3.0.0 failed(compile) |",
        "2.0.0 passed |",
    ];
    for end in ends {
        assert!(markdown.contains(end), "{end} is not in\n{markdown}");
    }
}
