//! User errors: exit 2, nothing run, and a message that says where, what and how to fix it.

use crate::harness::{Fixture, text};

/// What the program says of a `matrix.toml` in which `from` became `to`.
fn refused(from: &str, to: &str) -> String {
    let fixture = Fixture::copied("history");
    fixture.change("matrix.toml", from, to);
    printed_by(&fixture, &["run"])
}

fn printed_by(fixture: &Fixture, args: &[&str]) -> String {
    let output = fixture.call(args);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(!fixture.out().exists(), "something ran");
    stderr
}

fn holds(printed: &str, parts: &[&str]) {
    for part in parts {
        assert!(printed.contains(part), "{part} is not in\n{printed}");
    }
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let printed = refused("label = \"absent\"", "lable = \"absent\"");
    holds(
        &printed,
        &["matrix.toml:13", "lable", "did you mean `label`?"],
    );
}

#[test]
fn a_pin_that_is_not_published_names_its_neighbours() {
    let printed = refused("\"2.0.0\"", "\"2.0.1\"");
    holds(
        &printed,
        &[
            "gadget 2.0.1 is not published",
            "matrix.toml:20",
            "2.0.0 before it and 3.0.0 after it",
        ],
    );
}

#[test]
fn a_pin_that_was_yanked_is_refused() {
    let printed = refused("\"1.1.0\"", "\"1.1.1\"");
    holds(&printed, &["1.1.1 was yanked", "take it off the ladder"]);
}

#[test]
fn what_matches_no_pin_and_no_feature_is_refused() {
    let with = |section: &str| {
        let fixture = Fixture::copied("history");
        let config = fixture.read("matrix.toml") + section;
        fixture.write("matrix.toml", &config);
        printed_by(&fixture, &["run"])
    };
    let adjust = "\n[[adjust]]\npins = \">=9\"\nenv = { A = \"1\" }\n";
    holds(
        &with(adjust),
        &["an adjustment matches nothing", "matrix.toml:23"],
    );
    let exclude = "\n[[exclude]]\npins = \"<1\"\nreason = \"too old\"\n";
    holds(
        &with(exclude),
        &["a selection of cells matches nothing", "matrix.toml:24"],
    );
    for what in [
        "least-rust = \"1.80\"\npin = \"2.5.0\"",
        "changes = \"*\"\nat = \"9\"",
    ] {
        let claim = format!("\n[[claim]]\nsays = \"so\"\n{what}\n");
        holds(
            &with(&claim),
            &["a claim matches nothing", "matrix.toml:23"],
        );
    }
    let feature = "\n[[adjust]]\npins = \">=2\"\nfeatures = { gadget = { nosuch = [\"x\"] } }\n";
    holds(
        &with(feature),
        &[
            "the subject asks for no feature `nosuch` of `gadget`",
            "matrix.toml:23",
        ],
    );
}

#[test]
fn a_ladder_upside_down_is_refused() {
    let printed = refused("\"1.0.0\", \"1.1.0\"", "\"1.1.0\", \"1.0.0\"");
    holds(&printed, &["upside down", "1.0.0 stands after 1.1.0"]);
}

#[test]
fn an_empty_ladder_is_refused() {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml");
    let start = config.find("pins = ").expect("a ladder");
    std::fs::write(
        fixture.subject().join("matrix.toml"),
        format!("{}pins = []\n", &config[..start]),
    )
    .expect("written");
    holds(
        &printed_by(&fixture, &["run"]),
        &["the ladder of `gadget` is empty", "matrix.toml:20"],
    );
}

#[test]
fn a_family_crate_that_the_subject_does_not_use_is_refused() {
    let printed = refused("\"gadget-io\"", "\"gadget-oi\"");
    holds(
        &printed,
        &[
            "the subject does not use `gadget-oi`",
            "did you mean `gadget-io`?",
        ],
    );
}

#[test]
fn two_families_cannot_claim_one_crate() {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml");
    let second = "\n[[family]]\nname = \"other\"\ncrates = [\"gadget\"]\npins = [\"1.0.0\"]\n";
    std::fs::write(fixture.subject().join("matrix.toml"), config + second).expect("written");
    holds(
        &printed_by(&fixture, &["run"]),
        &["families `gadget` and `other` both claim `gadget`"],
    );
}

#[test]
fn an_unknown_source_of_a_toolchain_is_refused() {
    let printed = refused("rustup = \"no-such-toolchain\"", "docker = \"rust:1\"");
    holds(&printed, &["unknown field `docker`", "matrix.toml:14"]);
}

#[test]
fn a_version_that_is_none_is_refused() {
    let printed = refused("\"1.0.0\"", "\"one\"");
    holds(
        &printed,
        &["`one` is not an exact version", "MAJOR.MINOR.PATCH"],
    );
}

#[test]
fn a_subject_that_is_no_workspace_is_named() {
    let printed = refused("path = \".\"", "path = \"nowhere\"");
    holds(
        &printed,
        &["nowhere is not a cargo workspace", "matrix.toml:2"],
    );
}

#[test]
fn a_subject_that_does_not_parse_is_named_in_cargos_words() {
    let fixture = Fixture::copied("history");
    let path = fixture.subject().join("app/Cargo.toml");
    std::fs::write(&path, "[package\n").expect("written");
    holds(
        &printed_by(&fixture, &["run"]),
        &["cargo cannot read", "app/Cargo.toml"],
    );
}

#[test]
fn a_member_is_no_subject() {
    let printed = refused("path = \".\"", "path = \"app\"");
    holds(&printed, &["is a member of a larger workspace"]);
}

#[test]
fn a_glob_that_selects_nothing_names_the_nearest() {
    let fixture = Fixture::in_place("history");
    holds(
        &printed_by(&fixture, &["run", "--toolchain", "stabel"]),
        &["did you mean `stable`?"],
    );
    holds(
        &printed_by(&fixture, &["run", "--cell", "stable@gadget-9.0.0"]),
        &["selects nothing"],
    );
    holds(
        &printed_by(&fixture, &["run", "--pin", "[1"]),
        &["is not a valid glob"],
    );
}

#[test]
fn a_config_that_is_not_there_is_named() {
    let fixture = Fixture::copied("history");
    std::fs::remove_file(fixture.subject().join("matrix.toml")).expect("removed");
    holds(
        &printed_by(&fixture, &["run"]),
        &["cannot read", "matrix.toml"],
    );
}

#[test]
fn locked_without_a_committed_lock_is_refused() {
    let fixture = Fixture::in_place("history");
    holds(
        &printed_by(&fixture, &["run", "--locked"]),
        &["--locked", "locks"],
    );
}

#[test]
fn a_results_folder_with_other_things_in_it_is_left_alone() {
    let fixture = Fixture::copied("history");
    for out in [
        fixture.subject().join("app"),
        fixture.subject().join("Cargo.toml"),
    ] {
        let mut command = fixture.command(&["run"]);
        command.arg("--out").arg(&out);
        let output = std::process::Command::new(command.get_program())
            .args(
                command
                    .get_args()
                    .take(4)
                    .chain([std::ffi::OsStr::new("--out"), out.as_os_str()]),
            )
            .output()
            .expect("the program starts");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        holds(&stderr, &["cannot be the results folder"]);
    }
    assert!(!fixture.subject().join("app/CACHEDIR.TAG").exists());
}

#[test]
fn a_variable_that_cannot_be_is_refused() {
    let fixture = Fixture::copied("history");
    let config = fixture.read("matrix.toml") + "\n[env]\nset = { \"A=B\" = \"x\" }\n";
    std::fs::write(fixture.subject().join("matrix.toml"), config).expect("written");
    holds(
        &printed_by(&fixture, &["run"]),
        &["`A=B` cannot be set", "matrix.toml:23"],
    );
}

#[test]
fn a_toolchain_that_does_not_answer_says_so() {
    let fixture = Fixture::copied("fails_test");
    let config = fixture.read("matrix.toml");
    let row = "[[toolchain]]\nlabel = \"mute\"\ndir = \"mute\"\n\n[[toolchain]]";
    let config = config.replacen("[[toolchain]]", row, 1);
    std::fs::write(fixture.subject().join("matrix.toml"), config).expect("written");
    let bin = fixture.subject().join("mute/bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    for name in ["rustc", "cargo"] {
        std::fs::write(bin.join(name), "#!/bin/sh\nexit 3\n").expect("written");
        std::process::Command::new("chmod")
            .arg("+x")
            .arg(bin.join(name))
            .status()
            .expect("chmod");
    }
    let listed = text(&fixture.call(&["toolchains"]).stdout);
    holds(&listed, &["mute    does not respond: ask", "it ended with"]);
}
