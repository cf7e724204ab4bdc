//! Families of published crates as they are in the wild: crates with numbers of their own, two majors
//! in one graph, one crate at two versions on purpose. Each cell is held against plain cargo with the
//! same requirements and lock.
//!
//! Takes crates from the network and some minutes of compiling, so `ci/test` does not run it:
//! `cargo test -p cargo-pinmatrix --features real --test published -- --nocapture`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pinmatrix_core::model::outcome::Outcome;
use pinmatrix_core::model::run::{CellRecord, Run};
use pinmatrix_core::model::status::Status;
use tempfile::TempDir;

/// A subject below `tests/published`, and a folder to work in.
struct Subject {
    name: &'static str,
    /// The keys that move, if not every dependency on the family does.
    keys: &'static [&'static str],
    work: TempDir,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a listing") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

impl Subject {
    fn new(name: &'static str, keys: &'static [&'static str]) -> Self {
        let work = tempfile::tempdir().expect("a folder");
        let subject = Self { name, keys, work };
        copy(&subject.origin(), &subject.folder("subject"));
        subject
    }

    fn origin(&self) -> PathBuf {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        repository
            .expect("the repository")
            .join("tests/published")
            .join(self.name)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn run(&self) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"))
            .args(["pinmatrix", "run", "--full", "--config"])
            .arg(self.folder("subject").join("matrix.toml"))
            .arg("--out")
            .arg(self.folder("out"))
            .env("PINMATRIX_CACHE", self.folder("cache"))
            .env("NO_COLOR", "1")
            .output()
            .expect("the program starts");
        let text = fs::read_to_string(self.folder("out/run.json"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        let text = text.unwrap_or_else(|e| panic!("{}: {e}\n{stderr}", self.name));
        serde_json::from_str(&text).expect("a run")
    }

    /// What plain cargo says of a cell: whether all of it passes, and each test.
    fn by_cargo(&self, run: &Run, cell: &CellRecord) -> (bool, BTreeMap<String, bool>) {
        let folder = self.folder("by-cargo");
        let _ = fs::remove_dir_all(&folder);
        copy(&self.origin(), &folder);
        let manifest = folder.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("a manifest");
        fs::write(&manifest, self.pinned(&text, run, cell)).expect("written");
        let lock = self.folder("out").join(format!("locks/{}.lock", cell.id));
        let mut cargo = Command::new("cargo");
        cargo.args(["+stable", "test", "--no-fail-fast", "--target-dir"]);
        cargo.arg(self.folder("target"));
        if lock.exists() {
            fs::copy(lock, folder.join("Cargo.lock")).expect("a lock");
            cargo.arg("--locked");
        }
        let output = cargo.current_dir(&folder).output().expect("cargo starts");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = stdout.lines().filter_map(|line| line.strip_prefix("test "));
        let cases = lines.filter_map(|line| line.split_once(" ... "));
        let cases = cases.map(|(name, result)| (name.to_owned(), result == "ok"));
        (output.status.success(), cases.collect())
    }

    /// The manifest as a person pins it: each dependency of the set at exactly its version.
    fn pinned(&self, manifest: &str, run: &Run, cell: &CellRecord) -> String {
        let family = &run.families[0];
        let at = cell.cell.pin.at.version().expect("a published pin");
        let own = family
            .crates
            .iter()
            .map(|krate| (krate.clone(), at.clone()));
        let mut pins: BTreeMap<String, semver::Version> = own.collect();
        let set = family.sets.iter().find(|set| set.version == *at);
        pins.extend(set.into_iter().flat_map(|set| set.followers.clone()));
        if !self.keys.is_empty() {
            pins = self
                .keys
                .iter()
                .map(|key| ((*key).to_owned(), at.clone()))
                .collect();
        }
        let line = |line: &str| {
            let key = line.split(" = ").next().unwrap_or_default();
            let Some(version) = pins.get(key) else {
                return line.to_owned();
            };
            let before = if line.contains("version = \"") {
                "version = \""
            } else {
                " = \""
            };
            let (head, tail) = line.split_once(before).expect("a version");
            let (_, rest) = tail.split_once('"').expect("its end");
            format!("{head}{before}={version}\"{rest}")
        };
        manifest.lines().map(|text| line(text) + "\n").collect()
    }

    /// Holds every cell that ended against cargo.
    fn is_as_cargo_says(&self) {
        let run = self.run();
        let mut n_ended = 0;
        for cell in &run.cells {
            let Some(outcome) = cell.outcome() else {
                println!("{}: {} {}", self.name, cell.id, cell.status());
                continue;
            };
            n_ended += 1;
            let (passes, cases) = self.by_cargo(&run, cell);
            println!(
                "{}: {} {}, cargo: {passes} {cases:?}",
                self.name,
                cell.id,
                cell.status()
            );
            assert_eq!(
                cell.status() == Status::Passed,
                passes,
                "{} {outcome:#?}",
                cell.id
            );
            // Where something does not compile, cargo runs nothing.
            if !cases.is_empty() {
                assert_eq!(cases_of(outcome), cases, "{}", cell.id);
            }
        }
        assert!(n_ended > 1, "{} has {n_ended} cells", self.name);
    }
}

fn cases_of(outcome: &Outcome) -> BTreeMap<String, bool> {
    let cases = outcome.targets.iter().flat_map(|target| &target.cases);
    let cases = cases.map(|case| (case.name.clone(), case.status == Status::Passed));
    cases.collect()
}

#[test]
fn axum_with_axum_extra() {
    Subject::new("axum", &[]).is_as_cargo_says();
}

#[test]
fn opentelemetry_with_tracing_opentelemetry() {
    Subject::new("opentelemetry", &[]).is_as_cargo_says();
}

#[test]
fn digest_with_hmac_and_sha2() {
    Subject::new("digest", &[]).is_as_cargo_says();
}

#[test]
fn syn_with_another_major_in_the_graph() {
    Subject::new("syn", &[]).is_as_cargo_says();
}

#[test]
fn two_wasmtimes_side_by_side() {
    Subject::new("two_wasmtimes", &["wasmtime-old"]).is_as_cargo_says();
}
