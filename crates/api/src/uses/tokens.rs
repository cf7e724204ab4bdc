//! What the tokens of a macro call name, as far as that can be told without knowing the macro.

use proc_macro2::{TokenStream, TokenTree};

use crate::tree::name_of;

/// Something that tokens name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A path of several names, or one name that begins with a capital letter.
    Path(Vec<String>),
    /// A name after a dot.
    Method(String),
}

/// Returns what tokens name, in their order.
#[must_use]
pub fn named(tokens: TokenStream) -> Vec<Named> {
    let mut all = Vec::new();
    collect(tokens, &mut all);
    all
}

fn collect(tokens: TokenStream, all: &mut Vec<Named>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == c);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Group(group) => collect(group.stream(), all),
            TokenTree::Ident(first) => {
                let is_crate = is(at.wrapping_sub(1), '$') && first == "crate";
                let is_variable = is(at.wrapping_sub(1), '$') && !is_crate;
                let is_after_dot = is(at.wrapping_sub(1), '.') && !is(at.wrapping_sub(2), '.');
                let mut path = vec![name_of(first)];
                while is(at + 1, ':') && is(at + 2, ':') {
                    let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else {
                        break;
                    };
                    path.push(name_of(next));
                    at += 3;
                }
                let is_type = path[0].starts_with(char::is_uppercase);
                if is_after_dot {
                    all.push(Named::Method(path.swap_remove(0)));
                } else if !is_variable && (path.len() > 1 || is_type) {
                    all.push(Named::Path(path));
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_types_and_methods_are_found() {
        let tokens = "a::b(&c, D).e(f..g)?, $crate::h, $i, \"J::k\", 1.0";
        let found: Vec<String> = named(tokens.parse().expect("tokens"))
            .into_iter()
            .map(|named| match named {
                Named::Path(path) => path.join("::"),
                Named::Method(name) => format!(".{name}"),
            })
            .collect();
        assert_eq!(found, ["a::b", "D", ".e", "crate::h"]);
    }
}
