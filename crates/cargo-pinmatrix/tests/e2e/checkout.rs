//! A cell is a fresh checkout: what it works on, and what it does not carry on to the next one.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pinmatrix_core::model::run::Run;

use crate::harness::{Fixture, text};

/// A package that asks for the family, in `subjects/plain` of a repository.
pub fn in_repository() -> Fixture {
    let fixture = Fixture::empty("plain");
    fixture.write(
        "Cargo.toml",
        "[package]\nname = \"plain\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
         [dependencies]\ngadget = \"1\"\n\n[workspace]\n",
    );
    fixture.write("src/lib.rs", "");
    fixture.write(
        "matrix.toml",
        "[subject]\npath = \".\"\n\n[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\n\
         [[family]]\nname = \"gadget\"\ncrates = [\"gadget\"]\n\
         companions = [\"gadget-types\"]\npins = [\"1.0.0\", \"2.0.0\", \"4.0.0\"]\n",
    );
    git(&fixture, &["init", "--quiet"]);
    fixture
}

/// Runs git at the top of the repository.
pub fn git(fixture: &Fixture, args: &[&str]) -> String {
    crate::harness::git(&top(fixture), args)
}

fn top(fixture: &Fixture) -> std::path::PathBuf {
    let above = fixture.subject().ancestors().nth(2);
    above.expect("fixtures/subjects/NAME").to_owned()
}

pub fn commit(fixture: &Fixture) {
    git(fixture, &["add", "--all"]);
    git(fixture, &["commit", "--quiet", "-m", "all"]);
}

/// The subject's test file.
pub fn test_file(fixture: &Fixture, body: &str) {
    fixture.write("tests/it.rs", body);
}

/// What each case of the test file came to, cell by cell.
fn cases(run: &Run) -> Vec<String> {
    let cells = run
        .cells
        .iter()
        .filter_map(|cell| Some((&cell.id, cell.outcome()?)));
    let cases = cells.flat_map(|(id, outcome)| {
        let targets = outcome.targets.iter();
        targets.flat_map(move |target| {
            let whole = format!("{id} {}: {}", target.id, target.status);
            if target.cases.is_empty() {
                vec![whole]
            } else {
                let case = |case: &pinmatrix_core::model::outcome::CaseOutcome| {
                    format!("{id} {} {}: {}", target.id, case.name, case.status)
                };
                target.cases.iter().map(case).collect()
            }
        })
    });
    cases.collect()
}

pub fn all_pass(run: &Run) {
    let cases = cases(run);
    assert!(!cases.is_empty());
    let others: Vec<&String> = cases.iter().filter(|c| !c.ends_with(": passed")).collect();
    assert!(others.is_empty(), "{others:?}\n{run:#?}");
}

pub const ONE: [&str; 2] = ["--cell", "stable@gadget-1.0.0"];

#[test]
fn files_of_the_repository_around_the_subject_are_where_they_are_in_place() {
    let fixture = in_repository();
    fixture.write("../../shared/x.txt", "shared");
    fixture.write("../../.cargo/config.toml", "[env]\nABOVE = \"yes\"\n");
    test_file(
        &fixture,
        "#[test]\nfn beside() {\n    assert_eq!(include_str!(\"../../../shared/x.txt\"), \"shared\");\n}\n\
         #[test]\nfn above() {\n    assert!(std::path::Path::new(\"../../shared/x.txt\").exists());\n    \
         assert!(std::path::Path::new(\"..\").read_dir().unwrap().count() > 0);\n}\n\
         #[test]\nfn config_above() {\n    assert_eq!(env!(\"ABOVE\"), \"yes\");\n    \
         assert_eq!(std::env::var(\"ABOVE\").unwrap(), \"yes\");\n}\n",
    );
    commit(&fixture);
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
}

#[test]
fn empty_folders_modes_links_and_odd_names_are_kept() {
    let fixture = in_repository();
    fs::create_dir_all(fixture.subject().join("empty/inside")).expect("a folder");
    fixture.write("data/read-only.txt", "x");
    let set_mode = |path: &str, mode: u32| {
        let path = fixture.subject().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    set_mode("data/read-only.txt", 0o444);
    fixture.write("data/run.sh", "#!/bin/sh\necho ran\n");
    set_mode("data/run.sh", 0o755);
    std::os::unix::fs::symlink("read-only.txt", fixture.subject().join("data/link"))
        .expect("a link");
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9 \xff.txt");
    fs::write(fixture.subject().join("data").join(odd), "odd").expect("written");
    test_file(
        &fixture,
        "use std::os::unix::ffi::OsStrExt;\nuse std::os::unix::fs::PermissionsExt;\n\
         #[test]\nfn empty() {\n    assert_eq!(std::fs::read_dir(\"empty/inside\").unwrap().count(), 0);\n}\n\
         #[test]\nfn mode() {\n    let mode = std::fs::metadata(\"data/read-only.txt\").unwrap().permissions().mode();\n    \
         assert_eq!(mode & 0o777, 0o444);\n}\n\
         #[test]\nfn program() {\n    assert!(std::process::Command::new(\"./data/run.sh\").status().unwrap().success());\n}\n\
         #[test]\nfn link() {\n    assert_eq!(std::fs::read_link(\"data/link\").unwrap().to_str(), Some(\"read-only.txt\"));\n}\n\
         #[test]\nfn odd() {\n    let name = std::ffi::OsStr::from_bytes(b\"data/caf\\xe9 \\xff.txt\");\n    \
         assert_eq!(std::fs::read_to_string(name).unwrap(), \"odd\");\n}\n",
    );
    commit(&fixture);
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
}

#[test]
fn what_git_ignores_is_not_copied_and_a_failure_that_names_it_says_so() {
    let fixture = in_repository();
    fixture.write("../../.gitignore", "*.bin\n");
    fixture.write("data/large.bin", "ignored");
    fixture.write("data/kept.bin", "tracked all the same");
    test_file(
        &fixture,
        "#[test]\nfn tracked() {\n    assert!(std::fs::read(\"data/kept.bin\").is_ok());\n}\n\
         #[test]\nfn ignored() {\n    let path = \"data/large.bin\";\n    \
         assert!(std::fs::read(path).is_ok(), \"no {path}\");\n}\n",
    );
    git(
        &fixture,
        &["add", "--force", "subjects/plain/data/kept.bin"],
    );
    commit(&fixture);
    let output = fixture.call(&[&["run"], &ONE[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let json = fs::read_to_string(fixture.out().join("run.json")).expect("a run");
    let run: Run = serde_json::from_str(&json).expect("a run");
    let cases = cases(&run);
    assert!(
        cases.iter().any(|c| c.ends_with("tracked: passed")),
        "{cases:?}"
    );
    assert!(
        cases.iter().any(|c| c.ends_with("ignored: failed(test)")),
        "{cases:?}"
    );
    let outcome = run
        .cells
        .iter()
        .find_map(|cell| cell.outcome())
        .expect("an outcome");
    assert_eq!(outcome.left_out, ["subjects/plain/data/large.bin"]);
    let printed = text(&output.stdout)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let hint = "`include = [\"subjects/plain/data/large.bin\"]` under [subject] copies it";
    assert!(printed.contains(hint), "{printed}");
    // It does as it says.
    let config = fixture.read("matrix.toml");
    let key = "include = [\"subjects/plain/data/large.bin\"]\n";
    let config = config.replacen("path = \".\"\n", &format!("path = \".\"\n{key}"), 1);
    assert!(config.contains(key));
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
}

#[test]
fn a_build_script_that_asks_git_is_answered_and_cannot_write_there() {
    let fixture = in_repository();
    fixture.write(
        "build.rs",
        "fn git(args: &[&str]) -> std::process::Output {\n    \
         std::process::Command::new(\"git\").args(args).output().unwrap()\n}\n\
         fn main() {\n    println!(\"cargo:rerun-if-changed=../../.git/HEAD\");\n    \
         let told = git(&[\"describe\", \"--tags\", \"--always\"]);\n    \
         println!(\"cargo:rustc-env=DESCRIBED={}\", String::from_utf8_lossy(&told.stdout).trim());\n    \
         git(&[\"tag\", \"made-in-a-cell\"]);\n}\n",
    );
    test_file(
        &fixture,
        "#[test]\nfn described() {\n    assert_eq!(env!(\"DESCRIBED\"), \"v1.2.3\");\n}\n",
    );
    commit(&fixture);
    git(&fixture, &["tag", "v1.2.3"]);
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
    assert_eq!(git(&fixture, &["tag"]), "v1.2.3");
    // The tag decides, and is a part of the key.
    git(&fixture, &["tag", "--delete", "v1.2.3"]);
    let (code, run) = fixture.run(&ONE);
    assert_eq!((code, run.counts().reused), (1, 0));
    let targets = run.cells.iter().filter_map(|cell| cell.outcome());
    let mut cases = targets.flat_map(|outcome| outcome.targets.iter().flat_map(|t| &t.cases));
    let failed = cases
        .find(|case| case.status.is_failed())
        .expect("a failure");
    let commit = git(&fixture, &["rev-parse", "--short", "HEAD"]);
    let output = failed.output.as_deref().expect("what it said");
    assert!(output.contains(&commit), "{commit} is not in {output}");
}

#[test]
fn what_is_written_into_the_tree_during_a_run_changes_nothing_and_is_noted() {
    let fixture = in_repository();
    test_file(&fixture, "#[test]\nfn passes() {}\n");
    // A build script is the first of the cell to know that the run has begun.
    let started = fixture.out().with_file_name("started");
    let config = fixture.read("matrix.toml");
    let allow = format!(
        "\n[[sandbox.allow]]\nfor = \"build\"\nwrite = [\"{}\"]\nreason = \"tells the test\"\n",
        started.display()
    );
    fs::create_dir_all(&started).expect("a folder");
    fixture.write("matrix.toml", &format!("{config}{allow}"));
    fixture.write(
        "build.rs",
        &format!(
            "fn main() {{\n    std::fs::write(\"{}/now\", \"\").unwrap();\n}}\n",
            started.display()
        ),
    );
    commit(&fixture);
    let mut command = fixture.command(&["run", "--full", "--toolchain", "stable"]);
    let running = command
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("started");
    while !started.join("now").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    fixture.write("tests/it.rs", "#[test]\nfn passes() { panic!() }\n");
    fixture.write("run.log", "what `tee` writes");
    let output = running.wait_with_output().expect("ended");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let note = "files have changed since the run began, and this run is of what they were then";
    assert_eq!(stderr.matches(note).count(), 1, "{stderr}");
    let json = fs::read_to_string(fixture.out().join("run.json")).expect("a run");
    let run: Run = serde_json::from_str(&json).expect("a run");
    all_pass(&run);
}

#[test]
fn nothing_that_builds_and_tests_write_is_carried_from_pin_to_pin() {
    let fixture = in_repository();
    fixture.write(
        "build.rs",
        "use std::fs;\nuse std::path::Path;\nfn main() {\n    \
         println!(\"cargo:rerun-if-changed=build.rs\");\n    \
         let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
         let target = Path::new(&out).ancestors().nth(4).unwrap().to_owned();\n    \
         for place in [Path::new(\"src\"), Path::new(&out), &target] {\n        \
             let file = place.join(\"generated.rs\");\n        \
             assert!(!file.exists(), \"{} is there already\", file.display());\n        \
             fs::write(&file, \"pub fn generated() -> u32 { 1 }\\n\").unwrap();\n    }\n}\n",
    );
    fixture.write(
        "src/lib.rs",
        "mod generated;\npub use generated::generated;\n",
    );
    test_file(
        &fixture,
        "use std::fs;\nuse std::os::unix::fs::PermissionsExt;\n\
         #[test]\nfn fresh() {\n    assert_eq!(plain::generated(), 1);\n    \
         for place in [\"left-behind\", concat!(env!(\"CARGO_TARGET_TMPDIR\"), \"/left-behind\")] {\n        \
             assert!(!fs::exists(place).unwrap(), \"{place} is there already\");\n        \
             fs::write(place, \"\").unwrap();\n    }\n    \
         // Of the same length, so that only the content tells.\n    \
         assert_eq!(fs::read_to_string(\"state.txt\").unwrap(), \"fresh\");\n    \
         fs::write(\"state.txt\", \"stale\").unwrap();\n    \
         let mode = fs::metadata(\"Cargo.toml\").unwrap().permissions().mode();\n    \
         assert_eq!(mode & 0o777, 0o644);\n    \
         fs::set_permissions(\"Cargo.toml\", fs::Permissions::from_mode(0o600)).unwrap();\n    \
         fs::write(\"src/generated.rs\", \"pub fn generated() -> u32 { 2 }\").unwrap();\n}\n",
    );
    fixture.write("state.txt", "fresh");
    let manifest = fixture.subject().join("Cargo.toml");
    fs::set_permissions(manifest, fs::Permissions::from_mode(0o644)).expect("a mode");
    commit(&fixture);
    let (_, run) = fixture.run(&["--full", "--toolchain", "stable"]);
    all_pass(&run);
    assert!(run.counts().passed > 1, "{:#?}", run.counts());
}

pub fn with_key(fixture: &Fixture, key: &str) {
    let config = fixture.read("matrix.toml");
    let config = config.replacen("path = \".\"\n", &format!("path = \".\"\n{key}\n"), 1);
    assert!(config.contains(key));
    fixture.write("matrix.toml", &config);
}

#[test]
fn a_new_matrix_toml_alone_is_no_change_of_the_subject() {
    let fixture = in_repository();
    let config = fixture.subject().join("matrix.toml");
    let kept = fs::read_to_string(&config).expect("a config");
    fs::remove_file(&config).expect("removed");
    commit(&fixture);
    fs::write(&config, kept).expect("written");
    let stderr = text(&fixture.call(&["plan"]).stderr);
    assert!(!stderr.contains("uncommitted"), "{stderr}");
}

#[test]
fn a_repository_without_commits_is_a_checkout_too() {
    let fixture = in_repository();
    test_file(&fixture, "#[test]\nfn passes() {}\n");
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
    assert!(!Path::new(&run.sources[0].subject.path).is_absolute());
}

#[test]
fn a_subject_in_a_folder_that_git_ignores_is_a_folder_of_its_own() {
    let fixture = in_repository();
    test_file(&fixture, "#[test]\nfn passes() {}\n");
    fixture.write("../../.gitignore", "/subjects/\n");
    commit(&fixture);
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
}

#[test]
fn an_ignored_file_in_an_ignored_folder_can_be_included() {
    let fixture = in_repository();
    fixture.write("../../.gitignore", "/subjects/plain/data/\n/target/\n");
    fixture.write("data/large.bin", "x");
    fixture.write("../../target/debug/other.bin", "x");
    test_file(
        &fixture,
        "#[test]\nfn included() {\n    assert!(std::fs::read(\"data/large.bin\").is_ok());\n}\n\
         #[test]\nfn nothing_else() {\n    assert!(!std::path::Path::new(\"../../target\").exists());\n    \
         assert!(!std::path::Path::new(\"../../.git\").exists());\n}\n",
    );
    commit(&fixture);
    for glob in ["subjects/plain/data/large.bin", "**/large.bin"] {
        let config = fixture.read("matrix.toml");
        with_key(&fixture, &format!("include = [\"{glob}\"]"));
        let (_, run) = fixture.run(&ONE);
        all_pass(&run);
        fixture.write("matrix.toml", &config);
    }
}

#[test]
fn a_package_that_is_reached_by_a_linked_folder_is_built() {
    let fixture = in_repository();
    fixture.write(
        "../../libs/a/Cargo.toml",
        "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    fixture.write("../../libs/a/src/lib.rs", "pub fn one() -> u32 { 1 }\n");
    fs::create_dir_all(fixture.subject().join("vendor")).expect("a folder");
    let link = fixture.subject().join("vendor/a");
    std::os::unix::fs::symlink("../../../libs/a", link).expect("a link");
    let manifest = fixture.read("Cargo.toml");
    let dependency = "[dependencies]\na = { path = \"vendor/a\" }\n";
    fixture.write(
        "Cargo.toml",
        &manifest.replacen("[dependencies]\n", dependency, 1),
    );
    test_file(&fixture, "#[test]\nfn one() { assert_eq!(a::one(), 1); }\n");
    commit(&fixture);
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
}

#[test]
fn a_nested_cargo_builds_where_it_does_in_place() {
    let fixture = in_repository();
    fixture.write("src/bin/tool.rs", "fn main() { println!(\"ran\"); }\n");
    test_file(
        &fixture,
        "use std::process::Command;\n\
         #[test]\nfn nested() {\n    \
         let status = Command::new(env!(\"CARGO\")).args([\"build\", \"--offline\", \"--bin\", \"tool\"]).status();\n    \
         assert!(status.unwrap().success());\n    \
         let ran = Command::new(\"target/debug/tool\").output().unwrap();\n    \
         assert_eq!(ran.stdout, b\"ran\\n\");\n}\n",
    );
    commit(&fixture);
    let (_, run) = fixture.run(&ONE);
    all_pass(&run);
}
