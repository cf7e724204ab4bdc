//! A drawn workspace on disk, and fresh checkouts of it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use pinmatrix_core::model::outcome::{TargetId, TargetKind};

use crate::draft::{Draft, Entry, Kept};
use crate::manifest::{OWN_REQUIREMENT, manifests};
use crate::workshop::Workshop;

/// Writes a workspace into a folder, in the state that its user has it in.
pub fn lay_out(draft: &Draft, folder: &Path, workshop: &Workshop) -> Result<PathBuf, String> {
    let top = folder.join(draft.name);
    let workspace = top.join(draft.below);
    fs::create_dir_all(&workspace).expect("a folder");
    write_manifests(draft, &workspace, OWN_REQUIREMENT, &BTreeSet::new());
    write_sources(draft, &workspace);
    write(&workspace.join("matrix.toml"), &matrix(draft));
    write_config(&draft.config, &workspace);
    write_config(&draft.outer_config, &top);
    let mut ignored = "target/\n".to_owned();
    for line in &draft.ignored {
        ignored.push_str(line);
        ignored.push('\n');
    }
    write(&top.join(".gitignore"), &ignored);
    let place = |is: &dyn Fn(Kept) -> bool| {
        for (path, (entry, kept)) in &draft.entries {
            if is(*kept) {
                write_entry(&top.join(path), entry);
            }
        }
    };
    place(&|kept| !matches!(kept, Kept::Untracked));
    // Any cargo resolves what is drawn; the newest writes what the tool starts from.
    let made = workshop.cargo("stable", &workspace, &["generate-lockfile", "--offline"]);
    if !made.is_ok {
        return Err(made.text);
    }
    if !draft.has_lock {
        fs::remove_file(workspace.join("Cargo.lock")).expect("removed");
    }
    if draft.in_git {
        git(&top, &["init", "--quiet"]);
        git(&top, &["add", "--all"]);
        let forced = draft.entries.iter();
        let forced = forced.filter(|(_, (_, kept))| *kept == Kept::TrackedThoughIgnored);
        for (path, _) in forced {
            git(&top, &["add", "--force", "--", &path.to_string_lossy()]);
        }
        git(&top, &["commit", "--quiet", "--message", "Begin"]);
        git(&top, &["tag", "v1"]);
    }
    place(&|kept| matches!(kept, Kept::Untracked));
    Ok(workspace)
}

/// A fresh checkout of what [`lay_out`] wrote: a copy of the working tree without ignored files, with
/// the requirements and the lock of a cell. `off` is what is left out of the manifests.
pub fn check_out(
    draft: &Draft,
    laid_out: &Path,
    folder: &Path,
    pin: &str,
    lock: &Path,
    off: &BTreeSet<TargetId>,
) -> PathBuf {
    let (from, to) = (laid_out.join(draft.name), folder.join(draft.name));
    fs::create_dir_all(&to).expect("a folder");
    let is_kept: Box<dyn Fn(&Path) -> bool> = if draft.in_git {
        let ignored = ignored(&from);
        Box::new(move |path| !ignored.contains(path))
    } else {
        // Without git, nothing but build folders is left out.
        Box::new(|path| !path.ends_with("target"))
    };
    copy(&from, &to, &is_kept);
    let workspace = to.join(draft.below);
    write_manifests(draft, &workspace, &format!("={pin}"), off);
    fs::copy(lock, workspace.join("Cargo.lock")).expect("the lock of the cell");
    workspace
}

/// Writes the manifests anew, without what is off.
pub fn write_manifests(
    draft: &Draft,
    workspace: &Path,
    requirement: &str,
    off: &BTreeSet<TargetId>,
) {
    for (folder, text) in manifests(draft, requirement, off) {
        write(&workspace.join(folder).join("Cargo.toml"), &text);
    }
}

fn write_sources(draft: &Draft, workspace: &Path) {
    for member in &draft.members {
        let folder = workspace.join(member.folder);
        if let Some(lib) = &member.lib {
            write(&folder.join("src/lib.rs"), &lib.text(false));
        }
        for (name, text) in &member.modules {
            write(&folder.join(format!("src/{name}.rs")), text);
        }
        if !member.script.main.is_empty() {
            write(&folder.join("build.rs"), &member.script.text(true));
        }
        for target in &member.targets {
            let has_main =
                matches!(target.kind, TargetKind::Bin | TargetKind::Example) || !target.harness;
            write(&folder.join(target.path()), &target.source.text(has_main));
        }
    }
}

fn write_config(sections: &std::collections::BTreeMap<&'static str, Vec<String>>, folder: &Path) {
    let mut text = String::new();
    for (section, lines) in sections {
        text += &match *section {
            "build" => format!("[build]\nrustflags = [{}]\n", lines.join(", ")),
            section => format!("[{section}]\n{}\n", lines.join("\n")),
        };
    }
    if !text.is_empty() {
        write(&folder.join(".cargo/config.toml"), &text);
    }
}

fn matrix(draft: &Draft) -> String {
    let mut text = "[subject]\npath = \".\"\n".to_owned();
    if draft.reads_git {
        text += "git = true\n";
    }
    let own = [
        ("stable", "stable"),
        (draft.toolchain.label, draft.toolchain.rustup),
    ];
    // The tool resolves with the newest cargo of the matrix, whichever rows run.
    let rows: &[_] = if own[0] == own[1] { &own[..1] } else { &own };
    for (label, rustup) in rows {
        text += &format!("[[toolchain]]\nlabel = \"{label}\"\nrustup = \"{rustup}\"\n");
    }
    let asks_for = |name: &str| {
        let mut members = draft.members.iter();
        members.any(|m| {
            m.dependencies
                .keys()
                .any(|(_, dependency)| dependency == name)
        })
    };
    let crates = if asks_for("gadget-io") {
        "[\"gadget\", \"gadget-io\"]\ncompanions = [\"gadget-*\"]"
    } else {
        "[\"gadget\"]"
    };
    text += &format!(
        "[[family]]\nname = \"gadget\"\ncrates = {crates}\npins = {:?}\n",
        draft.pins
    );
    if !draft.flags.is_empty() {
        let lines: Vec<&str> = draft.flags.iter().map(|(_, line)| line.as_str()).collect();
        text += &format!("[build]\n{}\n", lines.join("\n"));
    }
    text
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn write_entry(path: &Path, entry: &Entry) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    match entry {
        Entry::File(bytes, mode) => {
            fs::write(path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            fs::set_permissions(path, fs::Permissions::from_mode(*mode)).expect("a mode");
        }
        Entry::Folder => fs::create_dir_all(path).expect("a folder"),
        Entry::Link(to) => {
            symlink(to, path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
    }
}

/// Files and folders that git ignores and does not keep.
fn ignored(top: &Path) -> BTreeSet<PathBuf> {
    let flags = [
        "ls-files",
        "-z",
        "--others",
        "--ignored",
        "--exclude-standard",
        "--directory",
    ];
    let listed = git(top, &flags);
    let paths = listed
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty());
    let path = |path: &[u8]| {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        top.join(OsStr::from_bytes(path))
    };
    paths.map(path).collect()
}

/// Copies a folder with the modes of its files, links as links, empty folders too.
fn copy(from: &Path, to: &Path, is_kept: &dyn Fn(&Path) -> bool) {
    for entry in fs::read_dir(from).expect("a listing") {
        let entry = entry.expect("an entry");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if !is_kept(&path) {
            continue;
        }
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy(&path, &to, is_kept);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&path).expect("a link"), to).expect("a link");
        } else {
            fs::copy(&path, to).expect("copied");
        }
    }
}

fn git(folder: &Path, args: &[&str]) -> Vec<u8> {
    let ended = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(args)
        .current_dir(folder)
        .output()
        .expect("git starts");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "git {args:?}: {stderr}");
    ended.stdout
}
