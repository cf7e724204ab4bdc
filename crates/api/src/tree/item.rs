//! One item as a value.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn may learn other syntax, which is then not seen"
)]

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Fields, GenericParam, ImplItem, ItemEnum, ItemImpl, ItemStruct, ItemTrait, ItemType,
    Meta, Token, TraitItem, Type, Visibility,
};

use crate::tree::signature::{generics, of_function, text};
use crate::tree::{Item, ItemKind, Member, MemberKind};

/// What the attributes of an item say.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// See [`Item::deprecated`].
    pub deprecated: Option<String>,
    /// See [`Item::gates`].
    pub gates: Vec<String>,
    /// See [`Item::is_open`].
    pub is_open: bool,
    /// Whether it is only there in tests of its crate.
    pub is_of_tests: bool,
    /// Whether a macro is exported.
    pub is_exported: bool,
    /// The file of a module.
    pub path: Option<String>,
}

impl Attributes {
    /// Reads attributes.
    #[must_use]
    pub fn of(attributes: &[Attribute]) -> Self {
        let mut all = Self::default();
        for attribute in attributes {
            let Some(name) = attribute.path().get_ident() else {
                continue;
            };
            match name.to_string().as_str() {
                "cfg" => {
                    let condition = match &attribute.meta {
                        Meta::List(list) => text(&list.tokens),
                        Meta::Path(_) | Meta::NameValue(_) => String::new(),
                    };
                    all.is_of_tests |= condition == "test";
                    all.gates.push(condition);
                }
                "deprecated" => all.deprecated = Some(note(&attribute.meta)),
                "non_exhaustive" => all.is_open = true,
                "macro_export" => all.is_exported = true,
                "path" => all.path = string(&attribute.meta),
                _ => {}
            }
        }
        all
    }
}

fn string(meta: &Meta) -> Option<String> {
    match meta {
        Meta::NameValue(pair) => match &pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        Meta::Path(_) | Meta::List(_) => None,
    }
}

/// Returns the note of `#[deprecated]`, with the version since which it is so.
fn note(meta: &Meta) -> String {
    let Meta::List(list) = meta else {
        return string(meta).unwrap_or_default();
    };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let parts = parts.unwrap_or_default();
    let value = |key: &str| {
        let mut parts = parts.iter();
        string(parts.find(|part| part.path().is_ident(key))?)
    };
    match (value("since"), value("note")) {
        (Some(since), Some(note)) => format!("since {since}: {note}"),
        (Some(since), None) => format!("since {since}"),
        (None, note) => note.unwrap_or_default(),
    }
}

/// Returns true if other crates can see it, as far as it alone decides that.
#[must_use]
pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Creates an item without members.
#[must_use]
pub fn simple(
    name: &impl ToString,
    kind: ItemKind,
    visibility: &Visibility,
    attributes: Attributes,
    signature: String,
) -> Item {
    Item {
        name: plain(name),
        kind,
        is_public: is_public(visibility),
        signature,
        members: Vec::new(),
        deprecated: attributes.deprecated,
        gates: attributes.gates,
        is_open: attributes.is_open,
        alias: None,
    }
}

/// Reads a structure.
#[must_use]
pub fn of_struct(item: &ItemStruct, attributes: Attributes) -> Item {
    let signature = format!("struct{}", generics(&item.generics));
    let mut read = simple(
        &item.ident,
        ItemKind::Struct,
        &item.vis,
        attributes,
        signature,
    );
    read.members = fields(&item.fields);
    // Nobody else can build one that has a private field.
    read.is_open |= read.members.iter().any(|member| !member.is_public);
    read
}

fn fields(fields: &Fields) -> Vec<Member> {
    let read = |(index, field): (usize, &syn::Field)| {
        let attributes = Attributes::of(&field.attrs);
        let name = field.ident.as_ref().map(plain);
        Member {
            name: name.unwrap_or_else(|| index.to_string()),
            kind: MemberKind::Field,
            is_public: is_public(&field.vis),
            signature: text(&field.ty),
            is_required: false,
            deprecated: attributes.deprecated,
            gates: attributes.gates,
        }
    };
    fields.iter().enumerate().map(read).collect()
}

/// Reads an enumeration.
#[must_use]
pub fn of_enum(item: &ItemEnum, attributes: Attributes) -> Item {
    let signature = format!("enum{}", generics(&item.generics));
    let mut read = simple(
        &item.ident,
        ItemKind::Enum,
        &item.vis,
        attributes,
        signature,
    );
    let variants = item.variants.iter().map(|variant| {
        let attributes = Attributes::of(&variant.attrs);
        Member {
            name: plain(&variant.ident),
            kind: MemberKind::Variant,
            is_public: true,
            signature: text(&variant.fields),
            is_required: false,
            deprecated: attributes.deprecated,
            gates: attributes.gates,
        }
    });
    read.members = variants.collect();
    read
}

/// Reads a trait.
#[must_use]
pub fn of_trait(item: &ItemTrait, attributes: Attributes) -> Item {
    let supertraits = text(&item.supertraits);
    let signature = match supertraits.as_str() {
        "" => format!("trait{}", generics(&item.generics)),
        _ => format!("trait{}: {supertraits}", generics(&item.generics)),
    };
    let mut read = simple(
        &item.ident,
        ItemKind::Trait,
        &item.vis,
        attributes,
        signature,
    );
    read.members = item.items.iter().filter_map(of_trait_item).collect();
    read
}

fn of_trait_item(item: &TraitItem) -> Option<Member> {
    let (name, kind, signature, is_required, attributes) = match item {
        TraitItem::Fn(function) => (
            &function.sig.ident,
            kind_of(&function.sig),
            of_function(&function.sig, None),
            function.default.is_none(),
            &function.attrs,
        ),
        TraitItem::Type(of_type) => (
            &of_type.ident,
            MemberKind::Type,
            format!(
                "type{}: {}",
                generics(&of_type.generics),
                text(&of_type.bounds)
            ),
            of_type.default.is_none(),
            &of_type.attrs,
        ),
        TraitItem::Const(value) => (
            &value.ident,
            MemberKind::Value,
            text(&value.ty),
            value.default.is_none(),
            &value.attrs,
        ),
        _ => return None,
    };
    let attributes = Attributes::of(attributes);
    Some(Member {
        name: plain(name),
        kind,
        is_public: true,
        signature,
        is_required,
        deprecated: attributes.deprecated,
        gates: attributes.gates,
    })
}

/// Reads a type alias.
#[must_use]
pub fn of_alias(item: &ItemType, attributes: Attributes) -> Item {
    let signature = format!("type{} = {}", generics(&item.generics), text(&item.ty));
    let mut read = simple(
        &item.ident,
        ItemKind::Type,
        &item.vis,
        attributes,
        signature,
    );
    read.alias = path_of(&item.ty);
    read
}

/// Returns the public members that an inherent implementation gives, and the path of its type.
#[must_use]
pub fn of_impl(item: &ItemImpl) -> Option<(Vec<String>, Vec<Member>)> {
    let of = path_of(&item.self_ty)?;
    let read = item.items.iter().filter_map(|member| {
        let (visibility, name, kind, signature, attributes) = match member {
            ImplItem::Fn(function) => (
                &function.vis,
                &function.sig.ident,
                kind_of(&function.sig),
                of_function(&function.sig, Some(&named_bounds(item))),
                &function.attrs,
            ),
            ImplItem::Const(value) => (
                &value.vis,
                &value.ident,
                MemberKind::Value,
                text(&value.ty),
                &value.attrs,
            ),
            _ => return None,
        };
        let attributes = Attributes::of(attributes);
        (is_public(visibility) && !attributes.is_of_tests).then(|| Member {
            name: plain(name),
            kind,
            is_public: true,
            signature,
            is_required: false,
            deprecated: attributes.deprecated,
            gates: attributes.gates,
        })
    });
    Some((of, read.collect()))
}

/// Returns the generics of an implementation that ask for something: a parameter that may be
/// anything adds nothing to the signature of a method.
fn named_bounds(item: &ItemImpl) -> syn::Generics {
    let mut generics = item.generics.clone();
    let bounded = generics
        .params
        .into_iter()
        .filter(|parameter| match parameter {
            GenericParam::Type(parameter) => !parameter.bounds.is_empty(),
            GenericParam::Lifetime(parameter) => !parameter.bounds.is_empty(),
            GenericParam::Const(_) => true,
        });
    generics.params = bounded.collect();
    generics
}

fn kind_of(signature: &syn::Signature) -> MemberKind {
    match signature.receiver() {
        Some(_) => MemberKind::Method,
        None => MemberKind::Function,
    }
}

/// Returns the path of a type that is a path.
#[must_use]
pub fn path_of(of: &Type) -> Option<Vec<String>> {
    match of {
        Type::Path(path) if path.qself.is_none() => Some(segments(&path.path)),
        Type::Group(group) => path_of(&group.elem),
        Type::Paren(paren) => path_of(&paren.elem),
        _ => None,
    }
}

/// Returns the names of a path.
#[must_use]
pub fn segments(path: &syn::Path) -> Vec<String> {
    let names = path.segments.iter();
    names.map(|segment| name_of(&segment.ident)).collect()
}

/// Returns a declared name without the mark of one that is also a keyword.
fn plain(name: &impl ToString) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// Returns a name without the mark of one that is also a keyword.
#[must_use]
pub fn name_of(name: &impl ToTokens) -> String {
    let name = name.to_token_stream().to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}
