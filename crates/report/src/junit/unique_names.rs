//! Unique names of cases within a file. GitLab and Jenkins keep one case for each classname and
//! name, so two names that differ only in characters that cannot be shown would collide.

use std::collections::BTreeMap;

use pinmatrix_core::text;

use crate::junit::fit;

/// The names used so far, by class, with the next number for a repeated name.
#[derive(Default)]
pub struct Names(BTreeMap<(String, String), usize>);

impl Names {
    /// Returns the name as shown, with a number if the class already has it.
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
