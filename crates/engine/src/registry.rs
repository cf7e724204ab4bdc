//! What is published: an index as cargo reads it, and the ladder that follows from it for a family.

pub mod index;
pub mod releases;
pub mod published;
pub mod ladder;
