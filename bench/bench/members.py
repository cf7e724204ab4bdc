"""A made subject of nine members, two of which use the family: what most workspaces are like.

The two are members of this repository's own subject. The other seven have code, tests and doc tests of
an ordinary size, lean on one another and on crates from the registry, and no pin changes them.
"""

import shutil
from pathlib import Path

USING = ["multi-value", "wasi-http-headers"]
OTHERS = ["units", "parse", "records", "ledger", "stock", "orders", "service"]
# How many functions, each with a unit test, the library of one of the others has.
FUNCTIONS = 40

MANIFEST = """\
[package]
name = "{name}"
version = "0.0.0"
edition = "2021"

[dependencies]
serde = {{ version = "1", features = ["derive"] }}
serde_json = "1"
{siblings}
"""

LIBRARY = """\
//! One of the members that no pin changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A record.
///
/// ```
/// let record = REPLACED::Record::new("a", 1);
/// assert_eq!(record.weight(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub name: String,
    pub counts: BTreeMap<String, u64>,
    pub notes: Vec<Option<String>>,
}

impl Record {
    pub fn new(name: &str, count: u64) -> Self {
        let counts = BTreeMap::from([(name.to_owned(), count)]);
        Self { name: name.to_owned(), counts, notes: vec![None] }
    }

    pub fn weight(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
"""

FUNCTION = """
/// Step {n}: records by name, each with what is added to it.
pub fn step_{n}(records: &[Record]) -> BTreeMap<String, Record> {{
    let mut found = BTreeMap::new();
    for record in records.iter().filter(|record| record.weight() % {divisor} != 0) {{
        let mut record = record.clone();
        record.counts.entry("step-{n}".to_owned()).and_modify(|n| *n += 1).or_insert({n});
        record.notes.push(Some(format!("{{}} at {n}", record.name)));
        found.insert(record.name.clone(), record);
    }}
    found
}}
"""

UNIT_TEST = """
    #[test]
    fn step_{n}_adds() {{
        let found = step_{n}(&[Record::new("a", {prime})]);
        assert_eq!(found["a"].weight(), {prime} + {n});
        assert_eq!(serde_json::from_str::<Record>(&found["a"].written()).unwrap(), found["a"]);
    }}
"""

INTEGRATION_TEST = """\
use {crate_name}::{{Record, step_{last}}};

#[test]
fn what_is_written_is_read() {{
    let records: Vec<Record> = (1..50).map(|n| Record::new(&format!("r{{n}}"), n)).collect();
    let text = serde_json::to_string(&step_{last}(&records)).unwrap();
    assert!(text.contains("step-{last}"));
}}
"""


def make(root: Path, repository: Path) -> None:
    """Writes the workspace, and the config for it, below an empty root."""
    subject = root / "members"
    original = repository / "tests/migration"
    for name in USING:
        shutil.copytree(original / name, subject / name)
    for place, name in enumerate(OTHERS):
        make_member(subject / name, name, OTHERS[max(0, place - 2) : place])
    shutil.copy(original / "Cargo.lock", subject / "Cargo.lock")
    manifest = (original / "Cargo.toml").read_text()
    start, end = manifest.index("members = ["), manifest.index("]", manifest.index("members = ["))
    members = "".join(f'    "{name}",\n' for name in USING + OTHERS)
    manifest = manifest[:start] + "members = [\n" + members + manifest[end:]
    (subject / "Cargo.toml").write_text(manifest)
    config = (repository / "matrix.toml").read_text()
    config = config.replace('path = "tests/migration"', 'path = "members"')
    # What is said of members that are not here, and locks that do not hold these.
    kept = [table for table in tables(config) if not table.startswith("[[claim]]")]
    lines = "".join(kept).splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("locks = ")]
    (root / "matrix.toml").write_text("".join(kept))


def tables(config: str) -> list:
    """A config, cut before each line that opens a table."""
    cut = [""]
    for line in config.splitlines(keepends=True):
        if line.startswith("["):
            cut.append("")
        cut[-1] += line
    return cut


def make_member(folder: Path, name: str, siblings: list) -> None:
    """Writes a member that leans on others."""
    (folder / "src").mkdir(parents=True)
    (folder / "tests").mkdir()
    leans = "".join(f'{sibling} = {{ path = "../{sibling}" }}\n' for sibling in siblings)
    (folder / "Cargo.toml").write_text(MANIFEST.format(name=name, siblings=leans))
    library = LIBRARY.replace("REPLACED", name)
    tests = ""
    for n in range(1, FUNCTIONS + 1):
        library += FUNCTION.format(n=n, divisor=n + 50)
        tests += UNIT_TEST.format(n=n, prime=997)
    library += "\n#[cfg(test)]\nmod tests {\n    use super::*;\n" + tests + "}\n"
    (folder / "src/lib.rs").write_text(library)
    test = INTEGRATION_TEST.format(crate_name=name, last=FUNCTIONS)
    (folder / "tests/written.rs").write_text(test)
