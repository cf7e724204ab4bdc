//! Runs the scripts of recipes that contain whatever a shell could take for a command.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::config::Linker;
use pinmatrix_core::model::diagnostic::Diagnostic;

use super::*;
use crate::repro::recipe::RecipeStep;

const HOSTILE: &str = "a'b\"c $(touch out) `touch out` \\ ; touch out\nEND\n$HOME\n\t&|<>*?~# é";

/// A cargo that prints its arguments and its environment.
const CARGO: &str = r#"#!/bin/sh
[ "$1" = fetch ] || { printf '%s\0' "$@"; env -0; }
"#;

fn executable(path: &Utf8Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("written");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("executable");
}

#[test]
fn whatever_a_recipe_holds_is_data_to_the_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = Utf8Path::from_path(folder.path()).expect("text");
    let sysroot = folder.join("tool'chain $(touch out)");
    executable(&sysroot.join("bin/cargo"), CARGO);
    let top = folder.join("checkout");
    let checkout = top.join("a workspace");
    std::fs::create_dir_all(checkout.join("target")).expect("a folder");
    std::fs::write(top.join("beside.txt"), "beside").expect("written");
    std::fs::write(checkout.join("kept.txt"), "kept").expect("written");
    std::fs::write(checkout.join("Cargo.toml"), "").expect("written");
    let hostile_path = Utf8PathBuf::from("-a'$(touch out)/Cargo.toml");
    let recipe = Recipe {
        cell: serde_json::from_value("a@g-1.0.0".into()).expect("a name"),
        error: Some(Diagnostic::from_message("x\ntouch out\n$(touch out)")),
        inside: "a workspace".into(),
        empty_folders: vec!["-empty $(touch out)".into()],
        files: BTreeMap::from([
            (hostile_path.clone(), HOSTILE.to_owned()),
            ("a workspace/Cargo.toml".into(), "no end".to_owned()),
        ]),
        lock: Some(format!("{HOSTILE}\n")),
        moved: Vec::new(),
        sysroot: sysroot.to_string(),
        rustup: None,
        host: "x86_64-$(touch out)".to_owned(),
        triples: vec!["x86_64-$(touch out)".to_owned()],
        vars: BTreeMap::from([
            ("MODE".to_owned(), VarValue::Plain(HOSTILE.to_owned())),
            (
                "A-B$(touch out)".to_owned(),
                VarValue::Plain("x".to_owned()),
            ),
            ("TOKEN".to_owned(), VarValue::Secret),
        ]),
        passed: vec![
            "SEEN".to_owned(),
            "UNSET".to_owned(),
            "$(touch out)".to_owned(),
        ],
        secrets: vec!["HUSH".to_owned(), "$(touch out)".to_owned()],
        linker: None,
        steps: vec![RecipeStep {
            args: vec!["build".to_owned(), HOSTILE.to_owned()],
            target: None,
        }],
    };
    let copy = folder.join("copy");
    let output = Command::new("sh")
        .args([
            "-c",
            &recipe.script(),
            "sh",
            checkout.as_str(),
            copy.as_str(),
        ])
        .current_dir(folder)
        .env("SEEN", HOSTILE)
        .env("TOKEN", "hush hush")
        .env("HUSH", "hush hush hush")
        .env("OTHER", "not to be seen")
        .output()
        .expect("a shell");
    let stdout = String::from_utf8(output.stdout).expect("text");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    let message: Vec<&str> = stdout.split('\0').collect();
    assert_eq!(message[..2], ["build", HOSTILE]);
    let vars: BTreeMap<&str, &str> = message[2..]
        .iter()
        .filter_map(|v| v.split_once('='))
        .collect();
    assert_eq!(vars["MODE"], HOSTILE);
    // This cargo is a shell script, and a shell does not pass on a variable with such a name.
    assert!(!vars.contains_key("A-B$(touch out)"));
    assert_eq!(vars["TOKEN"], "hush hush");
    assert_eq!(vars["SEEN"], HOSTILE);
    assert_eq!(vars["HOME"], copy.join("home"));
    assert!(!vars.contains_key("HUSH"), "only what is fetched needs it");
    assert!(!vars.contains_key("OTHER") && !vars.contains_key("UNSET"));
    let subject = copy.join("checkout");
    let read = |path: &str| std::fs::read_to_string(subject.join(path)).expect("a file");
    assert_eq!(read("a workspace/Cargo.lock"), format!("{HOSTILE}\n"));
    assert_eq!(read(hostile_path.as_str()), format!("{HOSTILE}\n"));
    assert_eq!(read("a workspace/Cargo.toml"), "no end\n");
    assert_eq!(read("a workspace/kept.txt"), "kept");
    assert_eq!(read("beside.txt"), "beside");
    assert!(subject.join("-empty $(touch out)").is_dir());
    for place in [folder, &checkout, &subject] {
        assert!(!place.join("out").exists(), "a command in {place}");
    }
}

#[test]
fn a_step_that_fails_stops_no_other_and_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = Utf8Path::from_path(folder.path()).expect("text");
    executable(
        &folder.join("bin/cargo"),
        "#!/bin/sh\necho \"$1 ${CARGO_TARGET_X_LINKER##*/}\"\n[ \"$1\" != fails ]\n",
    );
    std::fs::create_dir(folder.join("checkout")).expect("a folder");
    std::fs::write(folder.join("checkout/Cargo.toml"), "").expect("written");
    let step = |arg: &str| RecipeStep {
        args: vec![arg.to_owned()],
        target: None,
    };
    let recipe = Recipe {
        cell: serde_json::from_value("a@g-1.0.0".into()).expect("a name"),
        error: None,
        inside: Utf8PathBuf::new(),
        empty_folders: Vec::new(),
        files: BTreeMap::new(),
        lock: None,
        moved: Vec::new(),
        sysroot: folder.to_string(),
        rustup: None,
        host: "x".to_owned(),
        triples: vec!["x".to_owned()],
        vars: BTreeMap::new(),
        passed: Vec::new(),
        secrets: vec!["HUSH".to_owned(), "$(touch out)".to_owned()],
        linker: Some(Linker::Mold),
        steps: vec![step("fails"), step("passes")],
    };
    let output = Command::new("sh")
        .args(["-c", &recipe.script(), "sh", "checkout", "copy"])
        .current_dir(folder)
        .output()
        .expect("a shell");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"fails link\npasses link\n");
    let link = std::fs::read_to_string(folder.join("copy/link")).expect("a linker");
    assert!(link.contains("cc -fuse-ld=mold \"$@\""), "{link}");
}
