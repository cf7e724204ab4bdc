//! Items that stand inside the call of a macro, as with `cfg_if!`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Item, parse2};

/// Items until the end of what is parsed.
struct Items(Vec<Item>);

impl Parse for Items {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut items = Vec::new();
        while !input.is_empty() {
            items.push(input.parse()?);
        }
        Ok(Self(items))
    }
}

/// Returns the items in the tokens of a call, or in its blocks; `None` if there are none. That a macro
/// passes on what it gets is likely and not certain.
#[must_use]
pub fn items(tokens: &TokenStream) -> Option<Vec<Item>> {
    if let Ok(Items(items)) = parse2(tokens.clone()) {
        return (!items.is_empty()).then_some(items);
    }
    let blocks = tokens.clone().into_iter().filter_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
        TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {
            None
        }
    });
    let inside: Vec<Item> = blocks
        .filter_map(|block| parse2::<Items>(block).ok())
        .flat_map(|Items(items)| items)
        .collect();
    (!inside.is_empty()).then_some(inside)
}
