//! Comparisons as text for the terminal and as Markdown.

use std::fmt::Write;

use pinmatrix_core::compare::{Comparison, Difference, DifferenceKind, DurationChange};
use pinmatrix_core::text;

use crate::{escaped, line};

/// The maximum number of changes of each kind, and of durations; JSON has all of them.
const MOST: usize = 50;

/// The maximum number of cells to name per change.
const MOST_CELLS: usize = 3;

/// The maximum length of an error, in characters.
const LONGEST: usize = 200;

const KINDS: [DifferenceKind; 5] = [
    DifferenceKind::Broke,
    DifferenceKind::Fixed,
    DifferenceKind::Shifted,
    DifferenceKind::Appeared,
    DifferenceKind::Vanished,
];

/// Formats a comparison for the terminal.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_text(&mut out, comparison);
    out
}

fn write_text(out: &mut String, comparison: &Comparison) -> std::fmt::Result {
    for line in &comparison.differs {
        writeln!(out, "{}", text::one_line(line))?;
    }
    for (title, lines) in sections(comparison) {
        writeln!(out, "\n{title}")?;
        for line in lines {
            writeln!(out, "  {}", text::one_line(&line))?;
        }
    }
    writeln!(out, "\n{}", closing_line(comparison))
}

/// Formats a comparison as Markdown.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_markdown(&mut out, comparison);
    out
}

fn write_markdown(out: &mut String, comparison: &Comparison) -> std::fmt::Result {
    writeln!(out, "**{}**\n", escaped(&closing_line(comparison)))?;
    for differs in &comparison.differs {
        writeln!(out, "- {}", line(differs))?;
    }
    for (title, lines) in sections(comparison) {
        writeln!(out, "\n## {title}\n")?;
        for line in lines {
            writeln!(out, "- {}", escaped(&line))?;
        }
    }
    Ok(())
}

/// The sections that have content, each with its heading.
fn sections(comparison: &Comparison) -> Vec<(&'static str, Vec<String>)> {
    let mut sections = Vec::new();
    for kind in KINDS {
        let of_kind = comparison
            .changes
            .iter()
            .filter(|change| change.kind == kind);
        sections.push((heading(kind), listed(of_kind.map(describe).collect())));
    }
    let (slower, faster): (Vec<&DurationChange>, Vec<&DurationChange>) =
        comparison.times.iter().partition(|time| time.is_slower());
    for (title, times) in [("Slower", slower), ("Faster", faster)] {
        sections.push((
            title,
            listed(times.into_iter().map(describe_duration).collect()),
        ));
    }
    sections.retain(|(_, lines)| !lines.is_empty());
    sections
}

fn heading(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Broke => "Broke",
        DifferenceKind::Fixed => "Fixed",
        DifferenceKind::Shifted => "Fails in another way",
        DifferenceKind::Appeared => "Appeared",
        DifferenceKind::Vanished => "Vanished",
    }
}

fn listed(mut lines: Vec<String>) -> Vec<String> {
    let n_more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if n_more > 0 {
        lines.push(format!("… and {n_more} more; --format json has them all"));
    }
    lines
}

fn describe(change: &Difference) -> String {
    let Difference {
        target,
        case,
        before,
        after,
        error,
        cells,
        ..
    } = change;
    let thing = thing(target.as_deref(), case.as_deref());
    let named: Vec<&str> = cells
        .iter()
        .take(MOST_CELLS)
        .map(|cell| cell.as_str())
        .collect();
    let more = match cells.len().saturating_sub(MOST_CELLS) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    // In a comparison with a baseline, the result includes the error.
    let error = error
        .as_ref()
        .filter(|error| !error.is_empty() && *error != after);
    let error = error.map(|error| {
        let error = text::ellipsis(&text::one_line(error), LONGEST);
        format!(": {error}")
    });
    let after = text::ellipsis(&text::one_line(after), LONGEST);
    format!(
        "{thing}{before} → {after}{} (at {}{more})",
        error.unwrap_or_default(),
        named.join(", "),
    )
}

fn describe_duration(time: &DurationChange) -> String {
    let DurationChange {
        cell,
        target,
        case,
        before,
        after,
    } = time;
    let thing = match thing(target.as_deref(), case.as_deref()) {
        of_cell if of_cell.is_empty() => "the whole cell: ".to_owned(),
        thing => thing,
    };
    let factor = after / before;
    format!("{thing}{before:.1} s → {after:.1} s, × {factor:.2} (at {cell})")
}

/// `app test:ratio odd_ratio: `, or nothing for a whole cell.
fn thing(target: Option<&str>, case: Option<&str>) -> String {
    let names: Vec<String> = [target, case]
        .into_iter()
        .flatten()
        .map(text::one_line)
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("{}: ", text::ellipsis(&names.join(" "), LONGEST))
    }
}

/// The number of changes of each kind, and the number of compared cells.
fn closing_line(comparison: &Comparison) -> String {
    let count = |kind: DifferenceKind| {
        let of_kind = comparison
            .changes
            .iter()
            .filter(|change| change.kind == kind);
        let n: usize = of_kind.map(|change| change.cells.len()).sum();
        (n > 0).then(|| format!("{n} {kind}"))
    };
    let mut parts: Vec<String> = KINDS.into_iter().filter_map(count).collect();
    if parts.is_empty() {
        parts.push(match comparison.n_compared {
            0 => "nothing to compare".to_owned(),
            _ => "nothing changed".to_owned(),
        });
    }
    let n_slower = comparison
        .times
        .iter()
        .filter(|time| time.is_slower())
        .count();
    let n_faster = comparison.times.len() - n_slower;
    let times = [(n_slower, "slower"), (n_faster, "faster")];
    parts.extend(
        times
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}")),
    );
    let Comparison {
        n_compared,
        n_not_compared,
        ..
    } = comparison;
    let not = match n_not_compared {
        0 => String::new(),
        n => format!(", {n} not, since only one side has an answer"),
    };
    let cells = text::count(*n_compared, "cell");
    format!("{}; {cells} compared{not}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::compare::compare;
    use pinmatrix_core::testing::pair::pair;

    use super::*;

    #[test]
    fn a_comparison_is_read_on_the_terminal_and_in_markdown() {
        let (before, after) = pair();
        let compared = compare(&before, &after);
        insta::assert_snapshot!(text(&compared));
        insta::assert_snapshot!(markdown(&compared));
    }

    #[test]
    fn of_many_changes_some_are_listed_and_the_rest_is_counted() {
        let lines = |n: usize| listed((0..n).map(|n| n.to_string()).collect());
        assert_eq!(lines(MOST).len(), MOST);
        let cut = lines(MOST + 7);
        assert_eq!(cut.len(), MOST + 1);
        assert_eq!(cut[MOST], "… and 7 more; --format json has them all");
    }
}
