//! Parts of the oracle by themselves: what it reads, what it draws, and how it compares.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]
#![allow(dead_code, reason = "each part has more than these tests ask of it")]

mod draft;
mod grammar;
mod manifest;
mod rng;
mod sections;
mod word;

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::model::outcome::{TargetId, TargetKind};

use crate::draft::TOOLCHAINS;
use crate::grammar::{Choice, draw, matches};
use crate::manifest::manifests;
use crate::sections::sections;
use crate::word::{Case, Seen, Tests, Word, differences};

#[test]
fn what_cargo_prints_is_read_target_by_target() {
    let output = "     Running unittests src/lib.rs (target/debug/deps/a_b-c3c9)\n\
        test sp - should panic ... ok\ntest ig ... ignored, later\ntest bad ... FAILED\n\
        test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured\nerror: test failed, to rerun pass `--lib`\n\
        \x20    Running tests/tt.rs (target/debug/deps/tt-35d5)\n\
        test tu ... error: test failed, to rerun pass `--test tt`\n\
        \x20    Running tests/prog.rs (target/debug/deps/prog-6ff2)\n\
        \x20    Running tests/torn.rs (target/debug/deps/torn-81aa)\n\
        test torn ... a line of another process\nok\ntest result: ok. 1 passed; 0 failed; 0 ignored\n\
        \x20  Doc-tests a-b\ntest src/lib.rs - f (line 13) - compile fail ... ok\n\
        test result: ok. 1 passed; 0 failed; 0 ignored\n";
    let found: Vec<String> = sections(output)
        .iter()
        .map(|section| {
            let Tests {
                is_ok,
                is_whole,
                cases,
            } = &section.tests;
            let source = section.source.as_deref().unwrap_or("docs");
            format!("{source} {} {is_ok} {is_whole} {cases:?}", section.krate)
        })
        .collect();
    let expected = [
        r#"src/lib.rs a_b false true {"bad": Failed, "ig": Ignored, "sp": Passed}"#,
        "tests/tt.rs tt false false {}",
        "tests/prog.rs prog true false {}",
        "tests/torn.rs torn true false {}",
        r#"docs a_b true true {"src/lib.rs - f (line 13) - compile fail": Passed}"#,
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_seed_draws_the_same_workspace_again() {
    let all = |seed| {
        let drawn = draw(seed, TOOLCHAINS[0], &Choice::default());
        let sources = drawn.draft.members.iter();
        let sources: Vec<String> = sources
            .filter_map(|m| Some(m.lib.as_ref()?.text(false)))
            .collect();
        let manifests = manifests(&drawn.draft, "=1.0.0", &BTreeSet::new());
        format!("{:?} {sources:?} {manifests:?}", drawn.pieces)
    };
    for seed in 0..50 {
        assert_eq!(all(seed), all(seed));
        assert_ne!(all(seed), all(seed + 1));
    }
}

#[test]
fn a_piece_that_is_left_out_changes_no_shape() {
    let whole = draw(3, TOOLCHAINS[0], &Choice::default());
    let choice = Choice {
        without: vec![0],
        ..Choice::default()
    };
    let less = draw(3, TOOLCHAINS[0], &choice);
    assert_eq!(less.pieces[0], "");
    assert_eq!(less.pieces.len(), whole.pieces.len());
    assert_eq!(less.draft.pins, whole.draft.pins);
}

#[test]
fn every_production_is_drawn() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..1500 {
        for piece in draw(seed, TOOLCHAINS[0], &Choice::default()).pieces {
            let name = piece.split(['@', '/']).next().unwrap_or_default();
            *seen.entry(name.to_owned()).or_default() += 1;
        }
    }
    for name in grammar::names() {
        let is_drawn = seen.keys().any(|kind| kind.starts_with(name));
        assert!(is_drawn, "{name} is never drawn");
    }
}

#[test]
fn patterns_take_a_star_for_anything() {
    assert!(matches("text-*@doc*", "text-above@doc/assert"));
    assert!(matches("asks", "asks"));
    assert!(!matches("asks", "asks more"));
    assert!(!matches("*@doc", "text@doc/assert"));
}

#[test]
fn what_cargo_did_not_come_to_tell_is_no_difference() {
    let target = TargetId {
        package: "one".to_owned(),
        kind: TargetKind::Test,
        name: "it".to_owned(),
    };
    let word = |is_whole, cases: &[(&str, Case)]| {
        let cases = cases
            .iter()
            .map(|(name, case)| ((*name).to_owned(), case.clone()));
        let tests = Tests {
            is_ok: false,
            is_whole,
            cases: cases.collect(),
        };
        Word {
            is_ok: false,
            targets: BTreeMap::from([(target.clone(), Seen::Ran(tests))]),
        }
    };
    let tool = word(true, &[("a", Case::Passed), ("b", Case::Failed)]);
    assert_eq!(differences(&tool, &word(false, &[("a", Case::Passed)])), []);
    let found = differences(&tool, &word(true, &[("a", Case::Failed)]));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = [
        "one test:it \"a\" the tool: passed, cargo: failed",
        "one test:it \"b\" the tool: failed, cargo: not known",
    ];
    assert_eq!(found, expected);
}
