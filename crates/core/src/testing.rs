//! Building blocks of made-up runs for tests. Each has plain defaults, so that a test only changes
//! what it is about.

pub mod pair;
pub mod random;

use std::collections::BTreeMap;

use semver::Version;

use crate::model::cell::{Cell, Pin, Row};
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::enforced::Enforced;
use crate::model::outcome::{CaseOutcome, Flaky, Outcome, TargetId, TargetKind, TargetOutcome};
use crate::model::run::findings::Findings;
use crate::model::run::{
    CellRecord, FamilyRecord, Run, SCHEMA, SourceRecord, State, SubjectRecord, TodayRecord,
    ToolchainRecord,
};
use crate::model::status::{FailureKind, SkipReason, Status};

/// A pin of the family `gadget`.
pub fn pin(major: u64) -> Pin {
    Pin {
        family: "gadget".to_owned(),
        at: Version::new(major, 0, 0).into(),
    }
}

/// The integration test with this name in the package `app`.
pub fn test_named(name: &str) -> TargetId {
    TargetId {
        package: "app".to_owned(),
        kind: TargetKind::Test,
        name: name.to_owned(),
    }
}

/// A case with its output.
pub fn case(name: &str, status: Status, output: Option<&str>) -> CaseOutcome {
    CaseOutcome {
        name: name.to_owned(),
        status,
        seconds: 0.0,
        output: output.map(str::to_owned),
        flaky: None,
        n_seen: 2,
    }
}

/// An integration test that was built, with its cases.
pub fn target(name: &str, cases: Vec<CaseOutcome>) -> TargetOutcome {
    TargetOutcome {
        status: Status::of_parts(cases.iter().map(|case| &case.status)),
        cases,
        ..TargetOutcome::not_run(test_named(name), Status::Passed, Vec::new())
    }
}

/// The outcome of a cell with these targets.
pub fn outcome(targets: Vec<TargetOutcome>) -> Outcome {
    let status = Status::of_parts(targets.iter().map(|target| &target.status));
    Outcome {
        targets,
        sandbox: Enforced::ALL,
        ..Outcome::whole(status, Vec::new())
    }
}

/// The state of a cell that just ended.
pub fn ended(outcome: Outcome) -> State {
    State::Ended {
        reused: false,
        outcome: Box::new(outcome),
    }
}

/// A cell of a toolchain and a major version.
pub fn record(toolchain: &str, major: u64, state: State) -> CellRecord {
    let cell = Cell {
        row: Row::of_toolchain(toolchain).into(),
        pin: pin(major).into(),
    };
    CellRecord {
        id: cell.id(),
        cell,
        state,
    }
}

/// The working tree of a subject.
pub fn source() -> SourceRecord {
    SourceRecord {
        label: None,
        subject: SubjectRecord {
            path: ".".to_owned(),
            content: "00".to_owned(),
            revision: None,
            dirty: false,
            folder: None,
        },
    }
}

/// A toolchain, which is installed if its rustc is given.
pub fn toolchain(label: &str, rustc: Option<&str>) -> ToolchainRecord {
    ToolchainRecord {
        label: label.to_owned(),
        source: rustc.map(|_| format!("rustup {label}")),
        rustc: rustc.map(str::to_owned),
        cargo: rustc.map(|rustc| rustc.replace("rustc", "cargo")),
        target: None,
    }
}

/// A finished run of these cells; their pins form the ladder.
pub fn run(cells: Vec<CellRecord>) -> Run {
    let mut pins: Vec<Pin> = Vec::new();
    for record in &cells {
        if !pins.contains(&record.cell.pin) {
            pins.push(record.cell.pin.as_ref().clone());
        }
    }
    Run {
        schema: SCHEMA,
        started: 1_700_000_000,
        seconds: 12.0,
        finished: true,
        command: "cargo xtask matrix run".to_owned(),
        out: "target/matrix".to_owned(),
        sources: vec![source()],
        resolver: "cargo 1.95.0".to_owned(),
        toolchains: vec![toolchain("stable", Some("rustc 1.95.0"))],
        families: vec![FamilyRecord {
            name: "gadget".to_owned(),
            crates: vec!["gadget".to_owned()],
            pins,
            declared: Default::default(),
            todays: Vec::new(),
            added: Default::default(),
            adjusted: Vec::new(),
            sets: Vec::new(),
            absent: BTreeMap::new(),
            patched: Vec::new(),
            shown: Vec::new(),
            index: None,
            not_selected: Vec::new(),
            published: Vec::new(),
            unusable: Vec::new(),
            yanked: Vec::new(),
            unlisted: Vec::new(),
        }],
        cells,
        shard: None,
        timeline: Vec::new(),
        findings: Findings::default(),
    }
}

/// The result of a target with two cases at one pin: `.` both pass, `f` both pass and the first is
/// flaky, `b` does not build, `d` drift, `1` and `2` that case fails, `x` both fail, `i` both are
/// ignored, `-` not run.
fn shown(letter: char) -> Option<TargetOutcome> {
    let ran = |one: bool, two: bool| {
        let case = |name: &str, fails: bool| {
            let status = if fails {
                Status::failed(FailureKind::Test)
            } else {
                Status::Passed
            };
            case(name, status, None)
        };
        target("t", vec![case("one", one), case("two", two)])
    };
    let broken = |class: FailureKind| {
        let errors = vec![Diagnostic::from_message("no")];
        TargetOutcome::not_run(test_named("t"), Status::failed(class), errors)
    };
    match letter {
        '.' => Some(ran(false, false)),
        'f' => {
            let mut target = ran(false, false);
            target.cases[0].flaky = Some(Flaky {
                n_failed: 1,
                output: None,
            });
            Some(target)
        }
        '1' => Some(ran(true, false)),
        '2' => Some(ran(false, true)),
        'x' => Some(ran(true, true)),
        'i' => {
            let reason = SkipReason::Ignored;
            let ignored = |name| {
                case(
                    name,
                    Status::Skipped {
                        reason: reason.clone(),
                    },
                    None,
                )
            };
            Some(target("t", vec![ignored("one"), ignored("two")]))
        }
        'b' => Some(broken(FailureKind::Compile)),
        'd' => Some(broken(FailureKind::Drift)),
        _ => None,
    }
}

/// A run on one toolchain, with one letter per pin from 0.0.0 on. Each major version has
/// `n_patches` published versions, of which the first is on the ladder.
pub fn history(letters: &str, n_patches: u64) -> Run {
    let cells = letters.chars().zip(0..).map(|(letter, major)| {
        let state = match shown(letter) {
            Some(target) => ended(outcome(vec![target])),
            None => State::Skipped {
                reason: SkipReason::NotAnEnd,
            },
        };
        record("stable", major, state)
    });
    let mut run = run(cells.collect());
    let majors = 0..letters.len() as u64;
    let published = majors.flat_map(|major| (0..n_patches).map(move |p| Version::new(major, 0, p)));
    run.families[0].published = published.collect();
    run
}

/// The version that a subject without revisions is on today, if its lock has that major version.
pub fn today(major: Option<u64>) -> Vec<TodayRecord> {
    let record = |major| TodayRecord {
        source: None,
        version: Version::new(major, 0, 0),
        is_fresh: false,
    };
    major.map(record).into_iter().collect()
}
