//! A family that no registry has: its pins are commits and tags of its repository.

use std::fs;

use pinmatrix_core::model::run::Run;

use crate::harness::{Fixture, git, text};

const HEAD: &str = "[subject]\npath = \".\"\n\n[[toolchain]]\nlabel = \"stable\"\nrustup = \"stable\"\n\n\
                    [[family]]\nname = \"lever\"\ncrates = [\"lever\"]\n";

/// A subject that is on the first tag of a crate which only git has, and the crate's repository with
/// four tags; the third has no `lift`.
fn subject() -> (Fixture, String) {
    let fixture = Fixture::empty("git_family");
    let repository = fixture.subject().join("../../lever");
    fs::create_dir_all(repository.join("src")).expect("a folder");
    git(
        &repository,
        &["init", "--quiet", "--initial-branch", "main"],
    );
    for (version, function) in [
        ("0.1.0", "lift"),
        ("0.2.0", "lift"),
        ("0.3.0", "raise"),
        ("0.3.1", "lift"),
    ] {
        let package =
            format!("[package]\nname = \"lever\"\nversion = \"{version}\"\nedition = \"2021\"\n");
        fs::write(repository.join("Cargo.toml"), package).expect("written");
        let library = format!("pub fn {function}(load: u32) -> u32 {{ load + 1 }}\n");
        fs::write(repository.join("src/lib.rs"), library).expect("written");
        git(&repository, &["add", "."]);
        git(&repository, &["commit", "--quiet", "--message", version]);
        let tag = format!("v{version}");
        git(&repository, &["tag", "--annotate", &tag, "--message", &tag]);
    }
    let url = format!(
        "file://{}",
        repository.canonicalize().expect("a folder").display()
    );
    fixture.write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
             lever = {{ git = \"{url}\", tag = \"v0.1.0\" }}\n"
        ),
    );
    fixture.write("src/lib.rs", "");
    fixture.write(
        "tests/lifting.rs",
        "#[test]\nfn lifts() { assert_eq!(lever::lift(1), 2); }\n",
    );
    (fixture, url)
}

fn states(run: &Run) -> Vec<String> {
    let cells = run.cells.iter();
    cells
        .map(|cell| format!("{} {}", cell.id, cell.status()))
        .collect()
}

/// Runs all cells; cargo gets the repository itself, so it is not told to stay offline.
fn run(fixture: &Fixture) -> Vec<String> {
    let (_, run) = fixture.ran(&mut fixture.online(&["run", "--full"]));
    states(&run)
}

#[test]
fn tags_of_a_repository_are_pins() {
    let (fixture, url) = subject();
    let pins = format!(
        "pins = {{ git = \"{url}\", tags = \"v{{version}}\", from = \"0.1.0\", choose = \"all\" }}\n"
    );
    fixture.write("matrix.toml", &format!("{HEAD}{pins}"));
    let all = [
        "stable@lever-v0.1.0 passed",
        "stable@lever-v0.2.0 passed",
        "stable@lever-v0.3.0 failed(compile)",
        "stable@lever-v0.3.1 passed",
    ];
    assert_eq!(run(&fixture), all);
    fixture.change(
        "matrix.toml",
        "choose = \"all\"",
        "choose = \"latest-minor\", to = \"0.3.0\"",
    );
    let run = run(&fixture);
    assert_eq!(run, [all[0], all[1], all[2]]);
}

#[test]
fn revisions_in_the_list_of_pins_need_no_published_version() {
    let (fixture, url) = subject();
    let commit = git(
        &fixture.subject().join("../../lever"),
        &["rev-parse", "v0.3.0^{commit}"],
    );
    let pins = format!(
        "pins = [{{ git = \"{url}\", rev = \"v0.2.0\" }}, {{ git = \"{url}\", rev = \"{commit}\" }}, \
         {{ git = \"{url}\", rev = \"v0.3.1\", label = \"newest\" }}]\n"
    );
    fixture.write("matrix.toml", &format!("{HEAD}{pins}"));
    assert_eq!(
        run(&fixture),
        [
            "stable@lever-v0.2.0 passed".to_owned(),
            format!("stable@lever-{} failed(compile)", &commit[..12]),
            "stable@lever-newest passed".to_owned(),
        ]
    );
}

#[test]
fn tags_that_cannot_be_pins_are_user_errors() {
    let (fixture, url) = subject();
    let refused = |pins: &str, words: [&str; 2]| {
        fixture.write(
            "matrix.toml",
            &format!("{HEAD}pins = {{ {pins}, choose = \"all\" }}\n"),
        );
        let output = fixture
            .online(&["plan"])
            .output()
            .expect("the program starts");
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    };
    let tags = "tags = \"v{version}\"";
    let none = " is 1.0.0";
    refused(
        &format!("git = \"{url}\", {tags}, from = \"1.0.0\""),
        [none, "the nearest tag is v0.3.1"],
    );
    let folder = url.trim_start_matches("file://");
    refused(
        &format!("git = \"{folder}\", {tags}, from = \"0.1.0\""),
        ["cannot be listed", "write a folder as a URL: `file:///"],
    );
    refused(
        &format!("git = \"{url}\", tags = \"v*\", from = \"0.1.0\""),
        [
            "`v*` does not say where the version is",
            "tags = \"v{version}\"",
        ],
    );
    refused(
        &format!("git = \"{url}\", from = \"0.1.0\""),
        ["`git` and `tags` go together", "one without"],
    );
    refused(
        &format!("git = \"file:///nowhere/at/all\", {tags}, from = \"0.1.0\""),
        [
            "the tags of file:///nowhere/at/all cannot be listed",
            "does not appear to be a git repository",
        ],
    );
}
