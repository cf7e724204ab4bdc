//! SARIF 2.1.0: problems for code scanning.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeSet;

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::analysis::problems::{Check, Problem, Severity, SourcePlace, place_of_all};
use pinmatrix_core::model::run::Run;
use serde_json::{Value, json};

/// The problems of a run as SARIF.
///
/// # Errors
///
/// If they have no JSON form; they always have one.
pub fn json(analysis: &Analysis<'_>) -> serde_json::Result<String> {
    let run = analysis.run;
    let problems = &analysis.problems;
    let checks: BTreeSet<Check> = problems.iter().map(|problem| problem.check).collect();
    let rules: Vec<Value> = checks.into_iter().map(rule).collect();
    let results: Vec<Value> = problems
        .iter()
        .map(|problem| result(run, problem))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "pinmatrix",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    });
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

fn rule(check: Check) -> Value {
    json!({ "id": check.to_string(), "shortDescription": { "text": in_words(check) } })
}

fn in_words(check: Check) -> &'static str {
    match check {
        Check::Failed(class) => class.sentence(),
        Check::Inconclusive => "The machine kept it from an answer",
        Check::Fixed => "It should fail and passes",
        Check::Gone => "It should be there and is not",
    }
}

fn result(run: &Run, problem: &Problem) -> Value {
    let place = problem.place.clone().unwrap_or_else(|| place_of_all(run));
    let SourcePlace { file, line } = place;
    json!({
        "ruleId": problem.check.to_string(),
        "level": match problem.severity {
            Severity::New => "error",
            Severity::Fixed | Severity::Unsure => "warning",
            Severity::Known => "note",
        },
        "message": { "text": format!("{}\n{}", problem.title(), problem.message()) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&file), "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": line },
        }}],
        "partialFingerprints": { "pinmatrix/v1": problem.fingerprint },
    })
}

/// A relative path as a URI reference (RFC 3986): everything that could be read as a scheme, a
/// query or an escape is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
