//! What reports say of the packages in the graphs of cells.

pub mod old_lock;
pub mod copies;
pub mod selection;
pub mod shown;
pub mod version_sets;

use pinmatrix_core::model::run::Run;

/// What reports say of crates that are left out of the family at a pin, and of packages that are not
/// built.
#[must_use]
pub fn lines(run: &Run) -> Vec<String> {
    let absent = run.families.iter().flat_map(version_sets::absent);
    let patched = run.families.iter().flat_map(version_sets::patched);
    absent.chain(patched).chain(selection::lines(run)).collect()
}
