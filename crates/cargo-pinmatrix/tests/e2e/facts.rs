//! A run as facts: a line each, sorted, without times and paths of the machine.

use std::collections::BTreeSet;

use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::TargetOutcome;
use pinmatrix_core::model::outcome::moved::Tried;
use pinmatrix_core::model::run::{Run, State};

/// All facts of a run.
pub fn of(run: &Run) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for record in &run.cells {
        let cell = &record.id;
        let outcome = match &record.state {
            State::Pending => {
                facts.insert(format!("{cell} - pending"));
                continue;
            }
            State::Skipped { reason } => {
                facts.insert(format!("{cell} - skipped({reason})"));
                continue;
            }
            State::Ended { outcome, .. } => outcome,
        };
        for error in &outcome.errors {
            facts.insert(format!(
                "{cell} - {} {}",
                outcome.status,
                without_toolchain(error)
            ));
        }
        for moved in &outcome.moved {
            facts.insert(format!(
                "{cell} - moved {} {} -> {}",
                moved.package, moved.from, moved.to
            ));
        }
        for copy in &outcome.copies {
            let meets = if copy.meets { ", and they meet" } else { "" };
            facts.insert(format!("{cell} - copy {copy}{meets}"));
        }
        if let Some(old) = &outcome.old_lock {
            for broken in &old.mended {
                facts.insert(format!("{cell} - failed(old lock) {}", broken.package));
            }
            for broken in &old.broken {
                let tried = match &old.tried {
                    Tried::Newer { moved, .. } => format!("with {} moved", moved.len()),
                    Tried::Newest => "with nothing newer".to_owned(),
                    Tried::Locked => "locked".to_owned(),
                };
                facts.insert(format!("{cell} - broken {} {tried}", broken.package));
            }
        }
        for target in &outcome.targets {
            facts.insert(format!("{cell} {} {}", target.id, of_target(target)));
            for case in &target.cases {
                let flaky = if case.flaky.is_some() { " (flaky)" } else { "" };
                facts.insert(format!(
                    "{cell} {} {} {}{flaky}",
                    target.id, case.name, case.status
                ));
            }
        }
    }
    for found in &run.findings.undeclared {
        let package = found.package.as_deref().unwrap_or("the subject");
        let (fails, compiles) = (&found.fails_on.toolchain, &found.compiles_on.toolchain);
        for cell in &found.cells {
            facts.insert(format!(
                "{cell} - undeclared {package}: fails on {fails}, compiles on {compiles}"
            ));
        }
    }
    facts
}

/// `built` stands for a target that compiled, whatever its cases say.
fn of_target(target: &TargetOutcome) -> String {
    match target.errors.first() {
        Some(error) => format!("{} {}", target.status, place(error)),
        None if target.cases.is_empty() => target.status.to_string(),
        None => "built".to_owned(),
    }
}

/// Code and place where there are any; words differ from one compiler to the next.
fn place(error: &Diagnostic) -> String {
    match (&error.code, &error.file, error.line) {
        (Some(code), Some(file), Some(line)) => format!("{code} {file}:{line}"),
        (_, _, _) => error
            .message
            .split(':')
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// An MSRV answer names the cell's own rustc, which is not the same on every machine.
fn without_toolchain(error: &Diagnostic) -> String {
    let message = error.to_string();
    match message.split_once(", and this is ") {
        Some((message, rest)) => match rest.split_once(' ') {
            Some((_, rest)) => format!("{message} {rest}"),
            None => message.to_owned(),
        },
        None => message,
    }
}
