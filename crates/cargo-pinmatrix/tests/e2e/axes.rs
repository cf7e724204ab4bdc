//! Rows and columns beyond toolchains and published versions: revisions of the subject, feature
//! sets, unreleased pins, and what is adjusted for a range of pins.

use std::path::Path;

use pinmatrix_core::model::run::Run;

use crate::harness::{Fixture, git, root, text};

/// What every cell came to.
fn statuses(run: &Run) -> Vec<String> {
    let ended = run.cells.iter().filter_map(|c| Some((c, c.outcome()?)));
    let lines = ended.map(|(record, outcome)| {
        let why = outcome.errors.iter().map(|error| format!(": {error}"));
        format!(
            "{} {}{}",
            record.id,
            record.status(),
            why.collect::<String>()
        )
    });
    lines.collect()
}

/// The long history on stable alone, with a ladder of its own and more in its config.
fn with(pins: &str, more: &str) -> Fixture {
    let fixture = Fixture::copied("long_history");
    let family = "[[family]]\nname = \"cog\"\ncrates = [\"cog\"]\n";
    fixture.write(
        "matrix.toml",
        &format!(
            "[subject]\npath = \".\"\n\n[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\n\
             {family}{pins}\n\n{more}\n"
        ),
    );
    fixture
}

/// Puts the subject, with the registry beside it, into a git repository.
fn commit(fixture: &Fixture, message: &str) -> String {
    let top = fixture.subject().join("../../..");
    if !top.join(".git").exists() {
        git(&top, &["init", "--quiet", "--initial-branch", "main"]);
    }
    git(&top, &["add", "."]);
    git(&top, &["commit", "--quiet", "--message", message]);
    fixture.git(&["rev-parse", "HEAD"])
}

const BEFORE: &str = "#[test]\nfn turns() { assert_eq!(cog::turn(3), 4); }\n";
const AFTER: &str = "#[test]\nfn turns() { assert_eq!(cog::rotate(3), 4); }\n";

#[test]
fn revisions_of_the_subject_stand_side_by_side() {
    let fixture = with(
        "pins = [\"1.0.0\", \"5.0.0\"]",
        "[[source]]\nlabel = \"before\"\nrev = \"before\"\n\n[[source]]\nlabel = \"patched\"\nrev = \"before\"\n\
         patch = \"rotate.patch\"\n\n[[source]]\nlabel = \"now\"\n",
    );
    fixture.write("tests/turning.rs", BEFORE);
    commit(&fixture, "before");
    fixture.git(&["tag", "before"]);
    fixture.write("tests/turning.rs", AFTER);
    let patch = fixture.git(&["diff", "--", "."]);
    fixture.write("rotate.patch", &format!("{patch}\n"));
    fixture.write("tests/turning.rs", "#[test]\nfn turns() {}\n");
    let status = || fixture.git(&["status", "--porcelain", "--", "."]);
    // A hook leaves the name of its own repository behind.
    let other = tempfile::tempdir().expect("a folder");
    git(other.path(), &["init", "--quiet"]);
    let (status_before, index) = (status(), fixture.git(&["ls-files", "--stage"]));
    let mut command = fixture.command(&["run", "--full"]);
    let (code, run) = fixture.ran(command.env("GIT_DIR", other.path().join(".git")));
    assert_eq!(
        statuses(&run),
        [
            "stable@cog-1.0.0~before passed",
            "stable@cog-5.0.0~before failed(compile)",
            "stable@cog-1.0.0~patched failed(compile)",
            "stable@cog-5.0.0~patched passed",
            "stable@cog-1.0.0~now passed",
            "stable@cog-5.0.0~now passed",
        ]
    );
    assert_eq!(code, 1);
    assert_eq!(
        (status(), fixture.git(&["ls-files", "--stage"])),
        (status_before, index)
    );
    let commit = fixture.git(&["rev-parse", "before"]);
    let sources: Vec<_> = run
        .sources
        .iter()
        .map(|s| {
            (
                s.label.as_deref(),
                s.subject.revision.as_deref(),
                s.subject.dirty,
            )
        })
        .collect();
    assert_eq!(sources[0], (Some("before"), Some(commit.as_str()), false));
    assert_eq!(sources[1], (Some("patched"), Some(commit.as_str()), true));
    assert!(sources[2].2, "the files as they are have changes");
    let summary = std::fs::read_to_string(fixture.out().join("summary.md")).expect("a summary");
    assert!(
        summary.contains("| stable\\~before | ✔ | ✘ 1/3 |"),
        "{summary}"
    );

    // Nothing has changed, so nothing runs again, whatever is laid out anew.
    let (_, again) = fixture.run(&["--full"]);
    assert_eq!(again.counts().reused, 6);
    // And a flag takes the place of all of them.
    let (_, one) = fixture.run(&["--full", "--rev", "before"]);
    assert_eq!(one.cells[0].id.as_str(), "stable@cog-1.0.0");
    assert_eq!(one.cells[1].status().to_string(), "failed(compile)");
}

#[test]
fn artefacts_of_one_revision_do_not_pass_for_those_of_another() {
    // The later revision is older by its times, as in a fresh checkout of an old commit.
    let fixture = with("pins = [\"1.0.0\"]", "");
    let test = |n: u32| format!("#[test]\nfn is_right() {{ assert_eq!({n}, 1); }}\n");
    fixture.write("tests/turning.rs", &test(2));
    commit(&fixture, "wrong");
    fixture.git(&["tag", "wrong"]);
    fixture.write("tests/turning.rs", &test(1));
    commit(&fixture, "right");
    fixture.git(&["tag", "right"]);
    for (rev, status) in [
        ("right", "passed"),
        ("wrong", "failed(test)"),
        ("right", "passed"),
    ] {
        let (_, run) = fixture.run(&["--rev", rev, "--fresh"]);
        assert_eq!(run.cells[0].status().to_string(), status, "{rev}");
    }
}

#[test]
fn feature_sets_are_rows() {
    let fixture = with(
        "pins = [\"1.0.0\"]",
        "[[features]]\nlabel = \"plain\"\n\n[[features]]\nlabel = \"strict\"\nfeatures = [\"strict\"]\n",
    );
    fixture.change(
        "Cargo.toml",
        "[dependencies]",
        "[features]\nstrict = []\n\n[dependencies]",
    );
    fixture.write(
        "tests/turning.rs",
        "#[test]\nfn is_strict() { assert!(!cfg!(feature = \"strict\")); }\n",
    );
    let (code, run) = fixture.run(&[]);
    assert_eq!(
        statuses(&run),
        [
            "stable@cog-1.0.0+plain passed",
            "stable@cog-1.0.0+strict failed(test)"
        ]
    );
    assert_eq!(code, 1);
    let xml = std::fs::read_to_string(fixture.out().join("junit.xml")).expect("JUnit");
    assert!(
        xml.contains("stable@cog-1.0.0+strict.long-history.test:turning"),
        "{xml}"
    );
}

#[test]
fn what_is_adjusted_for_a_range_of_pins_holds_there_and_nowhere_else() {
    let adjust = "[[adjust]]\npins = \">=7.0.0\"\nfeatures = { cog = { early = [\"initial\"] } }\n\
                  cfg = [\"late\"]\nenv = { ERA = \"late\" }\ndependencies = { tempo = \"0.2\" }\n";
    let fixture = with("pins = [\"1.0.0\", \"7.0.0\"]", adjust);
    fixture.change(
        "Cargo.toml",
        "\"1.0.0\"",
        "{ version = \"1.0.0\", features = [\"early\"] }",
    );
    fixture.write(
        "tests/turning.rs",
        "#[test]\nfn era() {\n    let late = std::env::var(\"ERA\").is_ok_and(|era| era == \"late\");\n    \
         assert_eq!(cfg!(late), late);\n    assert_eq!(cog::early(), 1);\n}\n\
         #[cfg(late)]\n#[test]\nfn has_more() { assert_eq!(tempo::keep(1), 1); }\n",
    );
    let (code, run) = fixture.run(&["--full"]);
    assert_eq!(
        statuses(&run),
        ["stable@cog-1.0.0 passed", "stable@cog-7.0.0 passed"]
    );
    assert_eq!(code, 0);
    let cases = |n: usize| -> usize {
        let targets = &run.cells[n].outcome().expect("an outcome").targets;
        targets.iter().map(|target| target.cases.len()).sum()
    };
    assert_eq!(cases(1), cases(0) + 1, "the test of late pins is there");

    // Without it the feature is not found, which is the lock's fault and no compiler's.
    let config = fixture.read("matrix.toml").replace(adjust, "");
    fixture.write("matrix.toml", &config);
    let (_, run) = fixture.run(&["--full"]);
    assert_eq!(run.cells[1].status().to_string(), "failed(resolve)");
}

/// The crate as its repository holds it, before a release.
fn unreleased(folder: &Path, body: &str) {
    let crates = root().join("tests/fixtures/crates/cog");
    let read = |path: &str| std::fs::read_to_string(crates.join(path)).expect("a source");
    std::fs::create_dir_all(folder.join("src")).expect("a folder");
    let manifest = read("Cargo.toml").replace("@version@", "11.0.0-dev");
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    let code = read("src/lib.rs").replace("pub fn turn(", body);
    std::fs::write(folder.join("src/lib.rs"), code).expect("written");
}

#[test]
fn pins_that_are_not_released_come_last_and_are_what_is_in_their_folder() {
    let fixture = with(
        "pins = [\"10.0.0\"]\nunreleased = [{ label = \"next\", path = \"../cog\" }, \
         { label = \"main\", git = \"GIT\", rev = \"COMMIT\" }]",
        "",
    );
    let folder = fixture.subject().join("../cog");
    unreleased(&folder, "pub fn turn(");
    let repository = fixture.subject().join("../repository");
    unreleased(&repository, "pub fn rotate(");
    git(
        &repository,
        &["init", "--quiet", "--initial-branch", "main"],
    );
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "--quiet", "--message", "all"]);
    let url = format!(
        "file://{}",
        repository.canonicalize().expect("a path").display()
    );
    fixture.change("matrix.toml", "GIT", &url);
    let commit = git(&repository, &["rev-parse", "HEAD"]);
    fixture.change("matrix.toml", "COMMIT", &commit);
    fixture.write("tests/rounding.rs", "");
    // A git repository is the network to cargo, wherever it is.
    let (_, run) = fixture.ran(&mut fixture.online(&["run", "--full"]));
    let statuses: Vec<_> = run
        .cells
        .iter()
        .map(|c| format!("{} {}", c.id, c.status()))
        .collect();
    assert_eq!(
        statuses,
        [
            "stable@cog-1.0.0 passed",
            "stable@cog-10.0.0 passed",
            "stable@cog-next passed",
            "stable@cog-main failed(compile)",
        ]
    );
    // What changes in the folder is another pin under the same name, however old it looks.
    unreleased(&folder, "pub fn rotate(");
    let changed = std::fs::File::options();
    let changed = changed.clone().write(true).open(folder.join("src/lib.rs"));
    let past = std::time::SystemTime::UNIX_EPOCH;
    changed.expect("a file").set_modified(past).expect("a time");
    let (_, run) = fixture.ran(&mut fixture.online(&["run", "--full"]));
    assert_eq!(run.cells[2].id.as_str(), "stable@cog-next");
    assert_eq!(run.cells[2].status().to_string(), "failed(compile)");
    assert_eq!(run.counts().reused, 3);
}

#[test]
fn each_revision_is_held_against_what_its_own_lock_holds() {
    let fixture = with(
        "pins = [\"1.0.0\", \"5.0.0\"]",
        "[[source]]\nlabel = \"before\"\nrev = \"before\"\n\n[[source]]\nlabel = \"now\"\n",
    );
    fixture.write("tests/turning.rs", BEFORE);
    commit(&fixture, "before");
    fixture.git(&["tag", "before"]);
    fixture.write("tests/turning.rs", AFTER);
    let lock = fixture.read("Cargo.lock");
    let (version, checksum) = ("version = \"1.0.0\"", "checksum = ");
    let of_cog = lock.find("name = \"cog\"").expect("cog in the lock");
    let moved = lock[of_cog..].replacen(version, "version = \"5.0.0\"", 1);
    let end = moved.find(checksum).expect("a checksum");
    let rest = moved[end..].split_once('\n').expect("its end").1;
    let lock = format!("{}{}{rest}", &lock[..of_cog], &moved[..end]);
    fixture.write("Cargo.lock", &lock);
    fixture.change("Cargo.toml", "cog = \"1.0.0\"", "cog = \"5.0.0\"");
    let (_, run) = fixture.run(&["--full"]);
    let today: Vec<String> = run.families[0]
        .todays
        .iter()
        .map(|today| {
            let source = today.source.as_deref().unwrap_or_default();
            format!("{source} {}", today.version)
        })
        .collect();
    assert_eq!(today, ["before 1.0.0", "now 5.0.0"]);
    let stdout = text(&fixture.call(&["run", "--full"]).stdout).replace('\n', " ");
    for sentence in [
        "No cog after 1.0.0 works without a change of code on stable~before: something that passes today (1.0.0) fails at 5.0.0",
        "cog 5.0.0 is the last pin on stable~now",
    ] {
        assert!(stdout.contains(sentence), "{stdout}");
    }
}

#[test]
fn user_errors_about_rows_and_pins_name_the_place_and_a_fix() {
    let refused = |fixture: &Fixture| {
        let output = fixture.call(&["run"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let pins = "pins = [\"1.0.0\"]";
    let no_repository = with(pins, "[[source]]\nlabel = \"a\"\nrev = \"HEAD\"");
    assert!(refused(&no_repository).contains("is in no git repository"));
    let fixture = with(pins, "[[source]]\nlabel = \"a\"\nrev = \"no-such\"");
    commit(&fixture, "all");
    let words = refused(&fixture);
    assert!(
        words.contains("no revision `no-such`") && words.contains("matrix.toml:"),
        "{words}"
    );
    let fixture = with(pins, "[[source]]\nlabel = \"a\"\npatch = \"bad.patch\"");
    fixture.write("bad.patch", "--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n");
    commit(&fixture, "all");
    assert!(refused(&fixture).contains("bad.patch does not apply"));
    let gone = "pins = [\"1.0.0\"]\nunreleased = [{ label = \"next\", path = \"../gone\" }]";
    assert!(refused(&with(gone, "")).contains("cargo cannot read"));
    let other = "pins = [\"1.0.0\"]\nunreleased = [{ label = \"next\", path = \".\" }]";
    assert!(refused(&with(other, "")).contains("holds no crate `cog`"));
    let open = "pins = { from = \"1.0.9\", choose = \"all\" }";
    assert!(refused(&with(open, "")).contains("cog 1.0.9 is not published"));
    let member = "[[adjust]]\npins = \"*\"\ndependencies = { tempo = \"0.2\" }\nmembers = [\"long-histroy\"]";
    assert!(refused(&with(pins, member)).contains("did you mean `long-history`?"));
}
