//! Signatures as text in which only what can matter to a caller differs.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{FnArg, Generics, Signature};

/// Returns tokens as text. Paths are reduced to their last name, since the place of a type in its crate
/// says nothing to those who use it, and the spaces of the source do not count.
#[must_use]
pub fn text(tokens: &impl ToTokens) -> String {
    let mut words = Vec::new();
    collect(tokens.to_token_stream(), &mut words);
    spaced(&words)
}

fn collect(tokens: TokenStream, words: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == c);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        // `name ::`, and a leading `::`.
        let is_qualifier =
            matches!(token, TokenTree::Ident(_)) && is(at + 1, ':') && is(at + 2, ':');
        if is_qualifier && !is(at + 3, '<') {
            at += 3;
            continue;
        }
        if is(at, ':') && is(at + 1, ':') {
            at += 2;
            continue;
        }
        match token {
            TokenTree::Group(group) if is_redundant(&tokens[..at], group) => {
                collect(group.stream(), words);
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                words.push(open.to_owned());
                collect(group.stream(), words);
                words.push(close.to_owned());
            }
            TokenTree::Punct(_) if is(at, '-') && is(at + 1, '>') => {
                words.push("->".to_owned());
                at += 1;
            }
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                let name = tokens.get(at + 1).map(ToString::to_string);
                words.push(format!("'{}", name.unwrap_or_default()));
                at += 1;
            }
            TokenTree::Punct(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => {
                words.push(token.to_string());
            }
        }
        at += 1;
    }
}

/// Joins words as a person would write them.
fn spaced(words: &[String]) -> String {
    let mut out = String::new();
    let mut last = "";
    for word in words.iter().filter(|word| !word.is_empty()) {
        let is_open = matches!(last, "" | "(" | "[" | "<" | "&" | "?" | "#" | "!" | "$");
        let is_close = matches!(word.as_str(), ")" | "]" | ">" | "," | ":" | ";" | "?" | ".");
        let is_name = last.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let is_applied = is_name && matches!(word.as_str(), "<" | "(" | "!");
        if !(is_open || is_close || is_applied) {
            out.push(' ');
        }
        out.push_str(word);
        last = word;
    }
    out
}

/// Returns true for parentheses around a type that could stand without them, as in `&(dyn T)`.
fn is_redundant(before: &[TokenTree], group: &Group) -> bool {
    let follows = match before.last() {
        Some(TokenTree::Punct(punct)) => punct.as_char() == '&',
        Some(TokenTree::Ident(name)) => name == "mut" || name == "impl",
        Some(TokenTree::Group(_) | TokenTree::Literal(_)) | None => false,
    };
    let is_comma = |token: TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
    let is_tuple = group.stream().is_empty() || group.stream().into_iter().any(is_comma);
    follows && group.delimiter() == Delimiter::Parenthesis && !is_tuple
}

/// Returns the signature of a function: without the names of its parameters.
#[must_use]
pub fn of_function(signature: &Signature, around: Option<&Generics>) -> String {
    let mut parts = Vec::new();
    parts.extend(signature.constness.as_ref().map(|_| "const".to_owned()));
    parts.extend(signature.asyncness.as_ref().map(|_| "async".to_owned()));
    parts.extend(signature.unsafety.as_ref().map(|_| "unsafe".to_owned()));
    parts.extend(signature.abi.as_ref().map(text));
    let inputs: Vec<String> = signature.inputs.iter().map(of_input).collect();
    let parameters = parameters(&signature.generics);
    parts.push(format!("fn{parameters}({})", inputs.join(", ")));
    parts.extend([text(&signature.output), clauses(&signature.generics)]);
    // What the type asks for before it has the method.
    let around = around.map(generics).filter(|around| !around.is_empty());
    parts.extend(around.map(|around| {
        format!(
            "in impl{}{around}",
            if around.starts_with('<') { "" } else { " " }
        )
    }));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn of_input(input: &FnArg) -> String {
    match input {
        FnArg::Receiver(receiver) => {
            let reference = receiver.reference.as_ref();
            match reference {
                Some(_) if receiver.mutability.is_some() => "&mut self".to_owned(),
                Some(_) => "&self".to_owned(),
                None if receiver.colon_token.is_some() => format!("self: {}", text(&receiver.ty)),
                None => "self".to_owned(),
            }
        }
        FnArg::Typed(typed) => text(&typed.ty),
    }
}

/// Returns generic parameters with what is asked of them.
#[must_use]
pub fn generics(generics: &Generics) -> String {
    let both = format!("{} {}", parameters(generics), clauses(generics));
    both.trim_end().to_owned()
}

fn parameters(generics: &Generics) -> String {
    let parameters = text(&generics.params);
    match parameters.as_str() {
        "" => parameters,
        _ => format!("<{}>", parameters.trim_end_matches(',')),
    }
}

fn clauses(generics: &Generics) -> String {
    let clauses = generics.where_clause.as_ref().map(text);
    let clauses = clauses.unwrap_or_default();
    clauses.trim_end_matches(',').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> String {
        let function: syn::ItemFn = syn::parse_str(&format!("{code} {{}}")).expect("a function");
        of_function(&function.sig, None)
    }

    #[test]
    fn places_of_types_and_names_of_parameters_do_not_count() {
        let one = of("pub fn new(engine: &crate::engine::Engine) -> anyhow::Result<Self>");
        let other = of("fn new(e: & Engine)->Result < Self >");
        assert_eq!(one, other);
        assert_eq!(one, "fn(&Engine) -> Result<Self>");
    }

    #[test]
    fn what_is_asked_of_a_parameter_counts() {
        assert_ne!(of("fn f<T>(t: T)"), of("fn f<T: 'static>(t: T)"));
        assert_eq!(of("fn f<T>(t: T) where T: Send,"), "fn<T>(T) where T: Send");
        assert_eq!(
            of("async fn f(self: Box<Self>, mut n: ::std::vec::Vec<u8>)"),
            "async fn(self: Box<Self>, Vec<u8>)"
        );
    }

    #[test]
    fn parentheses_around_a_type_do_not_count_and_those_of_a_tuple_do() {
        assert_eq!(of("fn f(a: &mut (dyn A))"), "fn(&mut dyn A)");
        assert_eq!(of("fn f(a: &(A, B), b: &[C; 2])"), "fn(&(A, B), &[C; 2])");
    }
}
