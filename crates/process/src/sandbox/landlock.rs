//! Permanent restrictions of this process or thread, which everything that it starts inherits.
//!
//! Landlock restricts files (<https://docs.kernel.org/userspace-api/landlock.html>), a network
//! namespace with only a loopback cuts off the network
//! (<https://man7.org/linux/man-pages/man7/network_namespaces.7.html>), and a mount namespace
//! changes the mounts (`mounts.rs`).

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

/// The oldest sufficient Landlock version: the second allows linking and moving files between
/// folders, which cargo does, and the third can prevent truncation.
const LEAST: ABI = ABI::V3;
/// The newest version whose access rights are requested if the kernel has them.
const MOST: ABI = ABI::V9;

/// Restricts the files that this thread, and everything that it starts, may access. Signals are
/// restricted to the same domain.
///
/// # Errors
///
/// If the system does not support this.
pub fn restrict_thread(files: &FilePolicy) -> Result<()> {
    // Root could otherwise create a device node and read the disk through it.
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

/// Enters the namespaces that a policy requires, as the same user as before: a separate network and
/// separate mounts. A user namespace makes that possible without privileges
/// (<https://man7.org/linux/man-pages/man7/user_namespaces.7.html>). This process must be
/// single-threaded.
///
/// # Errors
///
/// If the system does not support this.
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
        // Without this, unprivileged users cannot map a group.
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

/// Brings up the loopback of a new network, which many tests use, with the single message that this
/// requires (<https://man7.org/linux/man-pages/man7/rtnetlink.7.html>).
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
    // The sequence number and sender of the message; the family and type of the interface: any.
    message.extend([0; 12]);
    for word in [LOOPBACK, UP, UP] {
        message.extend(word.to_ne_bytes());
    }
    let (family, kind, flags) = (
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
    );
    // No protocol means the first one, `NETLINK_ROUTE`.
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &message, SendFlags::empty(), &kernel)?;
    let mut answer = [0; 64];
    rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    // An acknowledgement contains an error number after its header; 0 means success.
    let refused = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
    ensure!(refused == 0, "the kernel says no ({})", -refused);
    Ok(())
}
