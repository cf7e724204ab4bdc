//! Made-up histories, blessed and judged.

use proptest::prelude::*;

use super::*;
use crate::model::run::verdict::Judgement;
use crate::testing::history;

fn blessed(letters: &str) -> Baseline {
    Baseline::of(&history(letters, 1), None)
        .expect("a baseline")
        .0
}

fn judged(baseline: &Baseline, letters: &str) -> (Judgement, Vec<String>) {
    let verdict = judge(&history(letters, 1), baseline);
    let deviations = verdict.deviations.iter().map(|d| {
        let case = d
            .case
            .iter()
            .map(|case| format!(" {case}"))
            .collect::<String>();
        format!(
            "{} {}{case}: {} -> {}",
            d.kind,
            d.cell,
            d.expected,
            d.found.split(':').next().unwrap_or_default()
        )
    });
    (verdict.judgement(), deviations.collect())
}

#[test]
fn a_line_is_written_for_every_change_and_read_again() {
    let baseline = blessed("..bb");
    let text = baseline.text().expect("JSON");
    assert_eq!(
        text.lines().skip(5).take(3).collect::<Vec<_>>(),
        [
            r#"{"row":"stable","family":"gadget","from":"0.0.0","expect":"passed"},"#,
            r#"{"row":"stable","family":"gadget","target":"app test:t","from":"0.0.0","expect":"passed"},"#,
            r#"{"row":"stable","family":"gadget","target":"app test:t","after":"1.0.0","from":"2.0.0","expect":"failed(compile)"}"#,
        ]
    );
    assert_eq!(
        serde_json::from_str::<Baseline>(&text).expect("a baseline"),
        baseline
    );
}

#[test]
fn what_is_a_pin_only_today_is_neither_blessed_nor_judged() {
    let baseline = blessed("..bb");
    let mut run = history("b..bb", 1);
    // The same ladder with an additional first rung that the config does not name.
    let known: Vec<String> = run.families[0]
        .pins
        .iter()
        .map(|pin| pin.at.to_string())
        .collect();
    assert_eq!(known[0], "0.0.0");
    run.families[0].todays = crate::testing::today(Some(0));
    run.families[0].added = [Version::new(0, 0, 0)].into();
    let (again, _) = Baseline::of(&run, None).expect("a baseline");
    assert_eq!(again.ladders["gadget"], known[1..]);
    assert!(again.expectations.iter().all(|line| line.from != "0.0.0"));
    let verdict = judge(&run, &again);
    assert_eq!(verdict.judgement(), Judgement::AsExpected);
    assert_eq!(verdict.n_unjudged, 0);
    let file = Utf8Path::new("baseline.json");
    again.check(&run.families, file).expect("the same ladder");
    baseline
        .check(&run.families, file)
        .expect_err("another ladder");
}

#[test]
fn a_row_that_the_baseline_does_not_know_is_not_held_against_it() {
    let baseline = blessed("..bb");
    let mut run = history("..bb", 1);
    let mut other = history("..bb", 1);
    for record in &mut other.cells {
        record.cell.row = crate::model::cell::Row::of_toolchain("1.86").into();
        record.id = record.cell.id();
    }
    let unknown = other.cells[2].id.clone();
    run.cells.extend(other.cells);
    let verdict = judge(&run, &baseline);
    assert_eq!(verdict.judgement(), Judgement::AsExpected);
    assert_eq!(
        verdict.unknown_rows.keys().collect::<Vec<_>>(),
        ["gadget on 1.86"]
    );
    let target = Some("app test:t");
    assert!(!verdict.expects(&unknown, target, None));
    assert!(verdict.expects(&run.cells[2].id, target, None));
    // A baseline that knows none of the rows that ran makes no statement.
    run.cells.drain(..4);
    let judgement = judge(&run, &baseline).judgement();
    assert_eq!(judgement, Judgement::Inconclusive);
}

#[test]
fn what_regressed_is_gone_or_was_fixed_is_told_apart() {
    let baseline = blessed("..bb");
    assert_eq!(
        judged(&baseline, "..bb"),
        (Judgement::AsExpected, Vec::new())
    );
    assert_eq!(
        judged(&baseline, ".bb."),
        (
            Judgement::Regressed,
            vec![
                "regressed stable@gadget-1.0.0: passed -> failed(compile)".to_owned(),
                "fixed stable@gadget-3.0.0: failed(compile) -> passed".to_owned(),
            ]
        )
    );
    let fixed = (
        Judgement::Fixed,
        vec!["fixed stable@gadget-2.0.0: failed(compile) -> passed".to_owned()],
    );
    assert_eq!(judged(&baseline, "...b"), fixed);
    // A different failure is not the expected one.
    assert_eq!(judged(&baseline, "..bx").0, Judgement::Regressed);
    // Cells that nobody ran are not judged, even if all that ran are as expected.
    assert_eq!(judged(&baseline, ".--b").0, Judgement::AsExpected);
    assert_eq!(judged(&baseline, "----").0, Judgement::Inconclusive);
}

#[test]
fn cases_that_went_several_ways_are_judged_one_by_one() {
    let baseline = blessed(".12");
    let deviations = judged(&baseline, ".1x").1;
    assert_eq!(
        deviations,
        ["regressed stable@gadget-2.0.0 one: passed -> failed(test)"]
    );
}

#[test]
fn between_two_pins_that_no_one_had_looked_between_either_is_expected() {
    let mut baseline = blessed(".--b");
    baseline.expectations.retain(|line| line.target.is_some());
    for shown in [".b.b", "...b", ".bbb"] {
        let deviates = judged(&baseline, shown).1;
        assert!(
            deviates
                .iter()
                .all(|deviation| deviation.starts_with("new")),
            "{shown}: {deviates:?}"
        );
    }
}

#[test]
fn an_expectation_past_its_day_excuses_nothing() {
    let mut baseline = blessed(".b");
    // The run is from 14 November 2023.
    baseline.expectations[2].expires = Some("2023-11-14".to_owned());
    assert_eq!(judged(&baseline, ".b").0, Judgement::AsExpected);
    baseline.expectations[2].expires = Some("2023-11-13".to_owned());
    let deviations = judged(&baseline, ".b").1;
    assert_eq!(
        deviations,
        ["regressed stable@gadget-1.0.0: failed(compile) until 2023-11-13 -> failed(compile)"]
    );
}

#[test]
fn what_was_written_by_hand_and_rows_that_did_not_run_stay() {
    let mut before = blessed("..b");
    before.expectations[2].reason = Some("known".to_owned());
    let with_row = |row: &str| Expectation {
        row: row.to_owned(),
        ..before.expectations[0].clone()
    };
    let others = [with_row("absent"), with_row("removed")];
    before.expectations.extend(others);
    // One row is in the matrix but did not run; another is no longer in it.
    let mut shown = history("..b", 1);
    let mut record = shown.cells[0].clone();
    record.cell.row = crate::model::cell::Row::of_toolchain("absent").into();
    record.state = crate::model::run::State::Skipped {
        reason: crate::model::status::SkipReason::ToolchainMissing,
    };
    shown.cells.push(record);
    let (after, changed) = Baseline::of(&shown, Some(&before)).expect("a baseline");
    assert!(!after.expectations.iter().any(|line| line.row == "removed"));
    assert_eq!(
        after
            .expectations
            .iter()
            .filter(|line| line.reason.is_some())
            .count(),
        1
    );
    assert!(after.expectations.iter().any(|line| line.row == "absent"));
    assert_eq!(
        (
            changed.n_added,
            changed.n_removed,
            changed.kept,
            changed.lost
        ),
        (0, 1, vec!["absent".to_owned()], Vec::new())
    );
    // A change that now begins elsewhere keeps its note; one that is gone is reported.
    let (moved, changed) = Baseline::of(&history(".bb", 1), Some(&before)).expect("a baseline");
    let noted = moved
        .expectations
        .iter()
        .filter(|line| line.reason.is_some());
    assert_eq!(
        noted.map(|line| line.from.as_str()).collect::<Vec<_>>(),
        ["1.0.0"]
    );
    assert_eq!(changed.lost.len(), 0);
    let (_, changed) = Baseline::of(&history("...", 1), Some(&before)).expect("a baseline");
    assert_eq!(changed.lost.len(), 1);
}

#[test]
fn an_error_of_another_code_and_a_doubt_beside_a_failure_are_no_news_that_pass() {
    let mut before = history(".b", 1);
    let with = |run: &mut Run, change: &dyn Fn(&mut crate::model::outcome::TargetOutcome)| {
        for record in &mut run.cells {
            if let crate::model::run::State::Ended { outcome, .. } = &mut record.state {
                outcome.targets.iter_mut().for_each(change);
            }
        }
    };
    let code = |code: &'static str| {
        move |target: &mut crate::model::outcome::TargetOutcome| {
            target
                .errors
                .iter_mut()
                .for_each(|error| error.code = Some(code.to_owned()));
        }
    };
    with(&mut before, &code("E0425"));
    let (baseline, _) = Baseline::of(&before, None).expect("a baseline");
    assert_eq!(baseline.expectations[2].expect, "failed(compile) E0425");
    let mut after = before.clone();
    with(&mut after, &code("E0308"));
    assert_eq!(judge(&before, &baseline).judgement(), Judgement::AsExpected);
    assert_eq!(judge(&after, &baseline).judgement(), Judgement::Regressed);
    let mut doubtful = before.clone();
    with(&mut doubtful, &|target| {
        target.cases.iter_mut().take(1).for_each(|case| {
            case.status = crate::model::status::Status::Inconclusive {
                doubt: crate::model::status::InconclusiveReason::Network,
            };
        });
    });
    assert_eq!(
        judge(&doubtful, &baseline).judgement(),
        Judgement::Inconclusive
    );
    assert!(Baseline::of(&doubtful, None).is_err());
}

#[test]
fn a_run_that_did_not_end_is_no_baseline() {
    let mut unfinished = history("..b", 1);
    unfinished.finished = false;
    assert!(Baseline::of(&unfinished, None).is_err());
}

#[test]
fn a_baseline_is_for_one_ladder() {
    let baseline = blessed("..b");
    let file = Utf8Path::new("b.json");
    assert!(baseline.check(&history("..b", 1).families, file).is_ok());
    let error = baseline
        .check(&history("..bb", 1).families, file)
        .expect_err("another ladder");
    assert_eq!(
        error.message(),
        "b.json is for another ladder: of gadget it has no more pins, and the matrix 3.0.0"
    );
}

#[test]
fn days_are_days() {
    assert!(is_day("2026-11-25"));
    for written in [
        "2026-13-01",
        "2026-1-1",
        "soon",
        "2026-11-32",
        "2026-02-31",
        "",
    ] {
        assert!(!is_day(written), "{written}");
    }
}

proptest! {
    #[test]
    fn what_was_blessed_is_as_expected_and_any_other_verdict_is_not(
        history in "[.b12x]{2,20}",
        at in 0usize..20,
        other in "[.b12x]",
    ) {
        let baseline = blessed(&history);
        prop_assert_eq!(judged(&baseline, &history), (Judgement::AsExpected, Vec::new()));
        let at = at % history.len();
        let mut changed = history.clone();
        changed.replace_range(at..=at, &other);
        let (judgement, deviations) = judged(&baseline, &changed);
        let is_same = changed == history;
        prop_assert_eq!(judgement == Judgement::AsExpected, is_same, "{:?}", deviations);
        let cell = format!("@gadget-{at}.0.0");
        prop_assert!(deviations.iter().all(|deviation| deviation.contains(&cell)));
    }
}
