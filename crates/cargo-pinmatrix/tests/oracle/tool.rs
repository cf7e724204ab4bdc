//! The tool's word on each cell of a workspace.

use std::path::{Path, PathBuf};

use pinmatrix_core::model::outcome::case::CaseOutcome;
use pinmatrix_core::model::outcome::{Outcome, TargetKind, TargetOutcome};
use pinmatrix_core::model::run::{Run, State};
use pinmatrix_core::model::status::{FailureKind, SkipReason, Status};

use crate::draft::{Draft, Target};
use crate::word::{Case, Seen, Tests, Word};
use crate::workshop::Workshop;

/// What the tool says of a cell.
pub struct CellReport {
    pub cell: String,
    pub pin: String,
    pub lock: PathBuf,
    /// None where it says that the cell cannot be built at all, with why.
    pub word: Result<Word, String>,
}

/// Runs the tool on a workspace: what it says of each cell.
pub fn reports(
    draft: &Draft,
    workspace: &Path,
    folder: &Path,
    workshop: &Workshop,
) -> Result<Vec<CellReport>, String> {
    let toolchain = ["--toolchain", draft.toolchain.label];
    let first = run(draft, workspace, folder, workshop, &toolchain)?;
    if !draft.runs_twice {
        return Ok(first);
    }
    let again = [toolchain[0], toolchain[1], "--fresh"];
    let again = run(draft, workspace, folder, workshop, &again)?;
    for (one, other) in first.iter().zip(&again) {
        if one.word != other.word {
            let (one_word, other_word) = (one.describe(draft), other.describe(draft));
            let cell = &one.cell;
            return Err(format!(
                "{cell}, once: {one_word}\n{cell}, and once more: {other_word}"
            ));
        }
    }
    Ok(first)
}

impl CellReport {
    fn describe(&self, draft: &Draft) -> String {
        match &self.word {
            Ok(word) => word.describe(draft),
            Err(why) => why.clone(),
        }
    }
}

fn run(
    draft: &Draft,
    workspace: &Path,
    folder: &Path,
    workshop: &Workshop,
    flags: &[&str],
) -> Result<Vec<CellReport>, String> {
    let (out, cache) = (folder.join("out"), folder.join("cache"));
    std::fs::create_dir_all(&out).expect("a folder");
    let config = workspace.join("matrix.toml");
    let output = workshop.tool(&config, &out, &cache, flags);
    if !matches!(output.code, Some(0 | 1 | 3)) {
        return Err(format!(
            "the tool ended with {:?}:\n{}",
            output.code, output.text
        ));
    }
    let text = std::fs::read_to_string(out.join("run.json"))
        .map_err(|e| format!("the tool wrote no run.json, {e}:\n{}", output.text))?;
    let run: Run = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let mut all = Vec::new();
    for record in &run.cells {
        let State::Ended { outcome, .. } = &record.state else {
            continue;
        };
        all.push(CellReport {
            cell: record.id.to_string(),
            pin: record.cell.pin.at.to_string(),
            lock: out.join(format!("locks/{}.lock", record.id)),
            word: word(draft, outcome),
        });
    }
    Ok(all)
}

fn word(draft: &Draft, outcome: &Outcome) -> Result<Word, String> {
    if outcome.targets.is_empty() {
        let errors: Vec<String> = outcome.errors.iter().map(ToString::to_string).collect();
        return Err(format!("{}: {}", outcome.status, errors.join("; ")));
    }
    let mut word = Word {
        is_ok: outcome.status == Status::Passed,
        ..Word::default()
    };
    for target in &outcome.targets {
        let mut members = draft.members.iter();
        let member = members.find(|member| member.name == target.id.package);
        let own = member.and_then(|member| {
            let mut targets = member.targets.iter();
            targets.find(|own| own.kind == target.id.kind && own.name == target.id.name)
        });
        word.targets.insert(target.id.clone(), seen(own, target));
    }
    Ok(word)
}

fn seen(own: Option<&Target>, target: &TargetOutcome) -> Seen {
    let is_unbuilt = match &target.status {
        Status::Failed { class } => match class {
            FailureKind::Compile | FailureKind::Lint | FailureKind::Link | FailureKind::Drift => {
                target.cases.is_empty()
            }
            FailureKind::Resolve
            | FailureKind::Msrv
            | FailureKind::Test
            | FailureKind::Timeout
            | FailureKind::Crash => false,
        },
        Status::Skipped { reason } => match reason {
            SkipReason::RequiredFeatures(_) => return Seen::LeftOut,
            SkipReason::NotReached => true,
            SkipReason::ToolchainMissing
            | SkipReason::NotAnEnd
            | SkipReason::NotSelected(_)
            | SkipReason::OtherShard
            | SkipReason::BetweenRungs
            | SkipReason::Excluded(_)
            | SkipReason::Blocked(_)
            | SkipReason::Ignored
            | SkipReason::Inferred
            | SkipReason::NotBegun
            | SkipReason::NothingToTest
            | SkipReason::Built(_) => false,
        },
        Status::Passed | Status::Inconclusive { .. } => false,
    };
    if is_unbuilt {
        return Seen::NotBuilt;
    }
    let is_example = target.id.kind == TargetKind::Example;
    if is_example && own.is_some_and(|own| !own.bears_tests()) {
        return Seen::Built;
    }
    let is_program = own.is_some_and(|own| !own.harness);
    let cases = target.cases.iter().filter(|_| !is_program);
    Seen::Ran(Tests {
        is_ok: matches!(target.status, Status::Passed | Status::Skipped { .. }),
        is_whole: true,
        cases: cases.map(|c| (c.name.clone(), case(c))).collect(),
    })
}

fn case(case: &CaseOutcome) -> Case {
    if case.flaky.is_some() {
        return Case::Unsure("passed when it was run again".to_owned());
    }
    match &case.status {
        Status::Passed => Case::Passed,
        Status::Failed { .. } => Case::Failed,
        Status::Skipped {
            reason: SkipReason::Ignored,
        } => Case::Ignored,
        status @ (Status::Skipped { .. } | Status::Inconclusive { .. }) => {
            Case::Unsure(status.to_string())
        }
    }
}
