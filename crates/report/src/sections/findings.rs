//! The findings of a run for readers: claims, the minimum toolchain, the worklist, and wrong
//! inferences.

use std::collections::BTreeSet;
use std::fmt::Write;

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::run::findings::{
    JudgedClaim, LeastToolchain, NewestPassing, Truth, WorkItem, Worklist, WorklistCause,
};
use pinmatrix_core::text::count;

use crate::{escaped, line};

/// A claim on one line, without its evidence.
#[must_use]
pub fn claim(claim: &JudgedClaim) -> String {
    format!("{}: {}", claim.truth, claim.says)
}

/// A mark that shows the verdict on a claim without colour.
#[must_use]
pub fn mark(truth: Truth) -> char {
    match truth {
        Truth::Confirmed => '✔',
        Truth::Refuted => '✘',
        Truth::Inconclusive => '?',
    }
}

/// Writes the sections of a summary on the ladder as a whole.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write(out: &mut String, run: &Run) -> std::fmt::Result {
    write_claims(out, &run.findings.claims)?;
    write_least(out, &run.findings.least, &run.findings.reach)?;
    if !run.findings.undeclared.is_empty() {
        writeln!(out, "## Needs a newer rustc, undeclared\n")?;
        for found in &run.findings.undeclared {
            writeln!(out, "- {}", line(&found.to_string()))?;
        }
        writeln!(out)?;
    }
    if !run.findings.wrongly_inferred.is_empty() {
        writeln!(out, "## Inferred wrongly\n")?;
        writeln!(
            out,
            "All cells ran; strategy `frontier` would have inferred these from neighbours that show something else. More `probes` find them.\n"
        )?;
        for cell in &run.findings.wrongly_inferred {
            writeln!(out, "- {}", escaped(cell.as_str()))?;
        }
        writeln!(out)?;
    }
    for worklist in &run.findings.worklists {
        write_worklist(out, worklist)?;
    }
    Ok(())
}

fn write_claims(out: &mut String, claims: &[JudgedClaim]) -> std::fmt::Result {
    if claims.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Claims\n")?;
    for judged in claims {
        writeln!(out, "- {} **{}**", mark(judged.truth), line(&claim(judged)))?;
        for evidence in &judged.evidence {
            writeln!(out, "  - {}", line(evidence))?;
        }
    }
    writeln!(out)
}

fn write_least(
    out: &mut String,
    least: &[LeastToolchain],
    reach: &[NewestPassing],
) -> std::fmt::Result {
    // A minimum needs more than one row.
    let rows: BTreeSet<String> = reach.iter().map(|reach| reach.row.to_string()).collect();
    if least.is_empty() || rows.len() < 2 {
        return Ok(());
    }
    writeln!(out, "## Least toolchain\n")?;
    writeln!(
        out,
        "| pin | family declares | lock asks for | least measured |\n|---|---|---|---|"
    )?;
    for LeastToolchain {
        pin,
        declared,
        lock,
        measured,
        ..
    } in least
    {
        let declared = declared
            .as_ref()
            .map_or("-".to_owned(), |need| need.rustc.to_string());
        let lock = lock.as_ref().map_or("-".to_owned(), |need| {
            format!("{} ({})", need.rustc, need.package)
        });
        let fields = [
            pin.clone(),
            declared,
            lock,
            measured.clone().unwrap_or("-".to_owned()),
        ];
        writeln!(
            out,
            "| {} |",
            fields.map(|field| escaped(&field)).join(" | ")
        )?;
    }
    writeln!(
        out,
        "\n| row | newest pin it is not too old for | newest at which all passes |\n|---|---|---|"
    )?;
    for NewestPassing {
        row,
        newest,
        newest_passed,
        ..
    } in reach
    {
        let shown = |pin: &Option<String>| pin.clone().unwrap_or("-".to_owned());
        let fields = [row.to_string(), shown(newest), shown(newest_passed)];
        writeln!(
            out,
            "| {} |",
            fields.map(|field| escaped(&field)).join(" | ")
        )?;
    }
    writeln!(out)
}

fn write_worklist(out: &mut String, worklist: &Worklist) -> std::fmt::Result {
    let Worklist {
        family,
        pin,
        rows,
        causes,
        files,
    } = worklist;
    if causes.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "## Left to do at {} {}\n",
        escaped(family),
        escaped(pin)
    )?;
    let rows = escaped(&rows.join(", "));
    writeln!(
        out,
        "On {rows}: {} to blame.\n",
        count(causes.len(), "thing")
    )?;
    for WorklistCause {
        item,
        errors,
        changes,
    } in causes
    {
        writeln!(out, "- **{}**, {}", line(item), times(errors.len()))?;
        for change in changes {
            writeln!(out, "  - in the sources, {}", line(change))?;
        }
        for error in errors {
            writeln!(out, "  - {}", line(&work(error)))?;
        }
    }
    writeln!(out, "\n| file | errors |\n|---|---|")?;
    for (file, n) in files {
        writeln!(out, "| {} | {n} |", escaped(file))?;
    }
    writeln!(out)
}

fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

/// A remaining error on one line.
pub(crate) fn work(error: &WorkItem) -> String {
    let place = match (&error.file, error.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    };
    format!("{place}{} {}", error.code, error.message)
}

/// Formats a worklist as text.
#[must_use]
pub fn worklist(worklist: &Worklist) -> String {
    let mut page = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_text(&mut page, worklist);
    page
}

fn write_text(page: &mut String, worklist: &Worklist) -> std::fmt::Result {
    let Worklist {
        family,
        pin,
        rows,
        causes,
        files,
    } = worklist;
    let n: usize = files.iter().map(|(_, n)| n).sum();
    let (errors, things) = (count(n, "error"), count(causes.len(), "thing"));
    let rows = rows.join(", ");
    writeln!(
        page,
        "{family} {pin}: {errors} with {things} to blame, on {rows}"
    )?;
    for WorklistCause {
        item,
        errors,
        changes,
    } in causes
    {
        writeln!(page, "\n{item}, {}", times(errors.len()))?;
        for change in changes {
            writeln!(
                page,
                "  in the sources, {}",
                pinmatrix_core::text::one_line(change)
            )?;
        }
        for error in errors {
            writeln!(page, "  {}", pinmatrix_core::text::one_line(&work(error)))?;
        }
    }
    if !files.is_empty() {
        writeln!(page)?;
    }
    for (file, n) in files {
        writeln!(page, "{n:>5}  {file}")?;
    }
    Ok(())
}
