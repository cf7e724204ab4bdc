//! What is published: an index as cargo reads it, and the ladder and the sets of
//! versions that follow from it for a family.

pub mod index;
pub mod releases;
pub mod scratch;
pub mod published;
pub mod ladder;
pub mod activation;
pub mod version_set;
pub mod sources;
