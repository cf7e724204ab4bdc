//! All reports agree: page, Markdown and terminal contain each sentence of the answer, and the
//! numbers in Markdown's grids and JUnit's suites match an independent count from the run's JSON.

use std::collections::BTreeMap;

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::testing::random;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::answer::answer;
use crate::{html, junit, summary, terminal};

/// The countable content of a cell.
#[derive(Debug, PartialEq, Eq)]
struct Counted {
    /// The word in its grid cell.
    word: String,
    /// The number of its JUnit cases, and of those that failed or could not run.
    n_cases: usize,
    n_bad: usize,
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fails(value: &Value) -> bool {
    value["status"] == "failed" || value["status"] == "inconclusive"
}

/// The cells of a run by name, counted from its JSON.
fn counted(run: &Value) -> BTreeMap<String, Counted> {
    let of_cell = |record: &Value| {
        let name = record["id"].as_str().unwrap_or_default().to_owned();
        let outcome = &record["outcome"];
        let targets: Vec<&Value> = items(&outcome["targets"]).collect();
        let n_failing = targets.iter().filter(|t| t["status"] == "failed").count();
        let class = outcome["class"].as_str().unwrap_or_default();
        let word = match (record["state"].as_str(), outcome["status"].as_str()) {
            (Some("ended"), Some("passed")) => "✔".to_owned(),
            (Some("ended"), Some("failed")) if class == "drift" => "✘ drift".to_owned(),
            (Some("ended"), Some("failed")) if n_failing > 0 => {
                format!("✘ {n_failing}/{}", targets.len())
            }
            (Some("ended"), Some("failed")) => format!("✘ {class}"),
            (Some("ended"), _) => "?".to_owned(),
            (_, _) => String::new(),
        };
        let mut own = Vec::new();
        if targets.is_empty() {
            own.push(outcome);
        }
        for target in targets {
            let cases: Vec<&Value> = items(&target["cases"]).collect();
            let has_errors = items(&target["errors"]).next().is_some();
            if cases.is_empty() || has_errors {
                own.push(target);
            }
            own.extend(cases);
        }
        let counted = Counted {
            word,
            n_cases: own.len(),
            n_bad: own.iter().filter(|case| fails(case)).count(),
        };
        (name, counted)
    };
    items(&run["cells"]).map(of_cell).collect()
}

/// The number of cases in each suite of a JUnit file, and of those that failed or could not run.
fn suites(xml: &str) -> BTreeMap<String, (usize, usize)> {
    let mut reader = Reader::from_str(xml);
    let mut suites: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut current = String::new();
    loop {
        let event = reader.read_event().expect("XML");
        if let Event::Eof = event {
            return suites;
        }
        let (Event::Start(tag) | Event::Empty(tag)) = event else {
            continue;
        };
        match tag.name().as_ref() {
            b"testsuite" => {
                let name = tag.try_get_attribute("name").expect("XML");
                let name = name.expect("a name");
                current = String::from_utf8_lossy(&name.value).into_owned();
            }
            b"testcase" => suites.entry(current.clone()).or_default().0 += 1,
            b"failure" | b"error" => suites.entry(current.clone()).or_default().1 += 1,
            _ => {}
        }
    }
}

/// Markdown as it reads, without escapes.
fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut letters = markdown.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

/// The text of a page.
fn text_of(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut is_tag = false;
    for letter in page.chars() {
        match letter {
            '<' => is_tag = true,
            '>' => is_tag = false,
            letter if !is_tag => text.push(letter),
            _ => {}
        }
    }
    let entities = [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
    ];
    let shown = |text: String, (code, letter): &(&str, &str)| text.replace(code, letter);
    entities.iter().fold(text, shown).replace('`', "")
}

/// The words in the rows of the Markdown's grids, in order.
fn words_of_grids(markdown: &str, rows: &[&str]) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_grid = false;
    for line in markdown.lines() {
        is_grid = if line.starts_with("| toolchain | ") {
            !line.contains("| rustc |")
        } else {
            is_grid && line.starts_with('|')
        };
        let mut fields = line.split('|').map(str::trim).skip(1);
        let is_row = fields.next().is_some_and(|name| rows.contains(&name));
        if is_grid && is_row {
            let mut own: Vec<String> = fields.map(str::to_owned).collect();
            own.pop();
            words.extend(own);
        }
    }
    words
}

/// What a cell shows, unless any part of it is inconclusive.
fn shown(record: &Value) -> Option<String> {
    let outcome = &record["outcome"];
    let own = |thing: &Value| format!("{} {} {}", thing["name"], thing["status"], thing["class"]);
    let mut all = vec![own(outcome)];
    for target in items(&outcome["targets"]) {
        let code = items(&target["errors"])
            .next()
            .map(|error| error["code"].to_string());
        all.push(own(target) + &code.unwrap_or_default());
        all.extend(items(&target["cases"]).map(own));
    }
    let shown = all.join("; ");
    let is_sure =
        record["state"] == "ended" && !shown.contains("drift") && !shown.contains("inconclusive");
    is_sure.then_some(shown)
}

/// The word in the grid cell of a cell that nobody ran.
fn untested(run: &Value, id: &str) -> String {
    let all: Vec<&Value> = items(&run["cells"]).collect();
    let at = all
        .iter()
        .position(|record| record["id"] == id)
        .unwrap_or_default();
    if all[at]["reason"] != "inferred" {
        return "·".to_owned();
    }
    let is_of_row = |other: &&&Value| {
        other["toolchain"] == all[at]["toolchain"]
            && other["pin"]["family"] == all[at]["pin"]["family"]
    };
    let before = all[..at]
        .iter()
        .filter(is_of_row)
        .rev()
        .find_map(|other| shown(other));
    let after = all[at..]
        .iter()
        .filter(is_of_row)
        .find_map(|other| shown(other));
    match (before, after) {
        (Some(before), Some(after)) if before == after && before.contains("failed") => "≈✘",
        (_, _) => "≈",
    }
    .to_owned()
}

fn agree(run: &Run) -> Result<(), TestCaseError> {
    let analysis = Analysis::of(run);
    let page = html::html(&analysis, None).expect("a page");
    let markdown = summary::summary(&analysis);
    let end = terminal::page(&analysis, "target/matrix".into(), None);
    let (page, as_read) = (text_of(&page), plain(&markdown));
    for sentence in answer(&analysis) {
        let sentence = sentence.to_string();
        prop_assert!(as_read.contains(&sentence), "Markdown lacks {sentence}");
        prop_assert!(end.contains(&sentence), "the terminal lacks {sentence}");
        let bare = sentence.replace('`', "");
        prop_assert!(page.contains(&bare), "the page lacks {bare}");
    }
    let json = serde_json::to_value(run).expect("JSON");
    let counted = counted(&json);
    let suites = suites(&junit::junit(run).expect("JUnit"));
    let words = words_of_grids(&as_read, &["stable", "old", "new"]);
    prop_assert_eq!(words.len(), run.cells.len(), "places of the grids");
    for (record, word) in run.cells.iter().zip(words) {
        let Some(cell) = counted.get(record.id.as_str()) else {
            return Err(TestCaseError::fail("no such cell"));
        };
        if record.outcome().is_some() {
            prop_assert_eq!(&word, &cell.word, "{}", record.id);
            let suite = suites.get(record.id.as_str()).copied();
            let expected = Some((cell.n_cases, cell.n_bad));
            prop_assert_eq!(suite, expected, "{}", record.id);
        } else {
            let expected = untested(&json, record.id.as_str());
            prop_assert_eq!(&word, &expected, "{}", record.id);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_report_says_the_same_of_any_run(drawn in random::drawn()) {
        agree(&drawn.run())?;
    }
}
