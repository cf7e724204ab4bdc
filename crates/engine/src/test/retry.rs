//! Retries failed cases: one that passes on a retry is flaky, not broken.
//!
//! Knows nothing about how a case runs.

use std::collections::BTreeMap;

use anyhow::Result;
use pinmatrix_core::model::outcome::{CaseOutcome, Flaky};
use pinmatrix_core::model::status::{FailureKind, Status};

/// Retries a failed case up to `retries` times, or until an attempt returns `None` because no time
/// is left. A case that never passes keeps its first result, unless that was a timeout that did not
/// happen again.
///
/// # Errors
///
/// Returns an error if an attempt cannot be started.
pub fn retried(
    mut case: CaseOutcome,
    retries: usize,
    mut attempt: impl FnMut() -> Result<Option<CaseOutcome>>,
) -> Result<CaseOutcome> {
    if !can_be_flaky(&case.status) {
        return Ok(case);
    }
    let timeout = Status::failed(FailureKind::Timeout);
    for n_failed in case.n_seen..=retries {
        let Some(again) = attempt()? else { break };
        match again.status {
            Status::Passed => {
                let output = case.output;
                let flaky = Some(Flaky { n_failed, output });
                return Ok(CaseOutcome { flaky, ..again });
            }
            // Whether it is flaky is unknown then, and must not be stored as known.
            Status::Inconclusive { .. } => return Ok(again),
            Status::Failed { .. } => {
                let n_seen = n_failed + 1;
                case = if case.status == timeout && again.status != timeout {
                    CaseOutcome { n_seen, ..again }
                } else {
                    CaseOutcome { n_seen, ..case }
                };
            }
            Status::Skipped { .. } => {}
        }
    }
    Ok(case)
}

/// Combines two runs of cases that can only be retried all together: doc tests. For a case that the
/// first run did not reach, the result is that of the second.
///
/// # Errors
///
/// Returns the errors of [`retried`]; there are none.
pub fn retried_together(
    first: Vec<CaseOutcome>,
    again: Vec<CaseOutcome>,
) -> Result<Vec<CaseOutcome>> {
    let mut again: BTreeMap<String, CaseOutcome> = again
        .into_iter()
        .map(|case| (case.name.clone(), case))
        .collect();
    let mut cases = Vec::new();
    for case in first {
        let mut second = again.remove(&case.name);
        // A case that passed and fails now may only have found its own leftovers: the second run
        // does not start from a fresh checkout.
        cases.push(retried(case, 1, || Ok(second.take()))?);
    }
    cases.extend(again.into_values());
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

/// Returns true if the status comes from what a test did while it ran.
#[must_use]
pub fn can_be_flaky(status: &Status) -> bool {
    match status {
        Status::Failed { class } => class.arises_while_running(),
        Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::model::status::InconclusiveReason;

    use super::*;

    fn case(status: Status, output: &str) -> CaseOutcome {
        CaseOutcome {
            name: "a".to_owned(),
            status,
            seconds: 0.0,
            output: Some(output.to_owned()),
            flaky: None,
            n_seen: 1,
        }
    }

    /// Describes the result of a failed case whose retries end with these statuses.
    fn describe(class: FailureKind, retries: usize, shown: &[Status]) -> String {
        let mut shown = shown.iter();
        let first = case(Status::failed(class), "the first");
        let case = retried(first, retries, || {
            Ok(shown.next().map(|status| case(status.clone(), "again")))
        });
        let case = case.expect("an answer");
        let flaky = case.flaky.as_ref();
        let flaky = flaky.map(|f| format!(", {f}, {}", f.message().unwrap_or_default()));
        let n_left = shown.count();
        format!(
            "{}{}, seen {}, {n_left} left",
            case.status,
            flaky.unwrap_or_default(),
            case.n_seen
        )
    }

    const PASSED: Status = Status::Passed;

    fn failed() -> Status {
        Status::failed(FailureKind::Test)
    }

    #[test]
    fn a_case_that_fails_and_then_passes_is_flaky() {
        assert_eq!(
            describe(FailureKind::Test, 3, &[failed(), PASSED, PASSED]),
            "passed, flaky: failed 2 of 3 attempts, the first, seen 1, 1 left"
        );
        assert_eq!(
            describe(FailureKind::Crash, 1, &[PASSED]),
            "passed, flaky: failed 1 of 2 attempts, the first, seen 1, 0 left"
        );
    }

    #[test]
    fn a_case_that_never_passes_has_failed() {
        assert_eq!(
            describe(FailureKind::Test, 2, &[failed(), failed(), PASSED]),
            "failed(test), seen 3, 1 left"
        );
        assert_eq!(
            describe(FailureKind::Test, 0, &[PASSED]),
            "failed(test), seen 1, 1 left"
        );
        assert_eq!(
            describe(
                FailureKind::Timeout,
                5,
                &[Status::failed(FailureKind::Timeout)]
            ),
            "failed(timeout), seen 2, 0 left"
        );
    }

    #[test]
    fn a_time_limit_that_is_not_hit_again_is_not_what_a_case_fails_for() {
        assert_eq!(
            describe(FailureKind::Timeout, 1, &[failed()]),
            "failed(test), seen 2, 0 left"
        );
        assert_eq!(
            describe(
                FailureKind::Test,
                1,
                &[Status::failed(FailureKind::Timeout)]
            ),
            "failed(test), seen 2, 0 left"
        );
    }

    #[test]
    fn what_did_not_run_is_not_run_again() {
        assert_eq!(
            describe(FailureKind::Compile, 2, &[PASSED]),
            "failed(compile), seen 1, 1 left"
        );
    }

    #[test]
    fn cases_that_run_again_together_are_told_apart() {
        let cases = |shown: &[(&str, Status)]| -> Vec<CaseOutcome> {
            let case = |(name, status): &(&str, Status)| CaseOutcome {
                name: (*name).to_owned(),
                ..case(status.clone(), "said")
            };
            shown.iter().map(case).collect()
        };
        let first = cases(&[("a", failed()), ("b", failed()), ("c", PASSED)]);
        let again = cases(&[
            ("a", PASSED),
            ("b", failed()),
            ("c", failed()),
            ("d", PASSED),
        ]);
        let message = retried_together(first, again).expect("an answer");
        let message = message.iter().map(|case| {
            let flaky = if case.flaky.is_some() { " flaky" } else { "" };
            format!("{} {}{flaky} {}", case.name, case.status, case.n_seen)
        });
        let expected = [
            "a passed flaky 1",
            "b failed(test) 2",
            "c passed 1",
            "d passed 1",
        ];
        assert_eq!(message.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_doubt_is_not_taken_for_an_answer() {
        let doubt = Status::Inconclusive {
            doubt: InconclusiveReason::Interrupted,
        };
        assert_eq!(
            describe(FailureKind::Test, 2, &[doubt, PASSED]),
            "inconclusive(interrupted), seen 1, 1 left"
        );
    }
}
