//! Reads the modules of a crate, file by file.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn may learn other syntax, which is then not seen"
)]

use std::collections::BTreeMap;
use std::rc::Rc;
use std::str::FromStr;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use proc_macro2::{TokenStream, TokenTree};
use syn::{Item as Syntax, ItemMacro, ItemMod, UseTree};

use crate::tree::item::{
    Attributes, is_public, name_of, of_alias, of_enum, of_impl, of_struct, of_trait, simple,
};
use crate::tree::nesting::is_too_deep;
use crate::tree::signature::{generics, of_function, text};
use crate::tree::{CrateTree, Impl, Import, ItemKind, Module, ReadFile, inside_macro};

/// How many files of one crate are read. A crate that has more is seen in part.
const MOST_FILES: usize = 20_000;

/// How deep modules can lie in each other.
const DEEPEST: usize = 64;

/// Reads a crate: `root` is the file of its root module. What cannot be read is marked as not seen.
#[must_use]
pub fn read<'a>(
    name: &str,
    root: &Utf8Path,
    renamed: &BTreeMap<String, String>,
    read_file: &'a ReadFile<'a>,
) -> CrateTree {
    read_with(name, root, renamed, read_file, None)
}

/// Reads a crate as [`read`] does, with its tests, and shows the code of each module.
pub fn read_with<'a>(
    name: &str,
    root: &Utf8Path,
    renamed: &BTreeMap<String, String>,
    read_file: &'a ReadFile<'a>,
    visit: Option<&'a mut Visit<'a>>,
) -> CrateTree {
    let mut reader = Reader {
        tree: CrateTree {
            name: name.to_owned(),
            renamed: renamed.clone(),
            ..CrateTree::default()
        },
        read_file,
        visit,
        n_files: 0,
    };
    reader.tree.modules.push(Module {
        name: name.to_owned(),
        is_public: true,
        ..Module::default()
    });
    let folder = root.parent().unwrap_or(Utf8Path::new(""));
    let place = Place {
        module: 0,
        folder: folder.to_owned(),
        of_file: folder.to_owned(),
        file: SourceFile {
            path: root.to_owned(),
            text: Rc::from(""),
        },
        depth: 0,
    };
    if !reader.file(root, &place) {
        reader.unseen(&place, format!("{root} cannot be read"));
    }
    reader.tree
}

/// A source file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path below the package's folder.
    pub path: Utf8PathBuf,
    /// Its text.
    pub text: Rc<str>,
}

/// The code of one module: its index in the tree, and its items without those of its modules.
pub struct ModuleCode<'a> {
    /// The index of the module.
    pub module: usize,
    /// The items.
    pub items: &'a [Syntax],
}

/// Is shown the code of a module, and the file in which it stands.
pub type Visit<'a> = dyn FnMut(ModuleCode<'_>, &SourceFile) + 'a;

struct Reader<'a> {
    tree: CrateTree,
    read_file: &'a ReadFile<'a>,
    visit: Option<&'a mut Visit<'a>>,
    n_files: usize,
}

/// Where items are read.
#[derive(Clone)]
struct Place {
    /// The module.
    module: usize,
    /// The folder of the files of its modules.
    folder: Utf8PathBuf,
    /// The folder that a `#[path]` is relative to.
    of_file: Utf8PathBuf,
    file: SourceFile,
    depth: usize,
}

impl Reader<'_> {
    fn module(&mut self, index: usize) -> &mut Module {
        &mut self.tree.modules[index]
    }

    fn unseen(&mut self, place: &Place, why: String) {
        self.module(place.module).unseen.push(why);
    }

    fn file(&mut self, path: &Utf8Path, place: &Place) -> bool {
        let Some(text) = (self.read_file)(path) else {
            return false;
        };
        self.n_files += 1;
        if self.n_files > MOST_FILES || place.depth > DEEPEST {
            self.unseen(place, format!("{path}: there is too much of it"));
            return true;
        }
        let place = &Place {
            file: SourceFile {
                path: path.to_owned(),
                text: Rc::from(text),
            },
            ..place.clone()
        };
        let tokens = TokenStream::from_str(&place.file.text);
        if tokens.is_ok_and(is_too_deep) {
            self.unseen(place, format!("{path}: it is nested too deeply"));
            return true;
        }
        match syn::parse_file(&place.file.text) {
            Ok(file) => self.items(file.items, place),
            Err(error) => self.unseen(place, format!("{path}: {error}")),
        }
        true
    }

    fn items(&mut self, items: Vec<Syntax>, place: &Place) {
        let code = ModuleCode {
            module: place.module,
            items: &items,
        };
        if let Some(visit) = &mut self.visit {
            visit(code, &place.file);
        }
        for item in items {
            self.item(item, place);
        }
    }

    fn item(&mut self, item: Syntax, place: &Place) {
        let attributes = Attributes::of(attributes_of(&item));
        // Others do not see the tests of a crate.
        if attributes.is_of_tests && self.visit.is_none() {
            return;
        }
        let read = match item {
            Syntax::Mod(module) => return self.child(module, attributes, place),
            Syntax::Use(import) => {
                let is_public = is_public(&import.vis);
                let mut imports = Vec::new();
                flatten(&import.tree, Vec::new(), &mut |path, name| {
                    imports.push(Import {
                        path,
                        name,
                        is_public,
                    });
                });
                self.module(place.module).imports.extend(imports);
                return;
            }
            Syntax::ExternCrate(krate) => {
                let name = match &krate.rename {
                    Some((_, name)) => name_of(name),
                    None => name_of(&krate.ident),
                };
                let import = Import {
                    path: vec![name_of(&krate.ident)],
                    name: Some(name),
                    is_public: is_public(&krate.vis),
                };
                self.module(place.module).imports.push(import);
                return;
            }
            Syntax::Impl(item) => {
                if item.trait_.is_none()
                    && let Some((of, members)) = of_impl(&item)
                {
                    self.tree.impls.push(Impl {
                        module: place.module,
                        of,
                        members,
                    });
                }
                return;
            }
            Syntax::Macro(item) => return self.macro_call(item, attributes, place),
            Syntax::Struct(item) => of_struct(&item, attributes),
            Syntax::Enum(item) => of_enum(&item, attributes),
            Syntax::Trait(item) => of_trait(&item, attributes),
            Syntax::Type(item) => of_alias(&item, attributes),
            Syntax::Union(item) => {
                let signature = format!("union{}", generics(&item.generics));
                simple(
                    &item.ident,
                    ItemKind::Union,
                    &item.vis,
                    attributes,
                    signature,
                )
            }
            Syntax::Fn(item) => {
                let signature = of_function(&item.sig, None);
                simple(
                    &item.sig.ident,
                    ItemKind::Function,
                    &item.vis,
                    attributes,
                    signature,
                )
            }
            Syntax::Const(item) => {
                let signature = format!("const {}", text(&item.ty));
                simple(
                    &item.ident,
                    ItemKind::Value,
                    &item.vis,
                    attributes,
                    signature,
                )
            }
            Syntax::Static(item) => {
                let signature = format!("static {}", text(&item.ty));
                simple(
                    &item.ident,
                    ItemKind::Value,
                    &item.vis,
                    attributes,
                    signature,
                )
            }
            _ => return,
        };
        // No public path leads to what is private, but an implementation can be for a private type.
        let has_paths = matches!(read.kind, ItemKind::Function | ItemKind::Value);
        if read.is_public || !has_paths {
            self.module(place.module).items.push(read);
        }
    }

    fn child(&mut self, item: ItemMod, attributes: Attributes, place: &Place) {
        let name = name_of(&item.ident);
        let index = self.tree.modules.len();
        self.tree.modules.push(Module {
            name: name.clone(),
            parent: Some(place.module),
            is_public: is_public(&item.vis),
            ..Module::default()
        });
        self.module(place.module).children.push(index);
        let below = place.folder.join(&name);
        let within = Place {
            module: index,
            folder: below.clone(),
            of_file: below.clone(),
            file: place.file.clone(),
            depth: place.depth + 1,
        };
        if let Some((_, items)) = item.content {
            return self.items(items, &within);
        }
        let candidates = match &attributes.path {
            Some(path) => vec![place.of_file.join(path)],
            None => vec![below.with_extension("rs"), below.join("mod.rs")],
        };
        for path in candidates {
            let Some(path) = inside(&path) else { continue };
            let of_file = path.parent().unwrap_or(Utf8Path::new("")).to_owned();
            let is_root = path.file_name() == Some("mod.rs") || attributes.path.is_some();
            let within = Place {
                folder: if is_root {
                    of_file.clone()
                } else {
                    below.clone()
                },
                of_file,
                ..within.clone()
            };
            if self.file(&path, &within) {
                return;
            }
        }
        self.unseen(&within, format!("the file of `mod {name}` cannot be read"));
    }

    fn macro_call(&mut self, item: ItemMacro, attributes: Attributes, place: &Place) {
        let called = item.mac.path.segments.last();
        let called = called
            .map(|segment| name_of(&segment.ident))
            .unwrap_or_default();
        if called == "macro_rules" {
            let Some(name) = &item.ident else { return };
            let is_public = attributes.is_exported;
            let signature = matchers(item.mac.tokens.clone());
            let private = syn::Visibility::Inherited;
            let mut read = simple(name, ItemKind::Macro, &private, attributes, signature);
            read.is_public = is_public;
            // An exported macro is at the root of its crate, wherever it is defined.
            let module = if is_public { 0 } else { place.module };
            self.module(module).items.push(read);
            return;
        }
        match inside_macro::items(&item.mac.tokens) {
            Some(items) => self.items(items, place),
            None => self.unseen(place, format!("what `{called}!` makes")),
        }
    }
}

/// Returns what the rules of a macro match: every other group of its tokens.
fn matchers(tokens: TokenStream) -> String {
    let groups = tokens.into_iter().filter_map(|token| match token {
        TokenTree::Group(group) => Some(group.stream()),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    });
    let matchers: Vec<String> = groups.step_by(2).map(|group| text(&group)).collect();
    matchers.join(" ; ")
}

/// Returns a path without `..`; `None` if it leaves the package.
fn inside(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut inside = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                if !inside.pop() {
                    return None;
                }
            }
            Utf8Component::Normal(name) => inside.push(name),
            Utf8Component::Prefix(_) | Utf8Component::RootDir => return None,
        }
    }
    Some(inside)
}

/// Calls `take` with each import of a tree: its path, and the name that it gives.
pub fn flatten(
    tree: &UseTree,
    mut path: Vec<String>,
    take: &mut dyn FnMut(Vec<String>, Option<String>),
) {
    match tree {
        UseTree::Path(part) => {
            path.push(name_of(&part.ident));
            flatten(&part.tree, path, take);
        }
        UseTree::Name(part) => {
            let name = name_of(&part.ident);
            if name == "self" {
                let last = path.last().cloned();
                take(path, last);
            } else {
                path.push(name.clone());
                take(path, Some(name));
            }
        }
        UseTree::Rename(part) => {
            let name = name_of(&part.ident);
            if name != "self" {
                path.push(name);
            }
            take(path, Some(name_of(&part.rename)));
        }
        UseTree::Glob(_) => take(path, None),
        UseTree::Group(group) => {
            for part in &group.items {
                flatten(part, path.clone(), take);
            }
        }
    }
}

fn attributes_of(item: &Syntax) -> &[syn::Attribute] {
    match item {
        Syntax::Const(item) => &item.attrs,
        Syntax::Enum(item) => &item.attrs,
        Syntax::ExternCrate(item) => &item.attrs,
        Syntax::Fn(item) => &item.attrs,
        Syntax::Impl(item) => &item.attrs,
        Syntax::Macro(item) => &item.attrs,
        Syntax::Mod(item) => &item.attrs,
        Syntax::Static(item) => &item.attrs,
        Syntax::Struct(item) => &item.attrs,
        Syntax::Trait(item) => &item.attrs,
        Syntax::Type(item) => &item.attrs,
        Syntax::Union(item) => &item.attrs,
        Syntax::Use(item) => &item.attrs,
        _ => &[],
    }
}
