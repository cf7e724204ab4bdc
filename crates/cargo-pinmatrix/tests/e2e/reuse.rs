//! What is run again, and what is not.

use pinmatrix_core::model::run::{Run, State};

use crate::harness::{Fixture, text, through};

/// The cells that were run, and not taken over.
fn run_anew(run: &Run) -> Vec<String> {
    let anew = |state: &State| matches!(state, State::Ended { reused: false, .. });
    run.cells
        .iter()
        .filter(|c| anew(&c.state))
        .map(|c| c.id.to_string())
        .collect()
}

const ROW: [&str; 4] = ["--toolchain", "stable", "--pin", "[12].0.0"];

#[test]
fn an_unchanged_matrix_runs_nothing() {
    let fixture = Fixture::copied("history");
    let (first, run) = fixture.run(&ROW);
    assert_eq!(
        run_anew(&run),
        ["stable@gadget-1.0.0", "stable@gadget-2.0.0"]
    );
    let (second, again) = fixture.run(&ROW);
    assert_eq!(run_anew(&again), Vec::<String>::new());
    assert_eq!(first, second);
    assert!(
        fixture
            .out()
            .join("logs/stable@gadget-1.0.0/build.log")
            .is_file()
    );
}

#[test]
fn a_changed_file_runs_every_cell_again_and_its_change_counts() {
    let fixture = Fixture::copied("history");
    fixture.run(&ROW);
    fixture.change("app/tests/ratio.rs", "#[test]", "#[test]\n#[should_panic]");
    let (code, run) = fixture.run(&ROW);
    assert_eq!(
        run_anew(&run),
        ["stable@gadget-1.0.0", "stable@gadget-2.0.0"]
    );
    assert!(run.cells[0].status().is_failed());
    // It fails today, too.
    assert_eq!(code, 0);
}

#[test]
fn a_file_that_is_put_back_with_an_old_time_is_not_stale() {
    let fixture = Fixture::copied("history");
    let cell = ["--cell", "stable@gadget-1.0.0"];
    let (code, _) = fixture.run(&cell);
    assert_eq!(code, 0);
    let path = fixture.subject().join("app/tests/ratio.rs");
    let old = std::fs::metadata(&path)
        .expect("a file")
        .modified()
        .expect("a time");
    fixture.change("app/tests/ratio.rs", "#[test]", "#[test]\n#[should_panic]");
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .expect("a file");
    file.set_modified(old).expect("an old time");
    let (code, _) = fixture.run(&cell);
    assert_eq!(code, 1);
}

#[test]
fn a_changed_lock_runs_again_only_what_it_concerns() {
    let fixture = Fixture::copied("history");
    fixture.run(&ROW);
    // A comment changes the lock's text and nothing that a cell's own lock is made of.
    let lock = fixture.read("Cargo.lock");
    std::fs::write(
        fixture.subject().join("Cargo.lock"),
        format!("# touched\n{lock}"),
    )
    .expect("written");
    let (_, run) = fixture.run(&ROW);
    assert_eq!(run_anew(&run), Vec::<String>::new());
}

#[test]
fn a_toolchain_is_part_of_the_key() {
    let fixture = Fixture::copied("history");
    fixture.run(&ROW);
    let old = fixture
        .read("matrix.toml")
        .replace("rustup = \"stable\"", "rustup = \"debian-1.78\"");
    std::fs::write(fixture.subject().join("matrix.toml"), old).expect("written");
    // The newest cargo resolves; a matrix of nothing but 1.78 has none that can.
    let output = fixture.call(&["run", "--toolchain", "stable", "--pin", "1.0.0"]);
    assert_eq!(output.status.code(), Some(2));
    fixture.change(
        "matrix.toml",
        "label = \"absent\"\nrustup = \"no-such-toolchain\"",
        "label = \"new\"\nrustup = \"stable\"",
    );
    let (_, run) = fixture.run(&ROW);
    assert_eq!(run_anew(&run).len(), 2);
}

#[test]
fn a_change_outside_the_subject_runs_again_what_reaches_it() {
    let fixture = Fixture::copied("fails_test");
    let outside = fixture
        .subject()
        .parent()
        .expect("a folder")
        .join("outside");
    let package = |name: &str, dependency: &str, code: &str| {
        let folder = outside.join(name);
        std::fs::create_dir_all(folder.join("src")).expect("a folder");
        let manifest = format!(
            "[workspace]\n[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\
             [dependencies]\n{dependency}"
        );
        std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
        std::fs::write(folder.join("src/lib.rs"), code).expect("written");
    };
    package(
        "near",
        "far = { path = \"../far\" }\n",
        "pub fn n() -> u32 { far::n() }",
    );
    package("far", "", "pub fn n() -> u32 { 1 }");
    let near = "[dependencies]\nnear = { path = \"../outside/near\" }\n";
    fixture.change("Cargo.toml", "[dependencies]\n", near);
    std::fs::write(fixture.subject().join("src/lib.rs"), "").expect("written");
    let test = "#[test] fn holds() { assert_eq!(near::n(), 1); }";
    std::fs::write(fixture.subject().join("tests/outcomes.rs"), test).expect("written");
    let (code, _) = fixture.run(&[]);
    assert_eq!(code, 0);

    // The new code is older than what was built of the old one.
    let path = outside.join("far/src/lib.rs");
    let old = std::fs::metadata(&path)
        .expect("a file")
        .modified()
        .expect("a time");
    package("far", "", "pub fn n() -> u32 { 2 }");
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .expect("a file");
    file.set_modified(old).expect("an old time");
    let (code, run) = fixture.run(&[]);
    assert_eq!(run_anew(&run).len(), 1);
    assert_eq!(code, 1);
}

#[cfg(unix)]
#[test]
fn a_file_that_can_now_be_run_can_be_run_in_the_cell() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::copied("fails_test");
    let write = |path: &str, text: &str| {
        std::fs::write(fixture.subject().join(path), text).expect("written");
    };
    write("src/lib.rs", "");
    write("script", "#!/bin/sh\n");
    write(
        "tests/outcomes.rs",
        "#[test] fn runs() { assert!(std::process::Command::new(\"./script\").status().is_ok()); }",
    );
    let (code, _) = fixture.run(&[]);
    assert_eq!(code, 1);
    let script = fixture.subject().join("script");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let (code, _) = fixture.run(&[]);
    assert_eq!(code, 0);
}

#[test]
fn a_first_run_leaves_locks_that_a_locked_run_takes() {
    let fixture = Fixture::copied("history");
    fixture.run(&ROW);
    let locks = fixture.subject().join("committed");
    std::fs::rename(fixture.out().join("locks"), &locks).expect("locks");
    let config = fixture.read("matrix.toml") + "\n[run]\nlocks = \"committed\"\n";
    std::fs::write(fixture.subject().join("matrix.toml"), config).expect("written");
    let (code, _) = fixture.run(&[&ROW[..], &["--locked"]].concat());
    assert_eq!(code, 0);
    // A lock that does not fit is not mended.
    let lock = locks.join("stable@gadget-2.0.0.lock");
    std::fs::copy(locks.join("stable@gadget-1.0.0.lock"), lock).expect("another's lock");
    let (code, run) = fixture.run(&[&ROW[..], &["--locked"]].concat());
    assert_eq!(code, 1);
    let status = run
        .cells
        .iter()
        .find(|c| c.id.as_str() == "stable@gadget-2.0.0");
    assert_eq!(
        status.expect("a cell").status().to_string(),
        "failed(resolve)"
    );
}

#[test]
fn fresh_runs_everything_again() {
    let fixture = Fixture::copied("history");
    fixture.run(&ROW);
    let (_, run) = fixture.run(&[&ROW[..], &["--fresh"]].concat());
    assert_eq!(run_anew(&run).len(), 2);
}

#[test]
fn the_subject_is_never_written() {
    let fixture = Fixture::copied("history");
    let before = hashes(fixture.subject());
    fixture.run(&["--toolchain", "stable"]);
    assert_eq!(hashes(fixture.subject()), before);
}

fn hashes(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a listing") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(hashes(&path));
        } else {
            files.push((path.clone(), std::fs::read(&path).expect("a file")));
        }
    }
    files.sort();
    files
}

#[test]
fn a_failure_is_forgotten_where_the_system_has_changed_and_a_pass_is_not() {
    let fixture = Fixture::copied("link_error");
    let n_run = |system: Option<&str>| {
        let command = fixture.command(&["run"]);
        let words = match system {
            Some(list) => {
                let list = fixture.out().join(list);
                format!(
                    "mount --bind {} /etc/ld.so.cache && exec \"$@\"",
                    list.display()
                )
            }
            None => "exec \"$@\"".to_owned(),
        };
        let shell = [
            "unshare",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &words,
            "sh",
        ];
        let output = through(&shell, &command).output().expect("unshare starts");
        let run = std::fs::read_to_string(fixture.out().join("run.json"));
        assert!(run.is_ok(), "{}", text(&output.stderr));
        let run = serde_json::from_str(&run.unwrap_or_default()).expect("a run");
        run_anew(&run).len()
    };
    assert_eq!(n_run(None), 1);
    assert_eq!(n_run(None), 0);
    std::fs::write(fixture.out().join("other"), "libgadget.so").expect("written");
    assert_eq!(n_run(Some("other")), 1);
    assert_eq!(n_run(Some("other")), 0);
    assert_eq!(n_run(None), 1);
    for broken in ["tests/missing_library.rs", "tests/missing_symbol.rs"] {
        std::fs::remove_file(fixture.subject().join(broken)).expect("removed");
    }
    assert_eq!(n_run(None), 1);
    assert_eq!(n_run(Some("other")), 0);
}
