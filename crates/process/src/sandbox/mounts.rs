//! The mounts that a child sees: private folders instead of those that all programs share, and
//! everything else read-only, so that not even modes, owners and times of files can change.
//!
//! A process restricted by Landlock cannot mount anything, so this comes first.
//! <https://man7.org/linux/man-pages/man2/mount.2.html>

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use camino::Utf8Path;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount_bind_recursive, mount_change, mount_remount,
};

use crate::sandbox::policy::{FilePolicy, MountPolicy, Policy, PrivateDir};

/// Contains files through which each process changes itself.
const PROC: &str = "/proc";
/// The folder of terminals.
const TERMINALS: &str = "/dev/pts";
/// The device that opens a new terminal.
const OPENER: &str = "/dev/ptmx";
/// `MS_NOSYMFOLLOW`
const NO_LINKS: MountFlags = MountFlags::from_bits_retain(256);

/// Mounts what a policy requires, in this process's own mount namespace. The process runs as
/// `user`.
///
/// # Errors
///
/// If the system does not permit it.
pub fn mount(policy: &Policy, user: u32) -> Result<()> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let files = policy.files.as_ref();
    let sockets = if policy.network {
        Vec::new()
    } else {
        folders_of_sockets(user, files)
    };
    match files.and_then(|files| Some((files, files.mounts.as_ref()?))) {
        Some((files, mounts)) => change_all(files, mounts, &sockets, user),
        None => hide(&sockets),
    }
}

/// Folders with the sockets of programs of the user and the system: container engines, the session
/// bus, agents, X11, tmux. Folders inside a path that the policy allows are omitted.
fn folders_of_sockets(user: u32, files: Option<&FilePolicy>) -> Vec<PathBuf> {
    let tmux = format!("/tmp/tmux-{user}");
    let places = ["/run", "/var/run", "/tmp/.X11-unix", &tmux].map(PathBuf::from);
    let is_folder = |place: &PathBuf| {
        std::fs::symlink_metadata(place).is_ok_and(|metadata| metadata.is_dir())
            && !place.join("current-system").exists()
    };
    let is_reached = |place: &PathBuf| {
        let reached = files.into_iter().flat_map(FilePolicy::all);
        reached.into_iter().any(|path| place.starts_with(path))
    };
    let places = places.into_iter().filter(|place| !is_reached(place));
    places.filter(is_folder).collect()
}

/// Covers folders with empty ones.
fn hide(places: &[PathBuf]) -> Result<()> {
    // Covering one folder can have hidden another.
    for place in places.iter().filter(|place| place.is_dir()) {
        rustix::mount::mount("none", place, "tmpfs", MountFlags::empty(), None)
            .with_context(|| format!("cover {}", place.display()))?;
    }
    Ok(())
}

fn change_all(
    files: &FilePolicy,
    mounts: &MountPolicy,
    sockets: &[PathBuf],
    user: u32,
) -> Result<()> {
    let folder = std::env::current_dir().context("find the working folder")?;
    let before = mounted()?;
    let is_folder = |place: &Path| std::fs::symlink_metadata(place).is_ok_and(|m| m.is_dir());
    // Open these while what is about to be covered is still visible.
    let held = |own: &PrivateDir| -> Result<(OwnedFd, PathBuf)> {
        let place = own.place.as_std_path().to_owned();
        Ok((hold(own.folder.as_std_path())?, place))
    };
    let private = mounts.private.iter();
    let private = private.filter(|private| is_folder(private.place.as_std_path()));
    let private: Vec<(OwnedFd, PathBuf)> = private.map(held).collect::<Result<_>>()?;
    let shim = mounts.shim.as_ref();
    let shim = shim.map(|shim| -> Result<[(OwnedFd, &Path); 2]> {
        let of = |seen: &'_ Utf8Path| hold(seen.as_std_path());
        Ok([
            (of(&shim.program)?, shim.itself.as_std_path()),
            (of(&shim.script)?, shim.program.as_std_path()),
        ])
    });
    let shim = shim.transpose()?;
    let covered: Vec<&Path> = private.iter().map(|(_, place)| place.as_path()).collect();
    let covered: Vec<&Path> = [covered, sockets.iter().map(PathBuf::as_path).collect()].concat();
    let kept = kept(files, &covered)?;
    // What does not exist cannot be written, and the target of a link is what is mounted.
    let write = mounts.write.iter();
    let write: Vec<PathBuf> = write
        .filter_map(|path| path.as_std_path().canonicalize().ok())
        .collect();

    for (own, place) in &private {
        bind(own, place)?;
    }
    hide(sockets)?;
    take_terminals().context("mount terminals")?;
    if user == 0 {
        guard_the_system()?;
    }
    // Do this before creating anything in a folder where a cell may have left links, so that they
    // lead to nothing writable.
    for (path, flags) in mounted()? {
        let stays = path == Path::new(PROC)
            || covered.contains(&path.as_path())
            || write.iter().any(|above| path.starts_with(above));
        if !stays {
            make_read_only(&path, flags)?;
        }
    }
    let mut last: Option<&Path> = None;
    for (path, own) in &kept {
        // Everything below a path that was put back is there with it.
        if !last.is_some_and(|last| path.starts_with(last)) {
            put_back(own, path)?;
            last = Some(path);
        }
    }
    for (held, place) in shim.iter().flatten() {
        bind(held, place)?;
        let place = place.canonicalize()?;
        make_read_only(&place, flags_of(&place, &mounted()?))?;
    }
    for place in sockets {
        make_read_only(place, MountFlags::empty())?;
    }
    let now = mounted()?;
    for path in &write {
        if !now.contains_key(path) {
            bind(&hold(path)?, path)?;
        }
        let flags = flags_of(path, &before) | MountFlags::BIND;
        mount_remount(path, flags, "").with_context(|| format!("mount {}", path.display()))?;
    }
    // The working directory still refers to the folder below the new mounts.
    std::env::set_current_dir(&folder).with_context(|| format!("enter {}", folder.display()))
}

/// The flags of the mount that contains a path.
fn flags_of(path: &Path, mounted: &BTreeMap<PathBuf, MountFlags>) -> MountFlags {
    let mut above = path.ancestors();
    let flags = above.find_map(|above| mounted.get(above).copied());
    flags.unwrap_or(MountFlags::empty())
}

/// The accessible files below places that are about to be covered, by path: each once, and parents
/// before children.
fn kept(files: &FilePolicy, places: &[&Path]) -> Result<BTreeMap<PathBuf, OwnedFd>> {
    let mut kept: BTreeMap<PathBuf, OwnedFd> = BTreeMap::new();
    let is_below = |path: &Path| {
        let mut places = places.iter();
        places.any(|place| path.starts_with(place) && path != *place)
    };
    for path in files.all().map(|path| path.as_std_path()) {
        // A path elsewhere can lead there through a link.
        let Ok(real) = path.canonicalize() else {
            continue;
        };
        for name in [path, &real] {
            if is_below(name) && !kept.contains_key(name) {
                kept.insert(name.to_owned(), hold(&real)?);
            }
        }
    }
    Ok(kept)
}

/// Opens a handle to the current target of a path.
fn hold(path: &Path) -> Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .with_context(|| format!("open {}", path.display()))
}

/// Mounts the target of a handle at a place.
fn bind(held: &OwnedFd, place: &Path) -> Result<()> {
    let source = format!("/proc/self/fd/{}", held.as_raw_fd());
    mount_bind_recursive(source, place).with_context(|| format!("mount {}", place.display()))
}

/// Restores a covered path inside the folder that covers it.
fn put_back(held: &OwnedFd, place: &Path) -> Result<()> {
    let held_file = rustix::fs::fstat(held)?;
    let above = place.parent().unwrap_or(place);
    // One file can have two paths, `a/../b` and `b`, and is back under both once `a` exists. Errors
    // show up below.
    let _ = std::fs::create_dir_all(above);
    let is_back = |metadata: Metadata| {
        (metadata.dev(), metadata.ino()) == (held_file.st_dev, held_file.st_ino)
    };
    if std::fs::metadata(place).is_ok_and(is_back) {
        return Ok(());
    }
    let kind = FileType::from_raw_mode(held_file.st_mode);
    let mut file = File::options();
    file.append(true).create(true);
    let made = if kind == FileType::Directory {
        std::fs::create_dir_all(place)
    } else {
        std::fs::create_dir_all(above).and_then(|()| file.open(place).map(drop))
    };
    made.with_context(|| format!("make {}", place.display()))?;
    bind(held, place)
}

/// Mounts a new set of terminals over those of logged-in users.
/// <https://docs.kernel.org/filesystems/devpts.html>
fn take_terminals() -> Result<()> {
    let terminals = Path::new(TERMINALS);
    if terminals.is_dir() {
        let options = Some(c"newinstance,ptmxmode=0666,mode=620");
        rustix::mount::mount("none", terminals, "devpts", MountFlags::NOEXEC, options)?;
        if Path::new(OPENER).exists() {
            bind(&hold(&terminals.join("ptmx"))?, Path::new(OPENER))?;
        }
    }
    Ok(())
}

/// Covers the system's entries in `/proc` with separate mounts, which become read-only later: a
/// process of root has root's rights on them in any namespace.
fn guard_the_system() -> Result<()> {
    let entries = std::fs::read_dir(PROC).context("read /proc")?.flatten();
    for entry in entries {
        let name = entry.file_name();
        let is_process = name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        let can_change = |metadata: Metadata| {
            metadata.is_dir() || metadata.is_file() && metadata.mode() & 0o222 != 0
        };
        // A process can have exited in the meantime.
        if !is_process && entry.metadata().is_ok_and(can_change) {
            bind(&hold(&entry.path())?, &entry.path())?;
        }
    }
    Ok(())
}

/// Makes a mount read-only and keeps its other flags, which may be locked by whoever mounted it.
fn make_read_only(path: &Path, flags: MountFlags) -> Result<()> {
    if flags.contains(MountFlags::RDONLY) {
        return Ok(());
    }
    let flags = flags | MountFlags::BIND | MountFlags::RDONLY;
    match mount_remount(path, flags, "") {
        // Another mount covers it, or this user cannot enter its parent: nobody can access it.
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::INVAL | Errno::ACCESS) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("mount {} read-only", path.display())),
    }
}

/// The mount points and their flags; if several mounts share a place, those of the topmost one.
/// <https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>
fn mounted() -> Result<BTreeMap<PathBuf, MountFlags>> {
    let table = std::fs::read("/proc/self/mountinfo").context("read what is mounted")?;
    let lines = table.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(mount_of).collect())
}

/// Parses a line of the table.
fn mount_of(line: &[u8]) -> Option<(PathBuf, MountFlags)> {
    let mut fields = line.split(|byte| *byte == b' ').skip(4);
    let (path, options) = (fields.next()?, fields.next()?);
    let flags = options
        .split(|byte| *byte == b',')
        .map(|option| match option {
            b"ro" => MountFlags::RDONLY,
            b"nosuid" => MountFlags::NOSUID,
            b"nodev" => MountFlags::NODEV,
            b"noexec" => MountFlags::NOEXEC,
            b"nosymfollow" => NO_LINKS,
            // Access time options stay as they are if they are not mentioned.
            _ => MountFlags::empty(),
        });
    let path = OsString::from_vec(unescaped(path)?);
    Some((path.into(), flags.collect()))
}

/// Decodes a path of the table, in which a backslash and three octal digits stand for a byte.
fn unescaped(mut path: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some((first, rest)) = path.split_first() {
        path = rest;
        bytes.push(match first {
            b'\\' => {
                let (digits, rest) = path.split_at_checked(3)?;
                path = rest;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?
            }
            byte => *byte,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_tells_where_and_how() {
        let line = b"36 35 98:0 /mnt1 /mnt/a\\040b rw,nosuid,relatime master:1 - ext3 /dev/r rw";
        let expected = (PathBuf::from("/mnt/a b"), MountFlags::NOSUID);
        assert_eq!(mount_of(line), Some(expected));
        let line = b"1 2 0:1 / / ro,nodev,noexec,nosymfollow - tmpfs none ro";
        let flags = [
            MountFlags::RDONLY,
            MountFlags::NODEV,
            MountFlags::NOEXEC,
            NO_LINKS,
        ];
        let expected = (PathBuf::from("/"), flags.into_iter().collect());
        assert_eq!(mount_of(line), Some(expected));
    }

    #[test]
    fn what_is_no_line_of_the_table_is_passed_over() {
        for line in ["", "36 35 98:0 /", "1 2 3 4 /\\04 rw", "1 2 3 4 /\\999 rw"] {
            assert_eq!(mount_of(line.as_bytes()), None, "{line}");
        }
    }
}
