//! The versions in the locks of crates that a family brings in under numbers of their own, such as
//! cranelift for wasmtime.

use std::collections::BTreeSet;

use pinmatrix_core::model::cell::Pin;
use pinmatrix_core::model::run::{FamilyRecord, Run};
use semver::Version;

/// What the locks hold beside the pins of one family.
pub struct ShownTable {
    /// The family's name.
    pub family: String,
    /// The crates: the columns.
    pub crates: Vec<String>,
    /// Each pin, with the versions of each crate in the locks of its cells.
    pub rows: Vec<(String, Vec<String>)>,
}

/// The tables of the families that have such crates, of the pins at which a cell has a lock.
#[must_use]
pub fn tables(run: &Run) -> Vec<ShownTable> {
    let families = run.families.iter().filter(|f| !f.shown.is_empty());
    let tables = families.map(|family| table(run, family));
    tables.filter(|table| !table.rows.is_empty()).collect()
}

fn table(run: &Run, family: &FamilyRecord) -> ShownTable {
    let row = |pin: &Pin| {
        let cells = run
            .cells
            .iter()
            .filter(|cell| cell.cell.pin.as_ref() == pin);
        let outcomes = cells.filter_map(|cell| cell.outcome());
        let outcomes: Vec<_> = outcomes.filter(|o| o.lock.is_some()).collect();
        let versions = |krate: &String| {
            let of_crate = outcomes.iter().filter_map(|o| o.shown.get(krate));
            let versions: BTreeSet<&Version> = of_crate.flatten().collect();
            let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
            if versions.is_empty() {
                "–".to_owned()
            } else {
                versions.join(", ")
            }
        };
        let cells = family.shown.iter().map(versions).collect();
        (!outcomes.is_empty()).then(|| (pin.at.to_string(), cells))
    };
    ShownTable {
        family: family.name.clone(),
        crates: family.shown.clone(),
        rows: family.pins.iter().filter_map(row).collect(),
    }
}
