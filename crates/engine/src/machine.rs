//! What this machine provides: toolchains, cargo's home and config, and the environment that
//! children may see.

pub(crate) mod own_env;
pub(crate) mod answer;
pub(crate) mod rustup;
pub(crate) mod nextest;
pub mod secrets;
pub mod child_env;
pub(crate) mod platform;
pub mod toolchain;
pub(crate) mod cargo_home;
pub mod cargo_config;
pub(crate) mod host_fingerprint;
pub(crate) mod failure;
