//! The lock of a cell: moved as far as the pin needs, proved to hold the family at the pin, and repaired
//! where it does not fit the toolchain. `pinning` and `newest` ask cargo; the rest decides.

pub(crate) mod resolution;
pub(crate) mod lockfile;
pub(crate) mod msrv;
pub(crate) mod repair;
pub(crate) mod drift;
pub(crate) mod pin_check;
pub(crate) mod newest;
mod pinning;
mod resolver;

pub(crate) use self::resolver::Resolver;
