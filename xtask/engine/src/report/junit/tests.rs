//! JUnit files that have to be smaller than what they tell, and names that look alike.

use std::collections::BTreeSet;

use semver::Version;

use super::*;
use crate::model::cell::{Cell, Pin, Row};
use crate::model::findings::Findings;
use crate::model::outcome::{Kind as TargetKind, TargetId};
use crate::model::run::{SCHEMA, State};
use crate::model::status::Class;

fn case(name: &str, output: Option<String>) -> CaseOutcome {
    CaseOutcome {
        name: name.to_owned(),
        status: match output {
            Some(_) => Status::failed(Class::Test),
            None => Status::Passed,
        },
        seconds: 0.0,
        output,
        flaky: None,
    }
}

/// A run of one cell with one target.
fn run(cases: Vec<CaseOutcome>) -> Run {
    let id = TargetId {
        package: "app".to_owned(),
        kind: TargetKind::Test,
        name: "a".to_owned(),
    };
    let status = Status::of_parts(cases.iter().map(|case| &case.status));
    let target = TargetOutcome {
        cases,
        ..TargetOutcome::not_run(id, status.clone(), Vec::new())
    };
    let cell = Cell {
        row: Row::of_toolchain("stable").into(),
        pin: Pin {
            family: "g".to_owned(),
            at: Version::new(1, 0, 0).into(),
        }
        .into(),
    };
    let outcome = Outcome {
        targets: vec![target],
        ..Outcome::whole(status, Vec::new())
    };
    Run {
        schema: SCHEMA,
        started: 0,
        seconds: 0.0,
        finished: true,
        command: "c".to_owned(),
        out: "o".to_owned(),
        sources: Vec::new(),
        resolver: String::new(),
        toolchains: Vec::new(),
        families: Vec::new(),
        cells: vec![CellRecord {
            id: cell.id(),
            cell,
            state: State::Ended {
                reused: false,
                outcome: outcome.into(),
            },
        }],
        shard: None,
        timeline: Vec::new(),
        findings: Findings::default(),
    }
}

fn names(xml: &str) -> Vec<&str> {
    let cases = xml.split("<testcase name=\"").skip(1);
    cases.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn names_that_look_alike_are_told_apart_and_none_is_lost() {
    let alike = [
        "a",
        "a\u{0}",
        "a\u{202e}",
        "a (2)",
        "compile",
        "a\u{1}",
        "a (2)\u{1}",
    ];
    let cases = alike.map(|name| case(name, None));
    let xml = junit(&run(cases.into())).expect("XML");
    let names = names(&xml);
    assert_eq!(names.len(), alike.len());
    let distinct: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    assert_eq!(names[0], "a");
    assert!(!names.contains(&"compile"), "{names:?}");
}

#[test]
fn a_flood_is_cut_and_costs_no_other_its_words() {
    let short = "just these words, which stay";
    let flood = "]]>\u{1b}[1m flood ".repeat(3000);
    let run = run(vec![
        case("one", Some(flood.clone())),
        case("other", Some(flood)),
        case("short", Some(short.to_owned())),
        case("passes", None),
    ]);
    let whole = junit(&run).expect("XML");
    for room in [60_000, 20_000, 5_000, 3_000] {
        let xml = junit_within(&run, room).expect("XML");
        assert!(
            xml.len() <= room && xml.len() < whole.len(),
            "{} of {room}",
            xml.len()
        );
        assert!(xml.len() > room / 2, "{} of {room}", xml.len());
        assert_eq!(xml.matches("bytes left out").count(), 2, "{xml}");
        assert!(xml.contains(&format!("<![CDATA[{short}]]>")), "{xml}");
        assert_eq!(names(&xml).len(), 4);
    }
}

#[test]
fn where_names_alone_are_too_much_what_passed_is_left_out_and_counted() {
    let mut cases: Vec<_> = (0..200)
        .map(|n| case(&format!("passes_{n}"), None))
        .collect();
    cases.push(case("fails", Some("no".to_owned())));
    let run = run(cases);
    let xml = junit_within(&run, 2_000).expect("XML");
    assert!(xml.len() <= 2_000);
    assert_eq!(names(&xml), ["fails"]);
    assert!(
        xml.contains("left out, for the size of the file: 200 passed"),
        "{xml}"
    );
}
