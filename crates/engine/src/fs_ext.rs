//! Writes files so that they are complete or absent, and handles folders by UTF-8 path.

use std::fs;
use std::io::Write;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// Marks a folder as a cache, which tools for backups, indexing or copying skip.
/// <https://bford.info/cachedir/>
pub const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# made by pinmatrix\n";

/// The name of the file that marks a cache folder.
pub const CACHEDIR_TAG_FILE: &str = "CACHEDIR.TAG";

/// Writes a file atomically: a reader finds the old or the new content, and never a part. The new
/// content can be lost if the machine is switched off before the system has written it.
///
/// # Errors
///
/// Returns an error if it cannot be written.
pub fn write_whole(path: &Utf8Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, false, READABLE)
}

/// Writes a file as [`write_whole`] does, and returns once it is on disk.
///
/// # Errors
///
/// Returns the errors of [`write_whole`].
pub fn write_to_last(path: &Utf8Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, true, READABLE)
}

fn write(path: &Utf8Path, bytes: &[u8], syncs: bool, mode: u32) -> Result<()> {
    let context = || format!("write {path}");
    let folder = path
        .parent()
        .filter(|f| !f.as_str().is_empty())
        .unwrap_or(Utf8Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("make {folder}"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    if syncs {
        file.as_file().sync_data().with_context(context)?;
    }
    set_mode(file.as_file(), mode).with_context(context)?;
    file.persist(path)
        .map_err(|e| e.error)
        .with_context(context)?;
    Ok(())
}

/// The mode of a regular file. Temporary files are private to their owner, but results must be
/// readable for users of CI artifacts.
const READABLE: u32 = 0o644;

/// The mode of a program.
const EXECUTABLE: u32 = 0o755;

#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &fs::File, _: u32) -> std::io::Result<()> {
    Ok(())
}

/// Writes a shell script of one or more lines, unless it already exists.
///
/// # Errors
///
/// Returns an error if it cannot be written.
pub fn write_program(path: &Utf8Path, lines: &str) -> Result<()> {
    let script = format!("#!/bin/sh\n{lines}\n");
    if std::fs::read_to_string(path).is_ok_and(|existing| existing == script) {
        return Ok(());
    }
    write(path, script.as_bytes(), false, EXECUTABLE)
}

/// Returns the names of the folders in a folder, without links. Returns an empty list if the folder
/// does not exist.
///
/// # Errors
///
/// Returns the errors of [`names`].
pub fn folders(of: &Utf8Path) -> Result<Vec<String>> {
    let is_folder = |name: &String| {
        let metadata = of.join(name).symlink_metadata();
        metadata.is_ok_and(|metadata| metadata.is_dir())
    };
    Ok(names(of)?.into_iter().filter(is_folder).collect())
}

/// Returns the names of all entries of a folder. Returns an empty list if the folder does not
/// exist.
///
/// # Errors
///
/// Returns an error if the folder exists and cannot be read.
pub fn names(of: &Utf8Path) -> Result<Vec<String>> {
    let entries = match of.read_dir_utf8() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("list {of}"))?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_owned()));
    let names: std::io::Result<Vec<String>> = names.collect();
    names.with_context(|| format!("list {of}"))
}

/// Removes a file or a folder, if it exists.
///
/// # Errors
///
/// Returns an error if it exists and cannot be removed.
pub fn remove(place: &Utf8Path) -> Result<()> {
    let removed = match place.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(place).or_else(|_| {
            // A test can leave a folder that not even its owner can read.
            open_up(place);
            fs::remove_dir_all(place)
        }),
        Ok(_) => fs::remove_file(place),
        Err(_) => return Ok(()),
    };
    removed.with_context(|| format!("remove {place}"))
}

/// Removes everything in a folder except some entries, whatever the names.
///
/// # Errors
///
/// Returns an error if the folder cannot be listed or an entry cannot be removed.
pub fn remove_all_but(folder: &Utf8Path, kept: &[&Utf8Path]) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {folder}"))?;
    for entry in entries {
        let path = entry.with_context(|| format!("list {folder}"))?.path();
        let path = match Utf8PathBuf::from_path_buf(path) {
            Ok(path) if kept.contains(&&*path) => continue,
            Ok(path) => path,
            // Rename it to a name that is UTF-8.
            Err(path) => {
                let other = folder.join("not-text");
                fs::rename(&path, &other).with_context(|| format!("move {}", path.display()))?;
                other
            }
        };
        remove(&path)?;
    }
    Ok(())
}

/// Gives the owner access to a folder and everything below it, as far as possible.
#[cfg(unix)]
fn open_up(folder: &Utf8Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for name in folders(folder).unwrap_or_default() {
        open_up(&folder.join(name));
    }
}

#[cfg(not(unix))]
fn open_up(_: &Utf8Path) {}
