//! Lays out the copy of the subject's checkout that a cell works on, with the manifests and cargo
//! configs that its pin changes. Each cell gets a fresh layout.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::path::normalized;
use walkdir::WalkDir;

use crate::fs_ext::remove;
use crate::machine::cargo_config;
use crate::manifest::{Manifest, edit_dependencies};
use crate::matrix::cell_context::CellContext;
use crate::subject::Subject;
use crate::subject::checkout::CheckoutEntry;
use crate::subject::working_tree::EntryKind;

/// The files whose text differs in the copy, by path relative to the top of the checkout.
pub type Rewritten = BTreeMap<Utf8PathBuf, String>;

/// Rewrites the subject's manifests and cargo configs for a cell: requires every family crate at
/// exactly the pin, applies the overrides for the pin, and makes paths that lead out of the
/// checkout absolute.
///
/// # Errors
///
/// Returns an error if a manifest cannot be read.
pub fn pinned(context: &CellContext<'_>) -> Result<Rewritten> {
    rewritten(context, |_| {})
}

/// Rewrites like [`pinned`], and makes every package declare the rust-version that the lock has to
/// fit.
///
/// # Errors
///
/// Returns the errors of [`pinned`].
pub fn pinned_for_resolve(context: &CellContext<'_>) -> Result<Rewritten> {
    let rustc = &context.toolchain.rustc;
    rewritten(context, |manifest| manifest.set_rust_version(rustc))
}

fn rewritten(context: &CellContext<'_>, change: impl Fn(&mut Manifest)) -> Result<Rewritten> {
    let subject = &context.tree.subject;
    let origin = &subject.checkout.origin;
    let mut files = Rewritten::new();
    let mut manifests = Vec::new();
    for path in &subject.manifests {
        let absolute = origin.join(path);
        let text = subject.checkout.text_of(path)?;
        let text = text.with_context(|| format!("read {absolute}"))?;
        let manifest = Manifest::parse(&text).with_context(|| format!("read {absolute}"))?;
        manifests.push((path, absolute, manifest));
    }
    for edits in &context.pin_context.change.dependencies {
        let all = manifests.iter_mut().map(|(_, _, manifest)| manifest);
        edit_dependencies(edits, &mut all.collect::<Vec<_>>());
    }
    let holds = &context.pin_context.holds;
    let pinned = context.pinned();
    let is_lifted = |name: &str| pinned.moves(name) && !context.patched.contains(name);
    for (path, absolute, mut manifest) in manifests {
        let moves = |key: &str, name: &str| context.family.moves_by(key, name);
        manifest.pin(holds, moves);
        manifest.lift_patches(is_lifted);
        manifest.rename_features(&context.pin_context.change.features, moves);
        change(&mut manifest);
        let folder = absolute.parent().unwrap_or(origin);
        manifest.anchor_paths(folder, origin);
        files.insert(path.clone(), manifest.text());
    }
    for config in subject.cargo_configs()? {
        let root = origin.join(&config.folder);
        let text = cargo_config::anchored(&config.text, &root, origin, is_lifted);
        let text = text.with_context(|| format!("read {}", origin.join(&config.path)))?;
        files.insert(config.path, text);
    }
    Ok(files)
}

/// Lays the subject's checkout out in `folder`, replacing its contents. The `rewritten` files
/// replace or complement the subject's own. The subject's own lock is left out.
///
/// A file that already exists with the same content, mode and owner is kept: on some systems
/// creating a file takes a hundred times as long as reading it.
///
/// # Errors
///
/// Returns an error if a file cannot be read or written.
pub fn lay_out(subject: &Subject, rewritten: &Rewritten, folder: &Utf8Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {folder}"))?;
    let entries = &subject.checkout.entries;
    remove_others(subject, rewritten, folder)?;
    for entry in entries {
        let to = folder.as_std_path().join(&entry.path);
        if is_replaced(subject, rewritten, &entry.path) || is_there(subject, entry, &to) {
            continue;
        }
        let lay_out = || match entry.kind {
            EntryKind::Folder => fs::create_dir_all(&to),
            EntryKind::File => copy(subject, entry, &to),
            EntryKind::Link => link(subject, entry, &to),
        };
        let is_other = entry.kind != EntryKind::Folder && to.symlink_metadata().is_ok();
        let laid_out = if is_other {
            fs::remove_file(&to).and_then(|()| lay_out())
        } else {
            lay_out()
        };
        // The parent folder of an included file may be missing.
        let laid_out = laid_out.or_else(|_| {
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            lay_out()
        });
        laid_out.with_context(|| format!("make {}", to.display()))?;
    }
    rewrite(rewritten, folder)?;
    if let Some(git) = &subject.git {
        git.write(folder)?;
    }
    // From the inside out, since nothing can be created in a read-only folder.
    for entry in entries.iter().rev() {
        let place = folder.as_std_path().join(&entry.path);
        if let (EntryKind::Folder | EntryKind::File, Some(mode)) = (entry.kind, entry.mode) {
            set_mode(&place, mode).with_context(|| format!("set mode of {}", place.display()))?;
        }
    }
    Ok(())
}

/// Returns true for a file of the checkout that the copy replaces or omits: the rewritten files,
/// and the subject's own lock.
fn is_replaced(subject: &Subject, rewritten: &Rewritten, path: &Path) -> bool {
    let replaces = |path: &Utf8Path| *path == subject.lock() || rewritten.contains_key(path);
    Utf8Path::from_path(path).is_some_and(replaces)
}

/// Removes what an earlier cell added to a copy, including entries of the wrong kind, and gives the
/// tool access to all folders that stay.
fn remove_others(subject: &Subject, rewritten: &Rewritten, folder: &Utf8Path) -> Result<()> {
    let mut walk = WalkDir::new(folder).min_depth(1).into_iter();
    // Nothing can be listed or created in a folder without permissions.
    set_mode(folder.as_std_path(), 0o755).with_context(|| format!("open {folder}"))?;
    while let Some(found) = walk.next() {
        let found = found.with_context(|| format!("list {folder}"))?;
        let path = found.path();
        let inside = path.strip_prefix(folder).unwrap_or(path);
        let kind = match (found.file_type().is_dir(), found.path_is_symlink()) {
            (true, _) => EntryKind::Folder,
            (false, true) => EntryKind::Link,
            (false, false) => EntryKind::File,
        };
        let entry = subject.checkout.entry(inside);
        let stays = match kind {
            EntryKind::Folder => entry.is_some_and(|entry| entry.kind == kind),
            EntryKind::File | EntryKind::Link => {
                let is_rewritten = |path: &Utf8Path| rewritten.contains_key(path);
                let is_as_it_is = entry.is_some_and(|entry| entry.kind == kind)
                    && !is_replaced(subject, rewritten, inside);
                is_as_it_is
                    || kind == EntryKind::File
                        && Utf8Path::from_path(inside).is_some_and(is_rewritten)
            }
        };
        match (stays, kind) {
            (true, EntryKind::Folder) => set_mode(path, 0o755),
            (true, EntryKind::File | EntryKind::Link) => Ok(()),
            (false, EntryKind::File | EntryKind::Link) => fs::remove_file(path),
            (false, EntryKind::Folder) => {
                walk.skip_current_dir();
                remove_folder(path)
            }
        }
        .with_context(|| format!("clear {}", path.display()))?;
    }
    Ok(())
}

/// Returns true if an entry is already in the copy as it should be.
fn is_there(subject: &Subject, entry: &CheckoutEntry, to: &Path) -> bool {
    let from = subject.checkout.top.as_std_path().join(&entry.path);
    match entry.kind {
        EntryKind::Folder => to.is_dir(),
        EntryKind::Link => false,
        EntryKind::File => {
            let is_own = to.symlink_metadata().is_ok_and(|existing| {
                fs::metadata(&from).is_ok_and(|from| existing.len() == from.len())
                    && is_plain(&existing)
            });
            is_own && fs::read(&from).is_ok_and(|from| fs::read(to).is_ok_and(|to| to == from))
        }
    }
}

/// Returns true if a file has a single hard link and belongs to this user.
#[cfg(unix)]
fn is_plain(file: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    file.nlink() == 1 && file.uid() == user
}

#[cfg(not(unix))]
fn is_plain(_: &fs::Metadata) -> bool {
    true
}

/// Removes a folder, whatever permissions a test left in it.
fn remove_folder(folder: &Path) -> std::io::Result<()> {
    match Utf8Path::from_path(folder) {
        Some(folder) => remove(folder).map_err(std::io::Error::other),
        None => fs::remove_dir_all(folder),
    }
}

/// Writes the rewritten files into a copy that is already laid out and that nothing else has
/// written to.
///
/// # Errors
///
/// Returns an error if a file cannot be written.
pub fn rewrite(rewritten: &Rewritten, folder: &Utf8Path) -> Result<()> {
    let mut files = rewritten.iter();
    files.try_for_each(|(path, text)| write(&folder.join(path), text))
}

fn write(path: &Utf8Path, text: &str) -> Result<()> {
    let is_own = path
        .symlink_metadata()
        .is_ok_and(|existing| is_plain(&existing));
    if is_own && fs::read(path).is_ok_and(|existing| existing == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {folder}"))?;
    }
    // It may be read-only, as in the subject.
    let _ = fs::remove_file(path);
    fs::write(path, text).with_context(|| format!("write {path}"))
}

fn copy(subject: &Subject, entry: &CheckoutEntry, to: &Path) -> std::io::Result<()> {
    let from = subject.checkout.top.as_std_path().join(&entry.path);
    fs::copy(from, to).map(drop)
}

/// Creates the same link as in the subject; a relative link that leaves the checkout becomes
/// absolute.
fn link(subject: &Subject, entry: &CheckoutEntry, to: &Path) -> std::io::Result<()> {
    let checkout = &subject.checkout;
    let mut leads_to = fs::read_link(checkout.top.as_std_path().join(&entry.path))?;
    let written = (
        Utf8Path::from_path(&entry.path),
        Utf8Path::from_path(&leads_to),
    );
    if let (Some(path), Some(relative)) = written
        && relative.is_relative()
    {
        let from = checkout.origin.join(path);
        let absolute = normalized(&from.parent().unwrap_or(&from).join(relative));
        if !absolute.starts_with(&checkout.origin) {
            leads_to = absolute.into_std_path_buf();
        }
    }
    make_link(&leads_to, to)
}

#[cfg(unix)]
fn make_link(leads_to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(leads_to, at)
}

#[cfg(windows)]
fn make_link(leads_to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(leads_to, at)
}

#[cfg(unix)]
fn set_mode(place: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = match place.symlink_metadata() {
        // Not every copy has the subject's own lock.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if metadata.permissions().mode() & 0o7777 == mode {
        return Ok(());
    }
    fs::set_permissions(place, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}
