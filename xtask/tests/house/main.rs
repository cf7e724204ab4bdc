//! The house is in order: floors hold, documents say what the code does.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]

mod documents;
mod examples;
mod pipelines;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pinmatrix::read_config;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask has a parent")
        .to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All source files below a folder, relative to the root, sorted.
fn sources(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a listing") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// The modules that a file declares, in its order, which is from the ground up.
fn floors(file: &str) -> BTreeMap<String, usize> {
    let text = read(file);
    let modules = text.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    modules
        .enumerate()
        .map(|(floor, name)| (name.to_owned(), floor))
        .collect()
}

/// The rooms that code names as `crate::ROOM`, or in a list as `crate::{ROOM, …}`.
fn rooms_named(code: &str) -> BTreeSet<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let word = move |text: &str| text.find(|c| !is_word(c)).unwrap_or(text.len());
    let named = code.split("crate::").skip(1).flat_map(|rest| {
        let list = rest
            .strip_prefix('{')
            .and_then(|list| list.split('}').next());
        list.map_or(vec![rest], |list| list.split(',').map(str::trim).collect())
    });
    named.map(|rest| &rest[..word(rest)]).collect()
}

/// Crates cannot import each other in a circle; rooms of one crate could.
#[test]
fn a_room_uses_only_rooms_that_its_crate_declares_before_it() {
    let mut n_imports = 0;
    for krate in ["core", "process", "engine", "report"] {
        let folder = format!("crates/{krate}/src");
        let floors = floors(&format!("{folder}/lib.rs"));
        for file in sources(&folder) {
            let below = file.strip_prefix(&format!("{folder}/")).expect("below it");
            let own = below.split(['/', '.']).next().expect("a room");
            let Some(own_floor) = floors.get(own) else {
                continue;
            };
            let text = read(&file);
            let code = text.split("\nmod tests {").next().expect("code");
            let is_test = file.contains("/tests");
            for room in rooms_named(code).into_iter().filter(|_| !is_test) {
                let Some(floor) = floors.get(room) else {
                    continue;
                };
                n_imports += 1;
                assert!(
                    floor <= own_floor,
                    "{file} uses {room}, which does not stand before {own} in lib.rs"
                );
            }
        }
    }
    assert!(n_imports > 200, "{n_imports}");
}

/// The file of a room that has a folder of its own stands for that folder, and not beside the others.
#[test]
fn no_room_has_more_than_twelve_files_side_by_side() {
    let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
    for file in sources("crates").into_iter().chain(sources("xtask")) {
        let (room, _) = file.rsplit_once('/').expect("a folder");
        let is_room = root().join(file.trim_end_matches(".rs")).is_dir();
        if file.contains("/src/") && !is_room {
            *rooms.entry(room.to_owned()).or_default() += 1;
        }
    }
    for (room, n_files) in rooms {
        assert!(n_files <= 12, "{room} has {n_files} files");
    }
}

#[test]
fn every_file_says_what_it_holds_and_is_short_enough_to_read() {
    for file in sources("crates").into_iter().chain(sources("xtask")) {
        let text = read(&file);
        assert!(text.starts_with("//! "), "{file} does not open with //!");
        let n_lines = text.lines().count();
        assert!(n_lines <= 500, "{file} has {n_lines} lines");
    }
}

#[test]
fn every_file_that_architecture_md_names_is_there() {
    let text = read("ARCHITECTURE.md");
    let files: Vec<String> = sources("crates")
        .into_iter()
        .chain(sources("xtask"))
        .collect();
    let named = text.split('`').filter(|word| word.ends_with(".rs"));
    let mut n_named = 0;
    for word in named {
        n_named += 1;
        let is_there = |file: &String| file == word || file.ends_with(&format!("/{word}"));
        assert!(files.iter().any(is_there), "there is no {word}");
    }
    assert!(n_named > 15, "{n_named}");
}

#[test]
fn tests_that_replace_end_to_end_tests_are_there() {
    let files = sources("crates");
    let text: String = files.iter().map(|file| read(file)).collect();
    let covered = read("crates/cargo-pinmatrix/tests/e2e/covered.txt");
    let lines = covered.lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let (_, by) = line
            .split_once(" = ")
            .expect("a replaced test and its successors");
        for name in by.split(", ") {
            let is_there =
                text.contains(&format!("fn {name}(")) || text.contains(&format!("    {name}:"));
            assert!(is_there, "{name} is not there: {line}");
        }
    }
}

#[test]
fn every_key_of_matrix_toml_is_commented_and_taken() {
    let text = read("matrix.toml");
    let files = ["raw.rs", "raw/family.rs"].map(|file| format!("crates/core/src/config/{file}"));
    let known: String = files.iter().map(|file| read(file)).collect();
    let keys = known.lines().filter_map(|line| {
        let line = line.trim();
        let key = line.strip_prefix("pub(super) ");
        let key = key.or_else(|| line.strip_prefix("pub(in crate::config) "))?;
        key.split_once(": ")
    });
    for (key, _) in keys.filter(|(key, _)| !key.starts_with("fn ") && !key.starts_with("struct ")) {
        let written = key.trim_start_matches("r#").replace('_', "-");
        let is_there = [
            format!("{written} ="),
            format!("[{written}]"),
            format!("[[{written}]]"),
            format!(".{written}]]"),
        ]
        .iter()
        .any(|form| text.contains(form));
        let is_alternative = written == "dir" && text.contains("`dir = ");
        assert!(
            is_there || is_alternative,
            "matrix.toml does not show {written}"
        );
    }
}

#[test]
fn documents_name_every_flag_and_every_exit_code() {
    let documents: Vec<String> = documents::for_users().iter().map(|d| read(d)).collect();
    let documents = documents.join("\n");
    let help = |subcommand: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["matrix", subcommand, "--help"])
            .output()
            .expect("the program starts");
        String::from_utf8(output.stdout).expect("text")
    };
    for subcommand in [
        "run",
        "plan",
        "merge",
        "bisect",
        "bless",
        "compare",
        "report",
        "repro",
        "worklist",
        "verify",
        "toolchains",
    ] {
        let help = help(subcommand);
        let flags = help
            .split_whitespace()
            .filter(|word| word.starts_with("--") && word.len() > 2);
        for flag in flags.filter(|flag| *flag != "--help") {
            let flag = flag.trim_end_matches([',', ';', ':', '.', ']', '[', ')']);
            assert!(
                documents.contains(&format!("`{flag}")) || documents.contains(&format!("{flag} ")),
                "neither README.md nor the book names {flag} of {subcommand}"
            );
        }
    }
    let help = help("run");
    let codes = help.split("Exit codes:").nth(1).expect("exit codes");
    for line in codes.lines().filter(|l| !l.trim().is_empty()) {
        let (code, _) = line.trim().split_once(' ').expect("a code");
        for document in ["README.md", "docs/book/src/results.md"] {
            assert!(
                read(document).contains(&format!("| {code} |")),
                "{document} does not name exit code {code}"
            );
        }
    }
}

/// With whichever of them installed, the first command that a newcomer types is judged, and exits 0.
#[test]
fn the_baseline_and_the_measured_table_know_every_row_of_the_matrix() {
    let config = read_config(&root().join("matrix.toml")).expect("matrix.toml");
    let (baseline, measured) = (
        read("ci/baseline.json"),
        read("tests/migration-measured.tsv"),
    );
    let rows = config.rows();
    assert!(rows.len() > 4);
    for row in rows {
        assert!(
            baseline.contains(&format!("{{\"row\":\"{row}\",")),
            "{row} in the baseline"
        );
        assert!(
            measured.contains(&format!("\n{row}\t-\t-\t")),
            "{row} in the table"
        );
    }
}
