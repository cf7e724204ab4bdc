//! The copy of the subject that a cell works on.
//!
//! A copy is brought up to date by content: a file that already holds what it should is not
//! touched, and any other is written anew. So cargo, which compares modification times, finds
//! exactly those files new whose content changed; preserving the subject's own times would let a
//! checkout of an older revision pass for fresh.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use crate::cargo_config;
use crate::files::normal;
use crate::manifest::Manifest;
use crate::setting::Setting;
use crate::source_files::{FileKind, SourceFile};
use crate::subject::Subject;

/// What a copy holds in place of the subject's own files.
pub type Rewritten = BTreeMap<Utf8PathBuf, String>;

/// Rewrites the subject's manifests and cargo configs for a cell: every requirement on a family
/// crate is held at the pin, what is adjusted for the pin is changed, and what points outside
/// points there from anywhere.
///
/// # Errors
///
/// When a manifest cannot be read.
pub fn pinned(setting: &Setting<'_>) -> Result<Rewritten> {
    rewritten(setting, |_| {})
}

/// As [`pinned`], and every package declares the rust-version that the lock has to fit.
///
/// # Errors
///
/// As [`pinned`].
pub fn pinned_for_resolve(setting: &Setting<'_>) -> Result<Rewritten> {
    let rustc = &setting.toolchain.rustc;
    rewritten(setting, |manifest| manifest.set_rust_version(rustc))
}

fn rewritten(setting: &Setting<'_>, change: impl Fn(&mut Manifest)) -> Result<Rewritten> {
    let subject = &setting.tree.subject;
    let mut files = Rewritten::new();
    for path in &subject.manifests {
        let absolute = subject.root.join(path);
        let text = subject.text_of(path.as_str())?;
        let text = text.with_context(|| format!("read {absolute}"))?;
        let mut manifest = Manifest::parse(&text).with_context(|| format!("read {absolute}"))?;
        manifest.pin(&setting.ground.holds);
        manifest.rename_features(&setting.ground.change.features);
        for extra in &setting.ground.change.extra {
            let is_meant =
                |name: &str| extra.members.is_empty() || extra.members.iter().any(|m| m == name);
            if manifest.package().is_some_and(is_meant) {
                manifest.require(&extra.dependencies);
            }
        }
        change(&mut manifest);
        let folder = absolute.parent().unwrap_or(&subject.root);
        manifest.anchor_paths(folder, &subject.root);
        files.insert(path.clone(), manifest.text());
    }
    let crates: Vec<&str> = setting.ground.holds.keys().map(String::as_str).collect();
    for place in cargo_config::PLACES {
        if let Some(text) = subject.text_of(place)? {
            let text = cargo_config::anchored(&text, &subject.root, &crates);
            let text = text.with_context(|| format!("read {}", subject.root.join(place)))?;
            files.insert(place.into(), text);
        }
    }
    Ok(files)
}

/// Brings the copy in `folder` up to date: the subject's files, with `rewritten` in place of some
/// and beside the others, and nothing else. `rust-toolchain` files are left out, since the cell
/// decides on the toolchain.
///
/// # Errors
///
/// When a file cannot be read or written.
pub fn sync(subject: &Subject, rewritten: &Rewritten, folder: &Utf8Path) -> Result<()> {
    let is_taken = |file: &&SourceFile| {
        let chooses_toolchain =
            matches!(file.path.as_str(), "rust-toolchain" | "rust-toolchain.toml");
        let is_lock = file.path == "Cargo.lock";
        !chooses_toolchain && !is_lock && !rewritten.contains_key(&file.path)
    };
    let taken = || subject.files.iter().filter(is_taken);
    let paths = taken().map(|file| &file.path).chain(rewritten.keys());
    let wanted = paths.map(|path| folder.join(path)).collect();
    // First, since a link that was left in the place of a folder would lead out of the copy.
    remove_others(folder, &wanted)?;
    for file in taken() {
        let from = subject.root.join(&file.path);
        let to = folder.join(&file.path);
        match file.kind {
            FileKind::Link => link(subject, &from, &to)?,
            FileKind::Plain | FileKind::Executable => {
                let bytes = subject.bytes_of(file)?;
                write_if_other(&to, &bytes)?;
                set_executable(&to, file.kind == FileKind::Executable)?;
            }
        }
    }
    for (path, text) in rewritten {
        write_if_other(&folder.join(path), text.as_bytes())?;
    }
    Ok(())
}

/// Writes a file unless it holds those bytes already.
fn write_if_other(to: &Utf8Path, bytes: &[u8]) -> Result<()> {
    let is_link = fs::symlink_metadata(to).is_ok_and(|m| m.is_symlink());
    if !is_link && fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    clear(to)?;
    fs::write(to, bytes).with_context(|| format!("write {to}"))
}

/// Makes a file one that can be run, or not. Nothing else of its mode is taken over: a read-only
/// file could not be brought up to date.
#[cfg(unix)]
fn set_executable(file: &Utf8Path, executable: bool) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let context = || format!("look at {file}");
    let mode = fs::metadata(file)
        .with_context(context)?
        .permissions()
        .mode();
    let wanted = if executable {
        mode | 0o111
    } else {
        mode & !0o111
    };
    if mode == wanted {
        return Ok(());
    }
    fs::set_permissions(file, fs::Permissions::from_mode(wanted)).with_context(context)
}

#[cfg(not(unix))]
fn set_executable(_: &Utf8Path, _: bool) -> Result<()> {
    Ok(())
}

/// Links as the subject does; a relative link that leaves the subject becomes absolute.
fn link(subject: &Subject, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let mut leads_to = from
        .read_link_utf8()
        .with_context(|| format!("follow {from}"))?;
    let absolute = normal(&from.parent().unwrap_or(&subject.root).join(&leads_to));
    if leads_to.is_relative() && !absolute.starts_with(&subject.root) {
        leads_to = absolute;
    }
    if fs::read_link(to).is_ok_and(|there| there == leads_to) {
        return Ok(());
    }
    clear(to)?;
    make_link(leads_to.as_std_path(), to.as_std_path()).with_context(|| format!("link {to}"))
}

#[cfg(unix)]
fn make_link(leads_to: &std::path::Path, at: &std::path::Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(leads_to, at)
}

#[cfg(windows)]
fn make_link(leads_to: &std::path::Path, at: &std::path::Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(leads_to, at)
}

/// Makes room for a file: its folder exists, and nothing else stands in its place.
fn clear(to: &Utf8Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {folder}"))?;
    }
    match fs::symlink_metadata(to) {
        Ok(there) if there.is_dir() => {
            fs::remove_dir_all(to).with_context(|| format!("remove {to}"))
        }
        Ok(_) => fs::remove_file(to).with_context(|| format!("remove {to}")),
        Err(_) => Ok(()),
    }
}

/// What an earlier cell's tests left behind, or the subject no longer has, goes.
fn remove_others(folder: &Utf8Path, wanted: &BTreeSet<Utf8PathBuf>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let walk = WalkDir::new(folder).follow_root_links(false);
    for entry in walk.contents_first(true) {
        let entry = entry.with_context(|| format!("list {folder}"))?;
        let Some(path) = Utf8Path::from_path(entry.path()) else {
            let removed = match entry.file_type().is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            };
            removed.with_context(|| format!("clear {folder}"))?;
            continue;
        };
        if entry.file_type().is_dir() {
            // A folder that still holds something wanted is not empty, and stays.
            if path != folder {
                let _ = fs::remove_dir(path);
            }
        } else if !wanted.contains(path) {
            fs::remove_file(path).with_context(|| format!("remove {path}"))?;
        }
    }
    Ok(())
}
