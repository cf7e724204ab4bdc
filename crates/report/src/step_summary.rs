//! The summary of a GitHub step: `summary.md` within the runner's size limit, cut between sections.

use pinmatrix_core::analysis::Analysis;

use crate::summary;

/// The maximum size of one step's summary, in bytes: the runner rejects larger ones completely.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits>
pub const MOST: usize = 1024 * 1024;

/// Renders a run as Markdown of at most `room` bytes. If that is too little, the last sections are
/// left out, and a sentence names them.
#[must_use]
pub fn step_summary(analysis: &Analysis<'_>, room: usize) -> String {
    cut(&summary::summary(analysis), room)
}

fn cut(summary: &str, room: usize) -> String {
    if summary.len() <= room {
        return summary.to_owned();
    }
    let sections = sections(summary);
    let mut kept = String::new();
    for (index, section) in sections.iter().enumerate() {
        let rest = sections.get(index + 1..).unwrap_or_default();
        let is_last_to_fit = kept.len() + section.len() + left_out(rest).len() > room;
        if is_last_to_fit {
            let note = left_out(&sections[index..]);
            let fits = kept.len() + note.len() <= room;
            return if fits { kept + &note } else { kept };
        }
        kept.push_str(section);
    }
    kept
}

/// Splits a text into parts that each begin with a heading of level two or three.
fn sections(text: &str) -> Vec<&str> {
    let mut starts = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_heading = line.starts_with("## ") || line.starts_with("### ");
        if is_heading && at > 0 {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &text[*start..end])
        .collect()
}

/// The maximum number of headings to name.
const MOST_NAMED: usize = 3;

/// The maximum length of a heading's name, in bytes.
const LONGEST_NAME: usize = 200;

fn left_out(sections: &[&str]) -> String {
    if sections.is_empty() {
        return String::new();
    }
    let names = sections.iter().filter_map(|section| {
        let heading = section.lines().next()?.trim_start_matches('#').trim();
        Some(&heading[..heading.floor_char_boundary(LONGEST_NAME)])
    });
    let named: Vec<&str> = names.take(MOST_NAMED).collect();
    let more = match sections.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(
        "\n**What does not fit into the summary of a step is left out here: {}{more}. All of it is \
         in `{}` of the results.**\n",
        named.join(", "),
        summary::FILE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "# Matrix\n\nverdict\n\n## Grid\n\nx\n\n## First errors\n\n### a\n\n1\n\n### b\n\n2\n";

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(cut(PAGE, PAGE.len()), PAGE);
    }

    #[test]
    fn the_last_sections_go_first_and_are_named() {
        let long = format!("{PAGE}\n### c\n\n{}\n", "3".repeat(400));
        insta::assert_snapshot!(cut(&long, 250));
        insta::assert_snapshot!(cut(&long, 180));
    }

    proptest::proptest! {
        #[test]
        fn no_summary_is_too_large(page in "(#{1,4} [a-zé]{0,9}\n|[a-zé]{0,300}\n){0,40}", room in 0usize..4000) {
            let cut = cut(&page, room);
            proptest::prop_assert!(cut.len() <= room);
            let whole = page.len() <= room;
            proptest::prop_assert!(!whole || cut == page);
            let says = cut.contains("is left out here") || room < 900;
            proptest::prop_assert!(whole || says);
        }
    }
}
