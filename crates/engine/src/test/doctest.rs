//! Parses rustdoc's text output about doc tests: its JSON would need an unstable flag in a command
//! that compiles.

use std::collections::BTreeMap;

use pinmatrix_core::model::outcome::CaseOutcome;
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason, Status};
use pinmatrix_core::text;

use crate::machine::failure::{is_killed_doc_test, machine_failure};
use crate::test::libtest::kept;
use crate::test::libtest::text::{FailureSections, is_start_of_group, status_of};

/// Returns the doc tests in the output, sorted by name.
#[must_use]
pub fn cases(printed: &str) -> Vec<CaseOutcome> {
    let printed = text::sanitize(printed);
    let mut failures = FailureSections::default();
    let mut results = Vec::new();
    for line in printed.lines() {
        if is_start_of_group(line) {
            failures.begin_group();
        } else if !failures.read_line(line) {
            let result = line.strip_prefix("test ");
            results.extend(result.and_then(|result| result.rsplit_once(" ... ")));
        }
    }
    let mut cases: BTreeMap<String, CaseOutcome> = BTreeMap::new();
    for (name, word) in results {
        let Some(status) = status_of(word) else {
            continue;
        };
        let name = name.to_owned();
        let output = if status.is_failed() {
            failures.outputs.get(&name).and_then(|o| kept(o))
        } else {
            None
        };
        // rustdoc compiles each doc test when it runs it, and reports when that fails.
        let did_not_compile = output
            .as_deref()
            .is_some_and(|o| o.ends_with("Couldn't compile the test."));
        // It also runs it, and reports how it ended.
        let text = output.as_deref().unwrap_or_default();
        let was_killed = is_killed_doc_test(text);
        let doubt = if did_not_compile {
            machine_failure(text)
        } else {
            was_killed.then_some(InconclusiveReason::OutOfMemory)
        };
        let status = match (doubt, did_not_compile) {
            (Some(doubt), _) => Status::Inconclusive { doubt },
            (None, true) => Status::failed(FailureKind::Compile),
            (None, false) => status,
        };
        cases.insert(
            name.clone(),
            CaseOutcome {
                name,
                status,
                seconds: 0.0,
                output,
                flaky: None,
                n_seen: 1,
            },
        );
    }
    cases.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_fails_under_a_doc_test_is_no_verdict() {
        let printed = "test a (line 3) ... FAILED\ntest b (line 9) ... FAILED\n\nfailures:\n\n\
            ---- a (line 3) stdout ----\nerror: could not write output to x: No space left on \
            device\nCouldn't compile the test.\n\
            ---- b (line 9) stdout ----\nTest executable failed (signal: 9 (SIGKILL)).\n\n\
            failures:\n    a (line 3)\n";
        let statuses = cases(printed).into_iter().map(|c| c.status.to_string());
        let expected = ["inconclusive(out of disk)", "inconclusive(out of memory)"];
        assert_eq!(statuses.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_group_has_its_own_failures_and_what_a_doc_test_printed_is_no_result() {
        let printed = "running 1 test\ntest a (line 3) ... FAILED\n\nfailures:\n\n\
            ---- a (line 3) stdout ----\ntest b (line 9) ... FAILED\ntest c ... ok\n\n\
            failures:\n    a (line 3)\n\ntest result: FAILED.\n\nrunning 2 tests\n\
            test b (line 9) ... ok\n\ntest result: ok.\n";
        let statuses = cases(printed).into_iter();
        let statuses = statuses.map(|case| format!("{} {}", case.name, case.status));
        let expected = ["a (line 3) failed(test)", "b (line 9) passed"];
        assert_eq!(statuses.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn results_and_outputs_are_read() {
        let printed = "\nrunning 3 tests\ntest src/lib.rs - good (line 3) ... ok\n\
            test src/lib.rs - bad (line 9) ... FAILED\n\
            test src/lib.rs - later (line 15) ... ignored\n\
            test src/lib.rs - never (line 20) - compile fail ... ok\n\nfailures:\n\n\
            ---- src/lib.rs - bad (line 9) stdout ----\nerror[E0425]: cannot find `x`\n\n\n\
            failures:\n    src/lib.rs - bad (line 9)\n\ntest result: FAILED. 2 passed\n";
        let message: Vec<String> = cases(printed)
            .iter()
            .map(|c| format!("{}: {} {:?}", c.name, c.status, c.output))
            .collect();
        insta::assert_snapshot!(message.join("\n"));
    }
}
