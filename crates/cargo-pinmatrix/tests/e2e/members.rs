//! Crates of a family that begin and end, and dependencies that are renamed, dropped and added for a
//! range of pins; held against cargo.

use std::fs;

use pinmatrix_core::model::run::Run;

use crate::harness::{Fixture, text};

const HEAD: &str =
    "[subject]\npath = \".\"\n\n[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\n";
const FAMILY: &str = "[[family]]\nname = \"gadget\"\ncrates = [\"gadget\", \"widget\"]\n\
                      pins = [\"2.0.0\", \"4.0.0\"]\n\n";
const ADJUST: &str = "[[adjust]]\npins = \">=4\"\ncfg = [\"later\"]\nrename = { widget = \"lathe\" }\n\
                      dependencies = { lathe = \"1.0.0\" }\ndrop = [\"jig\"]\n\
                      dev-dependencies = { chuck = \"1\" }\n";

/// The subject's dependencies at gadget 2, and as a person writes them at gadget 4: widget ended at
/// 3.0.0, and lathe takes its place.
const BEFORE: &str = "[dependencies]\ngadget = \"2\"\njig = { version = \"1\", optional = true }\n\n\
                      [build-dependencies]\nwidget = \"2\"\n\n[features]\nextra = [\"dep:jig\"]\n";
const AFTER: &str = "[dependencies]\ngadget = \"=4.0.0\"\n\n[build-dependencies]\nlathe = \"1.0.0\"\n\n\
                     [dev-dependencies]\nchuck = \"1\"\n\n[features]\nextra = []\n";
const PACKAGE: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
                       [lints.rust]\nunexpected_cfgs = \"allow\"\n\n";

/// A build script that uses widget, and lathe later on.
fn subject() -> Fixture {
    let fixture = Fixture::empty("members");
    fixture.write("Cargo.toml", &format!("{PACKAGE}{BEFORE}"));
    fixture.write(
        "build.rs",
        "#[cfg(later)] use lathe as wheel;\n#[cfg(not(later))] use widget as wheel;\n\
         fn main() { println!(\"cargo:rustc-env=TEETH={}\", wheel::turn(3)); }\n",
    );
    fixture.write(
        "src/lib.rs",
        "#[test] fn turns() { assert_eq!(gadget::turn(3).to_string(), env!(\"TEETH\")); }\n\
         #[cfg(later)] #[test] fn holds() { assert_eq!(chuck::hold(3), 3); }\n",
    );
    fixture.write("matrix.toml", &format!("{HEAD}{FAMILY}{ADJUST}"));
    lock(&fixture);
    fixture
}

fn cargo(fixture: &Fixture, args: &[&str], flags: &str) -> (bool, String) {
    let output = fixture
        .cargo(args)
        .env("RUSTFLAGS", flags)
        .output()
        .expect("cargo starts");
    (output.status.success(), text(&output.stdout))
}

fn lock(fixture: &Fixture) {
    assert!(cargo(fixture, &["generate-lockfile"], "").0);
}

/// What each cell came to, with the cases that passed in it.
fn passed(run: &Run) -> Vec<(String, Vec<String>)> {
    let cell = |record: &pinmatrix_core::model::run::CellRecord| {
        let targets = record.outcome().map(|outcome| outcome.targets.as_slice());
        let cases = targets
            .unwrap_or_default()
            .iter()
            .flat_map(|target| &target.cases);
        let mut names: Vec<String> = cases.map(|case| case.name.clone()).collect();
        names.sort();
        (format!("{} {}", record.id, record.status()), names)
    };
    run.cells.iter().map(cell).collect()
}

#[test]
fn a_crate_that_has_ended_is_left_out_and_another_takes_its_place() {
    let fixture = subject();
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(code, 0, "{:#?}", passed(&run));
    assert_eq!(
        passed(&run),
        [
            (
                "stable@gadget-2.0.0 passed".to_owned(),
                vec!["turns".to_owned()]
            ),
            (
                "stable@gadget-4.0.0 passed".to_owned(),
                vec!["holds".to_owned(), "turns".to_owned()]
            ),
        ]
    );
    let summary = fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    let line = "widget is left out of gadget at 4.0.0: it is not published there, and nothing \
                requires it";
    assert!(summary.contains(line), "{summary}");
    // A person who writes the same by hand gets the same lock and the same tests.
    fixture.write("Cargo.toml", &format!("{PACKAGE}{AFTER}"));
    let target = fixture.cache().join("by-cargo").display().to_string();
    let (passes, stdout) = cargo(&fixture, &["test", "--target-dir", &target], "--cfg=later");
    assert!(passes && stdout.contains("test holds ... ok"), "{stdout}");
    let kept = fixture.out().join("locks/stable@gadget-4.0.0.lock");
    let kept = fs::read_to_string(kept).expect("the lock of the cell");
    assert_eq!(kept, fixture.read("Cargo.lock"));
}

#[test]
fn a_crate_that_has_ended_and_is_required_is_a_user_error() {
    let fixture = subject();
    let refused = |more: &str, words: [&str; 2]| {
        fixture.write("matrix.toml", &format!("{HEAD}{FAMILY}{more}"));
        let output = fixture.call(&["plan"]);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    };
    let still = "widget 4.0.0 is not published";
    refused("", [still, "`[[adjust]]` can replace or drop it there"]);
    let unknown = ADJUST.replace("drop = [\"jig\"]", "drop = [\"jog\"]");
    let none = "no package that it changes has a dependency `jog`";
    refused(&unknown, [none, "name it by its key in a Cargo.toml"]);
    // Chosen pins pass over a version that cannot be used.
    let chosen = "[[family]]\nname = \"gadget\"\ncrates = [\"gadget\", \"widget\"]\n\
                  pins = { from = \"2.0.0\", choose = \"all\" }\n";
    fixture.write("matrix.toml", &format!("{HEAD}{chosen}"));
    let plan = text(&fixture.call(&["plan"]).stdout);
    assert!(
        plan.contains("gadget-3.0.0") && !plan.contains("gadget-4.0.0"),
        "{plan}"
    );
    fixture.write("matrix.toml", &format!("{HEAD}{chosen}\n{ADJUST}"));
    let plan = text(&fixture.call(&["plan"]).stdout);
    assert!(plan.contains("gadget-4.0.0"), "{plan}");
}

#[test]
fn a_renamed_dependency_that_is_inherited_gets_the_version_that_is_written() {
    let fixture = subject();
    let inherited = BEFORE.replace("widget = \"2\"", "widget.workspace = true");
    let root = "[workspace]\n[workspace.dependencies]\nwidget = \"2\"\n";
    fixture.write("Cargo.toml", &format!("{PACKAGE}{inherited}\n{root}"));
    lock(&fixture);
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(code, 0, "{:#?}", passed(&run));
    let kept = fixture.out().join("locks/stable@gadget-4.0.0.lock");
    let kept = fs::read_to_string(kept).expect("the lock of the cell");
    assert!(
        kept.contains("name = \"lathe\"\nversion = \"1.0.0\""),
        "{kept}"
    );
}
