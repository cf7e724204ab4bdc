//! Parts of the fault campaign by themselves: flags, what is compared, and what damage does.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]
#![allow(dead_code, reason = "each part has more than these tests use")]

mod damage;
mod flags;
mod found;
#[path = "../oracle/rng.rs"]
mod rng;

use pinmatrix_core::model::run::Run;
use pinmatrix_core::run_json;

use crate::damage::{Damage, Left};
use crate::flags::{Ask, Flags};
use crate::found::{difference, judged, judged_otherwise, without_time};
use crate::rng::Rng;

/// One cell that ended, and one that did not. Every time is 1.5 or 15.
const RUN: &str = r#"{
    "schema": 2, "started": 15, "seconds": 1.5, "finished": true, "command": "cargo c",
    "out": "results", "sources": [], "resolver": "r", "toolchains": [], "families": [],
    "cells": [
        {"id": "a@g-1.0.0", "toolchain": "a", "pin": {"family": "g", "version": "1.0.0"},
         "state": "ended", "reused": false, "outcome": {"status": "passed",
            "phases": [{"phase": "build", "exit": "exit 0", "seconds": 1.5, "cpu_seconds": 1.5,
                "log": "logs/a@g-1.0.0/build.log"}],
            "targets": [{"package": "p", "kind": "test", "name": "t", "status": "passed",
                "seconds": 1.5, "cases": [{"name": "c", "status": "passed", "seconds": 1.5}]}]}},
        {"id": "a@g-2.0.0", "toolchain": "a", "pin": {"family": "g", "version": "2.0.0"},
         "state": "pending"}],
    "timeline": [{"cell": "a@g-1.0.0", "lane": 0, "phase": "build", "start": 1.5,
        "seconds": 1.5, "waited": 1.5}]}"#;

fn run(text: &str) -> Run {
    without_time(run_json::parse(text, "run.json".into()).expect("a run"))
}

#[test]
fn what_depends_on_time_is_not_compared() {
    for (from, to) in [
        ("15,", "16,"),
        ("1.5", "2.5"),
        ("\"lane\": 0", "\"lane\": 1"),
        ("\"reused\": false", "\"reused\": true"),
        ("cargo c", "cargo d"),
        ("\"results\"", "\"elsewhere\""),
    ] {
        let other = RUN.replace(from, to);
        assert_ne!(other, RUN, "{from}");
        assert_eq!(difference(&run(RUN), &run(&other)), None, "{from}");
    }
}

#[test]
fn everything_else_is_compared_and_the_difference_is_named() {
    for (from, to, told) in [
        (
            "\"finished\": true",
            "\"finished\": false",
            "found `finished: false,`, expected `finished: true,`",
        ),
        (
            "exit 0",
            "exit 1",
            "a@g-1.0.0 is passed, expected passed: found `exit: \"exit 1\",`",
        ),
        (
            "\"name\": \"c\"",
            "\"name\": \"d\"",
            "found `name: \"d\",`, expected `name: \"c\",`",
        ),
        (
            "\"resolver\": \"r\"",
            "\"resolver\": \"s\"",
            "found `resolver: \"s\",`",
        ),
        (
            "\"outcome\": {\"status\": \"passed\"",
            "\"outcome\": {\"status\": \"failed\", \"class\": \"test\"",
            "a@g-1.0.0 is failed(test), expected passed: ",
        ),
    ] {
        let other = RUN.replace(from, to);
        let difference = difference(&run(RUN), &run(&other)).expect("a difference");
        assert!(difference.contains(told), "{difference}");
    }
}

#[test]
fn a_part_of_a_run_is_held_against_what_it_judged() {
    let doubt = RUN.replace(
        "\"outcome\": {\"status\": \"passed\"",
        "\"outcome\": {\"status\": \"inconclusive\", \"doubt\": \"out-of-disk\"",
    );
    assert_eq!(judged(&run(RUN)).len(), 1);
    assert_eq!(judged(&run(&doubt)).len(), 0);
    assert_eq!(judged_otherwise(&run(RUN), &run(&doubt)), None);
    let fails = RUN.replace(
        "\"name\": \"t\", \"status\": \"passed\"",
        "\"name\": \"t\", \"status\": \"failed\", \"class\": \"test\"",
    );
    assert_eq!(judged_otherwise(&run(&fails), &run(&fails)), None);
    assert!(judged_otherwise(&run(RUN), &run(&fails)).is_some());
}

#[test]
fn damage_keeps_and_alters_what_its_name_says() {
    let (whole, other) = (b"{\"a\": 1}", b"{}");
    for seed in 0..100 {
        for damage in Damage::ALL {
            let left = damage.left_of(whole, other, &mut Rng::new(seed));
            assert_eq!(left, damage.left_of(whole, other, &mut Rng::new(seed)));
            let bytes = match left {
                Left::Nothing => {
                    assert_eq!(damage, Damage::Removed);
                    continue;
                }
                Left::Folder => {
                    assert_eq!(damage, Damage::Folder);
                    continue;
                }
                Left::File(bytes) => bytes,
            };
            let n_changed = || {
                let pairs = bytes.iter().zip(whole);
                pairs.map(|(is, was)| (is ^ was).count_ones()).sum::<u32>()
            };
            let is_as_said = match damage {
                Damage::Cut => bytes.len() < whole.len() && whole.starts_with(&bytes),
                Damage::Emptied => bytes.is_empty(),
                Damage::Flipped => bytes.len() == whole.len() && n_changed() == 1,
                Damage::Zeroed => bytes.len() == whole.len() && bytes.ends_with(&[0]),
                Damage::Swapped => bytes == other,
                Damage::Doubled => bytes == [&whole[..], whole].concat(),
                Damage::Nonsense => bytes.len() == 200,
                Damage::OtherTypes => serde_json::from_slice::<serde_json::Value>(&bytes).is_ok(),
                Damage::Removed | Damage::Folder => false,
            };
            assert!(is_as_said, "{damage:?} leaves {bytes:?}");
            damage.left_of(b"", b"", &mut Rng::new(seed));
        }
    }
}

fn read(flags: &str) -> anyhow::Result<Ask> {
    flags::read(flags.split_whitespace().map(str::to_owned))
}

#[test]
fn flags_say_how_many_faults_of_which_seeds() {
    let campaigns = |text: &str| {
        let Ask::Campaigns(flags) = read(text).expect("flags") else {
            panic!("{text} asks for no campaign");
        };
        let Flags {
            scale,
            seeds,
            scratch,
        } = flags;
        (scale, seeds, scratch)
    };
    let (scale, seeds, _) = campaigns("--nocapture");
    assert_eq!((scale.kills, scale.signals, scale.records), (8, 4, 10));
    assert_eq!((scale.disks, seeds), (&[40][..], vec![1]));
    let (scale, seeds, scratch) = campaigns("--kills 3 --full --seed 1,2,3 --scratch d");
    assert_eq!((scale.kills, scale.signals, scale.records), (3, 50, 100));
    assert_eq!((scale.disks.len(), seeds), (5, vec![1, 2, 3]));
    assert_eq!(scratch, "d");
}

#[test]
fn wrong_flags_are_named() {
    let refused = |text: &str| read(text).expect_err("refused").to_string();
    assert_eq!(refused("--ful"), "unknown flag --ful");
    assert_eq!(refused("--kills"), "--kills takes a value");
    assert_eq!(refused("--seed 1,x"), "--seed takes a number, not `x`");
    for (text, ask) in [
        ("--list", Ask::Nothing),
        ("a_test", Ask::Nothing),
        ("--help", Ask::Help),
    ] {
        assert_eq!(read(text).expect("flags"), ask);
    }
}
