//! What documents show can be typed: configs are taken, commands are understood.

use std::process::Command;

use pinmatrix::read_config;

use crate::{documents, read};

/// The blocks of a document in one language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in read(document).lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(named)) if named == language => open = Some(String::new()),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.push_str(&format!("{line}\n")),
            (None, _) => {}
        }
    }
    blocks
}

/// The arguments of each call of the tool in some lines of shell.
fn calls(block: &str) -> Vec<Vec<String>> {
    let line = |line: &str| {
        let line = line.split(" #").next().unwrap_or_default();
        let line = line.split(" >").next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().filter(|w| *w != "…").collect();
        let args = match words.as_slice() {
            ["cargo", "xtask", "matrix", args @ ..] | ["cargo", "pinmatrix", args @ ..] => args,
            _ => return None,
        };
        Some(args.iter().map(|arg| (*arg).to_owned()).collect())
    };
    block.lines().filter_map(line).collect()
}

/// Whether the tool understands arguments: what it does not know comes before the help is asked for.
fn is_understood(args: &[String]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("matrix").args(args).arg("--help");
    command
        .output()
        .expect("the program starts")
        .status
        .success()
}

#[test]
fn commands_in_documents_are_understood() {
    assert!(!is_understood(&[
        "run".to_owned(),
        "--no-such-flag".to_owned()
    ]));
    let mut n_calls = 0;
    for document in documents::for_users() {
        for args in blocks(&document, "sh")
            .iter()
            .flat_map(|block| calls(block))
        {
            assert!(is_understood(&args), "{document}: {}", args.join(" "));
            n_calls += 1;
        }
    }
    assert!(n_calls > 10, "{n_calls} commands were found");
}

#[test]
fn configs_in_documents_are_taken() {
    let documents = documents::for_users();
    let configs = documents
        .iter()
        .flat_map(|document| blocks(document, "toml"));
    let configs: Vec<String> = configs.collect();
    assert!(configs.len() > 1, "{configs:?}");
    for config in configs {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("matrix.toml");
        std::fs::write(&file, &config).expect("written");
        if let Err(user_error) = read_config(&file) {
            panic!("{user_error}\n{config}");
        }
    }
}
