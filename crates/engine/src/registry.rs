//! What is published: an index as cargo reads it, and the ladder of a family that follows from it.

pub mod index;
pub mod releases;
pub mod published;
pub mod ladder;
