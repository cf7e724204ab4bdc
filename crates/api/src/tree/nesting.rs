//! How deeply tokens lie in each other: a parser that follows them needs as much of its stack.

use proc_macro2::{TokenStream, TokenTree};

/// The deepest nesting that is parsed. Code that people write stays far below.
const DEEPEST: usize = 400;

/// Returns true if tokens lie too deeply in each other, or if signs follow each other that a parser
/// would nest.
#[must_use]
pub fn is_too_deep(tokens: TokenStream) -> bool {
    let mut open: Vec<(usize, proc_macro2::token_stream::IntoIter, Run)> =
        vec![(0, tokens.into_iter(), Run::default())];
    while let Some((depth, tokens, run)) = open.last_mut() {
        let depth = *depth;
        match tokens.next() {
            None => {
                open.pop();
            }
            Some(TokenTree::Group(group)) => {
                run.signs = 0;
                if depth > DEEPEST {
                    return true;
                }
                open.push((depth + 1, group.stream().into_iter(), Run::default()));
            }
            Some(TokenTree::Punct(punct)) => {
                run.take(punct.as_char());
                if run.signs > DEEPEST || run.angles > DEEPEST {
                    return true;
                }
            }
            Some(TokenTree::Ident(_) | TokenTree::Literal(_)) => run.signs = 0,
        }
    }
    false
}

/// Signs in a row, and angle brackets that are open.
#[derive(Default)]
struct Run {
    signs: usize,
    angles: usize,
}

impl Run {
    fn take(&mut self, sign: char) {
        self.signs += 1;
        match sign {
            '<' => self.angles += 1,
            '>' => self.angles = self.angles.saturating_sub(1),
            ';' => self.angles = 0,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_too_deep_text(text: &str) -> bool {
        is_too_deep(text.parse().expect("tokens"))
    }

    #[test]
    fn only_what_no_person_writes_is_too_deep() {
        assert!(!is_too_deep_text(
            "fn f(a: Vec<Vec<u8>>) -> bool { ((a < b)) && !!c }"
        ));
        assert!(!is_too_deep_text(&"a < b;".repeat(1000)));
        assert!(is_too_deep_text(&format!(
            "{}{}",
            "(".repeat(500),
            ")".repeat(500)
        )));
        assert!(is_too_deep_text(&"Vec<".repeat(500)));
        assert!(is_too_deep_text(&format!("{}a", "!".repeat(500))));
    }
}
