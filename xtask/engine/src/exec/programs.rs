//! A toolchain's programs as tests find them: what unlocks libtest's JSON does not reach them.
//!
//! A test hands on its environment to what it starts, and with it the variable that libtest asks for.
//! An empty value unlocks nothing in cargo or rustc, but a build script can ask whether there is one.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::exec::bounds::Private;
use crate::exec::{key, libtest};
use crate::files::write_program;
use crate::toolchain::Toolchain;

/// Programs that hand on the variable to what others wrote.
const SHIMMED: [&str; 3] = ["cargo", "rustc", "rustdoc"];
/// What the names of the programs themselves end with, beside the scripts that stand for them.
const ITSELF: &str = "-itself";
/// A folder with more programs is not the toolchain's own, but the system's.
const MOST: usize = 64;

/// A folder to put over the programs of a toolchain, in which a script stands for each of those that
/// hand on the variable. `None` where there is no need, or no folder of the toolchain's own. It is
/// made once, in a folder of the tool's.
///
/// # Errors
///
/// When it cannot be made.
pub fn shims(toolchain: &Toolchain, within: &Utf8Path) -> Result<Option<Private>> {
    let Some((variable, _)) = libtest::unlocking(&toolchain.rustc) else {
        return Ok(None);
    };
    let Ok(place) = Utf8PathBuf::from_path_buf(toolchain.sysroot.join("bin")) else {
        return Ok(None);
    };
    let hash = key::of(&(&toolchain.sysroot, toolchain.stamp()))?;
    let folder = within.join(format!("bin-{}", &hash[..12]));
    if !folder.is_dir() {
        let Some(programs) = programs(&place)? else {
            return Ok(None);
        };
        fs::create_dir_all(within).with_context(|| format!("make {within}"))?;
        let made = tempfile::tempdir_in(within).context("make a folder for programs")?;
        let made_in = Utf8Path::from_path(made.path()).context("read its path as text")?;
        for name in &programs {
            put(name, &place, made_in, variable)?;
        }
        // Another lane may have been quicker.
        let made = made.keep();
        if fs::rename(&made, &folder).is_err() {
            fs::remove_dir_all(&made).with_context(|| format!("remove {}", made.display()))?;
        }
    }
    Ok(Some(Private { place, folder }))
}

/// The names in a toolchain's folder of programs; `None` where it holds more than those.
fn programs(place: &Utf8Path) -> Result<Option<Vec<String>>> {
    let entries = place.read_dir_utf8();
    let entries = entries.with_context(|| format!("list {place}"))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("list {place}"))?;
        let kind = entry.file_type()?;
        if kind.is_dir() || names.len() == MOST {
            return Ok(None);
        }
        names.push(entry.file_name().to_owned());
    }
    Ok(Some(names))
}

/// Puts a program into a folder, behind a script where it is one that hands on the variable.
fn put(name: &str, place: &Utf8Path, folder: &Utf8Path, variable: &str) -> Result<()> {
    let from = place.join(name);
    if !SHIMMED.contains(&name) {
        return take(from.as_std_path(), folder.join(name).as_std_path());
    }
    let itself = format!("{name}{ITSELF}");
    take(from.as_std_path(), folder.join(&itself).as_std_path())?;
    let real = place.join(&itself);
    let real = real.as_str().replace('\'', r"'\''");
    let script = format!("[ \"${{{variable}-unset}}\" ] || unset {variable}\nexec '{real}' \"$@\"");
    write_program(&folder.join(name), &script)
}

/// The same file by another name, or a copy where it belongs to another user or file system; a link
/// that leads where it led.
fn take(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("copy {}", from.display());
    if from.is_symlink() {
        return link(fs::read_link(from).with_context(context)?.as_os_str(), to)
            .with_context(context);
    }
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).with_context(context)?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &OsStr, place: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

/// Nothing is mounted there.
#[cfg(not(unix))]
fn link(_: &OsStr, _: &Path) -> std::io::Result<()> {
    Ok(())
}
