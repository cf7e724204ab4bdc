//! The house is in order: floors hold, documents say what the code does.

mod examples;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pinmatrix::config::Config;

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
    let modules = text.lines().filter_map(|l| {
        let rest = l.strip_prefix("pub ").unwrap_or(l);
        rest.strip_prefix("mod ")?.strip_suffix(';')
    });
    modules
        .enumerate()
        .map(|(floor, name)| (name.to_owned(), floor))
        .collect()
}

/// Checks that below `folder` every file imports, as `PREFIX::MODULE`, only what `file` declares
/// before the file's own module; returns how many imports were looked at.
fn check_floors(file: &str, folder: &str, prefix: &str) -> usize {
    let floors = floors(file);
    let mut n_imports = 0;
    for file in sources(folder) {
        let below = file
            .strip_prefix(folder)
            .expect("in the folder")
            .trim_start_matches('/');
        let own = below.split(['/', '.']).next().expect("a module");
        let Some(own_floor) = floors.get(own) else {
            continue;
        };
        let text = read(&file);
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .expect("code");
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            let names = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().expect("a list").split(',').collect(),
                None => vec![rest],
            };
            for name in names {
                let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
                let name: String = name.trim().chars().take_while(is_word).collect();
                let Some(floor) = floors.get(&name) else {
                    continue;
                };
                n_imports += 1;
                let is_below = floor < own_floor || name == own;
                assert!(is_below, "{file} imports {name}, which is not below {own}");
            }
        }
    }
    n_imports
}

#[test]
fn a_file_imports_only_from_floors_below_its_own() {
    let engine = "xtask/engine/src";
    assert!(check_floors("xtask/engine/src/lib.rs", engine, "crate::") > 50);
    assert!(
        check_floors(
            "xtask/engine/src/exec.rs",
            "xtask/engine/src/exec",
            "crate::exec::"
        ) > 20
    );
    assert!(
        check_floors(
            "xtask/engine/src/report.rs",
            "xtask/engine/src/report",
            "crate::report::"
        ) >= 2
    );
}

#[test]
fn the_engine_prints_nothing_and_knows_no_command_line() {
    for file in sources("xtask/engine/src") {
        let text = read(&file);
        for word in ["println!", "eprintln!", "clap::", "indicatif"] {
            assert!(!text.contains(word), "{file} holds {word}");
        }
    }
}

#[test]
fn every_file_says_what_it_holds_and_is_short_enough_to_read() {
    for file in sources("xtask") {
        let text = read(&file);
        assert!(text.starts_with("//! "), "{file} does not open with //!");
        let n_lines = text.lines().count();
        assert!(n_lines <= 500, "{file} has {n_lines} lines");
    }
}

#[test]
fn every_source_file_stands_in_architecture_md() {
    let text = read("ARCHITECTURE.md");
    for file in sources("xtask/engine/src")
        .into_iter()
        .chain(sources("xtask/src"))
    {
        let name = file.rsplit('/').next().expect("a name");
        assert!(
            text.contains(&format!("`{name}`")),
            "{file} is not in ARCHITECTURE.md"
        );
    }
}

#[test]
fn every_key_of_matrix_toml_is_commented_and_taken() {
    let text = read("matrix.toml");
    let known = read("xtask/engine/src/config/document.rs");
    let keys = known
        .lines()
        .filter_map(|l| l.trim().strip_prefix("pub(super) ")?.split_once(": "));
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
fn readme_names_every_flag_and_every_exit_code() {
    let readme = read("README.md");
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
            let flag = flag.trim_end_matches([',', ';', ':', '.', ']', '[']);
            assert!(
                readme.contains(&format!("`{flag}")) || readme.contains(&format!("{flag} ")),
                "README.md does not name {flag} of {subcommand}"
            );
        }
    }
    let help = help("run");
    let codes = help.split("Exit codes:").nth(1).expect("exit codes");
    for line in codes.lines().filter(|l| !l.trim().is_empty()) {
        let (code, _) = line.trim().split_once(' ').expect("a code");
        assert!(
            readme.contains(&format!("| {code} |")),
            "README.md does not name exit code {code}"
        );
    }
}

/// With whichever of them installed, the first command that a newcomer types is judged, and exits 0.
#[test]
fn the_baseline_and_the_measured_table_know_every_row_of_the_matrix() {
    let config = Config::read(&root().join("matrix.toml")).expect("matrix.toml");
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
