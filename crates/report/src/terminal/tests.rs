//! The pages of made-up runs, as read on a terminal without colour.

use pinmatrix_core::model::cell::Row;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{CaseOutcome, Outcome};
use pinmatrix_core::model::run::State;
use pinmatrix_core::model::run::findings::Findings;
use pinmatrix_core::model::run::verdict::{Deviation, DeviationKind, Verdict};
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason};
use pinmatrix_core::testing;
use pinmatrix_core::testing::history;

use super::*;

fn seen(run: &Run, columns: usize) -> String {
    text::sanitize(&page(
        &Analysis::of(run),
        Utf8Path::new("target/matrix"),
        Some(columns),
    ))
}

/// A made-up history with a realistic command.
fn ran(letters: &str) -> Run {
    let mut run = history(letters, 1);
    run.command = "cargo xtask matrix run --offline".to_owned();
    run
}

/// A run on several rows with the same history.
fn on_rows(letters: &str, n_rows: usize) -> Run {
    let mut run = ran(letters);
    let cells = std::mem::take(&mut run.cells);
    for index in 0..n_rows {
        let row = Row::of_toolchain(format!("1.{}", 70 + index));
        run.cells.extend(cells.iter().cloned().map(|mut record| {
            record.cell.row = row.clone().into();
            record.id = record.cell.id();
            record
        }));
    }
    run
}

fn end(run: &mut Run, index: usize, outcome: Outcome) {
    run.cells[index].state = testing::ended(outcome);
}

#[test]
fn a_run_in_which_all_passes_is_short() {
    insta::assert_snapshot!(seen(&ran("...."), 80));
}

#[test]
fn a_row_that_becomes_too_old_says_what_it_needs() {
    let mut run = on_rows("....", 2);
    let error = Diagnostic::from_message("gadget 2.0.0 needs rustc 1.80.0, and this is 1.71.0");
    let mut outcome = Outcome::whole(Status::failed(FailureKind::Msrv), vec![error]);
    let need = pinmatrix_core::model::outcome::Need {
        rustc: semver::Version::new(1, 80, 0),
        package: "gadget 2.0.0".to_owned(),
    };
    outcome.needs = Some(pinmatrix_core::model::outcome::Needs {
        family: None,
        lock: Some(need),
    });
    end(&mut run, 6, outcome.clone());
    end(&mut run, 7, outcome);
    insta::assert_snapshot!(seen(&run, 80));
}

#[test]
fn a_run_of_doubts_says_what_kept_it_from_an_answer() {
    let mut run = ran("....");
    for index in 0..4 {
        let doubt = InconclusiveReason::Network;
        let error =
            Diagnostic::from_message("failed to download from `https://example.org/config.json`");
        end(
            &mut run,
            index,
            Outcome::whole(Status::Inconclusive { doubt }, vec![error]),
        );
    }
    insta::assert_snapshot!(seen(&run, 80));
}

fn judged(run: &mut Run, deviations: Vec<Deviation>) {
    run.findings = Findings {
        verdict: Some(Verdict {
            deviations,
            n_expected: 4,
            ..Verdict::default()
        }),
        ..Findings::default()
    };
}

#[test]
fn what_a_baseline_expects_is_counted_and_what_it_does_not_is_reported() {
    let mut run = ran("..bb.");
    judged(&mut run, Vec::new());
    insta::assert_snapshot!(seen(&run, 80));
    let deviation = |index: usize, kind, expected: &str, found: &str| Deviation {
        kind,
        cell: run.cells[index].id.clone(),
        target: Some("app test:t".to_owned()),
        case: None,
        expected: expected.to_owned(),
        found: found.to_owned(),
    };
    let regressed = deviation(3, DeviationKind::Regressed, "passed", "failed(compile): no");
    let fixed = deviation(4, DeviationKind::Fixed, "failed(compile)", "passed");
    judged(&mut run, vec![regressed, fixed.clone()]);
    insta::assert_snapshot!(seen(&run, 80));
    judged(&mut run, vec![fixed]);
    insta::assert_snapshot!(seen(&run, 80));
}

#[test]
fn a_row_on_which_all_passes_is_not_called_the_same_as_one_that_fails() {
    let mut run = on_rows("..b.", 2);
    let passes = run.cells[5].state.clone();
    run.cells[6].state = passes;
    insta::assert_snapshot!(seen(&run, 80));
}

#[test]
fn what_fails_where_an_earlier_row_did_not_run_is_drawn() {
    let mut run = on_rows("..b.b", 3);
    for index in 2..5 {
        let error = Diagnostic::from_message("gadget 2.0.0 needs rustc 1.80.0, and this is 1.70.0");
        end(
            &mut run,
            index,
            Outcome::whole(Status::failed(FailureKind::Msrv), vec![error]),
        );
    }
    insta::assert_snapshot!(seen(&run, 80));
}

/// Gives a cell's target `n_cases` cases, which all fail or all pass.
fn cases(run: &mut Run, index: usize, n_cases: usize) {
    let State::Ended { outcome, .. } = &mut run.cells[index].state else {
        panic!("it ended")
    };
    let target = &mut outcome.targets[0];
    let output = |n: usize| format!("thread 'x' panicked at tests/t.rs:{}:5:\nno {n}", n + 7);
    target.cases = (0..n_cases)
        .map(|n| CaseOutcome {
            name: format!("case_{n}"),
            status: target.status.clone(),
            seconds: 0.0,
            output: Some(output(n)),
            flaky: None,
            n_seen: 2,
        })
        .collect();
}

#[test]
fn cases_that_fail_together_share_a_block() {
    let mut run = ran(".xx");
    for index in 0..3 {
        cases(&mut run, index, 6);
    }
    insta::assert_snapshot!(seen(&run, 80));
}

#[test]
fn a_large_run_keeps_within_the_terminal_and_counts_what_it_does_not_tell() {
    let mut run = on_rows(&"..bx.".repeat(12), 10);
    for index in 0..run.cells.len() {
        cases(&mut run, index, index % 25);
    }
    let page = seen(&run, 80);
    for line in page.lines() {
        let is_copied = ["  reproduce: ", "page: ", "results: "];
        let is_copied = is_copied.iter().any(|start| line.starts_with(start));
        assert!(is_copied || line.chars().count() <= 80, "{line}");
    }
    assert_eq!(page.matches("reproduce: ").count(), 10);
    assert!(
        page.contains(" more problems: target/matrix/report.html"),
        "{page}"
    );
    assert!(page.lines().count() < 400, "{}", page.lines().count());
    // Without a terminal, whatever shows the page wraps its lines.
    let whole = super::page(&Analysis::of(&run), Utf8Path::new("target/matrix"), None);
    let answer: Vec<String> = answer(&Analysis::of(&run))
        .iter()
        .map(ToString::to_string)
        .collect();
    let whole = text::sanitize(&whole);
    assert!(answer.iter().all(|sentence| whole.contains(sentence)));
    assert!(whole.trim_end().ends_with(&closing_line(&run.counts())));
}

#[test]
fn nothing_from_outside_becomes_colour_or_a_line_of_its_own() {
    let mut run = ran("..bb");
    let hostile = "a\n::error::b\u{1b}[7m ##[group]\u{202e}\u{0}";
    run.families[0].name = hostile.to_owned();
    for record in &mut run.cells {
        let mut row = Row::clone(&record.cell.row);
        row.toolchain = hostile.to_owned();
        record.cell.row = row.into();
        let mut pin = pinmatrix_core::model::cell::Pin::clone(&record.cell.pin);
        pin.family = hostile.to_owned();
        record.cell.pin = pin.into();
        record.id = record.cell.id();
        let State::Ended { outcome, .. } = &mut record.state else {
            continue;
        };
        outcome.targets[0].id.name = hostile.to_owned();
        for error in &mut outcome.targets[0].errors {
            error.message = hostile.to_owned();
        }
    }
    for columns in [Some(0), Some(80), None] {
        let page = page(&Analysis::of(&run), Utf8Path::new("target/matrix"), columns);
        assert!(
            !page.contains("\u{1b}[7m") && !page.contains(['\u{202e}', '\u{0}']),
            "{page}"
        );
        let inert = text::inert(&page);
        let obeyed = |line: &str| text::sanitize(line).trim_start().starts_with("::");
        assert!(
            !inert.lines().any(obeyed) && !inert.contains("##["),
            "{inert}"
        );
    }
}
