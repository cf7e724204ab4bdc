//! Looks names up as rustc does, as far as sources show it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{CrateTree, Import, Item, Member, Module};

/// A module of a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId {
    krate: usize,
    module: usize,
}

/// An item of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    module: ModuleId,
    item: usize,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Def {
    /// A module.
    Module(ModuleId),
    /// An item.
    Item(ItemId),
    /// A member of an item, by its name.
    Member(ItemId, String),
    /// Something in a crate whose sources are not here.
    Foreign(Vec<String>),
}

/// A name in a module, and whether another crate looks it up.
type Lookup = (ModuleId, String, bool);

/// How many names are looked up for one path. A web of globs that import each other ends there.
const MOST_LOOKUPS: usize = 1_000;

/// What is being looked up for one path, so that names that lead to each other come to an end.
#[derive(Default)]
struct Open {
    lookups: BTreeSet<Lookup>,
    n: usize,
    /// Whether a name led back to itself: what was found on the way can be incomplete.
    has_cycle: bool,
}

impl Open {
    /// Returns false if a lookup leads back to itself, or if there are too many.
    fn begin(&mut self, lookup: &Lookup) -> bool {
        self.n += 1;
        let is_new = self.n <= MOST_LOOKUPS && self.lookups.insert(lookup.clone());
        self.has_cycle |= !is_new;
        is_new
    }
}

/// The names of some crates.
pub struct Names<'a> {
    crates: Vec<&'a CrateTree>,
    by_name: BTreeMap<&'a str, usize>,
    members: BTreeMap<ItemId, Vec<&'a Member>>,
    known: RefCell<BTreeMap<Lookup, BTreeSet<Def>>>,
}

impl<'a> Names<'a> {
    /// Creates the names of these crates.
    #[must_use]
    pub fn of(crates: impl IntoIterator<Item = &'a CrateTree>) -> Self {
        let crates: Vec<&CrateTree> = crates.into_iter().collect();
        let by_name = crates.iter().enumerate();
        let mut names = Self {
            by_name: by_name
                .map(|(index, krate)| (krate.name.as_str(), index))
                .collect(),
            crates,
            members: BTreeMap::new(),
            known: RefCell::default(),
        };
        names.members = names.members_of_impls();
        names
    }

    fn members_of_impls(&self) -> BTreeMap<ItemId, Vec<&'a Member>> {
        let mut members: BTreeMap<ItemId, Vec<&Member>> = BTreeMap::new();
        for (krate, tree) in self.crates.iter().enumerate() {
            for block in &tree.impls {
                let module = ModuleId {
                    krate,
                    module: block.module,
                };
                for def in self.resolve(module, &block.of) {
                    if let Def::Item(item) = def {
                        members.entry(item).or_default().extend(&block.members);
                    }
                }
            }
        }
        members
    }

    fn module(&self, id: ModuleId) -> &'a Module {
        &self.crates[id.krate].modules[id.module]
    }

    /// Returns an item.
    #[must_use]
    pub fn item(&self, id: ItemId) -> &'a Item {
        &self.module(id.module).items[id.item]
    }

    /// Returns all members of an item that others can name: its own, and those that inherent implementations give it.
    pub fn members(&self, id: ItemId) -> impl Iterator<Item = &'a Member> {
        let of_impls = self.members.get(&id).into_iter().flatten().copied();
        let own = self.item(id).members.iter();
        own.filter(|member| member.is_public).chain(of_impls)
    }

    /// Returns the root of a crate.
    #[must_use]
    pub fn root(&self, name: &str) -> Option<ModuleId> {
        let krate = *self.by_name.get(name)?;
        Some(ModuleId { krate, module: 0 })
    }

    /// Returns the module of a crate with an index in its tree.
    #[must_use]
    pub fn module_of(&self, name: &str, module: usize) -> Option<ModuleId> {
        let krate = *self.by_name.get(name)?;
        (module < self.crates[krate].modules.len()).then_some(ModuleId { krate, module })
    }

    /// Returns true if something was not seen in a module, or in one of which it passes on everything.
    #[must_use]
    pub fn has_unseen(&self, id: ModuleId) -> bool {
        let (mut open, mut seen) = (vec![id], BTreeSet::new());
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if !self.module(id).unseen.is_empty() {
                return true;
            }
            let leads_to = self.globs(id).into_iter();
            open.extend(leads_to.filter_map(|def| match def {
                Def::Module(module) => Some(module),
                Def::Item(_) | Def::Member(..) | Def::Foreign(_) => None,
            }));
        }
        false
    }

    /// Returns the crates whose sources are not here and of which a module passes on everything.
    #[must_use]
    pub fn foreign_globs(&self, id: ModuleId) -> BTreeSet<String> {
        let foreign = self.globs(id).into_iter().filter_map(|def| match def {
            Def::Foreign(path) => path.into_iter().next(),
            Def::Module(_) | Def::Item(_) | Def::Member(..) => None,
        });
        foreign.collect()
    }

    /// Returns what the public globs of a module lead to.
    fn globs(&self, id: ModuleId) -> BTreeSet<Def> {
        let imports = self.module(id).imports.iter();
        let globs = imports.filter(|import| import.is_public && import.name.is_none());
        let leads_to =
            globs.flat_map(|import| self.imported(id, &import.path, &mut Open::default()));
        leads_to.collect()
    }

    /// Returns all that a path leads to, looked up in a module.
    #[must_use]
    pub fn resolve(&self, at: ModuleId, path: &[String]) -> BTreeSet<Def> {
        self.resolve_with(at, path, &mut Open::default())
    }

    fn resolve_with(&self, at: ModuleId, path: &[String], open: &mut Open) -> BTreeSet<Def> {
        let mut rest = path.iter();
        let Some(first) = rest.next() else {
            return BTreeSet::new();
        };
        let mut found = self.first(at, first, open);
        for name in rest {
            let below = found.iter().flat_map(|def| self.below(at, def, name, open));
            found = below.collect();
        }
        found
    }

    /// Returns what the first name of a path leads to.
    fn first(&self, at: ModuleId, name: &str, open: &mut Open) -> BTreeSet<Def> {
        let root = ModuleId { module: 0, ..at };
        match name {
            "crate" | "$crate" => return BTreeSet::from([Def::Module(root)]),
            "self" => return BTreeSet::from([Def::Module(at)]),
            "super" => {
                let module = self.module(at).parent.unwrap_or_default();
                return BTreeSet::from([Def::Module(ModuleId { module, ..at })]);
            }
            _ => {}
        }
        let mut found = self.lookup(at, name, false, open);
        let is_certain = found.iter().any(|def| !matches!(def, Def::Foreign(_)));
        if !is_certain {
            let known = self.crate_name(at, name);
            found.extend(self.of_crate(at, known, &[], open));
        }
        found
    }

    /// Returns what a name leads to below something.
    fn below(&self, at: ModuleId, def: &Def, name: &str, open: &mut Open) -> BTreeSet<Def> {
        match def {
            Def::Module(module) if name == "super" => {
                let parent = self.module(*module).parent.unwrap_or_default();
                let module = ModuleId {
                    module: parent,
                    ..*module
                };
                BTreeSet::from([Def::Module(module)])
            }
            Def::Module(module) if name == "self" => BTreeSet::from([Def::Module(*module)]),
            Def::Module(module) => self.lookup(*module, name, module.krate != at.krate, open),
            Def::Item(item) => self.member(*item, name, open),
            Def::Foreign(path) => {
                let path = path.iter().cloned().chain([name.to_owned()]);
                BTreeSet::from([Def::Foreign(path.collect())])
            }
            Def::Member(..) => BTreeSet::new(),
        }
    }

    fn member(&self, item: ItemId, name: &str, open: &mut Open) -> BTreeSet<Def> {
        if self.members(item).any(|member| member.name == name) {
            return BTreeSet::from([Def::Member(item, name.to_owned())]);
        }
        let Some(alias) = &self.item(item).alias else {
            return BTreeSet::new();
        };
        if !open.begin(&(item.module, alias.join("::"), false)) {
            return BTreeSet::new();
        }
        let meant = self.resolve_with(item.module, alias, open);
        let mut found = BTreeSet::new();
        for def in meant {
            if let Def::Item(item) = def {
                found.extend(self.member(item, name, open));
            }
        }
        found
    }

    /// Returns what a name means in a module, for others or for the crate itself.
    fn lookup(&self, at: ModuleId, name: &str, is_outside: bool, open: &mut Open) -> BTreeSet<Def> {
        let lookup = (at, name.to_owned(), is_outside);
        if let Some(found) = self.known.borrow().get(&lookup) {
            return found.clone();
        }
        if !open.begin(&lookup) {
            return BTreeSet::new();
        }
        let around = std::mem::take(&mut open.has_cycle);
        let found = self.declared(&lookup, open);
        // Of a name that led back to itself, only what began the lookup is complete.
        if !open.has_cycle || open.lookups.len() == 1 {
            self.known
                .borrow_mut()
                .insert(lookup.clone(), found.clone());
        }
        open.has_cycle |= around;
        open.lookups.remove(&lookup);
        found
    }

    /// Returns what the declarations of a module make of a name.
    fn declared(&self, (at, name, is_outside): &Lookup, open: &mut Open) -> BTreeSet<Def> {
        let (at, is_outside) = (*at, *is_outside);
        let module = self.module(at);
        let mut found = BTreeSet::new();
        for (item, known) in module.items.iter().enumerate() {
            if known.name == *name && (known.is_public || !is_outside) {
                found.insert(Def::Item(ItemId { module: at, item }));
            }
        }
        for child in &module.children {
            let child = ModuleId {
                module: *child,
                ..at
            };
            let known = self.module(child);
            if known.name == *name && (known.is_public || !is_outside) {
                found.insert(Def::Module(child));
            }
        }
        let imports = module.imports.iter();
        let imports = imports.filter(|import| import.is_public || !is_outside);
        let (named, globs): (Vec<&Import>, Vec<&Import>) = imports.partition(|i| i.name.is_some());
        for import in named {
            if import.name.as_ref() == Some(name) {
                found.extend(self.imported(at, &import.path, open));
            }
        }
        if found.is_empty() {
            found = self.glob_imported(at, &globs, name, is_outside, open);
        }
        found
    }

    /// Returns what the globs of a module make of a name.
    fn glob_imported(
        &self,
        at: ModuleId,
        globs: &[&Import],
        name: &str,
        is_outside: bool,
        open: &mut Open,
    ) -> BTreeSet<Def> {
        let mut found = BTreeSet::new();
        for import in globs {
            for def in self.imported(at, &import.path, open) {
                found.extend(match def {
                    Def::Module(from) => {
                        self.lookup(from, name, is_outside || from.krate != at.krate, open)
                    }
                    Def::Item(_) | Def::Member(..) | Def::Foreign(_) => {
                        self.below(at, &def, name, open)
                    }
                });
            }
        }
        // A crate whose sources are not here could have anything.
        let is_certain = |def: &Def| !matches!(def, Def::Foreign(_));
        if found.iter().any(is_certain) {
            found.retain(is_certain);
        }
        found
    }

    /// Returns what an import leads to. `use x::y` in a module that itself has an `x` by another
    /// import of the same name means the crate.
    fn imported(&self, at: ModuleId, path: &[String], open: &mut Open) -> BTreeSet<Def> {
        let Some(first) = path.first() else {
            return BTreeSet::new();
        };
        let known = self.crate_name(at, first);
        let mut found = self.resolve_with(at, path, open);
        // The crate itself is meant, and not what a glob of a crate that was not read may give.
        let is_whole =
            |of: &[String]| of.len() == path.len() && of.first().is_some_and(|name| name == known);
        let has_whole = found
            .iter()
            .any(|def| matches!(def, Def::Foreign(of) if is_whole(of)));
        found.retain(|def| match def {
            Def::Foreign(of) => !has_whole || is_whole(of),
            Def::Module(_) | Def::Item(_) | Def::Member(..) => true,
        });
        if found.is_empty() && !matches!(first.as_str(), "crate" | "self" | "super") {
            found = self.of_crate(at, known, &path[1..], open);
        }
        found
    }

    /// Returns the name of the crate that a module knows under a name.
    fn crate_name<'n>(&'n self, at: ModuleId, name: &'n str) -> &'n str {
        let renamed = &self.crates[at.krate].renamed;
        renamed.get(name).map_or(name, String::as_str)
    }

    /// Returns what a path below a crate leads to.
    fn of_crate(
        &self,
        at: ModuleId,
        name: &str,
        path: &[String],
        open: &mut Open,
    ) -> BTreeSet<Def> {
        let Some(root) = self.root(name) else {
            let path = [name.to_owned()].into_iter().chain(path.iter().cloned());
            return BTreeSet::from([Def::Foreign(path.collect())]);
        };
        let mut found = BTreeSet::from([Def::Module(root)]);
        for name in path {
            let below = found.iter().flat_map(|def| self.below(at, def, name, open));
            found = below.collect();
        }
        found
    }

    /// Returns what the path of a public thing leads to, looked up below a module by another crate.
    #[must_use]
    pub fn public(&self, below: ModuleId, path: &[String]) -> BTreeSet<Def> {
        let mut found = BTreeSet::from([Def::Module(below)]);
        for name in path {
            let open = &mut Open::default();
            let next = found.iter().flat_map(|def| match def {
                Def::Module(module) => self.lookup(*module, name, true, open),
                Def::Item(_) | Def::Member(..) | Def::Foreign(_) => {
                    self.below(below, def, name, open)
                }
            });
            found = next.collect();
        }
        found
    }

    /// Returns the public names of a module with what each leads to.
    #[must_use]
    pub fn public_names(&self, at: ModuleId) -> BTreeMap<String, BTreeSet<Def>> {
        let mut names = BTreeSet::new();
        self.collect_names(at, &mut names, &mut BTreeSet::new());
        let leads_to = |name: String| {
            let defs = self.lookup(at, &name, true, &mut Open::default());
            (name, defs)
        };
        names.into_iter().map(leads_to).collect()
    }

    fn collect_names(
        &self,
        at: ModuleId,
        names: &mut BTreeSet<String>,
        seen: &mut BTreeSet<ModuleId>,
    ) {
        if !seen.insert(at) {
            return;
        }
        let module = self.module(at);
        let items = module.items.iter().filter(|item| item.is_public);
        names.extend(items.map(|item| item.name.clone()));
        let children = module.children.iter().map(|child| ModuleId {
            module: *child,
            ..at
        });
        let children = children.map(|child| self.module(child));
        names.extend(
            children
                .filter(|child| child.is_public)
                .map(|child| child.name.clone()),
        );
        for import in module.imports.iter().filter(|import| import.is_public) {
            match &import.name {
                Some(name) => {
                    names.insert(name.clone());
                }
                None => {
                    for def in self.imported(at, &import.path, &mut Open::default()) {
                        match def {
                            Def::Module(from) => self.collect_names(from, names, seen),
                            Def::Item(item) => {
                                names.extend(self.members(item).map(|member| member.name.clone()));
                            }
                            Def::Member(..) | Def::Foreign(_) => {}
                        }
                    }
                }
            }
        }
    }
}
