//! Made-up runs: one with everything in it, the same with hostile names, and large ones.

use pinmatrix_core::model::cell::{Cell, CellId, Pin, Row};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::moved::{MoveReason, Moved};
use pinmatrix_core::model::outcome::{
    CaseOutcome, Flaky, Need, Outcome, Phase, PhaseRecord, TargetId, TargetKind, TargetOutcome,
};
use pinmatrix_core::model::run::findings::{
    Findings, JudgedClaim, LeastToolchain, Truth, WorkItem, Worklist, WorklistCause,
};
use pinmatrix_core::model::run::timeline::LaneSpan;
use pinmatrix_core::model::run::verdict::{Deviation, DeviationKind as Deviates, Verdict};
use pinmatrix_core::model::run::{
    CellRecord, FamilyRecord, Run, SCHEMA, SourceRecord, State, SubjectRecord, ToolchainRecord,
};
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason, SkipReason, Status};
use semver::Version;
use serde_json::Value;

/// Everything that a name could try: it ends what it stands in, in every language there is.
pub const HOSTILE: &str = "</script></style><img src=x onerror=alert(1)>\"'`--><script>window.hacked=1</script>\u{202e}{{7*7}}&lt;\u{2028}";

fn pin(index: usize) -> Pin {
    Pin {
        family: "gadget".to_owned(),
        at: Version::new(index as u64 + 1, 0, 0).into(),
    }
}

fn record(toolchain: &str, index: usize, state: State) -> CellRecord {
    let cell = Cell {
        row: Row::of_toolchain(toolchain).into(),
        pin: pin(index).into(),
    };
    CellRecord {
        id: cell.id(),
        cell,
        state,
    }
}

fn ended(id: &CellId, outcome: Outcome) -> State {
    let phases = [Phase::Resolve, Phase::Build, Phase::Test].map(|phase| PhaseRecord {
        phase,
        exit: "exit 0".to_owned(),
        seconds: 61.25,
        cpu_seconds: 100.0,
        log: format!("logs/{id}/{phase}.log"),
    });
    State::Ended {
        reused: false,
        outcome: Box::new(Outcome {
            phases: phases.to_vec(),
            ..outcome
        }),
    }
}

fn target(name: &str, errors: Vec<Diagnostic>, cases: Vec<CaseOutcome>) -> TargetOutcome {
    let id = TargetId {
        package: "turns".to_owned(),
        kind: TargetKind::Test,
        name: name.to_owned(),
    };
    let status = if errors.is_empty() {
        Status::of_parts(cases.iter().map(|case| &case.status))
    } else {
        Status::failed(FailureKind::Compile)
    };
    TargetOutcome {
        id,
        status,
        errors,
        cases,
        seconds: 0.5,
    }
}

fn case(name: &str, output: Option<&str>) -> CaseOutcome {
    CaseOutcome {
        name: name.to_owned(),
        status: match output {
            Some(_) => Status::failed(FailureKind::Test),
            None => Status::Passed,
        },
        seconds: 0.1,
        output: output.map(str::to_owned),
        flaky: None,
        n_seen: 1,
    }
}

fn error(code: &str, message: &str) -> Diagnostic {
    Diagnostic {
        code: Some(code.to_owned()),
        message: message.to_owned(),
        file: Some("turns/tests/old.rs".to_owned()),
        line: Some(7),
        rendered: Some(format!(
            "error[{code}]: {message}\n --> turns/tests/old.rs:7:5\n  |\n7 |     gadget::turn();\n  |             ^^^^\n"
        )),
        package: None,
    }
}

fn outcome(targets: Vec<TargetOutcome>) -> Outcome {
    let status = Status::of_parts(targets.iter().map(|target| &target.status));
    Outcome {
        targets,
        ..Outcome::whole(status, Vec::new())
    }
}

/// What a cell of the small run shows: the old form breaks at the third pin, a case at the second.
fn turns(index: usize) -> Outcome {
    let missing = error("E0425", "cannot find function `turn` in crate `gadget`");
    let mut unsteady = case("waits", None);
    unsteady.flaky = Some(Flaky {
        n_failed: 1,
        output: Some("thread 'waits' panicked at x.rs:1:1:\ntoo slow".to_owned()),
    });
    let says = (index >= 1).then_some("thread 'counts' panicked at turns/tests/new.rs:9:5:\nassertion `left == right` failed\n  left: 1\n right: 2");
    outcome(vec![
        target(
            "new",
            Vec::new(),
            vec![case("counts", says), case("spins", None), unsteady],
        ),
        if index >= 2 {
            target("old", vec![missing], Vec::new())
        } else {
            target("old", Vec::new(), vec![case("turns", None)])
        },
        target("steady", Vec::new(), vec![case("stands", None)]),
    ])
}

/// Two toolchains and one that is missing, five pins: whatever a cell can be is there.
pub fn small() -> Run {
    let too_old = Outcome::whole(
        Status::failed(FailureKind::Msrv),
        vec![Diagnostic::from_message(
            "gadget 5.0.0 needs rustc 1.90.0, and this is 1.85.0",
        )],
    );
    let doubt = Outcome::whole(
        Status::Inconclusive {
            doubt: InconclusiveReason::Network,
        },
        vec![Diagnostic::from_message("failed to download")],
    );
    let drift = Outcome::whole(
        Status::failed(FailureKind::Drift),
        vec![Diagnostic::from_message("relay is too new")],
    );
    let mut moved = turns(0);
    moved.moved = vec![Moved {
        package: "relay".to_owned(),
        from: "0.1.26".to_owned(),
        to: "0.1.25".to_owned(),
        because: "archive 0.5.1 needs rustc 1.90.0".to_owned(),
        fault: MoveReason::TooNew,
    }];
    let skipped = |reason| State::Skipped { reason };
    let of = |toolchain: &str, outcomes: Vec<Result<Outcome, SkipReason>>| {
        let states = outcomes.into_iter().enumerate().map(|(index, outcome)| {
            let id = record(toolchain, index, State::Pending).id;
            let state = outcome.map_or_else(skipped, |outcome| ended(&id, outcome));
            record(toolchain, index, state)
        });
        states.collect::<Vec<_>>()
    };
    let missing = || Err(SkipReason::ToolchainMissing);
    let mut cells = of("stable", (0..5).map(|index| Ok(turns(index))).collect());
    cells.extend(of(
        "1.85",
        vec![
            Ok(moved),
            Err(SkipReason::Inferred),
            Ok(drift),
            Ok(doubt),
            Ok(too_old),
        ],
    ));
    cells.extend(of(
        "1.99",
        vec![missing(), missing(), missing(), missing(), missing()],
    ));
    let findings = findings(&cells);
    run(cells, 5, findings)
}

fn findings(cells: &[CellRecord]) -> Findings {
    let need = |rustc: u64| Need {
        rustc: Version::new(1, rustc, 0),
        package: "gadget 1.0.0".to_owned(),
    };
    let least = (0..5).map(|index| LeastToolchain {
        family: "gadget".to_owned(),
        pin: pin(index).at.to_string(),
        declared: Some(need(80 + 2 * index as u64)),
        lock: Some(need(85)),
        measured: Some(if index < 4 { "1.85" } else { "stable" }.to_owned()),
    });
    let work = WorkItem {
        file: Some("turns/tests/old.rs".to_owned()),
        line: Some(7),
        code: "E0425".to_owned(),
        message: "cannot find function `turn`".to_owned(),
        targets: vec!["turns test:old".to_owned()],
    };
    let claim = |says: &str, truth| JudgedClaim {
        says: says.to_owned(),
        truth,
        evidence: vec!["stable@gadget-5.0.0: 1 target passes".to_owned()],
    };
    Findings {
        verdict: Some(Verdict {
            deviations: vec![Deviation {
                kind: Deviates::Regressed,
                cell: cells[2].id.clone(),
                target: Some("turns test:old".to_owned()),
                case: None,
                expected: "passed".to_owned(),
                found: "failed(compile) E0425".to_owned(),
            }],
            n_expected: 20,
            n_inconclusive: 1,
            n_unjudged: 6,
            ..Verdict::default()
        }),
        claims: vec![
            claim("old code breaks at 3", Truth::Confirmed),
            claim("nothing breaks", Truth::Refuted),
            claim("1.99 takes all of it", Truth::Inconclusive),
        ],
        least: least.collect(),
        worklists: vec![Worklist {
            family: "gadget".to_owned(),
            pin: "5.0.0".to_owned(),
            rows: vec!["stable".to_owned()],
            causes: vec![WorklistCause {
                item: "gadget::turn".to_owned(),
                changes: Vec::new(),
                errors: vec![work],
            }],
            files: vec![("turns/tests/old.rs".to_owned(), 1)],
        }],
        ..Findings::default()
    }
}

fn run(cells: Vec<CellRecord>, n_pins: usize, findings: Findings) -> Run {
    let mut labels: Vec<&str> = cells
        .iter()
        .map(|c| c.cell.row.toolchain.as_str())
        .collect();
    labels.dedup();
    let toolchains = labels.iter().map(|label| ToolchainRecord {
        label: (*label).to_owned(),
        source: None,
        rustc: Some(format!(
            "rustc 1.{}.0 (made up)",
            label.strip_prefix("1.").unwrap_or("95")
        )),
        cargo: None,
        target: None,
    });
    let spans = cells
        .iter()
        .take(40)
        .enumerate()
        .map(|(index, record)| LaneSpan {
            cell: record.id.clone(),
            lane: index % 2,
            phase: if index % 3 == 0 {
                Phase::Test
            } else {
                Phase::Build
            },
            start: 10.0 * (index / 2) as f64,
            seconds: 9.0,
            waited: 2.0,
        });
    Run {
        schema: SCHEMA,
        started: 1_700_000_000,
        seconds: 10.0 * cells.len().min(40) as f64 / 2.0,
        finished: true,
        command: "cargo xtask matrix run".to_owned(),
        out: "target/matrix".to_owned(),
        sources: vec![SourceRecord {
            label: None,
            subject: SubjectRecord {
                folder: None,
                path: "tests/turns".to_owned(),
                content: "00".to_owned(),
                revision: Some("0123abc".to_owned()),
                dirty: false,
            },
        }],
        resolver: "cargo 1.95.0".to_owned(),
        toolchains: toolchains.collect(),
        families: vec![FamilyRecord {
            declared: Default::default(),
            todays: Vec::new(),
            added: Default::default(),
            adjusted: Vec::new(),
            sets: Vec::new(),
            absent: std::collections::BTreeMap::new(),
            patched: Vec::new(),
            shown: Vec::new(),
            index: None,
            not_selected: Vec::new(),
            unusable: Vec::new(),
            yanked: Vec::new(),
            unlisted: Vec::new(),
            name: "gadget".to_owned(),
            crates: vec!["gadget".to_owned()],
            pins: (0..n_pins).map(pin).collect(),
            published: (0..n_pins)
                .map(|index| Version::new(index as u64 + 1, 0, 0))
                .collect(),
        }],
        shard: None,
        timeline: spans.collect(),
        findings,
        cells,
    }
}

/// The small run, with every text that comes from outside turned against whoever shows it, and one
/// line of a megabyte.
pub fn hostile() -> Run {
    let mut value = serde_json::to_value(small()).expect("JSON");
    spoil(&mut value);
    let mut run: Run = serde_json::from_value(value).expect("a run");
    for record in &mut run.cells {
        record.id = record.cell.id();
    }
    let long = format!("{HOSTILE}{}", "x".repeat(1 << 20));
    if let State::Ended { outcome, .. } = &mut run.cells[0].state {
        outcome.targets[0].cases[0].output = Some(long.clone());
        outcome.targets[0].errors = vec![Diagnostic::from_message(long)];
    }
    run
}

/// Spoils all texts but those that have to be one of a few words.
fn spoil(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let fixed = [
                "status",
                "class",
                "phase",
                "kind",
                "state",
                "truth",
                "reason",
                "doubt",
                "version",
                "published",
                "fault",
            ];
            for (name, field) in fields.iter_mut() {
                let is_need =
                    name == "rustc" && field.as_str().is_some_and(|text| !text.contains(' '));
                if !fixed.contains(&name.as_str()) && !is_need {
                    spoil(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(spoil),
        Value::String(text) => text.push_str(HOSTILE),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A run of `n_rows` toolchains and `n_pins` pins, ten targets of `n_cases` cases each tenth: half
/// of the targets break somewhere, each at a pin of its own and a little later on each row, with
/// errors as rustc words them.
pub fn large(n_rows: usize, n_pins: usize, n_cases: usize) -> Run {
    let mut cells = Vec::new();
    for row in 0..n_rows {
        let toolchain = format!("1.{}", 60 + row);
        for index in 0..n_pins {
            let targets = (0..10).map(|n| grown(n, row, index, n_pins, n_cases / 10));
            let id = record(&toolchain, index, State::Pending).id;
            cells.push(record(
                &toolchain,
                index,
                ended(&id, outcome(targets.collect())),
            ));
        }
    }
    run(cells, n_pins, Findings::default())
}

fn grown(n: usize, row: usize, index: usize, n_pins: usize, n_cases: usize) -> TargetOutcome {
    let name = format!("part_{n}_of_the_subject");
    let breaks = (n + 1) * n_pins / 11 + row % 3;
    if n.is_multiple_of(2) && index >= breaks {
        let errors = (0..3).map(|which| {
            let message = format!(
                "no method named `set_{n}_{which}` found for struct `Config` in the current scope"
            );
            let mut error = error("E0599", &message);
            let note =
                "note: the method was renamed\nhelp: there is a method with a similar name\n"
                    .repeat(6);
            error.rendered = error.rendered.map(|rendered| rendered + &note);
            error
        });
        return target(&name, errors.collect(), Vec::new());
    }
    let cases = (0..n_cases).map(|which| {
        let fails = n % 2 == 1 && which == 3 && index >= breaks;
        let output = format!(
            "thread 'module_{n}::case_{which}' ({}) panicked at part_{n}/tests/it.rs:41:5:\nassertion `left == right` failed\n  left: {index}\n right: 7\n",
            1000 * row + index
        );
        case(&format!("module_{n}::case_number_{which}_holds"), fails.then_some(output.as_str()))
    });
    target(&name, Vec::new(), cases.collect())
}
