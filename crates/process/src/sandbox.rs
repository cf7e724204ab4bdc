//! The sandbox of a child: which folders, programs and network it may access, as far as the system
//! can enforce that.

pub mod policy;
#[cfg(target_os = "linux")]
pub(crate) mod mounts;
#[cfg(target_os = "linux")]
pub(crate) mod landlock;
pub mod scoped_thread;
