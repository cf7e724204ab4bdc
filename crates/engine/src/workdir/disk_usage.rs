//! Lists what is in the work folders, and how much disk space it uses.

use std::collections::HashSet;
use std::fs::Metadata;
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use crate::fs_ext::folders;
use crate::workdir::unit_reuse::STORE;

/// Something in the work folders that can be made again.
#[derive(Clone, Debug)]
pub struct CachedUnit {
    /// The toolchain that made it.
    pub toolchain: String,
    /// The build group that it belongs to.
    pub group: Utf8PathBuf,
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// Its kind.
    pub what: CachedKind,
    /// When a build last used it.
    pub used: SystemTime,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The kind of a cached unit. The one that is quickest to make again comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CachedKind {
    /// The folders of a lane, with the subject's own packages as its last cell compiled them.
    Lane,
    /// The compiled units of one package.
    Units,
}

/// Lists everything cached in the build groups.
///
/// # Errors
///
/// Returns an error if a folder cannot be read.
pub fn cached_units(groups: &Utf8Path) -> Result<Vec<CachedUnit>> {
    let mut stored = Vec::new();
    for toolchain in folders(groups)? {
        for group in folders(&groups.join(&toolchain))? {
            let group = groups.join(&toolchain).join(group);
            let mut add = |folder: Utf8PathBuf, what: CachedKind, bytes: u64| {
                let used = folder.metadata().and_then(|m| m.modified());
                stored.push(CachedUnit {
                    toolchain: toolchain.clone(),
                    group: group.clone(),
                    used: used.unwrap_or(SystemTime::UNIX_EPOCH),
                    folder,
                    what,
                    bytes,
                });
            };
            for name in folders(&group)? {
                let folder = group.join(&name);
                if !name.ends_with(STORE) {
                    let bytes = measure(std::slice::from_ref(&folder))?;
                    add(folder, CachedKind::Lane, bytes);
                    continue;
                }
                for digest in folders(&folder)? {
                    let units = folder.join(digest);
                    let bytes = measure(std::slice::from_ref(&units))?;
                    add(units, CachedKind::Units, bytes);
                }
            }
        }
    }
    Ok(stored)
}

/// Returns how many bytes some folders use on disk; they need not exist. A file with several
/// hard links counts once.
///
/// # Errors
///
/// Returns an error if a folder cannot be read.
pub fn measure(of: &[Utf8PathBuf]) -> Result<u64> {
    let mut bytes = 0;
    let mut seen = HashSet::new();
    for folder in of {
        for entry in WalkDir::new(folder).follow_root_links(false) {
            match entry.and_then(|entry| entry.metadata()) {
                Ok(metadata) => bytes += bytes_of(&metadata, &mut seen),
                // A file that another program removes meanwhile uses nothing.
                Err(e) if is_gone(&e) => {}
                Err(e) => return Err(e).with_context(|| format!("look at {folder}")),
            }
        }
    }
    Ok(bytes)
}

fn is_gone(e: &walkdir::Error) -> bool {
    let kind = e.io_error().map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::NotFound)
}

#[cfg(unix)]
fn bytes_of(metadata: &Metadata, seen: &mut HashSet<(u64, u64)>) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let is_new =
        metadata.nlink() == 1 || metadata.is_dir() || seen.insert((metadata.dev(), metadata.ino()));
    if is_new { metadata.blocks() * 512 } else { 0 }
}

#[cfg(not(unix))]
fn bytes_of(metadata: &Metadata, _: &mut HashSet<(u64, u64)>) -> u64 {
    metadata.len()
}
