//! Bounds put on this process or thread, for good: what it starts from here on cannot leave them.
//!
//! Files are Landlock's (<https://docs.kernel.org/userspace-api/landlock.html>), the network is cut
//! off by a namespace that has nothing but a loopback
//! (<https://man7.org/linux/man-pages/man7/network_namespaces.7.html>).

use std::path::Path;

use anyhow::{Context, Result, ensure};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};
use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::exec::bounds::Files;

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
pub fn restrict_thread(files: &Files) -> Result<()> {
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

/// Moves into a network of its own, as the same user as before: a user namespace is what lets
/// anyone do that (<https://man7.org/linux/man-pages/man7/user_namespaces.7.html>). This process must
/// have a single thread.
///
/// # Errors
///
/// When the system does not have what that takes.
pub fn leave_network() -> Result<()> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let (user, group) = (user.as_raw(), group.as_raw());
    unshare(
        CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWIPC,
    )
    .context("make namespaces")?;
    let maps = [
        // Without this, a group cannot be mapped by anyone.
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{user} {user} 1")),
        ("/proc/self/gid_map", format!("{group} {group} 1")),
    ];
    for (file, text) in maps {
        std::fs::write(file, text).with_context(|| format!("write {file}"))?;
    }
    hide_sockets(user).context("hide the sockets of others")?;
    raise_loopback().context("raise the loopback")
}

/// Puts empty folders over those where programs of the user, and of the system, listen on sockets
/// that have a path: container engines, the session's bus, agents, X11, tmux.
fn hide_sockets(user: u32) -> Result<()> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)?;
    let places = [
        "/run",
        "/var/run",
        "/tmp/.X11-unix",
        &format!("/tmp/tmux-{user}"),
    ];
    for place in places {
        let is_folder = std::fs::symlink_metadata(place).is_ok_and(|m| m.is_dir());
        if is_folder && !Path::new(place).join("current-system").exists() {
            rustix::mount::mount("none", place, "tmpfs", MountFlags::empty(), None)
                .with_context(|| format!("cover {place}"))?;
        }
    }
    Ok(())
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
