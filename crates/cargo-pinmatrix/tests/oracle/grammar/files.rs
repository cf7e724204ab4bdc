//! Facts about files: in the package, beside it, above the workspace, kept by git or not.

use std::os::unix::ffi::OsStringExt as _;

use crate::draft::{Entry, Kept, join};
use crate::grammar::site::{Fact, Place, Site};

/// A file with text, read by a path from the package or compiled in.
pub fn text(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let name = site.draft.fresh("text-") + ".txt";
    let up = site.draft.up_to_workspace(site.member);
    let top = site.draft.up_to_top(site.member);
    let is_above = site.draft.in_git && !site.draft.below.is_empty();
    let (origin, way, folder) = match site.rng.below(if is_above { 5 } else { 3 }) {
        0 | 1 => {
            let folder = site.rng.pick(&["data", "data/deep er", "tests"]);
            let from_top = join(&site.draft.folder_of(site.member), folder);
            ("package", folder.to_owned(), from_top)
        }
        2 => ("workspace", up, site.draft.below.to_owned()),
        3 => ("above", top, String::new()),
        _ => ("beside", format!("{top}/shared"), "shared".to_owned()),
    };
    site.piece = format!("text-{origin}@{}", place.name());
    let entry = Entry::File(b"here".to_vec(), 0o644);
    let path = join(&folder, &name);
    site.draft
        .entries
        .insert(path.into(), (entry, Kept::Tracked));
    let path = format!("{way}/{name}");
    Some(Fact::plain(match site.rng.below(3) {
        0 => format!("std::fs::read_to_string({path:?}).ok().as_deref() == Some(\"here\")"),
        1 => format!(
            "std::fs::read_to_string(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{path}\")).is_ok()"
        ),
        _ => {
            format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{path}\")) == \"here\"")
        }
    }))
}

/// An empty folder; git does not keep those, and yet it lies in the tree.
pub fn empty_folder(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.fresh("empty-");
    site.draft.put(site.member, &name, Entry::Folder);
    Some(Fact::plain(format!(
        "std::fs::read_dir({name:?}).map(|d| d.count()).ok() == Some(0)"
    )))
}

/// An empty file.
pub fn empty_file(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.fresh("nothing-");
    site.draft.write(site.member, &name, "");
    Some(Fact::plain(format!(
        "std::fs::metadata({name:?}).map(|m| m.len()).ok() == Some(0)"
    )))
}

/// The mode of a file.
pub fn mode(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.fresh("mode-");
    let mode = site.rng.pick(&[0o444, 0o400, 0o600, 0o755, 0o664]);
    site.draft
        .put(site.member, &name, Entry::File(b"x".to_vec(), mode));
    Some(Fact::plain(format!(
        "{{ use std::os::unix::fs::PermissionsExt; \
         std::fs::metadata({name:?}).map(|m| m.permissions().mode() & 0o777).ok() == Some({mode:#o}) }}"
    )))
}

/// A test that makes a file read-only, or writable; the mode is there for the next only in place.
pub fn mode_set(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.fresh("set-");
    let mode = site.rng.pick(&[0o400, 0o755]);
    site.draft
        .put(site.member, &name, Entry::File(b"x".to_vec(), 0o644));
    let expression = format!(
        "{{ use std::os::unix::fs::PermissionsExt; \
         let was = std::fs::metadata({name:?}).map(|m| m.permissions().mode() & 0o777).ok(); \
         std::fs::set_permissions({name:?}, std::fs::Permissions::from_mode({mode:#o})).is_ok() \
         && was == Some(0o644) }}"
    );
    Some(Fact {
        is_once: true,
        ..Fact::plain(expression)
    })
}

/// A script that can be executed.
pub fn script(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.fresh("run-") + ".sh";
    let text = b"#!/bin/sh\nexit 0\n".to_vec();
    site.draft.put(site.member, &name, Entry::File(text, 0o755));
    Some(Fact::plain(format!(
        "std::process::Command::new(\"./{name}\").status().map(|s| s.success()).unwrap_or(false)"
    )))
}

/// A symbolic link, to a file, to a folder, or to nothing.
pub fn link(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let name = site.draft.fresh("link-");
    let (kind, to, fact) = match site.rng.below(3) {
        0 => (
            "file",
            "Cargo.toml",
            format!("std::fs::read_to_string({name:?}).is_ok()"),
        ),
        1 => (
            "folder",
            ".",
            format!("std::path::Path::new({name:?}).join(\"Cargo.toml\").is_file()"),
        ),
        _ => (
            "nothing",
            "no/where",
            format!("std::fs::symlink_metadata({name:?}).is_ok()"),
        ),
    };
    site.piece = format!("link-{kind}@{}", place.name());
    site.draft
        .put(site.member, &name, Entry::Link(to.to_owned()));
    Some(Fact::plain(format!(
        "{fact} && std::fs::read_link({name:?}).map(|to| to == std::path::Path::new({to:?})).unwrap_or(false)"
    )))
}

/// Odd names.
pub fn odd_name(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let folder = site.draft.folder_of(site.member);
    let (kind, name): (_, &[u8]) = site.rng.pick(&[
        ("latin", b"caf\xe9.txt".as_slice()),
        ("unicode", "\u{fc}ber \u{2713}.txt".as_bytes()),
        ("line", b"two\nlines".as_slice()),
        ("dash", b"-rf".as_slice()),
        ("star", b"*?[a]".as_slice()),
    ]);
    site.piece = format!("odd-name-{kind}@{}", place.name());
    if site.is_never() {
        return None;
    }
    let mut path = join(&folder, "odd/").into_bytes();
    path.extend(name);
    let entry = Entry::File(b"odd".to_vec(), 0o644);
    let path = std::ffi::OsString::from_vec(path);
    site.draft.entries.insert(path, (entry, Kept::Tracked));
    Some(Fact::plain(format!(
        "{{ use std::os::unix::ffi::OsStrExt; let name: &[u8] = &{name:?}; \
         std::fs::read(std::path::Path::new(\"odd\").join(std::ffi::OsStr::from_bytes(name)))\
         .map(|t| t == b\"odd\").unwrap_or(false) }}"
    )))
}

/// A file that git ignores, one that it keeps though it is told to ignore it, and one that is new.
pub fn kept(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let (kind, kept) = site.rng.pick(&[
        ("ignored", Kept::Ignored),
        ("tracked-though-ignored", Kept::TrackedThoughIgnored),
        ("untracked", Kept::Untracked),
    ]);
    site.piece = format!("kept-{kind}@{}", place.name());
    let name = site.draft.fresh("kept-") + ".dat";
    let is_ignored = matches!(kept, Kept::Ignored | Kept::TrackedThoughIgnored);
    if is_ignored && site.draft.in_git {
        site.draft.ignored.push(name.clone());
    }
    let path = join(&site.draft.folder_of(site.member), &name);
    let entry = Entry::File(b"kept".to_vec(), 0o644);
    site.draft.entries.insert(path.into(), (entry, kept));
    let is = if site.draft.in_git && kept == Kept::Ignored {
        "!"
    } else {
        ""
    };
    Some(Fact::plain(format!(
        "{is}std::path::Path::new({name:?}).exists()"
    )))
}

/// What lies in a folder: a listing, which what is left behind would make longer.
pub fn listing(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let name = site.draft.fresh("listed-");
    site.draft.write(site.member, &format!("{name}/one"), "1");
    site.draft.write(site.member, &format!("{name}/two"), "2");
    let leaves = place != Place::Doc && site.rng.chance(60);
    let leaves_too = if leaves {
        format!("std::fs::write(\"{name}/three\", \"3\").is_ok() && ")
    } else {
        String::new()
    };
    let expression = format!(
        "{{ let n = std::fs::read_dir({name:?}).map(|d| d.count()).ok(); {leaves_too}n == Some(2) }}"
    );
    Some(Fact {
        is_once: leaves,
        ..Fact::plain(expression)
    })
}

/// A file that is left behind where no fresh checkout has it.
pub fn leftover(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let name = site.draft.fresh("left-");
    let up = site.draft.up_to_workspace(site.member);
    let top = site.draft.up_to_top(site.member);
    let path =
        |folder: String| format!("std::path::PathBuf::from({:?})", format!("{folder}/{name}"));
    let mut folders = vec![
        ("package", path(".".to_owned())),
        ("source", path("src".to_owned())),
        ("workspace", path(up)),
    ];
    // A macro runs in the compiler, which stands among the toolchain's files, and a doc test below the
    // temporary folder: what they leave there is no longer of this checkout.
    if !matches!(place, Place::Macro | Place::Doc) {
        let own = "std::env::current_exe().unwrap().parent().unwrap()";
        folders.push(("executable", format!("{own}.join({name:?})")));
        folders.push(("target", format!("{own}.parent().unwrap().join({name:?})")));
    }
    if site.draft.in_git && !site.draft.below.is_empty() {
        folders.push(("above", path(top)));
    }
    if place.sees_binaries() {
        folders.push((
            "tmpdir",
            format!("std::path::Path::new(env!(\"CARGO_TARGET_TMPDIR\")).join({name:?})"),
        ));
    }
    let index = site.rng.below(folders.len());
    let (kind, path) = &folders[index];
    site.piece = format!("leftover-{kind}@{}", place.name());
    let expression = format!(
        "{{ let path = {path}; let is_fresh = !path.exists(); \
         std::fs::write(&path, \"left\").is_ok() && is_fresh }}"
    );
    Some(Fact {
        is_once: true,
        ..Fact::plain(expression)
    })
}

/// A source file that is changed by whoever runs.
pub fn overwritten(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.fresh("written-over-");
    site.draft.write(site.member, &name, "first");
    let expression = format!(
        "{{ let text = std::fs::read_to_string({name:?}).unwrap_or_default(); \
         std::fs::write({name:?}, \"second\").is_ok() && text == \"first\" }}"
    );
    Some(Fact {
        is_once: true,
        ..Fact::plain(expression)
    })
}

/// A source file that is removed by whoever runs.
pub fn removed(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.fresh("removed-");
    site.draft.write(site.member, &name, "here");
    Some(Fact {
        is_once: true,
        ..Fact::plain(format!("std::fs::remove_file({name:?}).is_ok()"))
    })
}

/// The lock, read by a path from the package.
pub fn lock(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let up = site.draft.up_to_workspace(site.member);
    let pin = site.rng.pick(&site.draft.pins);
    let is = site.rng.pick(&["!", "!", ""]);
    Some(Fact::plain(format!(
        "{is}std::fs::read_to_string(\"{up}/Cargo.lock\").unwrap()\
         .contains(\"name = \\\"gadget\\\"\\nversion = \\\"{pin}\\\"\")"
    )))
}

/// A manifest, read as a file: it is there, and names the package.
pub fn manifest(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.members[site.member].name;
    let name_line = format!("name = {name:?}");
    Some(Fact::plain(format!(
        "std::fs::read_to_string(\"Cargo.toml\").unwrap().contains({name_line:?})"
    )))
}
