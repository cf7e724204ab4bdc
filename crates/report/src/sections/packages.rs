//! What reports say of the packages in the graphs of cells.

pub mod old_lock;
pub mod copies;
pub mod selection;
pub mod version_sets;
