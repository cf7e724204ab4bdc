//! A cell's lock file: moved as far as the pin needs, checked to hold the family at the pin, and
//! repaired where it does not fit the toolchain. `pinning` and `newest` run cargo; the other
//! modules decide.

pub(crate) mod resolution;
pub(crate) mod lockfile;
pub(crate) mod msrv;
pub(crate) mod repair;
pub(crate) mod drift;
pub(crate) mod pin_check;
mod hold;
pub(crate) mod newest;
mod setup;
mod pinning;
mod resolver;

pub(crate) use self::resolver::Resolver;
pub(crate) use self::setup::ResolveSetup;
