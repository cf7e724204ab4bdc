//! Reports: pure functions of a run, one file per format.

pub mod sections;

pub mod answer;
pub mod html;
pub mod junit;
pub mod summary;
pub mod terminal;
pub mod annotations;
pub mod step_summary;
pub mod code_quality;
pub mod sarif;
pub mod comparison;
pub mod fuzzing;

use pinmatrix_core::model::run::Counts;
use pinmatrix_core::model::status::SkipReason;
use pinmatrix_core::text;

/// The maximum length of an error line in Markdown, in characters.
const LONGEST: usize = 300;

/// The closing line: the number of cells by status, and why others were skipped.
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
        parts.push(if *reason == SkipReason::Inferred {
            format!("{n} inferred and not run")
        } else if *reason == SkipReason::NotBegun {
            format!("{n} not run")
        } else if let SkipReason::Built(platform) = reason {
            format!("{n} built (nothing here runs {platform})")
        } else {
            format!("{n} skipped ({reason})")
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

/// A line of Markdown of limited length.
fn line(text: &str) -> String {
    escaped(&text::ellipsis(&text::one_line(text), LONGEST))
}

/// Escapes text for Markdown, including tables; text in backticks becomes code.
/// <https://github.github.com/gfm/#code-spans>
fn escaped(text: &str) -> String {
    let text = text::one_line(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped_words(&text);
    }
    // A bar ends a table cell even inside code, and a backslash before it is visible outside of a
    // table.
    let is_code = |part: &str| !part.trim().is_empty() && !part.contains('|');
    let parts = parts.iter().enumerate();
    let shown = parts.map(|(index, part)| match index % 2 {
        0 => escaped_words(part),
        _ if is_code(part) => format!("`{part}`"),
        _ => escaped_words(&format!("`{part}`")),
    });
    shown.collect()
}

fn escaped_words(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
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

#[cfg(test)]
mod tests;
