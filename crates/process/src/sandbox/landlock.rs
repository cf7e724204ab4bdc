//! Bounds put on this process or thread, for good: what it starts from here on cannot leave them.
//!
//! Files are Landlock's (<https://docs.kernel.org/userspace-api/landlock.html>), the network is cut
//! off by a namespace that has nothing but a loopback
//! (<https://man7.org/linux/man-pages/man7/network_namespaces.7.html>), and mounts are changed in
//! another (`mounts.rs`).

use anyhow::{Context, Result, ensure};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};
use nix::sched::{CloneFlags, unshare};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::sandbox::mounts::mount;
use crate::sandbox::policy::{FilePolicy, Policy};

/// The oldest Landlock that will do: the second lets files be linked and moved from one folder to
/// another, which cargo does, and the third keeps them from being cut short.
const LEAST: ABI = ABI::V3;
/// The newest whose rights are asked for where the kernel has them.
const MOST: ABI = ABI::V9;

/// Bounds the files that this thread may reach, and what it starts. Signals stay within, too.
///
/// # Errors
///
/// When the system does not have what that takes.
pub fn restrict_thread(files: &FilePolicy) -> Result<()> {
    // Whoever is root could make a device and read the disk by it.
    let write = AccessFs::from_all(MOST) & !(AccessFs::MakeBlock | AccessFs::MakeChar);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(MOST))?
        .scope(Scope::from_all(MOST))?
        .create()?
        .add_rules(path_beneath_rules(&files.read, AccessFs::from_read(MOST)))?
        .add_rules(path_beneath_rules(&files.write, write))?
        .restrict_self()?;
    let is_enforced = status.ruleset != RulesetStatus::NotEnforced;
    ensure!(is_enforced, "this kernel has no Landlock");
    Ok(())
}

/// Moves into namespaces that keep to some bounds, as the same user as before: a network of their
/// own, and mounts of their own. A user namespace is what lets anyone do that
/// (<https://man7.org/linux/man-pages/man7/user_namespaces.7.html>). This process must have a single
/// thread.
///
/// # Errors
///
/// When the system does not have what that takes.
pub fn enter_namespaces(policy: &Policy) -> Result<()> {
    let mounts = policy
        .files
        .as_ref()
        .and_then(|files| files.mounts.as_ref());
    if policy.network && mounts.is_none() {
        return Ok(());
    }
    let what = match (policy.network, mounts) {
        (false, None) => "cut off the network",
        (true | false, _) => "mount what is the cell's own",
    };
    enter(policy).context(what)
}

fn enter(policy: &Policy) -> Result<()> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let (user, group) = (user.as_raw(), group.as_raw());
    let mut kinds = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC;
    kinds.set(CloneFlags::CLONE_NEWNET, !policy.network);
    unshare(kinds).context("make namespaces")?;
    let maps = [
        // Without this, a group cannot be mapped by anyone.
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{user} {user} 1")),
        ("/proc/self/gid_map", format!("{group} {group} 1")),
    ];
    for (file, text) in maps {
        std::fs::write(file, text).with_context(|| format!("write {file}"))?;
    }
    mount(policy, user)?;
    if policy.network {
        return Ok(());
    }
    raise_loopback().context("raise the loopback")
}

/// Brings up the loopback of a new network, which many tests talk over, with the one message that
/// it takes (<https://man7.org/linux/man-pages/man7/rtnetlink.7.html>).
fn raise_loopback() -> Result<()> {
    /// `RTM_NEWLINK`
    const NEW_LINK: u16 = 16;
    /// `NLM_F_REQUEST | NLM_F_ACK`
    const ANSWER_ME: u16 = 1 | 4;
    /// The loopback is the first interface of every network.
    const LOOPBACK: u32 = 1;
    /// `IFF_UP`
    const UP: u32 = 1;
    const LENGTH: u32 = 32;
    let mut message = Vec::new();
    message.extend(LENGTH.to_ne_bytes());
    message.extend(NEW_LINK.to_ne_bytes());
    message.extend(ANSWER_ME.to_ne_bytes());
    // Number and sender of the message; family and type of the interface: whatever it is.
    message.extend([0; 12]);
    for word in [LOOPBACK, UP, UP] {
        message.extend(word.to_ne_bytes());
    }
    let (family, kind, flags) = (
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
    );
    // No protocol is the first one, `NETLINK_ROUTE`.
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &message, SendFlags::empty(), &kernel)?;
    let mut answer = [0; 64];
    rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    // An acknowledgement holds an error number behind its header; 0 is none.
    let refused = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
    ensure!(refused == 0, "the kernel says no ({})", -refused);
    Ok(())
}
