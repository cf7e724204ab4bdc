//! JUnit files that must be smaller than their content, and names that look alike.

use std::collections::BTreeSet;

use pinmatrix_core::model::status::FailureKind;
use pinmatrix_core::testing;

use super::*;

fn case(name: &str, output: Option<String>) -> CaseOutcome {
    let status = match output {
        Some(_) => Status::failed(FailureKind::Test),
        None => Status::Passed,
    };
    CaseOutcome {
        output,
        ..testing::case(name, status, None)
    }
}

/// A run of one cell with one target.
fn run(cases: Vec<CaseOutcome>) -> Run {
    let outcome = testing::outcome(vec![testing::target("a", cases)]);
    testing::run(vec![testing::record("stable", 1, testing::ended(outcome))])
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
