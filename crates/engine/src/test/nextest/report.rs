//! Reads the JUnit report of cargo-nextest.
//! <https://nexte.st/docs/machine-readable/junit/>

use anyhow::{Context, Result};
use pinmatrix_core::model::outcome::{CaseOutcome, Flaky};
use pinmatrix_core::model::status::{FailureKind, InconclusiveReason, Status};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// The start of the name of a suite that is a setup script and holds no test.
const SETUP_SCRIPT: &str = "@setup-script";

/// One `<testcase>` while it is read.
#[derive(Default)]
struct Testcase {
    name: String,
    seconds: f64,
    failure: Option<Status>,
    n_reruns: usize,
    n_flaky: usize,
    /// What the last run printed, and what the failures printed that a later run passed.
    output: String,
    failed_output: String,
}

impl Testcase {
    fn case(self) -> CaseOutcome {
        let flaky = (self.n_flaky > 0 && self.failure.is_none()).then_some(Flaky {
            n_failed: self.n_flaky,
            output: Some(self.failed_output),
        });
        let output = self.failure.is_some().then_some(self.output);
        CaseOutcome {
            name: self.name,
            status: self.failure.unwrap_or(Status::Passed),
            seconds: self.seconds,
            output,
            flaky,
            n_seen: 1 + self.n_reruns,
        }
    }
}

/// Returns the cases of a report, sorted by name.
///
/// # Errors
///
/// Returns an error if it is not valid XML.
pub fn cases(text: &str) -> Result<Vec<CaseOutcome>> {
    let mut reader = Reader::from_str(text);
    let mut cases = Vec::new();
    let mut open: Option<Testcase> = None;
    let mut is_of_tests = true;
    // The elements around a text, below `<testcase>`.
    let mut path: Vec<String> = Vec::new();
    loop {
        let event = reader.read_event();
        let event = event.with_context(|| format!("byte {}", reader.error_position()))?;
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                match (&mut open, name.as_str()) {
                    (None, "testsuite") => {
                        let of = attribute(start, "name")?;
                        is_of_tests = !of.starts_with(SETUP_SCRIPT);
                    }
                    (None, "testcase") => {
                        open = Some(Testcase {
                            name: attribute(start, "name")?,
                            seconds: attribute(start, "time")?.parse().unwrap_or_default(),
                            ..Testcase::default()
                        });
                    }
                    (Some(case), "failure" | "error") => {
                        let (kind, message) =
                            (attribute(start, "type")?, attribute(start, "message")?);
                        case.failure = Some(status(&kind, &message));
                        if kind.contains("timeout") {
                            case.output.push_str("[timeout of cargo-nextest]\n");
                        } else if kind.contains("abort") {
                            case.output.push_str(&format!("[{message}]\n"));
                        }
                    }
                    (Some(case), "rerunFailure") => case.n_reruns += 1,
                    (Some(case), "flakyFailure") => case.n_flaky += 1,
                    (Some(_), _) | (None, _) => {}
                }
                let is_empty = matches!(event, Event::Empty(_));
                if is_empty && name == "testcase" {
                    let case = open.take().filter(|_| is_of_tests);
                    cases.extend(case.map(Testcase::case));
                } else if !is_empty && open.is_some() {
                    path.push(name);
                }
            }
            Event::End(end) => {
                path.pop();
                if end.name().as_ref() == b"testcase" {
                    let case = open.take().filter(|_| is_of_tests);
                    cases.extend(case.map(Testcase::case));
                }
            }
            Event::Text(words) => {
                let words = words.decode().context("text that is not UTF-8")?;
                take(&mut open, &path, &words);
            }
            Event::CData(words) => {
                take(&mut open, &path, &String::from_utf8_lossy(words));
            }
            Event::GeneralRef(entity) => {
                let name = entity.decode().context("text that is not UTF-8")?;
                let character = match entity.resolve_char_ref() {
                    Ok(Some(character)) => Some(character.to_string()),
                    Ok(None) | Err(_) => {
                        quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                    }
                };
                take(&mut open, &path, &character.unwrap_or_default());
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

/// Adds text to the output of a case, if it is output.
fn take(open: &mut Option<Testcase>, path: &[String], words: &str) {
    let Some(case) = open else { return };
    let is_output = path.last().is_some_and(|name| name.starts_with("system-"));
    let is_of = |element: &str| path.iter().any(|name| name == element);
    if !is_output || is_of("rerunFailure") {
        return;
    }
    if is_of("flakyFailure") {
        case.failed_output.push_str(words);
    } else {
        case.output.push_str(words);
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<String> {
    let found = start.try_get_attribute(name).context("an attribute")?;
    let value = found.map(|found| {
        found
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map(|value| value.into_owned())
    });
    Ok(value
        .transpose()
        .context("an attribute")?
        .unwrap_or_default())
}

/// Returns the status of a failure by its type: `test failure with exit code 101`, `test abort`,
/// `test timeout`. The message of an abort names the signal.
fn status(kind: &str, message: &str) -> Status {
    if kind.contains("timeout") {
        Status::failed(FailureKind::Timeout)
    } else if message.contains("(SIGKILL)") {
        let doubt = InconclusiveReason::OutOfMemory;
        Status::Inconclusive { doubt }
    } else if kind.contains("abort") {
        Status::failed(FailureKind::Crash)
    } else {
        Status::failed(FailureKind::Test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="6">
<testsuite name="@setup-script:db"><testcase name="db" time="0.1"/></testsuite>
<testsuite name="app::all">
<testcase name="passes" classname="app::all" time="0.004"/>
<testcase name="bad" time="0.068">
 <failure message="m" type="test failure with exit code 101">not output</failure>
 <rerunFailure time="0.069" message="m" type="test failure with exit code 101"><system-out>again</system-out></rerunFailure>
 <system-out>out &lt;&amp;&gt; &#10;</system-out><system-err>err</system-err>
</testcase>
<testcase name="m::flaky" time="0.004">
 <flakyFailure message="first" type="test failure with exit code 101">x<system-err>first</system-err></flakyFailure>
</testcase>
<testcase name="slow" time="2.003"><failure type="test timeout"/></testcase>
<testcase name="abort" time="0.1"><failure message="process aborted with signal 6 (SIGABRT)" type="test abort"/></testcase>
<testcase name="kill" time="0.1"><failure message="process aborted with signal 9 (SIGKILL)" type="test abort"/></testcase>
</testsuite></testsuites>"#;

    #[test]
    fn each_kind_of_result_is_read() {
        let cases = cases(REPORT).expect("a report");
        let line = |case: &CaseOutcome| {
            let flaky = case
                .flaky
                .as_ref()
                .map(|flaky| format!(" flaky {} {:?}", flaky.n_failed, flaky.output));
            let flaky = flaky.unwrap_or_default();
            format!(
                "{} {} x{} {:?}{flaky}",
                case.name, case.status, case.n_seen, case.output
            )
        };
        let lines: Vec<String> = cases.iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_is_not_a_report_is_an_error() {
        assert!(cases("<testsuites><testcase name=\"a></testcase>").is_err());
        assert!(cases("").expect("nothing").is_empty());
    }
}
