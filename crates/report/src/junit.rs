//! `junit.xml`, as Jenkins and GitLab read it: one suite per cell, with the cell in every
//! classname, because GitLab keeps only one case for each classname and name.
//! <https://docs.gitlab.com/ci/testing/unit_test_reports/>

mod unique_names;
mod size_budget;

use anyhow::{Context, Result};
use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestCaseBuilder, TestSuite};
use pinmatrix_core::model::command::reproduce;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::{CaseOutcome, Outcome, TargetOutcome};
use pinmatrix_core::model::run::verdict::{Deviation, DeviationKind, Verdict};
use pinmatrix_core::model::run::{CellRecord, Run};
use pinmatrix_core::model::status::{SkipReason, Status};
use pinmatrix_core::text;

use crate::junit::size_budget::{SizeBudget, share};
use crate::junit::unique_names::Names;

/// The file's name in the results folder.
pub const FILE: &str = "junit.xml";

/// The maximum size, in bytes, a little below GitLab's limit; GitLab ignores larger files
/// completely. <https://docs.gitlab.com/ci/testing/unit_test_reports/#file-format-and-size-limits>
const LARGEST: usize = 30_000_000;

/// Renders a run as JUnit XML. If it would be too large, the longest outputs are cut to the same
/// length; if that is not enough, passed cases are left out and messages are cut.
///
/// # Errors
///
/// If the writer of the format fails; there is no reason why it should.
pub fn junit(run: &Run) -> Result<String> {
    junit_within(run, LARGEST)
}

fn junit_within(run: &Run, room: usize) -> Result<String> {
    let lengths: Vec<usize> = run.cells.iter().flat_map(lengths).collect();
    // Do not write a complete file that is certain to be too large.
    if lengths.iter().sum::<usize>() <= room {
        let whole = write(run, SizeBudget::WHOLE)?;
        if whole.len() <= room {
            return Ok(whole);
        }
    }
    let mut bare = (SizeBudget::WHOLE, 0);
    for extent in SizeBudget::BARE {
        bare = (extent, write(run, extent)?.len());
        if bare.1 <= room {
            break;
        }
    }
    let (extent, length) = bare;
    let most = share(&lengths, room.saturating_sub(length));
    write(run, SizeBudget { most, ..extent })
}

/// The length of each output of a cell.
fn lengths(record: &CellRecord) -> Vec<usize> {
    let Some(outcome) = record.outcome() else {
        return Vec::new();
    };
    let of_errors = |errors: &[Diagnostic]| full_text(errors, None).len();
    let mut lengths = vec![of_errors(&outcome.errors)];
    for target in &outcome.targets {
        lengths.push(of_errors(&target.errors));
        for case in &target.cases {
            let flaky = case
                .flaky
                .as_ref()
                .and_then(|flaky| flaky.output.as_deref());
            let outputs = case.output.as_deref().into_iter().chain(flaky);
            lengths.extend(outputs.map(|output| fit(output).len().min(text::CASE_OUTPUT)));
        }
    }
    lengths
}

fn write(run: &Run, extent: SizeBudget) -> Result<String> {
    let mut report = ReportBuilder::new();
    let mut names = Names::default();
    for record in &run.cells {
        let judged = JudgedCell {
            record,
            verdict: run.findings.verdict.as_ref(),
            extent,
        };
        report.add_testsuite(suite(run, &judged, &mut names)?);
    }
    let mut bytes = Vec::new();
    report
        .build()
        .write_xml(&mut bytes)
        .context("write JUnit")?;
    String::from_utf8(bytes).context("write JUnit as text")
}

fn suite(run: &Run, judged: &JudgedCell<'_>, names: &mut Names) -> Result<TestSuite> {
    let record = judged.record;
    let cell = record.id.as_str();
    let mut suite = TestSuite::new(cell);
    suite.package = record.cell.row.to_string();
    let started = i64::try_from(run.started).context("read the time of the run")?;
    suite.set_timestamp(
        OffsetDateTime::from_unix_timestamp(started).context("read the time of the run")?,
    );
    let mut notes = Vec::new();
    match record.outcome() {
        Some(outcome) => {
            suite.add_testcases(judged.whole(outcome, names));
            let targets = outcome.targets.iter();
            for target in targets {
                suite.add_testcases(judged.of_target(target, names));
            }
            suite.add_testcases(judged.surprises(names));
            let cases = outcome.targets.iter().flat_map(|target| &target.cases);
            let n_passed = cases.filter(|case| judged.is_left_out(case)).count();
            if n_passed > 0 {
                notes.push(format!(
                    "left out, for the size of the file: {n_passed} passed"
                ));
            }
        }
        None => {
            let name = names.take(cell, "cell");
            suite.add_testcase(judged.case(cell, &name, &record.status(), &[], None));
        }
    }
    let set = run
        .set_of(&record.cell.pin)
        .filter(|set| set.blocker.is_none());
    notes.extend(set.map(|set| format!("with {}", fit(&set.to_string()))));
    let old_lock = record
        .outcome()
        .map(Outcome::of_old_lock)
        .unwrap_or_default();
    let lines = old_lock.iter().map(|line| text::one_line(line));
    notes.extend(lines.map(|line| fit(&text::ellipsis(&line, LONGEST_NOTE))));
    if record.status().is_failed() {
        notes.push(format!("reproduce: {}", fit(&reproduce(run, &record.id))));
    }
    if !notes.is_empty() {
        suite.set_system_out(&notes.join("\n"));
    }
    Ok(suite)
}

/// A cell with the verdict on it.
struct JudgedCell<'a> {
    record: &'a CellRecord,
    verdict: Option<&'a Verdict>,
    extent: SizeBudget,
}

impl JudgedCell<'_> {
    /// Whether the baseline expects a failure.
    fn is_expected(&self, status: &Status, target: Option<&str>, case: Option<&str>) -> bool {
        let Some(verdict) = self.verdict else {
            return false;
        };
        status.is_failed() && verdict.expects(&self.record.id, target, case)
    }

    /// Whether a case is left out because of the size of the file.
    fn is_left_out(&self, case: &CaseOutcome) -> bool {
        !self.extent.has_passed && case.status == Status::Passed && case.flaky.is_none()
    }

    /// Cases for what should fail but passes, or should exist but does not.
    fn surprises(&self, names: &mut Names) -> Vec<TestCase> {
        let deviations = self.verdict.iter().flat_map(|verdict| &verdict.deviations);
        let of_cell = deviations.filter(|deviation| deviation.cell == self.record.id);
        let mut surprise = |deviation: &Deviation| match deviation.kind {
            DeviationKind::Fixed | DeviationKind::Gone => {
                let target = deviation
                    .target
                    .as_deref()
                    .map(|target| format!(".{}", class(target)));
                let class = format!("{}{}", self.record.id, target.unwrap_or_default());
                let case = deviation.case.as_deref().map(|case| format!(" {case}"));
                let name = names.take(&class, &format!("baseline{}", case.unwrap_or_default()));
                let kind = deviation.kind.to_string();
                let message =
                    text::ellipsis(&text::one_line(&deviation.to_string()), self.extent.message);
                let message = fit(&message);
                let mut builder = TestCaseBuilder::failure(&name, Duration::ZERO, &kind, &message);
                builder.set_classname(&fit(&class));
                Some(builder.build())
            }
            DeviationKind::Regressed | DeviationKind::New => None,
        };
        of_cell.filter_map(&mut surprise).collect()
    }

    /// A case for what stopped the cell as a whole.
    fn whole(&self, outcome: &Outcome, names: &mut Names) -> Option<TestCase> {
        let cell = self.record.id.as_str();
        let has_targets = !outcome.targets.is_empty();
        if has_targets && outcome.errors.is_empty() {
            return None;
        }
        let phase = outcome
            .phases
            .last()
            .map_or("cell".to_owned(), |p| p.phase.to_string());
        let name = names.take(cell, &phase);
        let (status, errors) = (&outcome.status, &outcome.errors);
        Some(if self.is_expected(status, None, None) {
            known(
                cell,
                &name,
                status,
                &message_of(self.extent, status, errors, None),
            )
        } else {
            self.case(cell, &name, status, errors, None)
        })
    }

    fn of_target(&self, target: &TargetOutcome, names: &mut Names) -> Vec<TestCase> {
        let id = target.id.to_string();
        let class = format!("{}.{}", self.record.id, class(&id));
        let mut cases = Vec::new();
        // This name is reserved whether the target compiles or not, so that no test gets it.
        let compile = names.take(&class, "compile");
        if !target.errors.is_empty() || target.cases.is_empty() {
            let (status, errors) = (&target.status, &target.errors);
            cases.push(if self.is_expected(status, Some(&id), None) {
                known(
                    &class,
                    &compile,
                    status,
                    &message_of(self.extent, status, errors, None),
                )
            } else {
                self.case(&class, &compile, status, errors, None)
            });
        }
        for case in target.cases.iter().filter(|case| !self.is_left_out(case)) {
            let name = names.take(&class, &case.name);
            if self.is_expected(&case.status, Some(&id), Some(&case.name)) {
                let message = message_of(self.extent, &case.status, &[], Some(case));
                cases.push(known(&class, &name, &case.status, &message));
                continue;
            }
            let mut test_case = self.case(&class, &name, &case.status, &[], Some(case));
            if let Some(flaky) = &case.flaky {
                let output = flaky.output.as_deref().unwrap_or_default();
                let output = text::bounded(&fit(output), self.extent.most);
                test_case.set_system_out(format!("{flaky}\n{output}").trim_end());
            }
            cases.push(test_case);
        }
        cases
    }

    /// Creates a test case. A failed test is a failure; anything that prevents tests from running
    /// is an error. The name must be unique and sanitized already.
    fn case(
        &self,
        class: &str,
        name: &str,
        status: &Status,
        errors: &[Diagnostic],
        case: Option<&CaseOutcome>,
    ) -> TestCase {
        // The duration comes from the test and can be any number.
        let time = match case.map_or(0.0, |case| case.seconds) {
            seconds if seconds.is_finite() => {
                Duration::seconds_f64(seconds.clamp(0.0, LONGEST_TIME))
            }
            _ => Duration::ZERO,
        };
        let output = case.and_then(|case| case.output.as_deref());
        let message = message_of(self.extent, status, errors, case);
        let mut builder = match status {
            Status::Passed => TestCaseBuilder::success(name, time),
            // A reader of a green file assumes that everything in it ran.
            Status::Skipped {
                reason: SkipReason::NotBegun,
            } => TestCaseBuilder::error(
                name,
                time,
                "not run",
                "the run ended before it began, or its results are missing",
            ),
            Status::Skipped { reason } => {
                TestCaseBuilder::skipped_with_cause(name, "skipped", &fit(&reason.to_string()))
            }
            Status::Failed { class } if output.is_some() => {
                TestCaseBuilder::failure(name, time, &class.to_string(), &message)
            }
            Status::Failed { class } => {
                TestCaseBuilder::error(name, time, &class.to_string(), &message)
            }
            Status::Inconclusive { .. } => TestCaseBuilder::error(
                name,
                time,
                "inconclusive",
                &fit(&format!("{status}: {message}")),
            ),
        };
        builder.set_classname(&fit(class));
        if let Some(file) = errors.first().and_then(|e| e.file.as_deref()) {
            builder.set_filepath(&fit(file));
        }
        let trace = full_text(errors, output);
        if !trace.is_empty() {
            builder.set_trace(&text::bounded(&trace, self.extent.most));
        }
        builder.build()
    }
}

/// A target's name as part of a class name.
fn class(target: &str) -> String {
    target.replacen(' ', ".", 1)
}

/// A case for a failure that the baseline expects, reported as a skipped test. GitLab and Jenkins
/// turn red for failures and errors, so a red result means news; both also show the message of a
/// skipped test, which says how it fails. If the case had a different name, its history would be
/// lost when it is fixed.
fn known(class: &str, name: &str, status: &Status, message: &str) -> TestCase {
    let why = if message == status.to_string() {
        format!("known to fail: {status}")
    } else {
        format!("known to fail: {status}: {message}")
    };
    let mut builder = TestCaseBuilder::skipped_with_cause(name, "known-failure", &fit(&why));
    builder.set_classname(&fit(class));
    builder.build()
}

/// The maximum length of a note on a cell, in characters.
const LONGEST_NOTE: usize = 1000;

/// The maximum duration, in seconds: a hundred years.
const LONGEST_TIME: f64 = 3.2e9;

/// The message on one line.
fn message_of(
    extent: SizeBudget,
    status: &Status,
    errors: &[Diagnostic],
    case: Option<&CaseOutcome>,
) -> String {
    let message = match (errors.first(), case.and_then(CaseOutcome::message)) {
        (Some(error), _) => error.to_string(),
        (None, Some(message)) => message.to_owned(),
        (None, None) => status.to_string(),
    };
    fit(&text::ellipsis(&text::one_line(&message), extent.message))
}

/// The full text: the errors as the compiler renders them, or the output.
fn full_text(errors: &[Diagnostic], output: Option<&str>) -> String {
    let text: Vec<&str> = errors
        .iter()
        .filter_map(|e| e.rendered.as_deref())
        .collect();
    let text = if text.is_empty() {
        output.unwrap_or_default().to_owned()
    } else {
        text.join("\n\n")
    };
    fit(&text::bounded(&text, text::CASE_OUTPUT))
}

/// Makes a text safe for XML. The writer puts output into CDATA unchanged, so the end mark of CDATA
/// is split.
fn fit(text: &str) -> String {
    text::sanitize(text).replace("]]>", "]] >")
}

#[cfg(test)]
mod tests;
