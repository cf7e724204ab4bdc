//! What `cargo test` prints, read target by target.

use crate::word::{Case, Tests};

/// What one `Running` or `Doc-tests` line begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The text that it names: the source's path within the package, or `None` for doc tests.
    pub source: Option<String>,
    /// The name of the crate that ran.
    pub krate: String,
    /// What its tests output.
    pub tests: Tests,
    /// How many cases its summaries count.
    n_counted: Option<usize>,
}

/// The sections of what `cargo test` printed, both streams in one, in their order.
pub fn sections(output: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in output.lines() {
        if let Some(section) = head(line) {
            sections.push(section);
            continue;
        }
        let Some(section) = sections.last_mut() else {
            continue;
        };
        let tests = &mut section.tests;
        // The line can follow on words of a process that died in the middle of one.
        if [
            "error: test failed",
            "error: doctest failed",
            "error: bench failed",
        ]
        .iter()
        .any(|error| line.contains(error))
        {
            tests.is_ok = false;
        }
        if let Some(n) = counted(line) {
            section.n_counted = Some(section.n_counted.unwrap_or_default() + n);
        }
        if let Some((name, case)) = case(line, section.source.is_none()) {
            tests.cases.insert(name, case);
        }
    }
    for section in &mut sections {
        section.tests.is_whole = section.n_counted == Some(section.tests.cases.len());
    }
    sections
}

/// How many cases a summary counts. A process that a test starts writes between the words of its line,
/// which then cannot be read.
fn counted(line: &str) -> Option<usize> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let counts = counts.split("; ").take(3);
    let counts = counts.map(|count| count.split(' ').next()?.parse::<usize>().ok());
    counts.sum()
}

fn head(line: &str) -> Option<Section> {
    let line = line.strip_prefix("   ")?.trim_start();
    let tests = Tests {
        is_ok: true,
        ..Tests::default()
    };
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(Section {
            source: None,
            krate: name.replace('-', "_"),
            tests,
            n_counted: None,
        });
    }
    let (source, path) = line.strip_prefix("Running ")?.rsplit_once(" (")?;
    let name = path.strip_suffix(')')?.rsplit('/').next()?;
    let (krate, _) = name.rsplit_once('-')?;
    Some(Section {
        source: Some(
            source
                .strip_prefix("unittests ")
                .unwrap_or(source)
                .to_owned(),
        ),
        krate: krate.to_owned(),
        tests,
        n_counted: None,
    })
}

fn case(line: &str, is_doc: bool) -> Option<(String, Case)> {
    let (name, word) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let case = match word.split([',', ' ']).next()? {
        "ok" => Case::Passed,
        "FAILED" => Case::Failed,
        "ignored" => Case::Ignored,
        _ => return None,
    };
    // libtest appends this in its words for people only; rustdoc's names have it.
    let name = if is_doc {
        name
    } else {
        name.strip_suffix(" - should panic").unwrap_or(name)
    };
    Some((name.to_owned(), case))
}
