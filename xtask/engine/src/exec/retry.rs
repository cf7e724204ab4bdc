//! What failed, run again: where it then passes it is flaky, and not broken.
//!
//! Knows nothing of how a case is run.

use anyhow::Result;

use crate::model::outcome::{CaseOutcome, Flaky};
use crate::model::status::{Class, Status};

/// What comes of a case that is run again, up to `retries` times or until there is no time left
/// for an attempt, which is then `None`. One that never passes keeps what it showed at first.
///
/// # Errors
///
/// When an attempt cannot be made at all.
pub fn retried(
    case: CaseOutcome,
    retries: usize,
    mut attempt: impl FnMut() -> Result<Option<CaseOutcome>>,
) -> Result<CaseOutcome> {
    if !can_be_flaky(&case.status) {
        return Ok(case);
    }
    for n_failed in 1..=retries {
        let Some(again) = attempt()? else { break };
        match again.status {
            Status::Passed => {
                let output = case.output;
                let flaky = Some(Flaky { n_failed, output });
                return Ok(CaseOutcome { flaky, ..again });
            }
            // Whether it is flaky is then not known, and must not be kept as if it were.
            Status::Inconclusive { .. } => return Ok(again),
            Status::Failed { .. } | Status::Skipped { .. } => {}
        }
    }
    Ok(case)
}

/// True for what a test did while it ran.
fn can_be_flaky(status: &Status) -> bool {
    match status {
        Status::Failed { class } => match class {
            Class::Test | Class::Timeout | Class::Crash => true,
            Class::Resolve
            | Class::Msrv
            | Class::Drift
            | Class::Compile
            | Class::Lint
            | Class::Link => false,
        },
        Status::Passed | Status::Skipped { .. } | Status::Inconclusive { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::Doubt;

    fn case(status: Status, output: &str) -> CaseOutcome {
        CaseOutcome {
            name: "a".to_owned(),
            status,
            seconds: 0.0,
            output: Some(output.to_owned()),
            flaky: None,
        }
    }

    /// What comes of a case that failed, with what it shows when it is run again and again.
    fn told(class: Class, retries: usize, shown: &[Status]) -> String {
        let mut shown = shown.iter();
        let first = case(Status::failed(class), "the first");
        let case = retried(first, retries, || {
            Ok(shown.next().map(|status| case(status.clone(), "again")))
        });
        let case = case.expect("an answer");
        let flaky = case.flaky.as_ref();
        let flaky = flaky.map(|f| format!(", {f}, {}", f.said().unwrap_or_default()));
        let n_left = shown.count();
        format!(
            "{}{}, {n_left} left",
            case.status,
            flaky.unwrap_or_default()
        )
    }

    const PASSED: Status = Status::Passed;

    fn failed() -> Status {
        Status::failed(Class::Test)
    }

    #[test]
    fn a_case_that_fails_and_then_passes_is_flaky() {
        assert_eq!(
            told(Class::Test, 3, &[failed(), PASSED, PASSED]),
            "passed, flaky: failed 2 of 3 attempts, the first, 1 left"
        );
        assert_eq!(
            told(Class::Crash, 1, &[PASSED]),
            "passed, flaky: failed 1 of 2 attempts, the first, 0 left"
        );
    }

    #[test]
    fn a_case_that_never_passes_has_failed() {
        assert_eq!(
            told(Class::Test, 2, &[failed(), failed(), PASSED]),
            "failed(test), 1 left"
        );
        assert_eq!(told(Class::Test, 0, &[PASSED]), "failed(test), 1 left");
        assert_eq!(
            told(Class::Timeout, 5, &[failed()]),
            "failed(timeout), 0 left"
        );
    }

    #[test]
    fn what_did_not_run_is_not_run_again() {
        assert_eq!(
            told(Class::Compile, 2, &[PASSED]),
            "failed(compile), 1 left"
        );
    }

    #[test]
    fn a_doubt_is_not_taken_for_an_answer() {
        let doubt = Status::Inconclusive {
            doubt: Doubt::Interrupted,
        };
        assert_eq!(
            told(Class::Test, 2, &[doubt, PASSED]),
            "inconclusive(interrupted), 1 left"
        );
    }
}
