//! Reports: pure functions of a run, one file a format.

pub mod grid;
pub mod strips;
pub mod flaky;
pub mod junit;
pub mod summary;

use crate::model::cell::CellId;
use crate::model::run::{Counts, Run};
use crate::model::status::Skip;

/// The command that runs one cell again, whatever is known of it.
#[must_use]
pub fn reproduce(run: &Run, cell: &CellId) -> String {
    format!(
        "{} --cell {cell} --fresh --out {}/reproduced",
        run.command, run.out
    )
}

/// The closing line: how many cells ended which way, and why others were left out.
#[must_use]
pub fn closing_line(counts: &Counts) -> String {
    let drift = match counts.drift {
        0 => String::new(),
        n => format!(" ({n} through drift)"),
    };
    let mut parts = vec![
        format!("{} passed", counts.passed),
        format!("{} failed{drift}", counts.failed),
    ];
    if counts.inconclusive > 0 {
        parts.push(format!("{} inconclusive", counts.inconclusive));
    }
    for (reason, n) in &counts.skipped {
        let is_inferred = *reason == Skip::Inferred;
        parts.push(match is_inferred {
            true => format!("{n} inferred and not run"),
            false => format!("{n} skipped ({reason})"),
        });
    }
    let mut line = format!("cells: {}", parts.join(", "));
    match counts.flaky {
        0 => {}
        1 => line.push_str("; 1 flaky case"),
        n => line.push_str(&format!("; {n} flaky cases")),
    }
    if counts.reused > 0 {
        line.push_str(&format!("; {} taken over from earlier runs", counts.reused));
    }
    line
}

#[cfg(test)]
mod tests;
