//! Collects the names in the code of a target and follows its imports into the family.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn may learn other syntax, which is then not seen"
)]

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use pinmatrix_core::model::forecast::Place;
use syn::visit::{self, Visit};

use crate::names::{Def, Names};
use crate::tree::{CrateTree, Import, ReadFile, SourceFile, flatten, name_of, read_with, segments};
use crate::uses::Uses;
use crate::uses::tokens::{Named, named};

/// The sources of one target.
pub struct TargetSources<'a> {
    /// The name of its crate.
    pub name: &'a str,
    /// The file of its root module, below the folder of its package.
    pub root: &'a Utf8Path,
    /// The names under which its package knows other crates, if they differ from the crates' own.
    pub renamed: &'a BTreeMap<String, String>,
    /// Reads a file below the folder of its package.
    pub read_file: &'a ReadFile<'a>,
    /// Libraries of the subject, which may pass on what the family offers.
    pub libraries: &'a [CrateTree],
}

/// Reads a target: its items, and what it names of the crates that `is_family` names.
#[must_use]
pub fn scan(sources: &TargetSources<'_>, is_family: &dyn Fn(&str) -> bool) -> (CrateTree, Uses) {
    let mut mentions: Vec<Mentions> = Vec::new();
    let mut visit = |code: crate::tree::ModuleCode<'_>, file: &SourceFile| {
        let mut found = Mentions::new(code.module, file.clone());
        for item in code.items {
            found.visit_item(item);
        }
        mentions.push(found);
    };
    let TargetSources {
        name,
        root,
        renamed,
        ..
    } = sources;
    let mut tree = read_with(name, root, renamed, sources.read_file, Some(&mut visit));
    for found in &mentions {
        if let Some(module) = tree.modules.get_mut(found.module) {
            module.imports.extend(found.imports.iter().cloned());
        }
    }
    let others = sources
        .libraries
        .iter()
        .filter(|library| library.name != tree.name);
    let names = Names::of(others.chain([&tree]));
    let mut uses = Uses::default();
    for found in &mentions {
        found.add_to(&mut uses, &names, &tree.name, is_family);
    }
    let unseen = tree.modules.iter().flat_map(|module| module.unseen.iter());
    uses.unseen = unseen.cloned().collect();
    (tree, uses)
}

/// The names in the code of one module.
struct Mentions {
    module: usize,
    file: SourceFile,
    imports: Vec<Import>,
    paths: BTreeSet<Vec<String>>,
    methods: BTreeSet<String>,
    implemented: Vec<(Vec<String>, BTreeSet<String>)>,
    built: Vec<(Vec<String>, BTreeSet<String>)>,
    matched: BTreeSet<Vec<String>>,
}

impl Mentions {
    fn new(module: usize, file: SourceFile) -> Self {
        Self {
            module,
            file,
            imports: Vec::new(),
            paths: BTreeSet::new(),
            methods: BTreeSet::new(),
            implemented: Vec::new(),
            built: Vec::new(),
            matched: BTreeSet::new(),
        }
    }

    /// Returns the place at which a name stands first in the file, as a word.
    fn place(&self, name: &str) -> Place {
        let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
        let names_it = |line: &str| {
            line.match_indices(name).any(|(at, _)| {
                !line[..at].ends_with(is_of_word)
                    && !line[at + name.len()..].starts_with(is_of_word)
            })
        };
        let is_code = |line: &str| !line.trim_start().starts_with("//");
        let mut lines = self.file.text.lines();
        let line = lines.position(|line| is_code(line) && names_it(line));
        Place {
            file: self.file.path.clone(),
            line: line.unwrap_or_default() + 1,
        }
    }

    fn add_to(
        &self,
        uses: &mut Uses,
        names: &Names<'_>,
        own: &str,
        is_family: &dyn Fn(&str) -> bool,
    ) {
        let Some(at) = names.module_of(own, self.module) else {
            return;
        };
        let in_family = |path: &[String]| -> Vec<Vec<String>> {
            let leads_to = names.resolve(at, path).into_iter();
            let foreign = leads_to.filter_map(|def| match def {
                Def::Foreign(path) => Some(path),
                Def::Module(_) | Def::Item(_) | Def::Member(..) => None,
            });
            foreign
                .filter(|path| path.first().is_some_and(|name| is_family(name)))
                .collect()
        };
        let imported = self.imports.iter().filter(|import| import.name.is_some());
        for path in self.paths.iter().chain(imported.map(|import| &import.path)) {
            for found in in_family(path) {
                let name = path.last().map(String::as_str).unwrap_or_default();
                uses.paths.entry(found).or_insert_with(|| self.place(name));
            }
        }
        for name in &self.methods {
            uses.methods
                .entry(name.clone())
                .or_insert_with(|| self.place(name));
        }
        for (path, items) in &self.implemented {
            for found in in_family(path) {
                uses.implemented
                    .entry(found)
                    .or_default()
                    .extend(items.iter().cloned());
            }
        }
        for (path, fields) in &self.built {
            for found in in_family(path) {
                uses.built
                    .entry(found)
                    .or_default()
                    .extend(fields.iter().cloned());
            }
        }
        for path in &self.matched {
            uses.matched.extend(in_family(path));
        }
    }

    fn import(&mut self, tree: &syn::UseTree) {
        flatten(tree, Vec::new(), &mut |path, name| {
            self.imports.push(Import {
                path,
                name,
                is_public: false,
            });
        });
    }

    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for named in named(tokens) {
            match named {
                Named::Path(path) => self.path(path),
                Named::Method(name) => {
                    self.methods.insert(name);
                }
            }
        }
    }

    fn path(&mut self, path: Vec<String>) {
        if path.first().is_some_and(|name| name != "Self") {
            self.paths.insert(path);
        }
    }

    fn pattern(&mut self, path: &syn::Path) {
        let mut path = segments(path);
        // What is matched is the enumeration, if the path is that of a variant.
        if path.len() > 1 {
            path.pop();
            self.matched.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {
        // It is shown by itself.
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(segments(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.methods.insert(name_of(&call.method));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_field(&mut self, read: &'ast syn::ExprField) {
        if let syn::Member::Named(name) = &read.member {
            self.methods.insert(name_of(name));
        }
        visit::visit_expr_field(self, read);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some((_, path, _)) = &item.trait_ {
            let items = item.items.iter().filter_map(|item| match item {
                syn::ImplItem::Fn(function) => Some(name_of(&function.sig.ident)),
                syn::ImplItem::Type(of_type) => Some(name_of(&of_type.ident)),
                syn::ImplItem::Const(value) => Some(name_of(&value.ident)),
                _ => None,
            });
            self.implemented.push((segments(path), items.collect()));
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_expr_struct(&mut self, built: &'ast syn::ExprStruct) {
        if built.dot2_token.is_none() {
            let fields = built.fields.iter().map(|field| name_of(&field.member));
            self.built.push((segments(&built.path), fields.collect()));
        }
        visit::visit_expr_struct(self, built);
    }

    fn visit_pat_struct(&mut self, taken: &'ast syn::PatStruct) {
        if taken.rest.is_none() {
            let fields = taken.fields.iter().map(|field| name_of(&field.member));
            self.built.push((segments(&taken.path), fields.collect()));
        }
        self.pattern(&taken.path);
        visit::visit_pat_struct(self, taken);
    }

    fn visit_pat_tuple_struct(&mut self, taken: &'ast syn::PatTupleStruct) {
        self.pattern(&taken.path);
        visit::visit_pat_tuple_struct(self, taken);
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        if let syn::Pat::Path(path) = pattern {
            self.pattern(&path.path);
        }
        visit::visit_pat(self, pattern);
    }
}
