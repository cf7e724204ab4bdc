//! A subject that replaces a crate of the family by a `[patch]`: where it holds and where it is
//! lifted, held against cargo.

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::status::Status;

use crate::harness::{Fixture, text};

const CONFIG: &str = "[subject]\npath = \".\"\n\n[[toolchain]]\nlabel = \"stable\"\n\
                      rustup = \"stable\"\n\n[[family]]\nname = \"gadget\"\ncrates = [\"gadget\"]\n\
                      pins = [\"1.0.0\", \"2.0.0\", \"4.0.0\"]\n";
const PATCH: &str = "[patch.crates-io]\ngadget = { path = \"fork\" }\n";

/// A subject on a fork of gadget at a version, which alone has `forked`.
fn on_fork(version: &str) -> Fixture {
    let fixture = Fixture::empty("patched");
    fixture.write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
             gadget = \"{}\"\n\n{PATCH}",
            &version[..1]
        ),
    );
    fixture.write("src/lib.rs", "");
    fixture.write(
        "tests/fork.rs",
        "#[test]\nfn forks() { assert!(gadget::forked()); }\n",
    );
    let package =
        format!("[package]\nname = \"gadget\"\nversion = \"{version}\"\nedition = \"2021\"\n");
    fixture.write("fork/Cargo.toml", &package);
    fixture.write("fork/src/lib.rs", "pub fn forked() -> bool { true }\n");
    fixture.write("matrix.toml", CONFIG);
    assert!(cargo(&fixture, &["generate-lockfile"]));
    fixture
}

fn cargo(fixture: &Fixture, args: &[&str]) -> bool {
    let output = fixture.cargo(args).output();
    output.expect("cargo starts").status.success()
}

fn passed(run: &Run) -> Vec<(String, bool)> {
    let cells = run.cells.iter();
    let cells = cells.map(|cell| (cell.id.to_string(), cell.status() == Status::Passed));
    cells.collect()
}

/// What cargo says of each pin, with the patch at those where it is to be kept.
fn by_cargo(fixture: &Fixture, kept: &[&str]) -> Vec<(String, bool)> {
    let manifest = fixture.read("Cargo.toml");
    let target = fixture.cache().join("by-cargo").display().to_string();
    let mut all = Vec::new();
    for pin in ["1.0.0", "2.0.0", "4.0.0"] {
        let line = manifest
            .lines()
            .find(|line| line.starts_with("gadget = \""));
        let pinned = manifest.replacen(
            line.expect("a requirement"),
            &format!("gadget = \"={pin}\""),
            1,
        );
        let pinned = if kept.contains(&pin) {
            pinned
        } else {
            pinned.replace(PATCH, "")
        };
        fixture.write("Cargo.toml", &pinned);
        let passes = cargo(fixture, &["test", "--target-dir", &target]);
        all.push((format!("stable@gadget-{pin}"), passes));
    }
    fixture.write("Cargo.toml", &manifest);
    all
}

#[test]
fn a_patch_holds_where_the_subject_is_today_and_is_lifted_elsewhere() {
    let fixture = on_fork("2.0.0");
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(code, 1);
    let plan = text(&fixture.call(&["plan"]).stdout);
    let line = "the [patch] of gadget holds at 2.0.0, which the subject is on today, and is lifted \
                at other pins unless an adjustment keeps it";
    assert!(plan.contains(line), "{plan}");
    let expected = by_cargo(&fixture, &["2.0.0"]);
    assert_eq!(passed(&run), expected);
    assert_eq!(expected[1], ("stable@gadget-2.0.0".to_owned(), true));
    let today = run.families[0]
        .todays
        .first()
        .map(|today| today.version.to_string());
    assert_eq!(today.as_deref(), Some("2.0.0"));
}

#[test]
fn a_patch_in_a_cargo_config_is_one_too() {
    let fixture = on_fork("2.0.0");
    fixture.change("Cargo.toml", PATCH, "");
    let config = fixture.read(".cargo/config.toml");
    fixture.write(".cargo/config.toml", &format!("{config}\n{PATCH}"));
    let (_, run) = fixture.run(&["--full"]);
    let passed: Vec<bool> = passed(&run).into_iter().map(|(_, passed)| passed).collect();
    assert_eq!(passed, [false, true, false]);
}

#[test]
fn an_adjustment_keeps_a_patch() {
    // The subject is not on it today: it asks for gadget 1.
    let fixture = on_fork("4.0.0");
    fixture.change("Cargo.toml", "gadget = \"4\"", "gadget = \"1\"");
    assert!(cargo(&fixture, &["generate-lockfile"]));
    let (_, run) = fixture.run(&["--full", "--no-today"]);
    let all = passed(&run).into_iter();
    assert!(
        all.clone().all(|(_, passed)| !passed),
        "{:?}",
        all.collect::<Vec<_>>()
    );
    let kept = format!("{CONFIG}\n[[adjust]]\npins = \">=4\"\nkeep-patches = true\n");
    fixture.write("matrix.toml", &kept);
    let (_, run) = fixture.run(&["--full", "--no-today"]);
    assert_eq!(passed(&run), by_cargo(&fixture, &["4.0.0"]));
    assert!(passed(&run)[2].1);
}

#[test]
fn a_patch_of_a_version_that_is_not_published_has_no_column() {
    let fixture = on_fork("2.0.9");
    let plan = text(&fixture.call(&["plan"]).stdout);
    let line = "the [patch] of gadget is lifted at all pins unless an adjustment keeps it";
    assert!(plan.contains(line) && !plan.contains("2.0.9"), "{plan}");
}

#[test]
fn a_patch_of_a_companion_is_lifted_with_the_family() {
    let fixture = on_fork("1.1.0");
    fixture.change(
        "Cargo.toml",
        PATCH,
        "[patch.crates-io]\ngadget-types = { path = \"fork\" }\n",
    );
    fixture.change("Cargo.toml", "gadget = \"1\"", "gadget-io = \"1\"");
    fixture.change("fork/Cargo.toml", "\"gadget\"", "\"gadget-types\"");
    let types = crate::harness::root().join("tests/fixtures/crates/gadget-types/src/lib.rs");
    fixture.write(
        "fork/src/lib.rs",
        &std::fs::read_to_string(types).expect("a source"),
    );
    fixture.write("tests/fork.rs", "");
    let family = "crates = [\"gadget-io\"]\ncompanions = [\"gadget-types\"]\n";
    let config = CONFIG.replace("crates = [\"gadget\"]\n", family);
    fixture.write(
        "matrix.toml",
        &config.replace("\"1.0.0\", \"2.0.0\"", "\"1.0.0\", \"1.1.0\""),
    );
    assert!(cargo(&fixture, &["generate-lockfile"]));
    fixture.run(&["--full"]);
    let types_of = |pin: &str| {
        let lock = fixture
            .out()
            .join(format!("locks/stable@gadget-{pin}.lock"));
        let lock = std::fs::read_to_string(lock).expect("a lock");
        let (_, types) = lock.split_once("name = \"gadget-types\"\n").expect("it");
        let types = types.split("\n\n").next().unwrap_or_default();
        (
            types.lines().next().unwrap_or_default().to_owned(),
            types.contains("source"),
        )
    };
    assert_eq!(types_of("1.1.0"), ("version = \"1.1.0\"".to_owned(), false));
    assert_eq!(types_of("1.0.0"), ("version = \"1.0.0\"".to_owned(), true));
}
