//! Checkouts of which no cell can be made: each is refused with what is wrong and how to mend it.

use std::fs;

use crate::checkout::{ONE, all_pass, commit, git, in_repository, test_file, with_key};
use crate::harness::{Fixture, text};

/// The message of a user error; also checks that nothing ran.
fn refused(fixture: &Fixture) -> String {
    let output = fixture.call(&["run"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(!fixture.out().join("run.json").exists());
    stderr
}

#[test]
fn a_root_that_does_not_hold_the_subject_is_refused() {
    let fixture = in_repository();
    with_key(&fixture, "root = \"src\"");
    let printed = refused(&fixture);
    assert!(
        printed.contains("the subject does not lie in it") && printed.contains("matrix.toml:"),
        "{printed}"
    );
}

#[test]
fn a_copy_that_would_be_too_large_is_refused_with_what_is_large() {
    let fixture = in_repository();
    with_key(&fixture, "max-size = \"300KB\"");
    fixture.write("../../assets/film", &"x".repeat(400_000));
    let printed = refused(&fixture);
    assert!(
        printed.contains("assets 400.0 kB") || printed.contains("assets 390"),
        "{printed}"
    );
    assert!(printed.contains("exclude"), "{printed}");
    with_key(
        &fixture,
        "exclude = [\"assets/**\", \"registry/**/*.crate\"]",
    );
    let output = fixture.call(&["plan"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_lock_with_the_marks_of_a_merge_is_refused_by_its_line() {
    let fixture = in_repository();
    let lock = "version = 3\n\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n";
    fixture.write("Cargo.lock", lock);
    let printed = refused(&fixture);
    let line = lock
        .lines()
        .position(|line| line.starts_with("<<<"))
        .expect("the mark")
        + 1;
    assert!(
        printed.contains(&format!("Cargo.lock:{line}:")),
        "{printed}"
    );
    assert!(printed.contains("merge conflict"), "{printed}");
}

#[test]
fn a_submodule_that_is_not_checked_out_is_named() {
    let fixture = in_repository();
    let module = tempfile::tempdir().expect("a folder");
    let at = |path: &str| module.path().join(path);
    fs::create_dir_all(at("src")).expect("a folder");
    fs::write(at("src/lib.rs"), "").expect("written");
    let package =
        "[package]\nname = \"module\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(at("Cargo.toml"), package).expect("written");
    crate::harness::git(module.path(), &["init", "--quiet"]);
    crate::harness::git(module.path(), &["add", "."]);
    crate::harness::git(module.path(), &["commit", "--quiet", "-m", "all"]);
    commit(&fixture);
    let url = module.path().to_str().expect("text");
    git(
        &fixture,
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            url,
            "module",
        ],
    );
    let manifest = fixture.read("Cargo.toml");
    let dependency = "[dependencies]\nmodule = { path = \"../../module\" }\n";
    fixture.write(
        "Cargo.toml",
        &manifest.replacen("[dependencies]\n", dependency, 1),
    );
    test_file(&fixture, "#[test]\nfn there() { use module as _; }\n");
    commit(&fixture);
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
    git(
        &fixture,
        &["submodule", "--quiet", "deinit", "--force", "module"],
    );
    fs::remove_dir_all(fixture.out()).expect("removed");
    let output = fixture.call(&["run"]);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("module is not checked out"), "{stderr}");
}

#[test]
fn a_package_that_no_pin_can_move_is_refused_by_name() {
    let fixture = Fixture::copied("two_versions");
    let outside = crate::harness::root().join("tests/fixtures/outside/holdback");
    for file in ["Cargo.toml", "src/lib.rs"] {
        let from = fs::read_to_string(outside.join(file)).expect("a file of holdback");
        fixture.write(&format!("../../outside/holdback/{file}"), &from);
    }
    fixture.change("matrix.toml", "root = \"../..\"", "root = \".\"");
    let printed = refused(&fixture);
    for words in [
        "`holdback` in ",
        "requires gadget =1.0.0, which is not 1.1.0",
        "matrix.toml:2:8",
        "name a folder that holds both as `root` under [subject]",
    ] {
        assert!(printed.contains(words), "{printed}");
    }
    // What only its own tests require is in no graph, and what it inherits is.
    let manifest = fixture.read("../../outside/holdback/Cargo.toml");
    let only_tests = manifest.replace("[dependencies]", "[dev-dependencies]");
    fixture.write("../../outside/holdback/Cargo.toml", &only_tests);
    assert_eq!(fixture.call(&["plan"]).status.code(), Some(0));
    let inherits = manifest.replace("gadget = \"=1.0.0\"", "gadget.workspace = true");
    let inherits = inherits.replace(
        "[workspace]",
        "[workspace.dependencies]\ngadget = \"=1.0.0\"",
    );
    fixture.write("../../outside/holdback/Cargo.toml", &inherits);
    let printed = refused(&fixture);
    assert!(
        printed.contains("requires gadget =1.0.0, which is not 1.1.0"),
        "{printed}"
    );
    fixture.write("../../outside/holdback/Cargo.toml", &manifest);
    // What admits every pin moves with it from where it is.
    fixture.change("../../outside/holdback/Cargo.toml", "=1.0.0", ">=1");
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(
        code,
        0,
        "{:?}",
        run.cells.iter().map(|c| c.status()).collect::<Vec<_>>()
    );
}
