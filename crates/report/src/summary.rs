//! `summary.md`: the grid, each target's statuses along the ladder, and all first errors.

use std::collections::BTreeSet;
use std::fmt::Write;

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::command::reproduce;
use pinmatrix_core::model::outcome::moved::MoveReason;
use pinmatrix_core::model::run::{CellRecord, Run, SourceRecord};
use pinmatrix_core::model::status::{FailureKind, Status};
use pinmatrix_core::text;

use crate::answer::answer;
use crate::sections::flaky::flaky;
use crate::sections::grid::{LEGEND, grids};
use crate::sections::packages::{self, copies, old_lock, shown, version_sets};
use crate::sections::strips::{Strips, word};
use crate::sections::{
    change_points, findings, gaps, left_out, sandbox_denials, strips, timeline, untested, verdict,
};
use crate::{closing_line, escaped, line};

/// The file's name in the results folder.
pub const FILE: &str = "summary.md";

/// Renders a run as Markdown.
#[must_use]
pub fn summary(analysis: &Analysis<'_>) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_summary(&mut out, analysis);
    out
}

fn write_summary(out: &mut String, analysis: &Analysis<'_>) -> std::fmt::Result {
    let run = analysis.run;
    writeln!(out, "# Matrix of {}\n", escaped(&run.title()))?;
    for sentence in answer(analysis) {
        writeln!(out, "{}", escaped(&sentence.to_string()))?;
    }
    writeln!(out)?;
    for SourceRecord { label, subject } in &run.sources {
        let Some(revision) = &subject.revision else {
            continue;
        };
        let dirty = if subject.dirty {
            ", with changes on top"
        } else {
            ""
        };
        let label = label.as_ref().map(|label| format!("`{label}`: at "));
        let label = label.unwrap_or("At ".to_owned());
        writeln!(out, "{label}{}{dirty}.\n", escaped(revision))?;
    }
    if !run.finished {
        writeln!(
            out,
            "**This run did not end; what follows is what was known.**\n"
        )?;
    }
    writeln!(out, "{}\n", escaped(&closing_line(&run.counts())))?;
    verdict::write(out, run)?;
    gaps::write(out, run)?;
    let hints = [
        copies::meeting(run),
        sandbox_denials::line(run),
        left_out::line(run),
    ];
    for line in hints.into_iter().flatten() {
        writeln!(out, "Hint: {}\n", escaped(&line))?;
    }
    if let Some(line) = sandbox_denials::unbounded(run) {
        writeln!(out, "{}\n", escaped(&line))?;
    }
    if shows_drift(run) {
        writeln!(out, "{DRIFT}\n")?;
    }
    write_grids(out, run)?;
    write_toolchains(out, run)?;
    for family in &run.families {
        for row in strips::strips(run, family) {
            write_strips(out, &row)?;
        }
    }
    write_version_sets(out, run)?;
    write_shown(out, run)?;
    change_points::write(out, analysis)?;
    untested::write(out, run)?;
    findings::write(out, run)?;
    write_flaky(out, run)?;
    write_moved(out, run)?;
    write_old_locks(out, run)?;
    write_packages(out, run)?;
    write_copies(out, run)?;
    write_errors(out, run)?;
    timeline::write(out, run)
}

/// An explanation of drift, once above the grids.
const DRIFT: &str = "*Drift*: a package outside the family is too new for the toolchain, or does \
                     not build on it. That says nothing about the pin.";

fn shows_drift(run: &Run) -> bool {
    let drift = Status::failed(FailureKind::Drift);
    let outcomes = run.cells.iter().filter_map(CellRecord::outcome);
    let mut shown = outcomes.flat_map(|outcome| {
        let targets = outcome.targets.iter().map(|target| &target.status);
        targets.chain([&outcome.status])
    });
    shown.any(|status| *status == drift)
}

fn write_grids(out: &mut String, run: &Run) -> std::fmt::Result {
    for grid in grids(run) {
        writeln!(out, "## {}\n", escaped(&grid.family))?;
        write_head(out, "toolchain", &grid.pins)?;
        for (label, places) in &grid.rows {
            write!(out, "| {} |", escaped(label))?;
            for place in places {
                write!(out, " {} |", escaped(&place.word))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "\n{}\n", LEGEND.join("   "))?;
    }
    Ok(())
}

fn write_head(out: &mut String, first: &str, pins: &[impl std::fmt::Display]) -> std::fmt::Result {
    let pins: Vec<String> = pins.iter().map(|pin| format!(" {pin} |")).collect();
    writeln!(out, "| {first} |{}", pins.concat())?;
    writeln!(out, "|---|{}", "---|".repeat(pins.len()))
}

fn write_toolchains(out: &mut String, run: &Run) -> std::fmt::Result {
    writeln!(out, "| toolchain | rustc | cargo |\n|---|---|---|")?;
    for toolchain in &run.toolchains {
        let shown = |version: &Option<String>| match version {
            Some(version) => escaped(version),
            None => "not on this machine".to_owned(),
        };
        let (rustc, cargo) = (shown(&toolchain.compiler()), shown(&toolchain.cargo));
        writeln!(out, "| {} | {rustc} | {cargo} |", escaped(&toolchain.label))?;
    }
    writeln!(out)
}

/// Writes the strips of a row: targets down and pins across.
fn write_strips(out: &mut String, row: &Strips) -> std::fmt::Result {
    writeln!(out, "### Targets on {}\n", escaped(&row.row))?;
    write_head(out, "target", &row.pins)?;
    for strip in &row.strips {
        write!(out, "| {} |", escaped(&strip.target.to_string()))?;
        for (letter, status) in strips::letters(strip) {
            match status {
                Some(Status::Passed) | None => write!(out, " {letter} |")?,
                Some(status) => write!(out, " {} |", word(status))?,
            }
        }
        writeln!(out)?;
    }
    writeln!(out)
}

/// Writes what failed and then passed, which no status shows.
fn write_flaky(out: &mut String, run: &Run) -> std::fmt::Result {
    let cases = flaky(run);
    if cases.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Flaky\n")?;
    for case in cases {
        writeln!(out, "- {}", line(&case.to_string()))?;
    }
    writeln!(out)
}

/// Writes which locks were too new for their toolchain, and which packages moved back.
fn write_moved(out: &mut String, run: &Run) -> std::fmt::Result {
    let mut is_first = true;
    for record in &run.cells {
        let moved = record.outcome().into_iter().flat_map(|o| &o.moved);
        let back = moved.filter(|moved| moved.fault == MoveReason::TooNew);
        for moved in back {
            if std::mem::take(&mut is_first) {
                writeln!(out, "## Locks that were too new for a toolchain\n")?;
            }
            let line = format!("{}: {moved}, since {}", record.id, moved.because);
            writeln!(out, "- {}", escaped(&line))?;
        }
    }
    if is_first { Ok(()) } else { writeln!(out) }
}

/// Writes what does not compile with the lock as it is and does not belong to the subject.
fn write_old_locks(out: &mut String, run: &Run) -> std::fmt::Result {
    let mut lines = old_lock::all(run).peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "## What does not compile with your lock as it is\n")?;
    for old_lock in lines {
        writeln!(out, "- {}", line(&old_lock))?;
    }
    writeln!(out)
}

/// Writes the versions of the followers at each pin, and what they wait for.
fn write_version_sets(out: &mut String, run: &Run) -> std::fmt::Result {
    for table in version_sets::tables(&run.families) {
        writeln!(out, "## Versions that go with {}\n", escaped(&table.family))?;
        write_head(out, &table.family, &table.followers)?;
        for (pin, cells) in &table.rows {
            let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
            writeln!(out, "| {} | {} |", escaped(pin), cells.join(" | "))?;
        }
        writeln!(out)?;
        for blocker in &table.blockers {
            writeln!(out, "- {}", line(blocker))?;
        }
        if !table.blockers.is_empty() {
            writeln!(out)?;
        }
    }
    Ok(())
}

/// Writes the versions in the locks of crates that are shown beside the pins.
fn write_shown(out: &mut String, run: &Run) -> std::fmt::Result {
    for table in shown::tables(run) {
        writeln!(
            out,
            "## Versions in the locks beside {}\n",
            escaped(&table.family)
        )?;
        write_head(out, &table.family, &table.crates)?;
        for (pin, versions) in &table.rows {
            let versions: Vec<String> = versions.iter().map(|v| escaped(v)).collect();
            writeln!(out, "| {} | {} |", escaped(pin), versions.join(" | "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes what is left out: crates of a family at a pin, and members of the subject.
fn write_packages(out: &mut String, run: &Run) -> std::fmt::Result {
    let lines = packages::lines(run);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Packages\n")?;
    for entry in lines {
        writeln!(out, "- {}", line(&entry))?;
    }
    writeln!(out)
}

/// Writes which crates of a family are there at several versions, and who requires them.
fn write_copies(out: &mut String, run: &Run) -> std::fmt::Result {
    let lines = copies::lines(run);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Other versions of family crates\n")?;
    for copy in lines {
        writeln!(out, "- {}", line(&copy))?;
    }
    writeln!(out)
}

fn write_errors(out: &mut String, run: &Run) -> std::fmt::Result {
    let mut is_first = true;
    for record in &run.cells {
        let Some(outcome) = record.outcome() else {
            continue;
        };
        let status = record.status();
        if matches!(status, Status::Passed | Status::Skipped { .. }) {
            continue;
        }
        if std::mem::take(&mut is_first) {
            writeln!(out, "## First errors\n")?;
        }
        writeln!(
            out,
            "### {}: {}\n",
            escaped(record.id.as_str()),
            escaped(&status.to_string())
        )?;
        for old_lock in outcome.of_old_lock() {
            writeln!(out, "{}\n", line(&old_lock))?;
        }
        for error in &outcome.errors {
            writeln!(out, "- {}", line(&error.to_string()))?;
        }
        let mut seen = BTreeSet::new();
        for target in &outcome.targets {
            if matches!(target.status, Status::Passed | Status::Skipped { .. }) {
                continue;
            }
            let message = line(&target.first_error());
            let is_new = seen.insert(message.clone());
            let message = if is_new {
                message
            } else {
                "the same".to_owned()
            };
            writeln!(
                out,
                "- {}: {} {message}",
                escaped(&target.id.to_string()),
                target.status
            )?;
        }
        let logs = outcome.phases.iter();
        let links = logs
            .map(|p| format!("[{}.log]({})", p.phase, p.log))
            .collect::<Vec<_>>();
        if !links.is_empty() {
            writeln!(out, "\nlogs: {}", links.join(", "))?;
        }
        writeln!(
            out,
            "\n```sh\n{}\n```\n",
            text::one_line(&reproduce(run, &record.id))
        )?;
    }
    Ok(())
}
