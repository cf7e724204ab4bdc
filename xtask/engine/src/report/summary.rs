//! `summary.md`: the grid, each target's way along the ladder, and every first error.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::model::outcome::TargetId;
use crate::model::run::{CellRecord, FamilyRecord, Run};
use crate::model::status::{Class, Status};
use crate::report::grid::{LEGEND, grids};
use crate::report::{closing_line, reproduce};
use crate::text;

/// The file's name in the results folder.
pub const FILE: &str = "summary.md";

/// The longest line of an error that is shown, in characters.
const LONGEST: usize = 300;

/// A run as Markdown.
#[must_use]
pub fn summary(run: &Run) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_summary(&mut out, run);
    out
}

fn write_summary(out: &mut String, run: &Run) -> std::fmt::Result {
    writeln!(out, "# Matrix of {}\n", escaped(&run.subject.path))?;
    if !run.finished {
        writeln!(
            out,
            "**This run did not end; what follows is what was known.**\n"
        )?;
    }
    writeln!(out, "{}\n", escaped(&closing_line(&run.counts())))?;
    write_grids(out, run)?;
    write_toolchains(out, run)?;
    for family in &run.families {
        for toolchain in &run.toolchains {
            write_targets(out, run, family, &toolchain.label)?;
        }
    }
    write_errors(out, run)
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
        writeln!(out, "\n{LEGEND}\n")?;
    }
    Ok(())
}

fn write_head(out: &mut String, first: &str, pins: &[String]) -> std::fmt::Result {
    writeln!(out, "| {first} | {} |", pins.join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(pins.len()))
}

fn write_toolchains(out: &mut String, run: &Run) -> std::fmt::Result {
    writeln!(out, "| toolchain | rustc | cargo |\n|---|---|---|")?;
    for toolchain in &run.toolchains {
        let told = |said: &Option<String>| match said {
            Some(said) => escaped(said),
            None => "not on this machine".to_owned(),
        };
        let (rustc, cargo) = (told(&toolchain.rustc), told(&toolchain.cargo));
        writeln!(out, "| {} | {rustc} | {cargo} |", escaped(&toolchain.label))?;
    }
    writeln!(out)
}

/// One row's targets down and pins across: how far each form of the code gets.
fn write_targets(
    out: &mut String,
    run: &Run,
    family: &FamilyRecord,
    toolchain: &str,
) -> std::fmt::Result {
    let row: Vec<&CellRecord> = run
        .cells
        .iter()
        .filter(|c| c.cell.pin.family == family.name && c.cell.toolchain == toolchain)
        .collect();
    let mut targets: BTreeMap<&TargetId, BTreeMap<usize, &Status>> = BTreeMap::new();
    for (at, record) in row.iter().enumerate() {
        for target in record.outcome().into_iter().flat_map(|o| &o.targets) {
            targets
                .entry(&target.id)
                .or_default()
                .insert(at, &target.status);
        }
    }
    if targets.is_empty() {
        return Ok(());
    }
    writeln!(out, "### Targets on {}\n", escaped(toolchain))?;
    let pins: Vec<String> = row.iter().map(|c| c.cell.pin.version.to_string()).collect();
    write_head(out, "target", &pins)?;
    for (id, statuses) in targets {
        write!(out, "| {} |", escaped(&id.to_string()))?;
        for at in 0..row.len() {
            write!(out, " {} |", statuses.get(&at).map_or("", |s| mark(s)))?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn mark(status: &Status) -> &'static str {
    match status {
        Status::Passed => "✔",
        Status::Failed {
            class: Class::Test | Class::Timeout | Class::Crash,
        } => "✘ test",
        Status::Failed { class: Class::Link } => "✘ link",
        Status::Failed { class: Class::Lint } => "✘ lint",
        Status::Failed {
            class: Class::Compile | Class::Resolve | Class::Msrv,
        } => "✘ build",
        Status::Skipped { .. } => "·",
        Status::Inconclusive { .. } => "?",
    }
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
        for error in &outcome.errors {
            writeln!(out, "- {}", line(&error.to_string()))?;
        }
        let mut seen = BTreeSet::new();
        for target in &outcome.targets {
            if matches!(target.status, Status::Passed | Status::Skipped { .. }) {
                continue;
            }
            let said = line(&target.first_error());
            let is_new = seen.insert(said.clone());
            let said = if is_new { said } else { "the same".to_owned() };
            writeln!(
                out,
                "- {}: {} {said}",
                escaped(&target.id.to_string()),
                target.status
            )?;
        }
        for phase in &outcome.phases {
            write!(
                out,
                "{}[{}.log]({})",
                if phase.log == outcome.phases[0].log {
                    "\nlogs: "
                } else {
                    ", "
                },
                phase.phase,
                phase.log.replace(' ', "%20")
            )?;
        }
        writeln!(
            out,
            "\n\n```sh\n{}\n```\n",
            text::one_line(&reproduce(run, &record.id))
        )?;
    }
    Ok(())
}

fn line(text: &str) -> String {
    escaped(&text::ellipsis(&text::one_line(text), LONGEST))
}

/// Text that Markdown shows as it is, also within a table.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text::one_line(text).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&'
        ) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
