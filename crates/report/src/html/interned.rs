//! Interning: values that neighbouring cells share are stored once and referenced by index. Also
//! limits the size of all texts of a page.

use std::collections::BTreeMap;

use pinmatrix_core::text;

/// The total size limit of all texts of a page, in bytes: small enough to send by mail.
const BUDGET: usize = 400 * 1024;
/// The minimum limit for each text, however many there are, in bytes: enough for a message and its
/// location.
const LEAST: usize = 256;
/// The maximum size of one text, in bytes.
const MOST: usize = 16 * 1024;

/// Distinct values in insertion order.
#[derive(Debug)]
pub struct Interned<T> {
    numbers: BTreeMap<T, usize>,
    things: Vec<T>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            things: Vec::new(),
        }
    }
}

impl<T: Ord + Clone> Interned<T> {
    /// The index of a value.
    pub fn number(&mut self, thing: T) -> usize {
        if let Some(number) = self.numbers.get(&thing) {
            return *number;
        }
        let number = self.things.len();
        self.numbers.insert(thing.clone(), number);
        self.things.push(thing);
        number
    }

    /// All values, each at its index.
    #[must_use]
    pub fn into_things(self) -> Vec<T> {
        self.things
    }
}

/// The texts of a page.
#[derive(Debug, Default)]
pub struct Texts(Interned<String>);

impl Texts {
    /// The index of a text, which is sanitized.
    pub fn number(&mut self, text: &str) -> usize {
        self.0.number(text::sanitize(&text::bounded(text, MOST)))
    }

    /// All texts, with the longest ones cut so that the total is within the budget. Cut texts keep
    /// their head and tail and say how much was removed.
    #[must_use]
    pub fn into_texts(self) -> Vec<String> {
        let texts = self.0.into_things();
        let most = bound(texts.iter().map(String::len).collect(), BUDGET).max(LEAST);
        texts.iter().map(|text| text::bounded(text, most)).collect()
    }
}

/// The highest limit for each of some lengths that keeps their sum within a budget.
fn bound(mut lengths: Vec<usize>, budget: usize) -> usize {
    lengths.sort_unstable();
    let (mut left, mut n) = (budget, lengths.len());
    for length in lengths {
        if length.saturating_mul(n) > left {
            return left / n;
        }
        left -= length;
        n -= 1;
    }
    MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_clean() {
        let mut texts = Texts::default();
        assert_eq!(texts.number("a"), 0);
        assert_eq!(texts.number("\u{1b}[1mb\u{202e}"), 1);
        assert_eq!(texts.number("a"), 0);
        assert_eq!(texts.into_texts(), ["a", "b"]);
    }

    #[test]
    fn short_texts_stay_whole_where_long_ones_fill_the_budget() {
        let mut texts = Texts::default();
        texts.number("short");
        for n in 0..1000 {
            texts.number(&format!("{n}{}", "x".repeat(4096)));
        }
        let texts = texts.into_texts();
        assert_eq!(texts[0], "short");
        assert!(texts[7].starts_with("6x") && texts[7].contains("bytes left out"));
        let all: usize = texts.iter().map(String::len).sum();
        assert!(all < BUDGET + 1000 * 48, "{all} bytes");
    }

    proptest::proptest! {
        #[test]
        fn the_bound_keeps_the_budget(lengths in proptest::collection::vec(0usize..999, 0..99)) {
            let most = bound(lengths.clone(), 5000);
            let all: usize = lengths.iter().map(|length| *length.min(&most)).sum();
            proptest::prop_assert!(all <= 5000);
            let more: usize = lengths.iter().map(|length| *length.min(&(most + 1))).sum();
            proptest::prop_assert!(most == MOST || more + lengths.len() > 5000);
        }
    }
}
