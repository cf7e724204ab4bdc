//! A sentence of an answer, and how to build one.

use std::fmt;

use pinmatrix_core::text;

/// The maximum length of an error or a name in a sentence, in characters.
pub(super) const LONGEST: usize = 160;

/// The maximum length of a command in a sentence, in characters.
const LONGEST_COMMAND: usize = 400;

/// A sentence in parts: names are external text and are rendered differently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence(pub Vec<SentencePart>);

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentencePart {
    /// Plain words.
    Words(String),
    /// The name of a target or a case, or a command.
    Name(String),
}

impl Sentence {
    pub(super) fn new(words: impl Into<String>) -> Self {
        Self::default().say(words.into())
    }

    pub(super) fn say(mut self, words: impl AsRef<str>) -> Self {
        // Words can contain external labels; spaces at their ends matter.
        let words = text::sanitize(words.as_ref()).replace(['\n', '\t'], " ");
        self.0.push(SentencePart::Words(words));
        self
    }

    pub(super) fn name(mut self, name: impl fmt::Display) -> Self {
        let name = text::ellipsis(&text::one_line(&name.to_string()), LONGEST);
        self.0.push(SentencePart::Name(name));
        self
    }

    /// Adds a command; it gets a higher length limit, because a cut command is useless.
    pub(super) fn command(mut self, command: &str) -> Self {
        let command = text::ellipsis(&text::one_line(command), LONGEST_COMMAND);
        self.0.push(SentencePart::Name(command));
        self
    }

    /// Adds an error, if there is one, and ends the sentence.
    pub(super) fn ends_with(self, error: Option<&str>) -> Self {
        let error = error.map(|error| text::ellipsis(&text::one_line(error), LONGEST));
        match error.filter(|error| !error.is_empty()) {
            Some(error) => self.say(format!(": {}.", error.trim_end_matches('.'))),
            None => self.say("."),
        }
    }
}

/// Plain text with names in backticks.
impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                SentencePart::Words(words) => f.write_str(words)?,
                SentencePart::Name(name) => write!(f, "`{name}`")?,
            }
        }
        Ok(())
    }
}

/// `a, b and c`.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
