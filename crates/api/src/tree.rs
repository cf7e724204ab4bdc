//! The items of one crate as its sources declare them, before any name is looked up.

mod read;
mod item;
mod signature;
mod inside_macro;
mod nesting;

pub use self::item::{name_of, segments};
pub use self::read::{ModuleCode, SourceFile, Visit, flatten, read, read_with};

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// Raised whenever the same sources give another tree, so that kept trees are read anew.
pub const EPOCH: u32 = 5;

/// Returns the text of a source file, given its path below the package's folder.
pub type ReadFile<'a> = dyn Fn(&Utf8Path) -> Option<String> + 'a;

/// One crate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateTree {
    /// The name under which code names it.
    pub name: String,
    /// The modules; the first is the root.
    pub modules: Vec<Module>,
    /// The inherent implementations.
    pub impls: Vec<Impl>,
    /// The names under which it knows other crates, if they differ from the crates' own.
    pub renamed: BTreeMap<String, String>,
}

/// One module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// The name; that of the crate for the root.
    pub name: String,
    /// The module that it stands in.
    pub parent: Option<usize>,
    /// Whether it is public where it stands.
    pub is_public: bool,
    /// Its modules, by name. One with several declarations, each for another platform, has them all.
    pub children: Vec<usize>,
    /// Its items.
    pub items: Vec<Item>,
    /// Its imports.
    pub imports: Vec<Import>,
    /// What was not seen in it, and why.
    pub unseen: Vec<String>,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ItemKind {
    /// A structure.
    Struct,
    /// An enumeration.
    Enum,
    /// A union.
    Union,
    /// A trait.
    Trait,
    /// A function.
    Function,
    /// A type alias.
    Type,
    /// A constant or a static.
    Value,
    /// A macro that is defined by rules.
    Macro,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ItemKind,
    /// Whether it is public where it stands.
    pub is_public: bool,
    /// Its tokens without bodies, members, documentation, names of parameters and paths of types.
    pub signature: String,
    /// Its fields, variants, or the items of a trait.
    pub members: Vec<Member>,
    /// The note of its deprecation; empty if it has none.
    pub deprecated: Option<String>,
    /// The conditions of compilation that it stands under.
    pub gates: Vec<String>,
    /// Whether other crates cannot list all of its members.
    pub is_open: bool,
    /// The path that a type alias stands for, if it stands for one.
    pub alias: Option<Vec<String>>,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MemberKind {
    /// A field.
    Field,
    /// A variant.
    Variant,
    /// A method, which takes `self`.
    Method,
    /// An associated function.
    Function,
    /// An associated type.
    Type,
    /// An associated constant.
    Value,
}

/// A part of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name; the index of a field without a name.
    pub name: String,
    /// What it is.
    pub kind: MemberKind,
    /// Whether other crates can name it.
    pub is_public: bool,
    /// Its tokens, as those of [`Item::signature`].
    pub signature: String,
    /// Whether an implementation of the trait has to provide it.
    pub is_required: bool,
    /// The note of its deprecation; empty if it has none.
    pub deprecated: Option<String>,
    /// The conditions of compilation that it stands under.
    pub gates: Vec<String>,
}

/// An import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// What it imports; the whole of it for a glob.
    pub path: Vec<String>,
    /// The name that it gives; `None` for a glob.
    pub name: Option<String>,
    /// Whether it is public where it stands.
    pub is_public: bool,
}

/// The members that a type has by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impl {
    /// The module that it stands in.
    pub module: usize,
    /// The type's path as written.
    pub of: Vec<String>,
    /// The members.
    pub members: Vec<Member>,
}
