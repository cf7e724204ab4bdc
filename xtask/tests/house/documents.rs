//! What people read: README.md, ARCHITECTURE.md and the chapters of the book, and where they lead.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{read, root, sources};

const CHAPTERS: &str = "docs/book/src";

/// The files of the book's chapters, without its table of contents, relative to the root and sorted.
fn chapters() -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(CHAPTERS)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a listing") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "md") && !path.ends_with("SUMMARY.md") {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// What a user reads: README.md and the book.
pub fn for_users() -> Vec<String> {
    let mut documents = vec!["README.md".to_owned()];
    documents.extend(chapters());
    documents
}

/// Everything that is read, with what is for readers of the code.
fn all() -> Vec<String> {
    let mut documents = for_users();
    let others = ["ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned);
    documents.extend(others);
    documents.push(format!("{CHAPTERS}/SUMMARY.md"));
    documents
}

/// The lines of a document outside its code blocks.
fn prose(document: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in read(document).lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(&format!("{line}\n"));
        }
    }
    assert!(!is_code, "a code block of {document} does not end");
    prose
}

/// Where the links of a document lead that name no other site.
fn relative_links(document: &str) -> Vec<String> {
    let text = prose(document);
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.filter(|target| !target.contains("://")).collect()
}

/// The anchor of a heading: <https://rust-lang.github.io/mdBook/format/mdbook.html>
fn anchor(heading: &str) -> String {
    let heading = heading.trim().to_lowercase().replace(' ', "-");
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
    heading.chars().filter(is_kept).collect()
}

/// What a backtick encloses in the prose of a document.
fn code_spans(document: &str) -> Vec<String> {
    let text = prose(document);
    let spans = text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.map(str::to_owned).collect()
}

#[test]
fn readme_is_short() {
    let n_lines = read("README.md").lines().count();
    assert!(n_lines <= 120, "README.md has {n_lines} lines");
}

#[test]
fn the_summary_of_the_book_lists_every_chapter_once() {
    let mut listed: Vec<String> = relative_links(&format!("{CHAPTERS}/SUMMARY.md"))
        .into_iter()
        .map(|target| format!("{CHAPTERS}/{target}"))
        .collect();
    listed.sort();
    assert_eq!(listed, chapters());
    assert!(listed.len() > 10, "{listed:?}");
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut n_links = 0;
    for document in all() {
        let folder = root().join(Path::new(&document).parent().expect("a folder"));
        for target in relative_links(&document) {
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file {
                "" => root().join(&document),
                _ => folder.join(file),
            };
            assert!(
                path.exists(),
                "{document} links to {target}, which is not there"
            );
            n_links += 1;
            if heading.is_empty() {
                continue;
            }
            let linked = std::fs::read_to_string(&path).expect("text");
            let mut headings = linked.lines().filter(|line| line.starts_with('#'));
            assert!(
                headings.any(|line| anchor(line.trim_start_matches('#')) == heading),
                "{document} links to {target}, which has no such heading"
            );
        }
    }
    assert!(n_links > 50, "{n_links}");
}

/// `crates/…` and the like: paths from the root, without wildcards or arguments.
#[test]
fn every_path_that_documents_name_is_there() {
    let folders = [
        "crates/", "xtask/", "bench/", "ci/", "docs/", "fuzz/", "tests/", ".github/",
    ];
    let mut n_paths = 0;
    for document in all() {
        for span in code_spans(&document) {
            let is_path = folders.iter().any(|folder| span.starts_with(folder));
            if is_path && !span.contains([' ', '*', '<']) {
                assert!(
                    root().join(&span).exists(),
                    "{document} names {span}, which is not there"
                );
                n_paths += 1;
            }
        }
    }
    assert!(n_paths > 50, "{n_paths}");
}

#[test]
fn every_type_of_the_glossary_is_declared() {
    let architecture = read("ARCHITECTURE.md");
    let words = architecture.split("\n## ").find(|s| s.starts_with("Words"));
    let rows = words.expect("a glossary").lines();
    let column = rows.filter_map(|row| row.strip_suffix(" |")?.rsplit(" | ").next());
    let types: BTreeSet<&str> = column
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(types.len() > 20, "{types:?}");
    let mut code = String::new();
    for file in sources("crates") {
        code.push_str(&read(&file));
    }
    for name in types {
        let is_declared = ["struct", "enum", "type"].iter().any(|keyword| {
            let declaration = format!("{keyword} {name}");
            let mut found = code.split(&declaration).skip(1);
            found.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        assert!(is_declared, "no type is called {name}");
    }
}
