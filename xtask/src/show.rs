//! What stands on the terminal at the end: the grid, each failure's first error with the command
//! that reproduces it, and a closing line.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Write as _;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix::model::cell::CellId;
use pinmatrix::model::findings::Truth;
use pinmatrix::model::outcome::Outcome;
use pinmatrix::model::run::{CellRecord, Run};
use pinmatrix::model::status::Status;
use pinmatrix::model::verdict::Judgement;
use pinmatrix::report::flaky::flaky;
use pinmatrix::report::grid::{Grid, LEGEND, Place, grids};
use pinmatrix::report::strips::{self, Strip, Strips};
use pinmatrix::report::{
    closing_line, denied, findings, gaps, html, junit, reproduce, summary, timeline, verdict,
};
use pinmatrix::text::{inert, inert_json};
use pinmatrix::{record, text};

pub const GREEN: &str = "\u{1b}[32m";
pub const RED: &str = "\u{1b}[31m";
pub const YELLOW: &str = "\u{1b}[33m";
pub const DIM: &str = "\u{1b}[2m";
pub const BOLD: &str = "\u{1b}[1m";
pub const RESET: &str = "\u{1b}[0m";

/// How many errors of one cell are listed; the summary has them all.
const MOST_LINES: usize = 3;

/// Shows the results of a run on standard output.
///
/// # Errors
///
/// When standard output cannot be written.
pub fn results(run: &Run, out: &Utf8Path) -> Result<()> {
    put(&page(run, out))
}

/// The page that a run ends with.
pub fn page(run: &Run, out: &Utf8Path) -> String {
    let mut page = String::new();
    // Writing into a String cannot fail.
    let _ = write_results(&mut page, run, out);
    without_trailing_space(&page)
}

/// Writes text to standard output, with colour where that wants it, and nothing in it that a CI
/// engine would obey.
///
/// # Errors
///
/// When it cannot be written.
pub fn put(text: &str) -> Result<()> {
    write_out(&inert(text))
}

/// As [`put`], for JSON.
///
/// # Errors
///
/// As [`put`].
pub fn put_json(json: &str) -> Result<()> {
    write_out(&inert_json(json))
}

/// Writes what a CI engine is to obey. Whoever made it has seen to it that nothing else is in it.
///
/// # Errors
///
/// As [`put`].
pub fn put_commands(commands: &str) -> Result<()> {
    write_out(commands)
}

fn write_out(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("write to standard output")
}

fn without_trailing_space(page: &str) -> String {
    page.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

fn write_results(page: &mut String, run: &Run, out: &Utf8Path) -> std::fmt::Result {
    for grid in grids(run) {
        writeln!(page)?;
        write_grid(page, &grid)?;
    }
    writeln!(page, "{DIM}{LEGEND}{RESET}")?;
    for family in &run.families {
        write_strips(page, &strips::strips(run, family))?;
    }
    writeln!(page)?;
    let mut told: BTreeMap<Vec<String>, &CellId> = BTreeMap::new();
    let mut n_expected = 0;
    for record in &run.cells {
        let Some(outcome) = record.outcome() else {
            continue;
        };
        if matches!(outcome.status, Status::Passed | Status::Skipped { .. }) {
            continue;
        }
        if is_no_news(run, record, outcome) {
            n_expected += 1;
            continue;
        }
        let mark = mark(&outcome.status);
        writeln!(
            page,
            "{mark} {BOLD}{}{RESET}: {}",
            record.id, outcome.status
        )?;
        let lines = errors(outcome);
        match told.get(&lines) {
            Some(other) => writeln!(page, "  as {other}")?,
            None => write_errors(page, &lines)?,
        }
        told.entry(lines).or_insert(&record.id);
        writeln!(
            page,
            "  {DIM}reproduce: {}{RESET}\n",
            reproduce(run, &record.id)
        )?;
    }
    write_flaky(page, run)?;
    if n_expected > 0 {
        let told = format!("{n_expected} cells fail as expected, in {}", summary::FILE);
        writeln!(page, "{DIM}{told}{RESET}\n")?;
    }
    let files = [record::FILE, junit::FILE, summary::FILE, html::FILE]
        .map(|file| out.join(file).to_string());
    writeln!(page, "results: {}", files.join(", "))?;
    if let Some(line) = timeline::line(run) {
        writeln!(page, "{line}")?;
    }
    let missing: Vec<&str> = run
        .toolchains
        .iter()
        .filter(|t| t.source.is_none())
        .map(|t| t.label.as_str())
        .collect();
    if !missing.is_empty() {
        let words = run.command.replacen(" run", " toolchains", 1);
        let missing = missing.join(", ");
        writeln!(
            page,
            "not to be used on this machine: {missing}; `{words}` says why"
        )?;
    }
    write_findings(page, run)?;
    if let Some(line) = denied::line(run) {
        writeln!(page, "hint: {line}")?;
    }
    for line in gaps::lines(run) {
        writeln!(page, "{YELLOW}{line}{RESET}")?;
    }
    write_verdict(page, run)?;
    writeln!(page, "{BOLD}{}{RESET}", closing_line(&run.counts()))
}

/// Claims with the first of what they rest on, and where inference would have erred.
fn write_findings(page: &mut String, run: &Run) -> std::fmt::Result {
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
        let evidence = claim.evidence.first().map(|line| format!(" ({line})"));
        let line = format!("{}{}", findings::claim(claim), evidence.unwrap_or_default());
        let line = text::ellipsis(&text::one_line(&line), width().max(60));
        writeln!(
            page,
            "{color}{}{RESET} claim {line}",
            findings::mark(claim.truth)
        )?;
    }
    if n_open > 0 {
        let of = findings.claims.len();
        let told = format!("{n_open} of {of} claims inconclusive, in {}", summary::FILE);
        writeln!(page, "{DIM}{told}{RESET}")?;
    }
    for cell in &findings.wrongly_inferred {
        writeln!(
            page,
            "{YELLOW}{cell} would have been inferred from neighbours that show something else{RESET}"
        )?;
    }
    Ok(())
}

/// Whether all that a cell shows is what the baseline expects of it.
fn is_no_news(run: &Run, record: &CellRecord, outcome: &Outcome) -> bool {
    let Some(verdict) = &run.findings.verdict else {
        return false;
    };
    let deviates = verdict
        .deviations
        .iter()
        .any(|deviation| deviation.cell == record.id);
    !deviates && !outcome.has_doubt()
}

/// How many deviations are listed; the summary has them all.
const MOST_DEVIATIONS: usize = 10;

fn write_verdict(page: &mut String, run: &Run) -> std::fmt::Result {
    let Some(verdict) = &run.findings.verdict else {
        return Ok(());
    };
    let color = match verdict.judgement() {
        Judgement::AsExpected => GREEN,
        Judgement::Regressed => RED,
        Judgement::Fixed | Judgement::Inconclusive => YELLOW,
    };
    writeln!(page)?;
    for deviation in verdict::sorted(verdict).into_iter().take(MOST_DEVIATIONS) {
        let told = text::one_line(&verdict::told(deviation));
        writeln!(
            page,
            "{color}{}{RESET}",
            text::ellipsis(&told, width().max(60))
        )?;
    }
    if let Some(rest) = verdict
        .deviations
        .len()
        .checked_sub(MOST_DEVIATIONS)
        .filter(|n| *n > 0)
    {
        writeln!(page, "{DIM}… and {rest} more, in {}{RESET}", summary::FILE)?;
    }
    writeln!(page, "{BOLD}{color}{}{RESET}", verdict::headline(verdict))
}

fn write_flaky(page: &mut String, run: &Run) -> std::fmt::Result {
    let cases = flaky(run);
    for case in &cases {
        let line = text::ellipsis(&text::one_line(&case.to_string()), width().max(40));
        writeln!(page, "{YELLOW}{line}{RESET}")?;
    }
    match cases.is_empty() {
        true => Ok(()),
        false => writeln!(page),
    }
}

/// What is to be said of a cell, a line an error.
fn errors(outcome: &Outcome) -> Vec<String> {
    let of_cell = outcome.errors.iter().map(ToString::to_string);
    let is_clean = |s: &Status| matches!(s, Status::Passed | Status::Skipped { .. });
    let targets = outcome.targets.iter();
    let mut failing: Vec<_> = targets.filter(|t| !is_clean(&t.status)).collect();
    // What builds and misbehaves is easily overlooked among what does not build.
    failing.sort_by_key(|target| target.cases.is_empty());
    let of_targets = failing
        .iter()
        .map(|t| format!("{}: {}", t.id, t.first_error()));
    of_cell.chain(of_targets).collect()
}

fn write_errors(page: &mut String, lines: &[String]) -> std::fmt::Result {
    let width = width().saturating_sub(4).max(40);
    for line in lines.iter().take(MOST_LINES) {
        writeln!(page, "  {}", text::ellipsis(&text::one_line(line), width))?;
    }
    match lines.len().saturating_sub(MOST_LINES) {
        0 => Ok(()),
        rest => writeln!(
            page,
            "  {DIM}… and {rest} more, in {}{RESET}",
            summary::FILE
        ),
    }
}

/// The grid, folded where the terminal is narrower.
fn write_grid(page: &mut String, grid: &Grid) -> std::fmt::Result {
    let first = grid
        .rows
        .iter()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or_default();
    let first = first.max(grid.family.len());
    let words = grid
        .rows
        .iter()
        .flat_map(|(_, places)| places)
        .map(|p| p.word.chars().count());
    let column = words
        .chain(grid.pins.iter().map(|p| p.len()))
        .max()
        .unwrap_or_default()
        + 2;
    let at_once = (width().saturating_sub(first) / column).max(1);
    for start in (0..grid.pins.len()).step_by(at_once) {
        let end = (start + at_once).min(grid.pins.len());
        write!(page, "{BOLD}{:first$}{RESET}", grid.family)?;
        for pin in &grid.pins[start..end] {
            write!(page, "  {pin:width$}", width = column - 2)?;
        }
        writeln!(page)?;
        for (label, places) in &grid.rows {
            write!(page, "{label:first$}")?;
            for place in places.get(start..end).unwrap_or_default() {
                write_place(page, place, column - 2)?;
            }
            writeln!(page)?;
        }
    }
    Ok(())
}

/// Each target's way along the ladder: all that failed somewhere on the first toolchain, and on
/// the others what differs from it.
fn write_strips(page: &mut String, rows: &[Strips]) -> std::fmt::Result {
    let Some(first) = rows.first().filter(|row| row.pins.len() > 1) else {
        return Ok(());
    };
    if rows.iter().flat_map(|row| &row.strips).all(Strip::is_clean) {
        return Ok(());
    }
    for (at, row) in rows.iter().enumerate() {
        let agrees = |strip: &Strip| at > 0 && first.strips.iter().any(|s| s.agrees_with(strip));
        let shown: Vec<&Strip> = row
            .strips
            .iter()
            .filter(|s| !s.is_clean() && !agrees(s))
            .collect();
        let rest = row.strips.len() - shown.len();
        let others = match at {
            0 => format!("{rest} pass wherever they ran"),
            _ => format!("{rest} pass, or do as on {}", first.row),
        };
        writeln!(page, "\n{BOLD}targets on {}{RESET}, {others}", row.row)?;
        let width = shown
            .iter()
            .map(|s| s.target.to_string().len())
            .max()
            .unwrap_or_default();
        for strip in shown {
            write!(page, "{:width$}  ", strip.target.to_string())?;
            for (letter, status) in strips::letters(strip) {
                let color = status.map_or(DIM, color);
                write!(page, "{color}{letter}{RESET}")?;
            }
            writeln!(page, "  {}", strip.changes(row).join(", "))?;
        }
    }
    writeln!(page, "{DIM}{}{RESET}", strips::LEGEND)
}

fn write_place(page: &mut String, place: &Place, width: usize) -> std::fmt::Result {
    let color = color(&place.status);
    let rest = width.saturating_sub(place.word.chars().count());
    write!(page, "  {color}{}{RESET}{:rest$}", place.word, "")
}

fn color(status: &Status) -> &'static str {
    match status {
        Status::Passed => GREEN,
        Status::Failed { .. } => RED,
        Status::Inconclusive { .. } => YELLOW,
        Status::Skipped { .. } => DIM,
    }
}

/// One coloured character for a status.
pub fn mark(status: &Status) -> String {
    let mark = match status {
        Status::Passed => "✔",
        Status::Failed { .. } => "✘",
        Status::Inconclusive { .. } => "?",
        Status::Skipped { .. } => "·",
    };
    format!("{}{mark}{RESET}", color(status))
}

fn width() -> usize {
    let (_, columns) = console::Term::stdout().size();
    match console::Term::stdout().is_term() {
        true => usize::from(columns),
        // Whatever reads a file or a CI log scrolls.
        false => 200,
    }
}
