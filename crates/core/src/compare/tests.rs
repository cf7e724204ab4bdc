//! Made-up runs, compared.

use super::*;
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::Outcome;
use crate::model::status::FailureKind;
use crate::testing::pair::{case, ended, pair, run, target};

#[test]
fn two_runs_are_told_apart() {
    let (before, after) = pair();
    let compared = compare(&before, &after);
    assert!(compared.has_broken());
    insta::assert_snapshot!(serde_json::to_string_pretty(&compared).expect("JSON"));
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let (before, after) = pair();
    for run in [before, after] {
        let compared = compare(&run, &run);
        assert!(compared.differs.is_empty() && compared.changes.is_empty());
        assert!(compared.times.is_empty());
    }
}

#[test]
fn the_other_way_round_what_broke_is_fixed_and_what_came_is_gone() {
    let (before, after) = pair();
    let (one, other) = (compare(&before, &after), compare(&after, &before));
    let count = |compared: &Comparison, kind: DifferenceKind| {
        let of_kind = compared.changes.iter().filter(|change| change.kind == kind);
        of_kind.map(|change| change.cells.len()).sum::<usize>()
    };
    for (kind, counterpart) in [
        (DifferenceKind::Broke, DifferenceKind::Fixed),
        (DifferenceKind::Fixed, DifferenceKind::Broke),
        (DifferenceKind::Shifted, DifferenceKind::Shifted),
        (DifferenceKind::Appeared, DifferenceKind::Vanished),
        (DifferenceKind::Vanished, DifferenceKind::Appeared),
    ] {
        assert!(count(&one, kind) > 0, "{kind}");
        assert_eq!(count(&one, kind), count(&other, counterpart), "{kind}");
    }
    assert_eq!(one.times.len(), other.times.len());
}

#[test]
fn drift_breaks_nothing_and_what_was_taken_over_took_no_time() {
    let drifted = || {
        let drift = Status::failed(FailureKind::Drift);
        Outcome::whole(drift, vec![Diagnostic::from_message("relay is too new")])
    };
    let mut before = run(
        "r",
        vec![ended(100.0, vec![target("a", vec![case("x", None, 90.0)])])],
    );
    let mut after = before.clone();
    after.cells[0].state = State::Ended {
        reused: false,
        outcome: drifted().into(),
    };
    let compared = compare(&before, &after);
    assert!(!compared.has_broken());
    assert_eq!(compared.changes[0].kind, DifferenceKind::Shifted);
    let quick = ended(1.0, vec![target("a", vec![case("x", None, 1.0)])]);
    after.cells[0].state = quick;
    assert_eq!(compare(&before, &after).times.len(), 3);
    if let State::Ended { reused, .. } = &mut before.cells[0].state {
        *reused = true;
    }
    assert!(compare(&before, &after).times.is_empty());
}

#[test]
fn a_baseline_is_compared_by_its_verdict() {
    let (_, after) = pair();
    let deviation = |kind, case: &str| verdict::Deviation {
        kind,
        cell: after.cells[0].id.clone(),
        target: Some("app test:a".to_owned()),
        case: Some(case.to_owned()),
        expected: "passed".to_owned(),
        found: "failed(test): no".to_owned(),
    };
    let verdict = Verdict {
        deviations: vec![
            deviation(verdict::DeviationKind::Fixed, "a"),
            deviation(verdict::DeviationKind::Gone, "b"),
            deviation(verdict::DeviationKind::New, "c"),
            deviation(verdict::DeviationKind::Regressed, "d"),
        ],
        n_expected: 3,
        n_inconclusive: 1,
        n_unjudged: 2,
        ..Verdict::default()
    };
    let compared = against_baseline(&after, &verdict);
    let kinds: Vec<DifferenceKind> = compared.changes.iter().map(|change| change.kind).collect();
    assert_eq!(
        kinds,
        [
            DifferenceKind::Broke,
            DifferenceKind::Broke,
            DifferenceKind::Fixed,
            DifferenceKind::Vanished
        ]
    );
    assert_eq!((compared.n_compared, compared.n_not_compared), (3, 3));
}
