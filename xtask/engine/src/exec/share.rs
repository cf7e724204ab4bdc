//! What one target folder takes over from another: compile units of packages that lie in no folder
//! of anyone's, finished and unchanging.
//!
//! Cargo names a unit by a hash of all that decides what it compiles to, and looks at its
//! fingerprint before it takes it for fresh; so a unit that does not fit is compiled, as ever. What
//! rustc and the linker make is linked, since they put a new file in the place of an old one. What
//! cargo and build scripts write into is copied, with its time, by which cargo tells what is older.
//! The layout is the same from cargo 1.63 on; under another one nothing is taken over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::Utf8Path;

use crate::files::{folders, names};

/// Takes from one target folder what another lacks, but for packages of those names, and for units
/// that were not finished at a moment, where one is given. Returns how many units that were.
///
/// # Errors
///
/// When a file cannot be linked or copied.
pub fn take_over(
    from: &Utf8Path,
    to: &Utf8Path,
    own: &BTreeSet<String>,
    until: Option<SystemTime>,
) -> Result<usize> {
    let mut n_units = 0;
    for profile in folders(from)? {
        let (from, to) = (from.join(&profile), to.join(&profile));
        if from.join(FINGERPRINTS).is_dir() {
            n_units += of_profile(&from, &to, own, until)
                .with_context(|| format!("take compile units over from {from}"))?;
        }
    }
    Ok(n_units)
}

/// Where cargo keeps what it needs to tell whether a unit is fresh.
pub const FINGERPRINTS: &str = ".fingerprint";

fn of_profile(
    from: &Utf8Path,
    to: &Utf8Path,
    own: &BTreeSet<String>,
    until: Option<SystemTime>,
) -> Result<usize> {
    let mut made = BTreeMap::<String, Vec<String>>::new();
    for file in names(&from.join("deps"))? {
        if let Some(hash) = hash_of(&file) {
            made.entry(hash.to_owned()).or_default().push(file);
        }
    }
    let mut n_units = 0;
    for unit in folders(&from.join(FINGERPRINTS))? {
        let Some((package, hash)) = unit.rsplit_once('-') else {
            continue;
        };
        let place = to.join(FINGERPRINTS).join(&unit);
        let is_late = |until| !was_finished(&from.join(FINGERPRINTS).join(&unit), until);
        if own.contains(package) || place.exists() || until.is_some_and(is_late) {
            continue;
        }
        fs::create_dir_all(to.join("deps"))?;
        for file in made.get(hash).into_iter().flatten() {
            take(&from.join("deps").join(file), &to.join("deps").join(file))?;
        }
        let built = to.join("build").join(&unit);
        if built.exists() {
            fs::remove_dir_all(&built)?;
        }
        take_folder(&from.join("build").join(&unit), &built)?;
        // The fingerprint last: without it, cargo takes nothing of the unit for finished.
        take_folder(&from.join(FINGERPRINTS).join(&unit), &place)?;
        n_units += 1;
    }
    Ok(n_units)
}

/// Forgets units whose files are of a later time than a moment, and returns how many. Where the
/// clock was set back, cargo would take what changes now for older than what was made from it.
///
/// # Errors
///
/// When a target folder cannot be read, or a fingerprint not be removed.
pub fn forget_later(target: &Utf8Path, than: SystemTime) -> Result<usize> {
    let mut n_units = 0;
    for profile in folders(target)? {
        let fingerprints = target.join(profile).join(FINGERPRINTS);
        for unit in folders(&fingerprints)? {
            let unit = fingerprints.join(unit);
            if times(&unit).any(|time| time.is_ok_and(|time| time > than)) {
                fs::remove_dir_all(&unit).with_context(|| format!("remove {unit}"))?;
                n_units += 1;
            }
        }
    }
    Ok(n_units)
}

/// Forgets the binaries and examples that lie where tests look for them, so that none of an earlier
/// build is run for one that this build does not make. Cargo puts back what is fresh.
///
/// # Errors
///
/// When a target folder cannot be read, or a file not be removed.
pub fn forget_programs(target: &Utf8Path) -> Result<()> {
    for profile in folders(target)? {
        let profile = target.join(profile);
        for folder in [&profile, &profile.join("examples")] {
            for name in names(folder)? {
                let place = folder.join(&name);
                // Cargo's own begin with a dot, or end with a hash.
                let is_cargos = name.starts_with('.') || hash_of(&name).is_some();
                if !is_cargos && place.is_file() {
                    fs::remove_file(&place).with_context(|| format!("remove {place}"))?;
                }
            }
        }
    }
    Ok(())
}

/// Whether a unit was finished at a moment: cargo writes its fingerprint when it begins with a unit
/// and when it ends.
fn was_finished(fingerprint: &Utf8Path, at: SystemTime) -> bool {
    times(fingerprint).all(|time| time.is_ok_and(|time| time < at))
}

/// The times of all files of a fingerprint.
fn times(fingerprint: &Utf8Path) -> impl Iterator<Item = io::Result<SystemTime>> {
    let files = names(fingerprint).unwrap_or_default().into_iter();
    files.map(|file| fingerprint.join(file).metadata()?.modified())
}

/// The hash in the name of what a unit is made into: `libserde-0123456789abcdef.rmeta`.
#[must_use]
pub fn hash_of(file: &str) -> Option<&str> {
    let (stem, _) = file.split_once('.').unwrap_or((file, ""));
    let (_, hash) = stem.rsplit_once('-')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then_some(hash)
}

/// True for what rustc and the linker put in the place of an old file, and never write into.
fn is_replaced_whole(file: &Utf8Path) -> bool {
    let mut above = file.ancestors().skip(1).filter_map(Utf8Path::file_name);
    let (folder, around) = (above.next(), above.next());
    let name = file.file_name().unwrap_or_default();
    match file.extension() {
        Some("rlib" | "rmeta" | "so" | "dylib" | "dll") => folder == Some("deps"),
        // The executable of a build script.
        None => around == Some("build") && name.starts_with("build"),
        Some(_) => false,
    }
}

fn take(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    // What a take-over left half done may be there, and may be for reading only.
    let _ = fs::remove_file(to);
    if is_replaced_whole(from) && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    let time = fs::metadata(from)?.modified()?;
    // Whoever owns a file can date it, though they may not write into it.
    let copy = File::options().read(true).write(cfg!(windows)).open(to)?;
    copy.set_modified(time)
}

fn take_folder(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    let entries = match from.read_dir_utf8() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            take_folder(from, &to)?;
        } else if kind.is_file() {
            take(from, &to)?;
        } else if kind.is_symlink() {
            take_link(from, &to)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn take_link(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    std::os::unix::fs::symlink(from.read_link_utf8()?, to)
}

#[cfg(not(unix))]
fn take_link(_: &Utf8Path, _: &Utf8Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_told_from_a_name() {
        assert_eq!(
            hash_of("libserde-0123456789abcdef.rmeta"),
            Some("0123456789abcdef")
        );
        assert_eq!(hash_of("ratio-0123456789abcdef"), Some("0123456789abcdef"));
        assert_eq!(hash_of("wasmtime-cranelift"), None);
        assert_eq!(hash_of("app"), None);
    }

    #[test]
    fn what_is_written_into_is_copied_and_the_rest_is_linked() {
        let is_linked = |path: &str| is_replaced_whole(Utf8Path::new(path));
        assert!(is_linked("debug/deps/libserde-0123456789abcdef.rlib"));
        assert!(is_linked(
            "debug/build/serde-0123456789abcdef/build-script-build"
        ));
        assert!(!is_linked("debug/deps/serde-0123456789abcdef.d"));
        assert!(!is_linked("debug/build/serde-0123456789abcdef/output"));
        assert!(!is_linked(
            "debug/build/a-0123456789abcdef/out/libhelp.rlib"
        ));
        assert!(!is_linked("debug/.fingerprint/a-0123456789abcdef/lib-a"));
    }

    #[test]
    fn what_was_made_later_than_now_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let now = SystemTime::now();
        let an_hour = std::time::Duration::from_secs(3600);
        for (unit, time) in [("a-0", now - an_hour), ("b-0", now + an_hour)] {
            let unit = folder.join("debug").join(FINGERPRINTS).join(unit);
            fs::create_dir_all(&unit).expect("a folder");
            let file = File::create(unit.join("dep-lib")).expect("a file");
            file.set_modified(time).expect("a time");
        }
        assert_eq!(forget_later(folder, now).expect("forgotten"), 1);
        let left = names(&folder.join("debug").join(FINGERPRINTS)).expect("a listing");
        assert_eq!(left, ["a-0"]);
    }

    #[test]
    fn units_come_over_with_their_times_and_own_packages_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("text");
        let write = |path: &str| {
            let path = folder.join("one/debug").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, "x").expect("written");
            path
        };
        write(".fingerprint/a-0123456789abcdef/lib-a");
        write("deps/liba-0123456789abcdef.rlib");
        let dated = write("deps/a-0123456789abcdef.d");
        let past = std::time::SystemTime::UNIX_EPOCH;
        let file = File::options().write(true).open(&dated).expect("a file");
        file.set_modified(past).expect("a time");
        write("build/a-0123456789abcdef/out/deep/file");
        write(".fingerprint/app-fedcba9876543210/lib-app");
        write("deps/libapp-fedcba9876543210.rlib");

        let own = BTreeSet::from(["app".to_owned()]);
        let (one, two) = (folder.join("one"), folder.join("two"));
        assert_eq!(take_over(&one, &two, &own, Some(past)).expect("none"), 0);
        assert_eq!(take_over(&one, &two, &own, None).expect("taken"), 1);
        let deps = two.join("debug/deps");
        assert!(deps.join("liba-0123456789abcdef.rlib").is_file());
        assert!(!deps.join("libapp-fedcba9876543210.rlib").exists());
        let time = fs::metadata(deps.join("a-0123456789abcdef.d"));
        assert_eq!(time.and_then(|m| m.modified()).expect("a time"), past);
        let deep = "debug/build/a-0123456789abcdef/out/deep/file";
        assert!(two.join(deep).is_file());
        assert_eq!(take_over(&one, &two, &own, None).expect("nothing left"), 0);
    }
}
