//! Names of cases, of which no two in a file are the same. GitLab and Jenkins keep one case of each
//! classname and name, and two that differ in nothing but what cannot be shown would be one.

use std::collections::BTreeMap;

use pinmatrix_core::text;

use crate::junit::fit;

/// The names that a file has so far, by their class: with the next number for another of that name.
#[derive(Default)]
pub struct Names(BTreeMap<(String, String), usize>);

impl Names {
    /// The name as it is shown, with a number where its class has it already.
    pub fn take(&mut self, class: &str, name: &str) -> String {
        let (class, name) = (fit(class), fit(&text::one_line(name)));
        let key = |name: &str| (class.clone(), name.to_owned());
        let mut next = self.0.get(&key(&name)).copied().unwrap_or(1);
        let mut own = name.clone();
        while self.0.contains_key(&key(&own)) {
            next += 1;
            own = format!("{name} ({next})");
        }
        self.0.insert(key(&own), 1);
        self.0.insert(key(&name), next);
        own
    }
}
