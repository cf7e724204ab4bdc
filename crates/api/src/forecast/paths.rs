//! Paths that a target names.

use std::collections::BTreeSet;

use pinmatrix_core::model::forecast::{Change, Place};

use crate::forecast::Step;
use crate::offer::Found;

impl Step<'_, '_> {
    pub(super) fn paths(&mut self) {
        for (path, place) in &self.uses.paths {
            self.path(path, place);
        }
    }

    fn path(&mut self, path: &[String], place: &Place) {
        let (before, after) = (self.before.find(path), self.after.find(path));
        let common = before.n_names.min(after.n_names);
        if before.n_names > common && after.has_unseen {
            self.n_unseen += 1;
        } else if before.n_names > common {
            // What stands below something that is gone is gone with it.
            let written = &path[..=common];
            let change = self.gone(written, &self.before.find(written));
            self.add(written.join("::"), change, true, place);
        } else if after.n_names > common {
            if before.has_unseen {
                self.n_unseen += 1;
            } else {
                self.add(path[..=common].join("::"), Change::Appears, true, place);
            }
        } else if common > 1 && before.is_read() && after.is_read() {
            let named = path[..common].join("::");
            // A trait that is only named asks nothing new of those who name it.
            let is_strong = !(before.is_trait() && after.is_trait());
            self.compare(
                &named,
                &before.signatures(),
                &after.signatures(),
                is_strong,
                place,
            );
            self.deprecated(&named, &before, &after, place);
            self.gated(&named, &before, &after, place);
            self.n_unseen += usize::from(
                common < path.len() && before.has_unseen && before.items().next().is_none(),
            );
        }
    }

    /// Returns how something is gone: whether it stands elsewhere.
    fn gone(&self, written: &[String], before: &Found<'_, '_>) -> Change {
        if before.members().next().is_some() {
            return Change::Gone;
        }
        let mut items = before.items();
        let item = items.find_map(|(_, item)| self.after.same_elsewhere(item, written));
        let mut foreign = before.foreign();
        let module = || {
            let is_module = before.is_module().then_some(());
            is_module.and_then(|()| self.after.module_elsewhere(written))
        };
        let to = item.or_else(module).or_else(|| {
            let path = foreign.find_map(|of| self.after.foreign_elsewhere(of))?;
            Some(path.to_owned())
        });
        match to {
            Some(to) => Change::Moved { to },
            None => Change::Gone,
        }
    }

    fn deprecated(
        &mut self,
        named: &str,
        before: &Found<'_, '_>,
        after: &Found<'_, '_>,
        place: &Place,
    ) {
        if notes(before).is_empty()
            && let Some(note) = notes(after).into_iter().next()
        {
            self.add(named.to_owned(), Change::Deprecated { note }, false, place);
        }
    }

    fn gated(&mut self, named: &str, before: &Found<'_, '_>, after: &Found<'_, '_>, place: &Place) {
        let (was, is) = (gates(before), gates(after));
        // Of several declarations, another may be there.
        let is_one = |found: &Found<'_, '_>| found.items().count() == 1;
        if is_one(before) && is_one(after) && !is.is_subset(&was) {
            let by = is.difference(&was).cloned().collect::<Vec<_>>().join(", ");
            self.add(named.to_owned(), Change::Gated { by }, false, place);
        }
    }
}

/// Returns the notes of what is deprecated: of the members that a path leads to, or else of the items.
fn notes(found: &Found<'_, '_>) -> Vec<String> {
    let of_members: Vec<_> = found.members().map(|member| &member.deprecated).collect();
    let of_items = found.items().map(|(_, item)| &item.deprecated);
    let notes: Vec<_> = if of_members.is_empty() {
        of_items.collect()
    } else {
        of_members
    };
    notes.into_iter().flatten().cloned().collect()
}

fn gates(found: &Found<'_, '_>) -> BTreeSet<String> {
    let of_items = found.items().flat_map(|(_, item)| item.gates.iter());
    let of_members = found.members().flat_map(|member| member.gates.iter());
    of_items.chain(of_members).cloned().collect()
}
