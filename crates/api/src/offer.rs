//! What the crates of a family offer at one version: each public thing under its paths.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::names::{Def, ItemId, ModuleId, Names};
use crate::tree::{CrateTree, Item, ItemKind, Member, MemberKind};

/// How many public paths are listed.
const MOST_PATHS: usize = 500_000;

/// What the crates of a family offer at one version.
pub struct Offer<'a> {
    names: Names<'a>,
    crates: Vec<&'a str>,
    /// The public paths of each item.
    paths: BTreeMap<ItemId, Vec<String>>,
    /// The public paths of modules, by the name of the module.
    modules: BTreeMap<String, Vec<String>>,
    /// The paths under which something of another crate is offered, by that thing's own path.
    foreign: BTreeMap<Vec<String>, Vec<String>>,
    /// The crates whose sources are not here and of which everything is passed on.
    globs: BTreeSet<String>,
    /// The items that have a method, an associated function or a field, by its name.
    owners: BTreeMap<&'a str, BTreeSet<ItemId>>,
}

/// What a path leads to in an offer.
pub struct Found<'o, 'a> {
    offer: &'o Offer<'a>,
    /// The things that the path leads to, as far as it does.
    defs: BTreeSet<Def>,
    /// How many names of the path lead somewhere.
    pub n_names: usize,
    /// Whether a module on the way has something that was not seen.
    pub has_unseen: bool,
}

impl<'a> Offer<'a> {
    /// Creates the offer of these crates. Those that `is_family` names are offered; the rest is what
    /// they are made of.
    #[must_use]
    pub fn of(crates: &'a [CrateTree], is_family: &dyn Fn(&str) -> bool) -> Self {
        let names = Names::of(crates);
        let offered = crates.iter().map(|tree| tree.name.as_str());
        let mut offer = Self {
            crates: offered.filter(|name| is_family(name)).collect(),
            names,
            paths: BTreeMap::new(),
            modules: BTreeMap::new(),
            foreign: BTreeMap::new(),
            globs: BTreeSet::new(),
            owners: BTreeMap::new(),
        };
        offer.list_paths();
        offer.list_owners();
        offer
    }

    fn list_paths(&mut self) {
        let roots = self
            .crates
            .iter()
            .filter_map(|name| Some((*name, self.names.root(name)?)));
        let mut open: Vec<(String, ModuleId, Vec<ModuleId>)> = roots
            .map(|(name, root)| (name.to_owned(), root, vec![root]))
            .collect();
        let mut paths: BTreeMap<ItemId, Vec<String>> = BTreeMap::new();
        let mut modules: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut foreign: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        let mut n = 0;
        while let Some((prefix, module, above)) = open.pop().filter(|_| n < MOST_PATHS) {
            self.globs.extend(self.names.foreign_globs(module));
            for (name, defs) in self.names.public_names(module) {
                let path = format!("{prefix}::{name}");
                for def in defs {
                    n += 1;
                    match def {
                        Def::Module(below) if !above.contains(&below) => {
                            modules.entry(name.clone()).or_default().push(path.clone());
                            let above = above.iter().copied().chain([below]).collect();
                            open.push((path.clone(), below, above));
                        }
                        Def::Item(item) => paths.entry(item).or_default().push(path.clone()),
                        Def::Foreign(of) => foreign.entry(of).or_default().push(path.clone()),
                        Def::Module(_) | Def::Member(..) => {}
                    }
                }
            }
        }
        for places in paths.values_mut().chain(foreign.values_mut()) {
            places.sort_by_key(|path| (path.matches("::").count(), path.clone()));
        }
        (self.paths, self.modules, self.foreign) = (paths, modules, foreign);
    }

    fn list_owners(&mut self) {
        let mut owners: BTreeMap<&'a str, BTreeSet<ItemId>> = BTreeMap::new();
        for item in self.paths.keys() {
            for member in self.names.members(*item) {
                let is_named = matches!(
                    member.kind,
                    MemberKind::Method | MemberKind::Function | MemberKind::Field
                );
                if is_named {
                    owners.entry(&member.name).or_default().insert(*item);
                }
            }
        }
        self.owners = owners;
    }

    /// Returns the crates whose sources are not here and of which something is passed on.
    #[must_use]
    pub fn foreign_crates(&self) -> BTreeSet<String> {
        let named = self.foreign.keys().filter_map(|path| path.first().cloned());
        named.chain(self.globs.iter().cloned()).collect()
    }

    /// Follows a path that begins with the name of a crate, as far as it leads.
    #[must_use]
    pub fn find(&self, path: &[String]) -> Found<'_, 'a> {
        let mut found = Found {
            offer: self,
            defs: BTreeSet::new(),
            n_names: 0,
            has_unseen: false,
        };
        let Some(root) = path.first().and_then(|name| self.names.root(name)) else {
            return found;
        };
        found.defs = BTreeSet::from([Def::Module(root)]);
        found.n_names = 1;
        for n in 2..=path.len() {
            let modules = found.defs.iter().filter_map(|def| match def {
                Def::Module(module) => Some(*module),
                Def::Item(_) | Def::Member(..) | Def::Foreign(_) => None,
            });
            found.has_unseen |= modules.clone().any(|module| self.names.has_unseen(module));
            let defs = self.names.public(root, &path[1..n]);
            if defs.is_empty() {
                break;
            }
            (found.defs, found.n_names) = (defs, n);
        }
        found
    }

    /// Returns the public path under which something like a found thing stands here, if there is one:
    /// an item of the same kind and name.
    #[must_use]
    pub fn same_elsewhere(&self, item: &Item, written: &[String]) -> Option<String> {
        let paths = self.paths.iter().filter(|(id, _)| {
            let other = self.names.item(**id);
            other.name == item.name && other.kind == item.kind
        });
        nearest(paths.flat_map(|(_, paths)| paths), written)
    }

    /// Returns the public path under which a module of this name stands here, if there is one.
    #[must_use]
    pub fn module_elsewhere(&self, written: &[String]) -> Option<String> {
        nearest(self.modules.get(written.last()?)?.iter(), written)
    }

    /// Returns the path under which something of another crate is offered here.
    #[must_use]
    pub fn foreign_elsewhere(&self, of: &[String]) -> Option<&str> {
        self.foreign.get(of)?.first().map(String::as_str)
    }

    /// Returns the items that have a method, an associated function or a field of this name.
    pub fn owners(&self, method: &str) -> impl Iterator<Item = ItemId> {
        self.owners.get(method).into_iter().flatten().copied()
    }

    /// Returns the signatures of a member of an item.
    #[must_use]
    pub fn signatures(&self, item: ItemId, member: &str) -> BTreeSet<&'a str> {
        let members = self
            .names
            .members(item)
            .filter(|known| known.name == member);
        members.map(|member| member.signature.as_str()).collect()
    }

    /// Returns true if an item is offered under this path.
    #[must_use]
    pub fn has_path(&self, path: &str) -> bool {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        self.find(&path).n_names == path.len()
    }

    /// Returns the first public path of an item.
    #[must_use]
    pub fn path_of(&self, item: ItemId) -> Option<&str> {
        self.paths.get(&item)?.first().map(String::as_str)
    }
}

/// Returns the path that has most in common with another from the start on, and of these the shortest.
fn nearest<'p>(paths: impl Iterator<Item = &'p String>, written: &[String]) -> Option<String> {
    let common = |path: &str| {
        let names = path.split("::").zip(written);
        names.take_while(|(one, other)| one == other).count()
    };
    let nearness = |path: &&String| (common(path), Reverse((path.len(), (*path).clone())));
    paths.max_by_key(nearness).cloned()
}

impl<'a> Found<'_, 'a> {
    /// Returns the items that the path leads to, and the members of them.
    pub fn items(&self) -> impl Iterator<Item = (ItemId, &'a Item)> {
        self.defs.iter().filter_map(|def| match def {
            Def::Item(id) | Def::Member(id, _) => Some((*id, self.offer.names.item(*id))),
            Def::Module(_) | Def::Foreign(_) => None,
        })
    }

    /// Returns true if all that the path leads to was read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !self.defs.iter().any(|def| matches!(def, Def::Foreign(_)))
    }

    /// Returns true if the path leads to a module.
    #[must_use]
    pub fn is_module(&self) -> bool {
        self.defs.iter().any(|def| matches!(def, Def::Module(_)))
    }

    /// Returns what the path leads to in crates whose sources are not here.
    pub fn foreign(&self) -> impl Iterator<Item = &[String]> {
        self.defs.iter().filter_map(|def| match def {
            Def::Foreign(path) => Some(path.as_slice()),
            Def::Module(_) | Def::Item(_) | Def::Member(..) => None,
        })
    }

    /// Returns the members that the path leads to.
    pub fn members(&self) -> impl Iterator<Item = &'a Member> {
        self.defs.iter().flat_map(|def| {
            let member = match def {
                Def::Member(id, name) => Some((*id, name)),
                Def::Item(_) | Def::Module(_) | Def::Foreign(_) => None,
            };
            let of_item = member.map(|(id, name)| {
                let members = self.offer.names.members(id);
                members.filter(move |member| member.name == *name)
            });
            of_item.into_iter().flatten()
        })
    }

    /// Returns all members of the items that the path leads to.
    pub fn all_members(&self) -> impl Iterator<Item = &'a Member> {
        self.items()
            .flat_map(|(id, _)| self.offer.names.members(id))
    }

    /// Returns the signatures of what the path leads to. Several stand for several conditions of
    /// compilation.
    #[must_use]
    pub fn signatures(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for def in &self.defs {
            match def {
                Def::Item(id) => all.extend([self.offer.names.item(*id).signature.clone()]),
                Def::Member(id, name) => {
                    all.extend(
                        self.offer
                            .signatures(*id, name)
                            .into_iter()
                            .map(str::to_owned),
                    );
                }
                // What stands in a crate that was not read is not known.
                Def::Foreign(_) => {}
                Def::Module(_) => all.extend(["mod".to_owned()]),
            }
        }
        all
    }

    /// Returns true if the path leads to a trait.
    #[must_use]
    pub fn is_trait(&self) -> bool {
        self.items().any(|(_, item)| item.kind == ItemKind::Trait)
    }
}
