//! Small working trees, inside and outside of git.

use pinmatrix_core::config::Config;
use pinmatrix_core::error::SourceText;
use xshell::{Shell, cmd};

use super::*;
use crate::subject::git::quiet;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn in_git() -> Self {
        let tree = Self::new();
        tree.git(&["init", "--quiet"]);
        tree
    }

    fn git(&self, args: &[&str]) {
        let shell = Shell::new().expect("a shell");
        shell.change_dir(self.0.path());
        quiet(cmd!(shell, "git {args...}")).run().expect("git");
    }

    fn write(&self, path: &str) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "x").expect("written");
        self
    }

    fn ignore(&self, lines: &str) -> &Self {
        fs::write(self.0.path().join(".gitignore"), lines).expect("written");
        self
    }

    fn folder(&self, path: &str) -> &Self {
        fs::create_dir_all(self.0.path().join(path)).expect("a folder");
        self
    }

    fn list(&self, keys: &str) -> Vec<String> {
        let text = format!("[subject]\npath = \".\"\n{keys}\n{REST}");
        let text = SourceText::new(Path::new("matrix.toml"), text);
        let config = Config::parse(text).expect("a config");
        let top = Utf8Path::from_path(self.0.path()).expect("text");
        let tree = WorkingTree::list(top, &config.checkout).expect("a listing");
        let name = |entry: &ListedEntry| {
            let end = if entry.kind == EntryKind::Folder {
                "/"
            } else {
                ""
            };
            format!("{}{end}", entry.path.display())
        };
        let names = tree.entries.iter().map(name);
        names.filter(|name| name != ".gitignore").collect()
    }
}

const REST: &str = "[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\
    [[family]]\nname = \"a\"\ncrates = [\"a\"]\npins = [\"1.0.0\"]\n";

#[test]
fn a_checkout_holds_what_git_does_not_ignore_and_what_it_tracks_all_the_same() {
    let tree = Tree::in_git();
    tree.ignore("*.bin\n/data/\n")
        .write("src/lib.rs")
        .write("kept.bin");
    tree.write("other.bin").write("data/large").write("new.rs");
    tree.git(&["add", "--force", "src/lib.rs", "kept.bin"]);
    assert_eq!(tree.list(""), ["kept.bin", "new.rs", "src/", "src/lib.rs"]);
}

#[test]
fn empty_folders_are_kept_and_folders_that_git_ignores_are_not() {
    let tree = Tree::in_git();
    tree.ignore("/out/\n*.o\n")
        .folder("snapshots/new")
        .folder("out");
    tree.write("objects/a.o");
    assert_eq!(tree.list(""), ["objects/", "snapshots/", "snapshots/new/"]);
}

#[test]
fn build_folders_are_left_out_unless_something_in_them_is_tracked() {
    let tree = Tree::in_git();
    tree.write("Cargo.toml").write("target/debug/app");
    tree.write("results/CACHEDIR.TAG").write("results/run.json");
    tree.write("kept/CACHEDIR.TAG").write("kept/file");
    tree.git(&["add", "kept/file"]);
    assert_eq!(
        tree.list(""),
        ["Cargo.toml", "kept/", "kept/CACHEDIR.TAG", "kept/file"]
    );
}

#[test]
fn without_git_everything_but_build_folders_is_there() {
    let tree = Tree::new();
    tree.write("Cargo.toml")
        .write("src/lib.rs")
        .write("target/debug/app");
    tree.folder("empty").write("old/CACHEDIR.TAG");
    assert_eq!(
        tree.list(""),
        ["Cargo.toml", "empty/", "src/", "src/lib.rs"]
    );
}

#[test]
fn what_is_named_is_taken_in_or_left_out() {
    let tree = Tree::in_git();
    tree.ignore("*.bin\n")
        .write("data/a.bin")
        .write("data/b.bin")
        .write("docs/a.md");
    let keys = "include = [\"data/a.*\"]\nexclude = [\"docs/**\"]";
    assert_eq!(tree.list(keys), ["data/", "data/a.bin", "docs/"]);
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf8_is_a_name() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::in_git();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(tree.0.path().join(name), "x").expect("written");
    assert_eq!(tree.list("").len(), 1);
}
