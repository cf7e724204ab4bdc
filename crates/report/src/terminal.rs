//! The page that a run prints on a terminal at its end. It is read from the bottom: drawings and
//! lists come first, and the answer is in the last lines.

mod wrap;

mod ladder;
mod blocks;
pub mod forecast;

use camino::Utf8Path;
use pinmatrix_core::analysis::{Analysis, judgement};
use pinmatrix_core::model::command::program;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::findings::Truth;
use pinmatrix_core::model::run::verdict::Judgement;
use pinmatrix_core::model::status::Status;
use pinmatrix_core::{run_json, text};

use crate::answer::answer;
use crate::sections::flaky::flaky;
use crate::sections::packages::{copies, old_lock, selection, version_sets};
use crate::sections::{findings, gaps, left_out, sandbox_denials, timeline, verdict};
use crate::terminal::wrap::TerminalPage;
use crate::{closing_line, html, junit, summary};

/// The colour of what passes.
pub const GREEN: &str = "\u{1b}[32m";
/// The colour of what fails.
pub const RED: &str = "\u{1b}[31m";
/// The colour of what is inconclusive or needs attention.
pub const YELLOW: &str = "\u{1b}[33m";
/// The style of explanations.
pub const DIM: &str = "\u{1b}[2m";
/// The style of what matters most.
pub const BOLD: &str = "\u{1b}[1m";
/// Resets colour and style.
pub const RESET: &str = "\u{1b}[0m";

/// The maximum length of external text in one entry, in characters.
const LONGEST: usize = 400;

/// The maximum number of flaky cases; the summary has all of them.
const MOST_FLAKY: usize = 10;

/// The maximum number of cells with an old lock; the summary has all of them.
const MOST_OLD_LOCKS: usize = 10;

/// Renders the page of a run with escape sequences for colour; `results` is the folder with its
/// results. Lines are wrapped at `columns`, but commands and paths are not; if it is `None`,
/// whatever shows the page wraps them.
#[must_use]
pub fn page(analysis: &Analysis<'_>, results: &Utf8Path, columns: Option<usize>) -> String {
    let run = analysis.run;
    let mut page = TerminalPage::new(columns);
    ladder::write(&mut page, run);
    for line in version_sets::lines(&run.families) {
        page.say("", "", &line);
    }
    for line in selection::lines(run) {
        page.say("", "", &line);
    }
    page.gap();
    blocks::write(&mut page, analysis, results);
    write_flaky(&mut page, run);
    write_old_locks(&mut page, run);
    page.gap();
    write_places(&mut page, run, results);
    write_findings(&mut page, run);
    let hints = [
        copies::meeting(run),
        sandbox_denials::line(run),
        left_out::line(run),
    ];
    for line in hints.into_iter().flatten() {
        page.say("", "", &format!("hint: {line}"));
    }
    if let Some(line) = sandbox_denials::unbounded(run) {
        page.say("", YELLOW, &line);
    }
    for line in gaps::lines(run) {
        page.say("", YELLOW, &line);
    }
    page.gap();
    write_answer(&mut page, analysis);
    page.into_text()
}

fn write_answer(page: &mut TerminalPage, analysis: &Analysis<'_>) {
    let run = analysis.run;
    let mut paint = BOLD;
    for sentence in answer(analysis) {
        page.say("", paint, &sentence.to_string());
        paint = "";
    }
    if let (Some(judgement), Some(headline)) = (judgement(run), verdict::headline(run)) {
        let color = match judgement {
            Judgement::AsExpected => GREEN,
            Judgement::Regressed => RED,
            Judgement::Fixed | Judgement::Inconclusive => YELLOW,
        };
        page.say("", &format!("{BOLD}{color}"), &headline);
    }
    page.say("", BOLD, &closing_line(&run.counts()));
}

/// Writes where the results are, where the time went, and which toolchains this machine lacks.
fn write_places(page: &mut TerminalPage, run: &Run, results: &Utf8Path) {
    let files = [run_json::FILE, junit::FILE, summary::FILE].join(", ");
    page.put(&format!("page: {}", results.join(html::FILE)));
    page.put(&format!("results: {results} ({files})"));
    if let Some(line) = timeline::line(run) {
        page.say("", "", &line);
    }
    let missing = run.toolchains.iter().filter(|t| t.source.is_none());
    let missing: Vec<&str> = missing.map(|t| t.label.as_str()).collect();
    if !missing.is_empty() {
        let (program, flags) = program(run);
        let missing = missing.join(", ");
        let why = format!("`{program} toolchains{flags}` says why");
        let line = format!("not to be used on this machine: {missing}; {why}");
        page.say("", "", &line);
    }
}

/// Writes claims with their first line of evidence, and wrong inferences.
fn write_findings(page: &mut TerminalPage, run: &Run) {
    let findings = &run.findings;
    let mut n_open = 0;
    for claim in &findings.claims {
        let color = match claim.truth {
            Truth::Confirmed => GREEN,
            Truth::Refuted => RED,
            Truth::Inconclusive => {
                n_open += 1;
                continue;
            }
        };
        let mark = findings::mark(claim.truth);
        let evidence = claim.evidence.first().map(|line| format!(" ({line})"));
        let evidence = evidence.unwrap_or_default();
        let line = format!("claim {}{evidence}", findings::claim(claim));
        let line = text::ellipsis(&line, LONGEST);
        page.say(&format!("{color}{mark}{RESET} "), "", &line);
    }
    if n_open > 0 {
        let of = findings.claims.len();
        let line = format!("{n_open} of {of} claims inconclusive, in {}", summary::FILE);
        page.say("", DIM, &line);
    }
    for found in &findings.undeclared {
        let line = text::ellipsis(&found.to_string(), LONGEST);
        page.say("", YELLOW, &line);
    }
    for cell in &findings.wrongly_inferred {
        let line =
            format!("{cell} would have been inferred from neighbours that show something else");
        page.say("", YELLOW, &line);
    }
}

/// Writes what does not compile with the lock as it is and does not belong to the subject.
fn write_old_locks(page: &mut TerminalPage, run: &Run) {
    let lines: Vec<String> = old_lock::all(run).collect();
    if !lines.is_empty() {
        page.gap();
    }
    for line in lines.iter().take(MOST_OLD_LOCKS) {
        page.say("", YELLOW, &text::ellipsis(line, LONGEST));
    }
    if let Some(rest) = lines.get(MOST_OLD_LOCKS..).filter(|rest| !rest.is_empty()) {
        let line = format!(
            "… and {} with an old lock, in {}",
            text::count(rest.len(), "more cell"),
            summary::FILE
        );
        page.say("", DIM, &line);
    }
}

fn write_flaky(page: &mut TerminalPage, run: &Run) {
    let cases = flaky(run);
    if !cases.is_empty() {
        page.gap();
    }
    for case in cases.iter().take(MOST_FLAKY) {
        page.say("", YELLOW, &text::ellipsis(&case.to_string(), LONGEST));
    }
    if let Some(rest) = cases.get(MOST_FLAKY..).filter(|rest| !rest.is_empty()) {
        let line = format!(
            "… and {}, in {}",
            text::count(rest.len(), "more flaky case"),
            summary::FILE
        );
        page.say("", DIM, &line);
    }
}

/// A coloured character for a status.
#[must_use]
pub fn mark(status: &Status) -> String {
    let mark = match status {
        Status::Passed => "✔",
        Status::Failed { .. } => "✘",
        Status::Inconclusive { .. } => "?",
        Status::Skipped { .. } if status.is_built() => "□",
        Status::Skipped { .. } => "·",
    };
    format!("{}{mark}{RESET}", color(status))
}

fn color(status: &Status) -> &'static str {
    match status {
        Status::Passed => GREEN,
        Status::Failed { .. } => RED,
        Status::Inconclusive { .. } => YELLOW,
        Status::Skipped { .. } => DIM,
    }
}

#[cfg(test)]
mod tests;
