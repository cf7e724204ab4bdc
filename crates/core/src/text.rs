//! Making external text safe to store and show: without escapes and control characters, and of
//! limited length.

use std::borrow::Cow;

/// The maximum amount of one test's output to keep, in bytes.
pub const CASE_OUTPUT: usize = 64 * 1024;

/// The maximum amount of one rendered compiler error to keep, in bytes.
pub const RENDERED: usize = 16 * 1024;

/// Removes terminal escapes and control characters; keeps line ends and tabs.
///
/// Characters that change the text direction (RTL marks and overrides) are removed too: they can
/// make one name look like another.
#[must_use]
pub fn sanitize(text: &str) -> String {
    let is_plain = |byte: u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => cleaned.push('\n'),
            '\n' | '\t' => cleaned.push(c),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// Skips one escape sequence: CSI up to its final letter, OSC up to BEL or ST, otherwise one
/// character. ECMA-48, sections 5.4 and 8.3.89.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            while let Some(c) = chars.next_if(|c| ('\u{20}'..='\u{7e}').contains(c)) {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    break;
                }
            }
        }
        Some(']') => {
            while let Some(c) = chars.next_if(|c| *c != '\n') {
                if c == '\u{7}' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next();
                    break;
                }
            }
        }
        Some(_) | None => {}
    }
}

/// Like [`sanitize`], but on one line: for names and table cells.
#[must_use]
pub fn one_line(text: &str) -> String {
    sanitize(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Neutralizes text that a CI engine would interpret as a command in a job's output: GitHub's
/// runner looks for `::` at the start of a line, and for `##[` anywhere
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>).
#[must_use]
pub fn inert(text: &str) -> String {
    let text = text.replace("##[", "## [");
    let lines = text.split_inclusive(['\n', '\r']);
    let is_command =
        |line: &str| line.contains("::") && sanitize(line).trim_start().starts_with("::");
    let inert = lines.map(|line| {
        if is_command(line) {
            Cow::Owned(line.replacen("::", ": :", 1))
        } else {
            Cow::Borrowed(line)
        }
    });
    inert.collect()
}

/// Like [`inert`], for JSON, whose lines never start with a colon. The parsed value stays the same.
#[must_use]
pub fn inert_json(json: &str) -> String {
    json.replace("##[", r"#\u0023[")
}

/// Quotes a word for a POSIX shell.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,=%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Keeps the head and tail of a text longer than `most` bytes, and says how much was removed.
#[must_use]
pub fn bounded(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(most / 2);
    let tail = text.ceil_char_boundary(text.len() - most / 2);
    format!(
        "{}\n[... {} bytes left out ...]\n{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}

/// External text for use in an error message: escaped, on one line, and short.
#[must_use]
pub fn named(text: &str) -> String {
    ellipsis(&one_line(&text.escape_debug().to_string()), 80)
}

/// The first `most` characters, with an ellipsis if there are more.
#[must_use]
pub fn ellipsis(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A number with its noun: `1 case`, `2 cases`.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_control_characters_are_dropped() {
        assert_eq!(sanitize("\u{1b}[31mred\u{1b}[0m\u{0}\u{7}!"), "red!");
        assert_eq!(
            sanitize("\u{1b}]8;;link\u{7}text\u{1b}]8;;\u{1b}\\"),
            "text"
        );
        assert_eq!(sanitize("a\r\nb\rc\td"), "a\nb\nc\td");
        assert_eq!(sanitize("user\u{202e}txt.exe"), "usertxt.exe");
    }

    #[test]
    fn a_long_text_keeps_head_and_tail_and_says_what_is_gone() {
        let long = format!("{}{}", "a".repeat(100), "z".repeat(100));
        let kept = bounded(&long, 20);
        assert_eq!(kept, "aaaaaaaaaa\n[... 180 bytes left out ...]\nzzzzzzzzzz");
        assert_eq!(bounded("short", 20), "short");
    }

    #[test]
    fn nothing_that_is_printed_is_a_command_to_a_ci_engine() {
        assert_eq!(inert("a\r::b"), "a\r: :b");
        let hostile = "::error::a\n  ::b\n\u{1b}[1m::c\nd ::e ##[f]\n";
        assert_eq!(
            inert(hostile),
            ": :error::a\n  : :b\n\u{1b}[1m: :c\nd ::e ## [f]\n"
        );
        let json = serde_json::to_string(&["##[f]"]).expect("JSON");
        let inert = inert_json(&json);
        assert!(!inert.contains("##["));
        let read: Vec<String> = serde_json::from_str(&inert).expect("JSON");
        assert_eq!(read, ["##[f]"]);
    }

    proptest::proptest! {
        #[test]
        fn clean_text_has_nothing_left_to_clean(text in "\\PC*|[\u{0}-\u{ffff}]{0,60}") {
            let once = sanitize(&text);
            proptest::prop_assert_eq!(sanitize(&once), once);
        }

        #[test]
        fn bounded_never_splits_a_character(text in "[a-zäß漢]{0,200}", most in 0usize..64) {
            let kept = bounded(&text, most);
            proptest::prop_assert!(text.len() <= most || kept.len() <= most + 48);
        }
    }
}
