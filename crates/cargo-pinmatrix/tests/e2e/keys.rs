//! Two versions of one crate that a subject uses on purpose: the keys of the dependencies that move,
//! held against cargo, and features that go with a range of pins.

use std::fs;

use pinmatrix_core::model::run::Run;
use pinmatrix_core::model::status::Status;

use crate::harness::{Fixture, git, text};

const CONFIG: &str = "[subject]\npath = \".\"\n\n[[toolchain]]\nlabel = \"stable\"\n\
                      rustup = \"stable\"\n\n[[family]]\nname = \"gadget\"\ncrates = [\"gadget\"]\n\
                      keys = [\"gadget-next\"]\npins = [\"2.0.0\", \"3.0.0\", \"4.0.0\", \"5.0.0\"]\n";

/// A subject that uses gadget 1 as `gadget` and a newer one as `gadget-next`.
fn side_by_side() -> Fixture {
    let fixture = Fixture::empty("side_by_side");
    fixture.write(
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
         gadget = \"1\"\ngadget-next = { package = \"gadget\", version = \"2\" }\n",
    );
    fixture.write("src/lib.rs", "pub use gadget::VERSION;\n");
    fixture.write(
        "tests/both.rs",
        "#[test]\nfn old_stays() { assert!(gadget::VERSION.starts_with(\"1.\")); }\n\n\
         #[test]\nfn rounds_down() { assert_eq!(gadget_next::ratio(7, 2), gadget::ratio(7, 2)); }\n",
    );
    fixture.write(
        "tests/turning.rs",
        "#[test]\nfn turns() { assert_eq!(gadget_next::turn(3), gadget::turn(3)); }\n",
    );
    fixture.write("matrix.toml", CONFIG);
    lock(&fixture);
    fixture
}

fn cargo(fixture: &Fixture, args: &[&str]) -> bool {
    let output = fixture.cargo(args).output();
    output.expect("cargo starts").status.success()
}

fn lock(fixture: &Fixture) {
    assert!(cargo(fixture, &["generate-lockfile"]));
    assert!(cargo(
        fixture,
        &["update", "-p", "gadget@2.0.0", "--precise", "2.0.0"]
    ));
}

/// Whether each pin of a run passed.
fn passed(run: &Run) -> Vec<(String, bool)> {
    let cell = |record: &pinmatrix_core::model::run::CellRecord| {
        (record.id.to_string(), record.status() == Status::Passed)
    };
    run.cells.iter().map(cell).collect()
}

#[test]
fn one_of_two_keys_moves_and_cargo_says_the_same() {
    let fixture = side_by_side();
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(code, 1);
    assert_eq!(
        run.families[0]
            .todays
            .first()
            .map(|t| t.version.to_string()),
        Some("2.0.0".into())
    );
    let (manifest, own_lock) = (fixture.read("Cargo.toml"), fixture.read("Cargo.lock"));
    let target = fixture.cache().join("by-cargo").display().to_string();
    let mut by_cargo = Vec::new();
    for pin in ["2.0.0", "3.0.0", "4.0.0", "5.0.0"] {
        let pinned = format!("version = \"={pin}\"");
        fixture.write("Cargo.toml", &manifest.replace("version = \"2\"", &pinned));
        fixture.write("Cargo.lock", &own_lock);
        let passes = cargo(&fixture, &["test", "--target-dir", &target]);
        by_cargo.push((format!("stable@gadget-{pin}"), passes));
        let kept = fixture
            .out()
            .join(format!("locks/stable@gadget-{pin}.lock"));
        let kept = fs::read_to_string(kept).expect("the lock of the cell");
        assert_eq!(kept, fixture.read("Cargo.lock"), "{pin}");
    }
    assert_eq!(passed(&run), by_cargo);
    let outcome = run.cells[0].outcome().expect("an outcome");
    let copies: Vec<String> = outcome.copies.iter().map(ToString::to_string).collect();
    assert_eq!(copies, ["gadget 1.1.0 beside 2.0.0, required by app 0.1.0"]);
}

#[test]
fn a_key_that_members_inherit_moves_for_all_of_them() {
    let fixture = side_by_side();
    let member = fixture.read("Cargo.toml");
    let own = "gadget-next = { package = \"gadget\", version = \"2\" }";
    let member = member.replace(own, "gadget-next.workspace = true");
    let root = format!("[workspace]\n[workspace.dependencies]\n{own}\n");
    fixture.write("Cargo.toml", &format!("{member}\n{root}"));
    lock(&fixture);
    let (code, run) = fixture.run(&["--full", "--pin", "5.0.0", "--no-today"]);
    assert_eq!(code, 1);
    let outcome = run
        .cells
        .iter()
        .find_map(|cell| cell.outcome())
        .expect("an outcome");
    let cases = outcome.targets.iter().flat_map(|target| &target.cases);
    let failed = cases.filter(|case| case.status.is_failed());
    let failed: Vec<&str> = failed.map(|case| case.name.as_str()).collect();
    assert_eq!(failed, ["rounds_down"]);
}

#[test]
fn features_go_with_a_range_of_pins() {
    let fixture = Fixture::empty("features_by_pin");
    fixture.write(
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
         gadget-2 = { package = \"gadget\", version = \"2\", optional = true }\n\
         gadget-4 = { package = \"gadget\", version = \"4\", optional = true }\n",
    );
    fixture.write(
        "src/lib.rs",
        "#[cfg(feature = \"gadget-2\")] pub use gadget_2 as gadget;\n\
         #[cfg(feature = \"gadget-4\")] pub use gadget_4 as gadget;\n\
         #[test] fn turns() { assert_eq!(gadget::turn(3), 4); }\n",
    );
    let config = "[subject]\npath = \".\"\n\n[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\n\
                  [[features]]\nlabel = \"two\"\nfeatures = [\"gadget-2\"]\npins = \"<3\"\n\n\
                  [[features]]\nlabel = \"four\"\nfeatures = [\"gadget-4\"]\npins = \">=4\"\n\n\
                  [[family]]\nname = \"gadget\"\ncrates = [\"gadget\"]\npins = [\"2.0.0\", \"4.0.0\"]\n";
    fixture.write("matrix.toml", config);
    let (_, run) = fixture.run(&["--full"]);
    let states: Vec<String> = run
        .cells
        .iter()
        .map(|cell| format!("{}: {}", cell.id, cell.status()))
        .collect();
    assert_eq!(
        states,
        [
            "stable@gadget-2.0.0+two: passed",
            "stable@gadget-4.0.0+two: skipped(excluded: feature set `two` is for pins <3)",
            "stable@gadget-2.0.0+four: skipped(excluded: feature set `four` is for pins >=4)",
            "stable@gadget-4.0.0+four: passed",
        ]
    );
    fixture.change("matrix.toml", "\">=4\"", "\">=8\"");
    let refused = fixture.call(&["plan"]);
    let message = text(&refused.stderr);
    assert!(
        message.contains("a range of a feature set matches nothing"),
        "{message}"
    );
}

#[test]
fn keys_that_move_nothing_are_user_errors() {
    let fixture = side_by_side();
    let refused = |from: &str, to: &str, words: [&str; 2]| {
        fixture.write("matrix.toml", &CONFIG.replace(from, to));
        let output = fixture.call(&["plan"]);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    };
    let none = "no dependency on a crate of `gadget` has the key `gadget-nex`";
    refused(
        "gadget-next\"",
        "gadget-nex\"",
        [none, "did you mean `gadget-next`?"],
    );
    let two = "`keys` moves one of several copies, and `strict` allows no other copy";
    refused(
        "keys =",
        "strict = true\nkeys =",
        [two, "leave one of the two out"],
    );
    fixture.change(
        "Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\ngadget-io = \"1\"\n",
    );
    let still = "`keys` names no dependency on `gadget-io`";
    refused(
        "[\"gadget\"]",
        "[\"gadget\", \"gadget-io\"]",
        [still, "add its key"],
    );
}

#[test]
fn a_key_moves_to_a_commit_and_the_other_stays_in_the_registry() {
    let fixture = side_by_side();
    let repository = fixture.subject().join("../../fork");
    fs::create_dir_all(repository.join("src")).expect("a folder");
    let package = "[package]\nname = \"gadget\"\nversion = \"9.0.0\"\nedition = \"2021\"\n";
    fs::write(repository.join("Cargo.toml"), package).expect("written");
    let library = "pub fn turn(teeth: u32) -> u32 { teeth + 1 }\npub fn ratio(a: u32, b: u32) -> u32 { a / b }\n";
    fs::write(repository.join("src/lib.rs"), library).expect("written");
    git(&repository, &["init", "--quiet"]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "--quiet", "--message", "fork"]);
    let commit = git(&repository, &["rev-parse", "HEAD"]);
    let url = format!(
        "file://{}",
        repository.canonicalize().expect("a folder").display()
    );
    let pins = format!(
        "pins = [\"2.0.0\", {{ git = \"{url}\", rev = \"{commit}\", label = \"fork\" }}]\n"
    );
    let (head, _) = CONFIG.split_once("pins = ").expect("pins");
    fixture.write("matrix.toml", &format!("{head}{pins}"));
    let (_, run) = fixture.ran(&mut fixture.online(&["run", "--full"]));
    let expected = [("stable@gadget-2.0.0", true), ("stable@gadget-fork", true)];
    assert_eq!(
        passed(&run),
        expected.map(|(cell, passed)| (cell.to_owned(), passed))
    );
}

#[test]
fn features_are_renamed_for_the_key_that_moves_alone() {
    let fixture = Fixture::empty("renamed_by_key");
    fixture.write(
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
         cog = { version = \"1\", features = [\"early\"] }\n\
         cog-next = { package = \"cog\", version = \"2\", features = [\"early\"] }\n",
    );
    fixture.write(
        "src/lib.rs",
        "#[test] fn both() { assert_eq!(cog::turn(1), cog_next::turn(1)); }\n",
    );
    let config = CONFIG.replace("gadget", "cog");
    let (head, _) = config.split_once("pins = ").expect("pins");
    let adjust = "[[adjust]]\npins = \">=7\"\nfeatures = { cog = { early = [\"initial\"] } }\n";
    fixture.write(
        "matrix.toml",
        &format!("{head}pins = [\"2.0.0\", \"7.0.0\"]\n\n{adjust}"),
    );
    let (_, run) = fixture.run(&["--full", "--no-today"]);
    let expected = [("stable@cog-2.0.0", true), ("stable@cog-7.0.0", true)];
    assert_eq!(
        passed(&run),
        expected.map(|(cell, passed)| (cell.to_owned(), passed))
    );
}
