//! Bisections of the long history, along every axis.

use std::path::Path;
use std::process::Output;

use pinmatrix_core::model::run::bisection::Bisection;

use crate::harness::{Fixture, git, root, text};

fn bisect(fixture: &Fixture, args: &[&str]) -> Output {
    fixture.call(&[&["bisect"], args].concat())
}

/// What stands on the terminal, of a bisection that ends with `code`.
fn printed_by(fixture: &Fixture, args: &[&str], code: i32) -> String {
    let output = bisect(fixture, args);
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    printed
}

fn record(fixture: &Fixture) -> Bisection {
    let file = fixture.out().join("bisection.json");
    let text = std::fs::read_to_string(file).expect("a bisection");
    serde_json::from_str(&text).expect("a bisection")
}

#[test]
fn a_case_is_asked_about_along_the_published_versions() {
    let fixture = Fixture::in_place("long_history");
    let case = ["--case", "odd_ratio_is_rounded_down"];
    let words = printed_by(&fixture, &case, 0);
    for part in [
        "✔ good  8.0.2  passed",
        "✘ bad   8.0.3  failed(test): assertion `left == right` failed",
        "exact: nothing that is published and not yanked lies between",
        "\ncargo pinmatrix repro stable@cog-8.0.2 --config ",
        "\ncargo pinmatrix repro stable@cog-8.0.3 --config ",
    ] {
        assert!(words.contains(part), "{part} is not in\n{words}");
    }
    // Both ends, and the logarithm of 39 versions.
    let asked = record(&fixture).asked;
    assert!(asked.len() <= 2 + 6, "{asked:#?}");
    // The commands that it ends with show what it says.
    let good = fixture.call(&["repro", "stable@cog-8.0.2"]);
    assert_eq!(good.status.code(), Some(0));
    let bad = fixture.call(&["repro", "stable@cog-8.0.3"]);
    assert_eq!(bad.status.code(), Some(1));
    let bad = text(&bad.stderr);
    assert!(
        bad.contains("odd_ratio_is_rounded_down ... FAILED"),
        "{bad}"
    );

    // Asked again it knows; and from its own log it need not even look.
    let words = printed_by(&fixture, &case, 0);
    assert!(
        words.contains(&format!("{} of them known already", asked.len())),
        "{words}"
    );
    let log = fixture.out().join("kept.json");
    std::fs::copy(fixture.out().join("bisection.json"), &log).expect("copied");
    let log = log.to_str().expect("text");
    let replay = [&case[..], &["--replay", log, "--fresh"]].concat();
    let words = printed_by(&fixture, &replay, 0);
    assert!(
        words.contains("✘ bad   8.0.3") && !words.contains("resolve"),
        "{words}"
    );
    // Answers of another toolchain are none for this one, and those of other files are refused.
    let elsewhere = [
        &replay[..],
        &["--toolchain", "1.78", "--pins", "8.0.2..8.0.3"],
    ]
    .concat();
    assert!(printed_by(&fixture, &elsewhere, 0).contains("1.78@cog-8.0.3: resolve"));
    let other = ["--case", "even_ratio_is_exact", "--replay", log];
    assert!(printed_by(&fixture, &other, 2).contains("asked about odd_ratio_is_rounded_down"));
}

#[test]
fn a_target_is_asked_about_between_two_pins_and_lanes_probe_ahead() {
    let fixture = Fixture::in_place("long_history");
    let target = [
        "--target",
        "turning",
        "--pins",
        "5.0.0..9.0.0",
        "--lanes",
        "3",
    ];
    let words = printed_by(&fixture, &target, 0);
    // What is asked is where it changes, whichever way.
    assert!(
        words.contains("✘ bad   6.0.0  failed(compile): E0425 tests/turning.rs:5"),
        "{words}"
    );
    assert!(words.contains("✔ good  6.0.1  passed"), "{words}");
    // Nothing but that target is built.
    let log = fixture.out().join("logs/stable@cog-6.0.1/build.log");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(
        log.contains("$ cargo test --no-run --workspace --test turning"),
        "{log}"
    );
    assert!(!log.contains("rounding"), "{log}");
    let agree = ["--target", "turning", "--pins", "1.0.0..10.0.3"];
    assert!(printed_by(&fixture, &agree, 1).contains("both ends are good"));
}

#[test]
fn toolchains_are_an_axis_by_their_rustc() {
    let fixture = Fixture::in_place("long_history");
    let words = printed_by(&fixture, &["--toolchains", "--pin", "8.0.0"], 0);
    assert!(
        words.contains("✘ bad   1.63  failed(msrv): cog 8.0.0 needs rustc 1.70.0"),
        "{words}"
    );
    assert!(words.contains("✔ good  1.78  passed"), "{words}");
}

#[test]
fn a_script_answers_by_its_exit() {
    let fixture = Fixture::copied("long_history");
    let script = "#!/bin/sh\ncase $PINMATRIX_PIN in 5.*) exit 125;; esac\n\
                  test -d \"$CARGO_TARGET_DIR\" || mkdir -p \"$CARGO_TARGET_DIR\" || exit 1\n\
                  grep -q 'cog = \"='\"$PINMATRIX_PIN\"'\"' Cargo.toml || exit 125\n\
                  rustc -V > /dev/null || exit 125\n\
                  echo \"$PINMATRIX_TOOLCHAIN looked\"\nexpr \"${PINMATRIX_PIN%%.*}\" '<' 6 > /dev/null\n";
    fixture.write("../ask", script);
    let path = fixture.subject().join("../ask");
    let path = path.to_str().expect("text");
    assert!(printed_by(&fixture, &["--script", path], 2).contains("cannot be run"));
    std::process::Command::new("chmod")
        .args(["+x", path])
        .status()
        .expect("chmod");
    let words = printed_by(&fixture, &["--script", path], 0);
    assert!(
        words.contains("✔ good  4.0.3  exit 0: stable looked"),
        "{words}"
    );
    assert!(
        words.contains("✘ bad   6.0.0  exit 1: stable looked"),
        "{words}"
    );
    assert!(
        words.contains("not exact: 4 between them could not tell"),
        "{words}"
    );
    assert!(
        printed_by(&fixture, &["--script", path, "--only", "6.0.0"], 1).contains("✘ bad   6.0.0")
    );
    assert!(printed_by(&fixture, &["--script", "/no/such"], 2).contains("is not there"));
}

#[test]
fn commits_of_the_subject_are_an_axis() {
    let fixture = Fixture::copied("long_history");
    let top = fixture.subject().join("../../..");
    git(&top, &["init", "--quiet", "--initial-branch", "main"]);
    let commit = |message: &str| {
        git(&top, &["add", "fixtures"]);
        git(&top, &["commit", "--quiet", "--message", message]);
        git(&top, &["rev-parse", "--short=12", "HEAD"])
    };
    let mut commits = Vec::new();
    for n in 0..9 {
        let number = if n < 5 { 1 } else { 2 };
        fixture.write(
            "tests/turning.rs",
            &format!("#[test]\nfn one() {{ assert_eq!({number}, 1) }}\n// {n}\n"),
        );
        commits.push(commit(&n.to_string()));
    }
    let range = format!("{}..HEAD", commits[0]);
    let args = ["--case", "one", "--commits", &range, "--pin", "1.0.0"];
    let words = printed_by(&fixture, &args, 0);
    assert!(
        words.contains(&format!("✔ good  {}  passed", commits[4])),
        "{words}"
    );
    assert!(
        words.contains(&format!("✘ bad   {}  failed(test)", commits[5])),
        "{words}"
    );
    assert!(record(&fixture).asked.len() <= 2 + 3);
    // The command that it ends with shows it, by the full name of the commit.
    let full = git(&top, &["rev-parse", &commits[5]]);
    assert!(
        words.contains("matrix repro stable@cog-1.0.0 --config "),
        "{words}"
    );
    assert!(words.contains(&format!(" --rev {full}\n")), "{words}");
    let shown = fixture.call(&["repro", "stable@cog-1.0.0", "--rev", &full]);
    assert_eq!(shown.status.code(), Some(1));
    let shown = text(&shown.stderr);
    assert!(shown.contains("test one ... FAILED"), "{shown}");

    // A commit that does not have the test yet says nothing of it.
    fixture.write("tests/late.rs", "#[test]\nfn late() {}\n");
    commit("late");
    let late = ["--target", "late", "--commits", &range, "--pin", "1.0.0"];
    assert!(printed_by(&fixture, &late, 3).contains("it has no such target"));

    let empty = ["--commits", "HEAD..HEAD"];
    assert!(printed_by(&fixture, &empty, 2).contains("no commits lead from"));
    let backwards = format!("HEAD..{}", commits[0]);
    assert!(printed_by(&fixture, &["--commits", &backwards], 2).contains("no commits lead from"));
    git(&top, &["checkout", "--quiet", "-b", "side", &commits[2]]);
    fixture.write("side", "");
    commit("side");
    let crooked = format!("{}..side", commits[4]);
    assert!(printed_by(&fixture, &["--commits", &crooked], 2).contains("in one line"));
}

/// The history of the crate's own repository from 8.0.0 to 9.0.0, with a commit on the way that
/// does not build.
fn repository(folder: &Path) -> Vec<String> {
    let crates = root().join("tests/fixtures/crates/cog");
    let read = |path: &str| std::fs::read_to_string(crates.join(path)).expect("a source");
    let manifest = read("Cargo.toml").replace("@version@", "8.0.0");
    std::fs::create_dir_all(folder.join("src")).expect("a folder");
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    git(folder, &["init", "--quiet", "--initial-branch", "main"]);
    let mut commits = Vec::new();
    for n in 0..8 {
        let mut code = format!("{}// {n}\n", read("src/lib.rs"));
        if n == 3 || n == 4 {
            code = code.replace("pub fn ratio", "pub fn ratio ratio");
        }
        if n >= 5 {
            code = code.replace("driver / driven", "(driver + driven - 1) / driven");
        }
        std::fs::write(folder.join("src/lib.rs"), code).expect("written");
        git(folder, &["add", "."]);
        git(folder, &["commit", "--quiet", "--message", &n.to_string()]);
        commits.push(git(folder, &["rev-parse", "--short=12", "HEAD"]));
    }
    git(folder, &["tag", "v9.0.0", &commits[7]]);
    // The older release has a commit of its own, as on a branch for releases.
    git(
        folder,
        &["checkout", "--quiet", "-b", "release-8", &commits[0]],
    );
    git(
        folder,
        &["commit", "--quiet", "--allow-empty", "--message", "release"],
    );
    git(folder, &["tag", "v8.0.0"]);
    git(folder, &["checkout", "--quiet", "main"]);
    commits
}

#[test]
fn commits_of_the_dependency_are_an_axis_and_those_that_do_not_build_are_stepped_over() {
    let fixture = Fixture::copied("long_history");
    let folder = fixture.subject().join("../cog");
    let commits = repository(&folder);
    let path = folder.to_str().expect("text").to_owned();
    let between = ["--dependency-commits", &path, "--between", "8.0.0..9.0.0"];
    let args = [&["--case", "odd_ratio_is_rounded_down"][..], &between].concat();
    let words = printed_by(&fixture, &args, 0);
    assert!(
        words.contains(&format!("✔ good  {}  passed", commits[2])),
        "{words}"
    );
    assert!(
        words.contains(&format!("✘ bad   {}  failed(test)", commits[5])),
        "{words}"
    );
    assert!(
        words.contains("not exact: 2 between them could not tell"),
        "{words}"
    );
    let only = [&args[..], &["--only", &commits[5]]].concat();
    assert!(printed_by(&fixture, &only, 1).contains("✘ bad"));
    assert_eq!(
        git(&folder, &["status", "--porcelain"]),
        "",
        "the repository is only read"
    );

    let tags = [&between[..], &["--tags", "release-{version}"]].concat();
    assert!(printed_by(&fixture, &tags, 2).contains("has no tag `release-8.0.0`"));
    let none = [
        "--dependency-commits",
        fixture.subject().to_str().expect("text"),
    ];
    assert!(printed_by(&fixture, &none, 2).contains("is not a git repository"));
}

#[test]
fn questions_about_what_is_not_there_name_the_nearest() {
    let fixture = Fixture::in_place("long_history");
    let asked = |args: &[&str]| printed_by(&fixture, args, 2);
    let words = asked(&["--case", "odd_ratio_is_round_down"]);
    assert!(
        words.contains("did you mean `odd_ratio_is_rounded_down`?"),
        "{words}"
    );
    let words = asked(&["--target", "long-history test:turnign"]);
    assert!(
        words.contains("did you mean `long-history test:turning`?"),
        "{words}"
    );
    assert!(asked(&["--pins", "8.0.0..8.0.9"]).contains("no pin `8.0.9` on this axis"));
    assert!(asked(&["--pins", "9.0.0..8.0.0"]).contains("8.0.0 comes before 9.0.0"));
    assert!(asked(&["--pins", "8.0.0..8.0.0"]).contains("nothing between the two ends"));
    assert!(asked(&["--toolchain", "stabel"]).contains("did you mean `stable`?"));
    assert!(asked(&["--replay", "/no/such.json"]).contains("cannot read /no/such.json"));
    let output = bisect(&fixture, &["--pins", "--commits", "a..b"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_target_whose_name_another_member_has_is_told_apart_from_it() {
    let fixture = Fixture::copied("history");
    let manifest = fixture.read("platform/Cargo.toml");
    let more =
        "\n[features]\nextra = []\n\n[[test]]\nname = \"ratio\"\nrequired-features = [\"extra\"]\n";
    fixture.write("platform/Cargo.toml", &format!("{manifest}{more}"));
    fixture.write("platform/tests/ratio.rs", "this is no Rust\n");
    let asked = [
        "--target",
        "app test:ratio",
        "--pins",
        "4.0.0..5.0.0",
        "--toolchain",
        "stable",
    ];
    let words = printed_by(&fixture, &asked, 0);
    assert!(words.contains("✔ good  4.0.0  passed"), "{words}");
    assert!(words.contains("✘ bad   5.0.0  failed(test)"), "{words}");
    // And where the other one is built and does not compile.
    fixture.change(
        "platform/Cargo.toml",
        "required-features = [\"extra\"]\n",
        "",
    );
    let words = printed_by(&fixture, &asked, 0);
    assert!(words.contains("✔ good  4.0.0  passed"), "{words}");
}

#[test]
fn what_the_matrix_knows_beside_the_change_is_reported() {
    let fixture = Fixture::in_place("history");
    // 3.0.0 and 5.0.0 break something that is mended at the next pin, and 7.0.0 is too new.
    fixture.run(&["--toolchain", "stable", "--full", "--no-baseline"]);
    let words = printed_by(&fixture, &["--toolchain", "stable"], 0);
    for part in [
        "✘ bad   3.0.0",
        "not the only change: 4.0.0 is good, 6.0.0 is good\n",
    ] {
        assert!(words.contains(part), "{part} is not in\n{words}");
    }
}
