//! Methods that a target calls. Of which type is not in the code, so that is told from the types that
//! have one of that name, and those that the target names.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::model::forecast::{Change, Place};

use crate::forecast::Step;
use crate::offer::Offer;

/// Methods that types of the standard library have too.
const OF_STD: &[&str] = &[
    "add",
    "all",
    "and",
    "and_then",
    "any",
    "as_bytes",
    "as_deref",
    "as_mut",
    "as_ptr",
    "as_ref",
    "as_slice",
    "as_str",
    "borrow",
    "build",
    "bytes",
    "chain",
    "chars",
    "clear",
    "clone",
    "cloned",
    "cmp",
    "collect",
    "contains",
    "contains_key",
    "context",
    "copied",
    "count",
    "data",
    "deref",
    "display",
    "drain",
    "drop",
    "entry",
    "enumerate",
    "eq",
    "err",
    "expect",
    "expect_err",
    "extend",
    "filter",
    "filter_map",
    "find",
    "finish",
    "first",
    "flat_map",
    "flush",
    "fmt",
    "fold",
    "for_each",
    "get",
    "get_mut",
    "get_or_insert_with",
    "hash",
    "id",
    "index",
    "insert",
    "into",
    "into_bytes",
    "into_inner",
    "into_iter",
    "into_string",
    "is_empty",
    "is_err",
    "is_none",
    "is_ok",
    "is_some",
    "iter",
    "iter_mut",
    "join",
    "keys",
    "kind",
    "last",
    "len",
    "lines",
    "lock",
    "map",
    "map_err",
    "max",
    "min",
    "name",
    "ne",
    "next",
    "ok",
    "ok_or",
    "or",
    "or_else",
    "parse",
    "path",
    "poll",
    "pop",
    "position",
    "push",
    "push_str",
    "read",
    "read_to_end",
    "read_to_string",
    "recv",
    "remove",
    "replace",
    "reserve",
    "resize",
    "retain",
    "rev",
    "send",
    "set",
    "size",
    "skip",
    "slice",
    "sort",
    "source",
    "spawn",
    "split",
    "starts_with",
    "status",
    "sum",
    "take",
    "to_owned",
    "to_string",
    "to_vec",
    "trim",
    "try_from",
    "try_into",
    "unwrap",
    "unwrap_err",
    "unwrap_or",
    "unwrap_or_default",
    "unwrap_or_else",
    "values",
    "with_context",
    "write",
    "write_all",
    "zip",
];

/// The signatures of a method, by the path of the type or trait that has it.
type Signatures<'s, 'a> = BTreeMap<&'s str, BTreeSet<&'a str>>;

fn signatures<'s, 'a>(offer: &'s Offer<'a>, method: &str) -> Signatures<'s, 'a> {
    let mut by_owner = Signatures::new();
    for id in offer.owners(method) {
        if let Some(path) = offer.path_of(id) {
            let all = by_owner.entry(path).or_default();
            all.extend(offer.signatures(id, method));
        }
    }
    by_owner
}

impl Step<'_, '_> {
    pub(super) fn methods(&mut self) {
        let uses = self.uses;
        let named = self.named_types();
        for (method, place) in &uses.methods {
            self.method(method, place, &named);
        }
    }

    /// Returns the paths of the types and traits that the target names.
    fn named_types(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for path in self.uses.paths.keys() {
            for offer in [self.before, self.after] {
                let items = offer
                    .find(path)
                    .items()
                    .map(|(id, _)| id)
                    .collect::<Vec<_>>();
                let paths = items.into_iter().filter_map(|id| offer.path_of(id));
                named.extend(paths.map(str::to_owned));
            }
        }
        named
    }

    fn method(&mut self, method: &str, place: &Place, named: &BTreeSet<String>) {
        let (before, after) = (self.before, self.after);
        let (before, after) = (signatures(before, method), signatures(after, method));
        let owners: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        let meant = owners.iter().filter(|owner| named.contains(**owner));
        let meant: BTreeSet<&str> = meant.copied().collect();
        let is_strong = meant.len() == 1 && !OF_STD.contains(&method);
        let owners = if meant.is_empty() { owners } else { meant };
        for owner in owners {
            let what = format!("{owner}::{method}");
            match (before.get(owner), after.get(owner)) {
                (Some(before), Some(after)) => self.compare(&what, before, after, is_strong, place),
                // A type that is gone is told by its own path.
                (Some(_), None) if self.after.has_path(owner) => {
                    self.add(what, Change::Gone, is_strong, place);
                }
                (None, Some(_)) if self.before.has_path(owner) => {
                    self.add(what, Change::Appears, is_strong, place);
                }
                (_, _) => {}
            }
        }
    }
}
