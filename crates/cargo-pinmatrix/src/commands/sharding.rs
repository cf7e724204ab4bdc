//! A share of a plan, in advance or a round at a time.

pub(crate) mod round;
pub(crate) mod shards;
