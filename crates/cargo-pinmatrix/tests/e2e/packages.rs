//! Which packages of a workspace are built and tested, held against what cargo builds for the same
//! packages.

use std::collections::BTreeSet;
use std::process::Command;

use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::run::Run;

use crate::harness::{Fixture, text};

const CONFIG: &str = "[subject]\npath = \".\"\n\n[[toolchain]]\nlabel = \"stable\"\n\
                      rustup = \"stable\"\n\n[[family]]\nname = \"gadget\"\ncrates = [\"gadget\"]\n\
                      pins = [\"1.0.0\"]\n";

/// A workspace of which `base` uses the family, `app` uses it through `base`, `tool` builds with it,
/// and `plain` has nothing to do with it. `extra` turns on a feature of `base` for all.
fn workspace() -> Fixture {
    let fixture = Fixture::empty("packages");
    let root = "[workspace]\nresolver = \"2\"\nmembers = [\"app\", \"base\", \"extra\", \"plain\", \"tool\"]\n";
    fixture.write("Cargo.toml", root);
    fixture.write("matrix.toml", CONFIG);
    let member = |name: &str, more: &str, library: &str| {
        let head =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        fixture.write(&format!("{name}/Cargo.toml"), &(head + more));
        fixture.write(&format!("{name}/src/lib.rs"), library);
    };
    let passes = "#[test] fn passes() {}\n";
    let base = format!("{passes}#[cfg(feature = \"fast\")] #[test] fn fast() {{}}\n");
    let uses_gadget = "[dependencies]\ngadget = \"1\"\n[features]\nfast = []\n";
    member("base", uses_gadget, &base);
    let uses_base = "[dependencies]\nbase = { path = \"../base\" }\n";
    let app = "/// ```\n/// assert!(true);\n/// ```\npub fn documented() {}\n";
    member("app", uses_base, &format!("{passes}{app}"));
    let fast = "base = { path = \"../base\", features = [\"fast\"] }\n";
    member("extra", &format!("[dependencies]\n{fast}"), passes);
    member("tool", "[build-dependencies]\ngadget = \"1\"\n", passes);
    fixture.write("tool/build.rs", "fn main() {}\n");
    member("plain", "", "#[test] fn fails() { panic!() }\n");
    let cargo = |args: &[&str]| {
        let output = fixture.cargo(args).output().expect("cargo starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    cargo(&["generate-lockfile"]);
    cargo(&["update", "-p", "gadget", "--precise", "1.0.0"]);
    fixture
}

fn outcome(run: &Run) -> &Outcome {
    let outcome = run.cells.first().and_then(|cell| cell.outcome());
    outcome.expect("an outcome")
}

/// The cases of a run, each with its package.
fn cases(run: &Run) -> BTreeSet<String> {
    let targets = outcome(run).targets.iter();
    let cases = targets.flat_map(|target| {
        let package = target.id.package.clone();
        let names = target.cases.iter().map(|case| case.name.clone());
        names.map(move |case| format!("{package} {case}"))
    });
    cases.filter(|case| !case.contains("documented")).collect()
}

/// The cases that cargo runs, each with its package, which here has the name of its library.
fn by_cargo(fixture: &Fixture, args: &[&str]) -> BTreeSet<String> {
    let output = fixture
        .cargo(&["test", "--no-fail-fast"])
        .args(args)
        .arg("--target-dir")
        .arg(fixture.cache().join("by-cargo"))
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .expect("cargo starts");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let mut packages = err.lines().filter_map(|line| {
        let path = line.trim().strip_prefix("Running unittests src/lib.rs (")?;
        let (_, file) = path.rsplit_once('/')?;
        Some(file.split_once('-')?.0.to_owned())
    });
    let mut package = String::new();
    let mut cases = BTreeSet::new();
    for line in out.lines() {
        if line.starts_with("running ") {
            package = packages.next().unwrap_or_default();
        } else if let Some(case) = line.strip_prefix("test ").filter(|c| c.contains(" ... ")) {
            let name = case.split(" ... ").next().unwrap_or_default();
            cases.insert(format!("{package} {name}"));
        }
    }
    cases.retain(|case| !case.contains("documented"));
    cases
}

#[test]
fn a_cell_has_the_packages_that_cargo_builds_for_the_same_flags() {
    let fixture = workspace();
    let selections: [&[&str]; 4] = [
        &["-p", "base"],
        &["-p", "app", "-p", "t*"],
        &["--exclude", "plain", "--workspace"],
        &[],
    ];
    for flags in selections {
        let (_, run) = fixture.run(flags);
        assert_eq!(cases(&run), by_cargo(&fixture, flags), "{flags:?}");
    }
    // Cargo builds the default members of a workspace that names them.
    let root = fixture.read("Cargo.toml") + "default-members = [\"app\", \"plain\"]\n";
    fixture.write("Cargo.toml", &root);
    for flags in [&[][..], &["--workspace"]] {
        let (_, run) = fixture.run(flags);
        assert_eq!(cases(&run), by_cargo(&fixture, flags), "{flags:?}");
    }
}

#[test]
fn what_a_family_cannot_affect_is_left_out_once_and_by_name() {
    let fixture = workspace();
    let affected = "path = \".\"\npackages = \"affected\"\nexclude-packages = [\"extra\"]";
    fixture.change("matrix.toml", "path = \".\"", affected);
    let (code, run) = fixture.run(&[]);
    assert_eq!(code, 0, "{:#?}", outcome(&run));
    let all = ["app passes", "base passes", "tool passes"];
    assert_eq!(cases(&run), all.map(str::to_owned).into());
    let documented = outcome(&run).targets.iter();
    let mut documented = documented.filter(|target| target.id.to_string() == "app doc:app");
    assert_eq!(documented.next().map(|target| target.cases.len()), Some(1));
    assert_eq!(run.families[0].not_selected, ["extra", "plain"]);
    let fewer: Vec<String> = outcome(&run)
        .fewer_features
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(fewer, ["base 0.1.0 (fast)"]);
    let summary = std::fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    for line in [
        "not selected, and neither built nor tested for gadget: 2 packages: extra, plain",
        "features that the whole workspace enables are off in 1 package: base (fast)",
    ] {
        assert!(summary.contains(line), "{summary}");
    }
    // A package that the lock does not know may be affected, and the plan says so.
    let lock = fixture.read("Cargo.lock");
    let plain = "[[package]]\nname = \"plain\"\nversion = \"0.1.0\"\n\n";
    fixture.change("Cargo.lock", plain, "");
    let plan = fixture.call(&["plan"]);
    let note = "Cargo.lock does not hold plain, so they count as affected";
    assert!(text(&plan.stderr).contains(note), "{plan:?}");
    assert!(!text(&plan.stdout).contains("plain"), "{plan:?}");
    fixture.write("Cargo.lock", &lock);
    // The script of repro selects the same packages.
    let repro = fixture.call(&["repro", "stable@gadget-1.0.0", "--print"]);
    let script = text(&repro.stdout);
    assert!(
        script.contains("--package=app:0.1.0 --package=base:0.1.0"),
        "{script}"
    );
    assert!(!script.contains("--workspace"), "{script}");
}

#[test]
fn affected_is_what_uses_the_family_or_will_after_an_adjustment() {
    let fixture = workspace();
    let root = "[package]\nname = \"root\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n";
    let members = fixture.read("Cargo.toml");
    let declared = "[workspace.dependencies]\ngadget = \"1\"\n";
    fixture.write("Cargo.toml", &format!("{root}{members}{declared}"));
    fixture.write("src/lib.rs", "");
    let locked = fixture.cargo(&["update", "--workspace"]).output();
    assert!(locked.expect("cargo starts").status.success());
    fixture.change(
        "matrix.toml",
        "path = \".\"",
        "path = \".\"\npackages = \"affected\"",
    );
    let left_out = || {
        let plan = text(&fixture.call(&["plan"]).stdout);
        let line = plan
            .lines()
            .find(|line| line.contains("not selected"))
            .unwrap_or_default();
        line.rsplit_once(": ")
            .map(|(_, names)| names.to_owned())
            .unwrap_or_default()
    };
    assert_eq!(left_out(), "plain, root");
    let adjust =
        "\n[[adjust]]\npins = \"1\"\nmembers = [\"plain\"]\ndependencies = { gadget = \"1\" }\n";
    fixture.write("matrix.toml", &(fixture.read("matrix.toml") + adjust));
    assert_eq!(left_out(), "root");
    let output = fixture.call(&["plan", "-p", "root"]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("no selected package reaches a crate of `gadget`"),
        "{message}"
    );
}

#[test]
fn a_member_that_is_not_selected_needs_no_toolchain() {
    let fixture = workspace();
    let newer = "edition = \"2021\"\nrust-version = \"1.999\"";
    fixture.change("plain/Cargo.toml", "edition = \"2021\"", newer);
    let (_, run) = fixture.run(&[]);
    assert!(outcome(&run).status.is_failed());
    let (code, run) = fixture.run(&["--exclude", "plain"]);
    assert_eq!(code, 0, "{:#?}", outcome(&run));
}

#[test]
fn a_pipeline_merges_with_the_packages_that_its_shards_build() {
    let fixture = workspace();
    let mut printed = Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"));
    printed.args(["pinmatrix", "ci", "github", "--shards", "2", "--config"]);
    printed.arg(fixture.subject().join("matrix.toml"));
    let printed = printed.args(["--", "--full", "-p", "b*"]).output();
    let printed = text(&printed.expect("the program starts").stdout);
    let merge = printed.lines().find(|line| line.contains(" merge "));
    assert!(
        merge.is_some_and(|line| line.contains("--package 'b*'")),
        "{printed}"
    );
}

#[test]
fn packages_that_match_nothing_are_user_errors_and_nothing_runs() {
    let fixture = workspace();
    let config = fixture.read("matrix.toml");
    let refused = |packages: &str, words: [&str; 3]| {
        let config = config.replace("path = \".\"", &format!("path = \".\"\n{packages}"));
        fixture.write("matrix.toml", &config);
        let output = fixture.call(&["plan"]);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    };
    let nothing = "`bases` matches no package of the subject";
    refused(
        "packages = [\"bases\"]",
        [nothing, "matrix.toml:3:13", "did you mean `base`?"],
    );
    let nothing = "`z*` matches no package of the subject";
    let all = "its packages are app, base, extra, plain, tool";
    refused(
        "exclude-packages = [\"z*\"]",
        [nothing, "matrix.toml:3:21", all],
    );
    let none = "no package of the subject is left to build";
    let empty = "packages = [\"base\"]\nexclude-packages = [\"*\"]";
    refused(empty, [none, "for family `gadget`", "exclude fewer"]);
    let word = "`changed` is not a choice of packages";
    refused(
        "packages = \"changed\"",
        [word, "matrix.toml:3:12", "`packages = [\"changed\"]`"],
    );
    refused(
        "packages = []",
        ["no packages are chosen", "matrix.toml:3:12", "leave it out"],
    );
    let glob = "`[` is not a valid glob";
    refused(
        "packages = [\"[\"]",
        [glob, "matrix.toml:3:13", "for example `core`"],
    );
    std::fs::remove_file(fixture.subject().join("Cargo.lock")).expect("removed");
    let lock = "read from a Cargo.lock, and there is none";
    refused(
        "packages = \"affected\"",
        [lock, "matrix.toml:3:12", "cargo generate-lockfile"],
    );
    fixture.write("matrix.toml", &config);
    let output = fixture.call(&["plan", "-p", "none"]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("`none` matches no package of the subject"),
        "{message}"
    );
}
