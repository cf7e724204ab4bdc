//! A page of lines no wider than the terminal: prose is wrapped at spaces, and what a reader copies
//! is not wrapped at all.

use pinmatrix_core::text;
use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use crate::terminal::RESET;

/// The minimum width; narrower terminals are treated as this wide.
const LEAST: usize = 40;

/// The width of a grid if whatever shows the page can scroll.
const SCROLLED: usize = 200;

/// A page while it is written.
pub(super) struct TerminalPage {
    text: String,
    columns: Option<usize>,
}

impl TerminalPage {
    /// Creates a page that begins with an empty line.
    pub fn new(columns: Option<usize>) -> Self {
        Self {
            text: "\n".to_owned(),
            columns: columns.map(|columns| columns.max(LEAST)),
        }
    }

    /// The maximum width of drawings.
    pub fn columns(&self) -> usize {
        self.columns.unwrap_or(SCROLLED)
    }

    /// Adds a line unchanged: a command, a path, a drawing.
    pub fn put(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Adds an empty line unless there is one already.
    pub fn gap(&mut self) {
        let has_gap = self.text == "\n" || self.text.ends_with("\n\n");
        if !has_gap {
            self.text.push('\n');
        }
    }

    /// Adds prose after a lead, in a colour. Further lines are indented to the start of the prose,
    /// or by a little if the lead is wide or empty.
    pub fn say(&mut self, lead: &str, paint: &str, words: &str) {
        let width = display_width(lead);
        let hang = match width {
            0 => 2,
            wide if wide > self.columns() / 2 => 4,
            width => width,
        };
        let words = text::one_line(words);
        let lines = match self.columns {
            Some(columns) => wrapped(&words, columns, [width, hang]),
            None => vec![words],
        };
        let end = if paint.is_empty() { "" } else { RESET };
        let indent = " ".repeat(hang);
        for (index, line) in lines.iter().enumerate() {
            let before = if index == 0 { lead } else { &indent };
            self.put(&format!("{before}{paint}{line}{end}"));
        }
    }

    /// Adds entries side by side without breaking any of them.
    pub fn list(&mut self, paint: &str, entries: &[&str]) {
        let entries: Vec<String> = entries.iter().map(|entry| held(entry)).collect();
        for line in broken(&entries.join("   "), self.columns(), [0, 0]) {
            self.put(&format!("{paint}{line}{RESET}"));
        }
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// Wraps a line, with indents for the first and the other lines. Text in backticks is a command or
/// a name and is not broken if it fits.
fn wrapped(line: &str, columns: usize, indents: [usize; 2]) -> Vec<String> {
    let n_parts = line.split('`').count();
    let parts = line.split('`').enumerate().map(|(index, part)| {
        let is_quoted = index % 2 == 1 && index + 1 < n_parts;
        let fits = display_width(part) + 2 + indents[1] <= columns;
        if is_quoted && fits {
            held(part)
        } else {
            part.to_owned()
        }
    });
    broken(&parts.collect::<Vec<_>>().join("`"), columns, indents)
}

/// A space at which lines are not broken. Sanitized text on one line does not contain it.
const HOLDING: &str = "\u{a0}";

fn held(text: &str) -> String {
    text.replace(' ', HOLDING)
}

fn broken(line: &str, columns: usize, indents: [usize; 2]) -> Vec<String> {
    let [first, others] = indents.map(|indent| " ".repeat(indent));
    let options = Options::new(columns)
        .initial_indent(&first)
        .subsequent_indent(&others)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let lines = textwrap::wrap(line, options).into_iter();
    lines
        .map(|line| line.trim_start_matches(' ').replace(HOLDING, " "))
        .collect()
}

/// A text padded with spaces to a width.
pub(super) fn padded(text: &str, width: usize) -> String {
    let rest = width.saturating_sub(display_width(text));
    format!("{text}{}", " ".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hang_below_their_words_and_nothing_in_backticks_is_broken() {
        let mut page = TerminalPage::new(Some(40));
        page.say("\u{1b}[31m✘\u{1b}[0m ", "", &"word ".repeat(12));
        page.say(
            "",
            "",
            "see what is in it; `cargo xtask matrix repro a` says why, and `so on",
        );
        page.list(
            "",
            &["✔ passed", "✘ n/m failed: n of m targets", "· not run"],
        );
        insta::assert_snapshot!(text::sanitize(&page.into_text()));
    }

    proptest::proptest! {
        #[test]
        fn no_word_is_lost_or_broken(words in "([a-c`漢é]{1,12} ?){0,30}", columns in 40usize..60) {
            let line = text::one_line(&words);
            let lines = wrapped(&line, columns, [4, 2]);
            proptest::prop_assert_eq!(lines.join(" "), line);
            let fits = |line: &String| display_width(line) + 2 <= columns || !line.contains(' ') || line.contains('`');
            proptest::prop_assert!(lines.iter().all(fits), "{:?}", lines);
        }
    }
}
