//! `junit.xml`, as Jenkins and GitLab read it: a suite a cell, and the cell in every classname,
//! since GitLab keeps one case of each classname and name.
//! <https://docs.gitlab.com/ci/testing/unit_test_reports/>

use anyhow::{Context, Result};
use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestCaseBuilder, TestSuite};

use crate::model::outcome::{CaseOutcome, Diagnostic, Outcome, TargetOutcome};
use crate::model::run::{CellRecord, Run};
use crate::model::status::Status;
use crate::model::verdict::{Deviation, Kind, Verdict};
use crate::report::reproduce;
use crate::report::verdict::told;
use crate::text;

/// The file's name in the results folder.
pub const FILE: &str = "junit.xml";

/// A run as JUnit XML.
///
/// # Errors
///
/// When the writer of the format refuses; it has no reason to.
pub fn junit(run: &Run) -> Result<String> {
    let mut report = ReportBuilder::new();
    for record in &run.cells {
        report.add_testsuite(suite(run, record)?);
    }
    let mut bytes = Vec::new();
    report
        .build()
        .write_xml(&mut bytes)
        .context("write JUnit")?;
    String::from_utf8(bytes).context("write JUnit as text")
}

fn suite(run: &Run, record: &CellRecord) -> Result<TestSuite> {
    let cell = record.id.as_str();
    let mut suite = TestSuite::new(cell);
    suite.package = record.cell.row.to_string();
    let started = i64::try_from(run.started).context("read the time of the run")?;
    suite.set_timestamp(
        OffsetDateTime::from_unix_timestamp(started).context("read the time of the run")?,
    );
    let judged = Judged {
        record,
        verdict: run.findings.verdict.as_ref(),
    };
    match record.outcome() {
        Some(outcome) => {
            suite.add_testcases(whole(&judged, outcome));
            let targets = outcome.targets.iter();
            suite.add_testcases(targets.flat_map(|target| of_target(&judged, target)));
            suite.add_testcases(judged.surprises());
        }
        None => suite.add_testcase(case(cell, "cell", &record.status(), 0.0, &[], None)),
    }
    if record.status().is_failed() {
        suite.set_system_out(&format!("reproduce: {}", fit(&reproduce(run, &record.id))));
    }
    Ok(suite)
}

/// A cell with what the baseline says of it.
struct Judged<'a> {
    record: &'a CellRecord,
    verdict: Option<&'a Verdict>,
}

impl Judged<'_> {
    /// Whether a failure is one that the baseline expects: then it is no news, and shown as skipped.
    fn is_expected(&self, status: &Status, target: Option<&str>, case: Option<&str>) -> bool {
        let Some(verdict) = self.verdict else {
            return false;
        };
        status.is_failed() && verdict.expects(&self.record.id, target, case)
    }

    /// What should fail and passes, or should be there and is not.
    fn surprises(&self) -> Vec<TestCase> {
        let deviations = self.verdict.iter().flat_map(|verdict| &verdict.deviations);
        let of_cell = deviations.filter(|deviation| deviation.cell == self.record.id);
        let surprise = |deviation: &Deviation| match deviation.kind {
            Kind::Fixed | Kind::Gone => {
                let target = deviation
                    .target
                    .as_deref()
                    .map(|target| format!(".{}", class(target)));
                let class = format!("{}{}", self.record.id, target.unwrap_or_default());
                let case = deviation.case.as_deref().map(|case| format!(" {case}"));
                let name = fit(&text::one_line(&format!(
                    "baseline{}",
                    case.unwrap_or_default()
                )));
                let kind = deviation.kind.to_string();
                let message = fit(&text::ellipsis(&text::one_line(&told(deviation)), 500));
                let mut builder = TestCaseBuilder::failure(&name, Duration::ZERO, &kind, &message);
                builder.set_classname(&fit(&class));
                Some(builder.build())
            }
            Kind::Regressed | Kind::New => None,
        };
        of_cell.filter_map(surprise).collect()
    }
}

/// A target's name within a class name.
fn class(target: &str) -> String {
    target.replacen(' ', ".", 1)
}

/// What stopped a cell as a whole.
fn whole(judged: &Judged<'_>, outcome: &Outcome) -> Option<TestCase> {
    let cell = judged.record.id.as_str();
    let has_targets = !outcome.targets.is_empty();
    if has_targets && outcome.errors.is_empty() {
        return None;
    }
    let phase = outcome
        .phases
        .last()
        .map_or("cell".to_owned(), |p| p.phase.to_string());
    let told = case(cell, &phase, &outcome.status, 0.0, &outcome.errors, None);
    Some(match judged.is_expected(&outcome.status, None, None) {
        true => expected(cell, &phase, &outcome.status),
        false => told,
    })
}

fn of_target(judged: &Judged<'_>, target: &TargetOutcome) -> Vec<TestCase> {
    let id = target.id.to_string();
    let class = format!("{}.{}", judged.record.id, class(&id));
    let mut cases = Vec::new();
    if !target.errors.is_empty() || target.cases.is_empty() {
        cases.push(match judged.is_expected(&target.status, Some(&id), None) {
            true => expected(&class, "compile", &target.status),
            false => case(&class, "compile", &target.status, 0.0, &target.errors, None),
        });
    }
    let mut seen = std::collections::BTreeSet::new();
    for CaseOutcome {
        name,
        status,
        seconds,
        output,
        flaky,
    } in &target.cases
    {
        let (known, mut name) = (name, name.clone());
        while name == "compile" || !seen.insert(name.clone()) {
            name.push('\'');
        }
        if judged.is_expected(status, Some(&id), Some(known)) {
            cases.push(expected(&class, &name, status));
            continue;
        }
        let mut case = case(&class, &name, status, *seconds, &[], output.as_deref());
        if let Some(flaky) = flaky {
            let output = flaky.output.as_deref().unwrap_or_default();
            case.set_system_out(fit(&format!("{flaky}\n{output}")).trim_end());
        }
        cases.push(case);
    }
    cases
}

/// A failure that the baseline knows of.
fn expected(class: &str, name: &str, status: &Status) -> TestCase {
    let name = fit(&text::one_line(name));
    let why = format!("expected: {status}");
    let mut builder = TestCaseBuilder::skipped_with_cause(&name, "skipped", &fit(&why));
    builder.set_classname(&fit(class));
    builder.build()
}

/// The longest time that is told, in seconds: a hundred years.
const LONGEST_TIME: f64 = 3.2e9;

/// A test that said no is a failure; whatever kept tests from running is an error.
fn case(
    class: &str,
    name: &str,
    status: &Status,
    seconds: f64,
    errors: &[Diagnostic],
    output: Option<&str>,
) -> TestCase {
    let name = fit(&text::one_line(name));
    // What a test says of its time can be anything.
    let time = match seconds.is_finite() {
        true => Duration::seconds_f64(seconds.clamp(0.0, LONGEST_TIME)),
        false => Duration::ZERO,
    };
    let message = match (errors.first(), output) {
        (Some(error), _) => error.to_string(),
        (None, Some(output)) => {
            let outcome = CaseOutcome {
                name: String::new(),
                status: status.clone(),
                seconds,
                output: Some(output.to_owned()),
                flaky: None,
            };
            outcome.said().unwrap_or_default().to_owned()
        }
        (None, None) => status.to_string(),
    };
    let message = fit(&text::ellipsis(&text::one_line(&message), 500));
    let mut builder = match status {
        Status::Passed => TestCaseBuilder::success(&name, time),
        Status::Skipped { reason } => {
            TestCaseBuilder::skipped_with_cause(&name, "skipped", &fit(&reason.to_string()))
        }
        Status::Failed { class } if output.is_some() => {
            TestCaseBuilder::failure(&name, time, &class.to_string(), &message)
        }
        Status::Failed { class } => {
            TestCaseBuilder::error(&name, time, &class.to_string(), &message)
        }
        Status::Inconclusive { .. } => TestCaseBuilder::error(
            &name,
            time,
            "inconclusive",
            &fit(&format!("{status}: {message}")),
        ),
    };
    builder.set_classname(&fit(class));
    if let Some(file) = errors.first().and_then(|e| e.file.as_deref()) {
        builder.set_filepath(&fit(file));
    }
    let told: Vec<&str> = errors
        .iter()
        .filter_map(|e| e.rendered.as_deref())
        .collect();
    let told = if told.is_empty() {
        output.unwrap_or_default().to_owned()
    } else {
        told.join("\n\n")
    };
    if !told.is_empty() {
        builder.set_trace(&fit(&text::bounded(&told, text::CASE_OUTPUT)));
    }
    builder.build()
}

/// Text that XML can hold. The writer puts output into CDATA as it is, so the mark that ends one
/// is taken apart.
fn fit(text: &str) -> String {
    text::clean(text).replace("]]>", "]] >")
}
