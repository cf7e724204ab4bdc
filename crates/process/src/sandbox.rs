//! What a child may reach: folders, the network and programs, as far as the system can hold it to
//! that.

pub mod policy;
#[cfg(target_os = "linux")]
pub(crate) mod mounts;
#[cfg(target_os = "linux")]
pub(crate) mod landlock;
pub mod scoped_thread;
