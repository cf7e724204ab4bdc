//! Traits that a target implements, structures that it builds and enumerations that it matches.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::model::forecast::{Change, Place};

use crate::forecast::Step;
use crate::offer::Found;
use crate::tree::{Member, MemberKind};

/// The members of an item, by name. Of one with several declarations, that counts which asks least.
fn by_name<'a>(found: &Found<'_, 'a>) -> BTreeMap<&'a str, &'a Member> {
    let mut members: Vec<&Member> = found.all_members().collect();
    members.sort_by_key(|member| !member.is_required);
    let members = members
        .into_iter()
        .map(|member| (member.name.as_str(), member));
    members.collect()
}

impl Step<'_, '_> {
    fn place_of(&self, path: &[String]) -> Place {
        let place = self.uses.paths.get(path);
        place.cloned().unwrap_or(Place {
            file: "".into(),
            line: 1,
        })
    }

    pub(super) fn implemented(&mut self) {
        let uses = self.uses;
        for (path, given) in &uses.implemented {
            let (before, after) = (self.before.find(path), self.after.find(path));
            if before.n_names < path.len() || after.n_names < path.len() {
                continue;
            }
            let (place, named) = (self.place_of(path), path.join("::"));
            self.compare(
                &named,
                &before.signatures(),
                &after.signatures(),
                true,
                &place,
            );
            let (was, is) = (by_name(&before), by_name(&after));
            for (name, member) in &is {
                let asked_before = was.get(name).is_some_and(|member| member.is_required);
                if member.is_required && !asked_before && !given.contains(*name) {
                    let what = format!("`{name}`");
                    self.add(named.clone(), Change::AsksMore { what }, true, &place);
                }
            }
            self.given(&named, given, &was, &is, &place);
        }
    }

    /// Compares the members that a target itself writes down.
    fn given(
        &mut self,
        named: &str,
        given: &BTreeSet<String>,
        was: &BTreeMap<&str, &Member>,
        is: &BTreeMap<&str, &Member>,
        place: &Place,
    ) {
        for name in given {
            let named = format!("{named}::{name}");
            match (was.get(name.as_str()), is.get(name.as_str())) {
                (Some(_), None) => self.add(named, Change::Gone, true, place),
                (None, Some(_)) => self.add(named, Change::Appears, true, place),
                (Some(was), Some(is)) => {
                    let (was, is) = ([&was.signature], [&is.signature]);
                    self.compare(
                        &named,
                        &BTreeSet::from(was),
                        &BTreeSet::from(is),
                        true,
                        place,
                    );
                }
                (None, None) => {}
            }
        }
    }

    pub(super) fn built(&mut self) {
        let uses = self.uses;
        for (path, fields) in &uses.built {
            let (before, after) = (self.before.find(path), self.after.find(path));
            if before.n_names < path.len()
                || after.n_names < path.len()
                || before.members().next().is_some()
            {
                continue;
            }
            let (place, named) = (self.place_of(path), path.join("::"));
            let of_kind =
                |found: &Found<'_, '_>| -> bool { found.items().all(|(_, item)| item.is_open) };
            if of_kind(&after) && !of_kind(&before) {
                let what = "`..`, since not all of its fields can be named".to_owned();
                self.add(named.clone(), Change::AsksMore { what }, true, &place);
            }
            let (was, is) = (by_name(&before), by_name(&after));
            for (name, member) in &is {
                let is_new = member.kind == MemberKind::Field && !was.contains_key(name);
                if is_new && !fields.contains(*name) {
                    let what = format!("the field `{name}`");
                    self.add(named.clone(), Change::AsksMore { what }, true, &place);
                }
            }
            self.given(&named, fields, &was, &is, &place);
        }
    }

    pub(super) fn matched(&mut self) {
        let uses = self.uses;
        for path in &uses.matched {
            let (before, after) = (self.before.find(path), self.after.find(path));
            if before.n_names < path.len() || after.n_names < path.len() {
                continue;
            }
            if before.items().any(|(_, item)| item.is_open) {
                continue;
            }
            let (place, named) = (self.place_of(path), path.join("::"));
            let (was, is) = (by_name(&before), by_name(&after));
            for (name, member) in &is {
                if member.kind == MemberKind::Variant && !was.contains_key(name) {
                    let what = format!("the variant `{name}`, where nothing else matches it");
                    self.add(named.clone(), Change::AsksMore { what }, false, &place);
                }
            }
        }
    }
}
