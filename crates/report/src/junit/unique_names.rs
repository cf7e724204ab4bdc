//! Unique names of cases within a file. GitLab and Jenkins keep one case for each classname and
//! name, so two names that differ only in characters that cannot be shown would collide.

use std::collections::BTreeMap;

use pinmatrix_core::text;

use crate::junit::fit;

/// The names used so far, by class, with the next number for a repeated name.
#[derive(Default)]
pub struct Names(BTreeMap<String, BTreeMap<String, usize>>);

impl Names {
    /// Returns the name as shown, with a number if the class already has it.
    pub fn take(&mut self, class: &str, name: &str) -> String {
        let (class, name) = (fit(class), fit(&text::one_line(name)));
        let taken = self.0.entry(class).or_default();
        let Some(mut next) = taken.get(&name).copied() else {
            taken.insert(name.clone(), 1);
            return name;
        };
        let mut own = name.clone();
        while taken.contains_key(&own) {
            next += 1;
            own = format!("{name} ({next})");
        }
        taken.insert(own.clone(), 1);
        taken.insert(name, next);
        own
    }
}
