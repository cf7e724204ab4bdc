//! Parts of made-up runs, one letter per cell.

use std::path::Path;

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use semver::Version;

use super::*;
use crate::error::SourceText;
use crate::model::cell::CellId;
use crate::model::outcome::Outcome;
use crate::model::run::version_set::VersionSet;
use crate::model::status::{InconclusiveReason, SkipReason, Status};
use crate::testing::{history, pin};

fn config(n_pins: usize) -> Config {
    let pins: Vec<String> = (0..n_pins).map(|n| format!("\"{n}.0.0\"")).collect();
    let text = format!(
        "[subject]\npath = \".\"\n[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\
         [[family]]\nname = \"gadget\"\ncrates = [\"gadget\"]\npins = [{}]\n",
        pins.join(", ")
    );
    Config::parse(SourceText::new(Path::new("matrix.toml"), text)).expect("a config")
}

fn skipped(reason: SkipReason) -> State {
    State::Skipped { reason }
}

/// A part, from one letter per cell. In addition to the letters of histories, `s` is in another
/// shard, `p` did not end, `c` was not selected by `--cell`, `m` has no toolchain, `q` is
/// inconclusive, `~` is inferred.
fn part(name: &str, shown: &str) -> ShardResult {
    let mut run = history(shown, 1);
    run.toolchains[0].source = (!shown.contains('m')).then(|| "here".to_owned());
    for (record, letter) in run.cells.iter_mut().zip(shown.chars()) {
        let doubt = InconclusiveReason::Network;
        record.state = match letter {
            's' => skipped(SkipReason::OtherShard),
            'p' => State::Pending,
            'c' => skipped(SkipReason::NotSelected("--cell".to_owned())),
            'm' => skipped(SkipReason::ToolchainMissing),
            '~' => skipped(SkipReason::Inferred),
            'q' => State::Ended {
                reused: false,
                outcome: Box::new(Outcome::whole(Status::Inconclusive { doubt }, Vec::new())),
            },
            _ => continue,
        };
    }
    run.finished = !shown.contains('p');
    let name = name.to_owned();
    ShardResult { name, run }
}

/// The state of each cell, by the same letters.
fn letters(run: &Run) -> String {
    let letter = |record: &CellRecord| match (&record.state, record.status()) {
        (State::Pending, _) => 'p',
        (_, Status::Passed) => '.',
        (_, Status::Failed { class }) => match class.to_string().as_str() {
            "compile" => 'b',
            "drift" => 'd',
            _ => '1',
        },
        (_, Status::Inconclusive { .. }) => 'q',
        (_, Status::Skipped { reason }) => match reason.to_string().as_str() {
            "in another shard" => 's',
            "toolchain missing" => 'm',
            "inferred" => '~',
            "not selected by --cell" => 'c',
            _ => '-',
        },
    };
    run.cells.iter().map(letter).collect()
}

fn merged(shown: &[&str]) -> Merged {
    let names = ["one", "two", "three", "four"];
    let parts = names
        .iter()
        .zip(shown)
        .map(|(name, shown)| part(name, shown));
    merge(parts.collect(), &config(shown[0].len())).expect("merged")
}

fn merged_letters(shown: &[&str]) -> String {
    letters(&merged(shown).run)
}

fn refused(change: impl Fn(&mut Run)) -> String {
    let (one, mut two) = (part("one", ".bs"), part("two", "ss1"));
    change(&mut two.run);
    let refused = merge(vec![one, two], &config(3));
    refused.expect_err("a user error").to_string()
}

#[test]
fn shards_make_a_whole() {
    let merged = merged(&[".bss", "ss1."]);
    assert_eq!(letters(&merged.run), ".b1.");
    assert!(merged.run.finished && merged.gaps.is_empty());
    let taken: Vec<&str> = merged.taken.values().map(String::as_str).collect();
    assert_eq!(taken, ["one", "one", "two", "two"]);
}

#[test]
fn a_cell_that_no_part_answers_is_missing_and_the_run_did_not_end() {
    let merged = merged(&[".sss", "sspp"]);
    assert_eq!(letters(&merged.run), ".ppp");
    assert!(!merged.run.finished);
    let names = ["1", "2", "3"].map(|n| format!("stable@gadget-{n}.0.0"));
    let missing: Vec<String> = merged.gaps.missing.iter().map(CellId::to_string).collect();
    assert_eq!(missing, names);
    assert_eq!(
        merged.notes,
        ["two did not end; what it had by then is taken"]
    );
}

#[test]
fn a_part_that_died_and_was_run_again_leaves_nothing_open() {
    let merged = merged(&[".pss", ".1ss", "ss.."]);
    assert_eq!(letters(&merged.run), ".1..");
    assert!(merged.run.finished && merged.gaps.is_empty());
}

#[test]
fn a_verdict_comes_before_a_doubt_and_a_doubt_before_nothing() {
    assert_eq!(merged_letters(&["qq.", ".p."]), ".q.");
    // Drift is conclusive, although it is not a verdict.
    assert_eq!(merged_letters(&["dq.", "qd."]), "dd.");
}

#[test]
fn a_toolchain_that_one_machine_lacks_and_another_has_is_there() {
    assert_eq!(merged_letters(&["mmm", ".b."]), ".b.");
    assert_eq!(merged_letters(&["mmm", "mmm"]), "mmm");
    // The machine that had the toolchain was not asked for these.
    let merged = merged(&["mmm", ".ss"]);
    assert_eq!(letters(&merged.run), ".pp");
    assert_eq!(merged.gaps.missing.len(), 2);
}

#[test]
fn a_contradiction_is_shown_with_both_sides() {
    let merged = merged(&["..b", ".1b", ".qb"]);
    assert_eq!(letters(&merged.run), ".qb");
    let [conflict] = merged.gaps.conflicts.as_slice() else {
        panic!("one conflict");
    };
    let sides: Vec<String> = conflict
        .sides
        .iter()
        .map(|side| format!("{} says {}", side.part, side.shown))
        .collect();
    assert_eq!(
        sides,
        [
            "one says passed; app test:t: passed",
            "two says failed(test); app test:t: failed(test)"
        ]
    );
    let outcome = merged.run.cells[1].outcome().expect("an outcome");
    let errors: Vec<&String> = outcome.errors.iter().map(|error| &error.message).collect();
    assert_eq!(errors, sides.iter().collect::<Vec<_>>());
    assert!(!merged.taken.contains_key(&merged.run.cells[1].id));
    assert!(merged.run.finished);
}

#[test]
fn a_contradiction_is_not_settled_by_merging_its_result_with_one_side() {
    let mut first = merged(&["..", ".1"]);
    first.run.findings.gaps = first.gaps;
    let first = ShardResult {
        name: "merged".to_owned(),
        run: first.run,
    };
    let again = merge(vec![first, part("one", "..")], &config(2)).expect("merged");
    assert_eq!(letters(&again.run), ".q");
    assert_eq!(again.gaps.conflicts[0].sides.len(), 3);
}

#[test]
fn what_was_run_is_taken_rather_than_what_was_known() {
    let (mut one, two) = (part("one", ".."), part("two", ".."));
    for record in &mut one.run.cells {
        if let State::Ended { reused, .. } = &mut record.state {
            *reused = true;
        }
    }
    let merged = merge(vec![one, two], &config(2)).expect("merged");
    assert!(merged.taken.values().all(|part| part == "two"));
}

#[test]
fn what_rounds_left_out_is_inferred_once_nothing_is_left_to_run() {
    assert_eq!(merged_letters(&[".ccc.", "cc.cc"]), ".~.~.");
    assert_eq!(merged_letters(&[".cccc", "cccc."]), ".ccc.");
    assert_eq!(merged_letters(&[".ccc1", "cc.cc"]), ".c.c1");
    assert_eq!(merged_letters(&[".ccc1", "cc.1c"]), ".~.11");
}

#[test]
fn what_was_inferred_from_less_than_is_known_now_is_missing() {
    assert_eq!(merged_letters(&[".~~~.", "cccc."]), ".~~~.");
    assert_eq!(merged_letters(&[".~~~.", "cc1cc"]), ".p1p.");
}

#[test]
fn a_part_of_something_else_is_refused_with_both_names_and_what_differs() {
    let error = refused(|run| run.sources[0].subject.content = "ff".to_owned());
    assert!(error.contains("one and two are not of one run"), "{error}");
    assert!(error.contains("hash to 00, and to ff"), "{error}");
    let error = refused(|run| run.families[0].not_selected.push("plain".to_owned()));
    assert!(error.contains("other packages are built"), "{error}");
    let error = refused(|run| run.families[0].crates.push("g".to_owned()));
    assert!(
        error.contains("family `gadget` has other crates"),
        "{error}"
    );
    let error = refused(|run| run.toolchains[0].label = "old".to_owned());
    assert!(
        error.contains("two is of another matrix than matrix.toml"),
        "{error}"
    );
    assert!(
        error.contains("`old`, and there they are `stable`"),
        "{error}"
    );
}

#[test]
fn parts_that_found_other_followers_are_refused() {
    let part_with = |name: &str, plug: u64| {
        let mut part = part(name, ".");
        part.run.families[0].sets.push(VersionSet {
            version: Version::new(2, 0, 0),
            followers: [("plug".to_owned(), Version::new(0, plug, 0))].into(),
            blocker: None,
        });
        part
    };
    let parts = |other: u64| {
        merge(
            vec![part_with("one", 2), part_with("two", other)],
            &config(1),
        )
    };
    assert!(parts(2).is_ok());
    let error = parts(3).expect_err("a user error").to_string();
    let difference =
        "gadget 2.0.0 in the one goes with plug 0.2.0, and in the other goes with plug 0.3.0";
    assert!(error.contains(difference), "{error}");
}

#[test]
fn compilers_that_differ_are_refused() {
    let parts = |two: Option<&str>| {
        let (mut one, mut other) = (part("one", "."), part("two", "."));
        one.run.toolchains[0].rustc = Some("rustc 1.95.0".to_owned());
        other.run.toolchains[0].rustc = two.map(str::to_owned);
        merge(vec![one, other], &config(1))
    };
    assert!(parts(None).is_ok());
    let error = parts(Some("rustc 1.96.0"))
        .expect_err("a user error")
        .to_string();
    let words = "toolchain `stable` is rustc 1.95.0, and rustc 1.96.0";
    assert!(error.contains(words), "{error}");
}

#[test]
fn what_cannot_be_in_a_run_is_refused() {
    let error = refused(|run| run.cells.truncate(1));
    assert!(
        error.contains("the cell `stable@gadget-1.0.0` is not there"),
        "{error}"
    );
    let error = refused(|run| {
        let mut record = run.cells[0].clone();
        record.cell.pin = pin(9).into();
        record.id = record.cell.id();
        run.cells.push(record);
    });
    assert!(
        error.contains("the matrix has no cell `stable@gadget-9.0.0`"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn the_order_of_parts_and_their_overlap_make_no_difference(
        shown in proptest::collection::vec("[.1b2dqspmc~]{5}", 1..5),
        turn in 0usize..5,
    ) {
        let parts = || {
            let parts = shown.iter().enumerate();
            parts.map(|(n, shown)| part(&n.to_string(), shown)).collect::<Vec<ShardResult>>()
        };
        let one = merge(parts(), &config(5)).expect("merged");
        let mut turned = parts();
        turned.rotate_left(turn % shown.len());
        turned.reverse();
        turned.push(part("0", &shown[0]));
        let other = merge(turned, &config(5)).expect("merged");
        prop_assert_eq!(&one.run, &other.run);
        prop_assert_eq!(&one.gaps, &other.gaps);
        prop_assert_eq!(&one.taken, &other.taken);
        prop_assert_eq!(one.run.finished, one.gaps.missing.is_empty());
        let has_pending = one.run.cells.iter().any(|record| record.state == State::Pending);
        prop_assert!(one.run.finished != has_pending);
    }

    #[test]
    fn merging_step_by_step_comes_to_the_same(
        shown in proptest::collection::vec("[.1bqspm]{4}", 3),
    ) {
        let part = |n: usize| part(&n.to_string(), &shown[n]);
        let mut first = merge(vec![part(0), part(1)], &config(4)).expect("merged");
        first.run.findings.gaps = first.gaps;
        let first = ShardResult { name: "merged".to_owned(), run: first.run };
        let steps = merge(vec![first, part(2)], &config(4)).expect("merged");
        let at_once = merge(vec![part(0), part(1), part(2)], &config(4)).expect("merged");
        prop_assert_eq!(letters(&steps.run), letters(&at_once.run));
        let cells = |merged: &Merged| {
            let conflicts = merged.gaps.conflicts.iter();
            conflicts.map(|conflict| conflict.cell.clone()).collect::<Vec<CellId>>()
        };
        prop_assert_eq!(cells(&steps), cells(&at_once));
    }
}
