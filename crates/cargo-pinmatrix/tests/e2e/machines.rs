//! Several machines that work on one fixture: each has results and work folders of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pinmatrix_core::model::run::Run;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Fixture, text};
use crate::reports::without_times;

/// A fixture, and machines by their names.
pub struct Machines {
    fixture: Fixture,
    folder: TempDir,
}

impl Machines {
    /// Machines that work on a fixture.
    pub fn of(fixture: Fixture) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { fixture, folder }
    }

    /// Where a machine leaves its results.
    pub fn out(&self, machine: &str) -> PathBuf {
        self.folder.path().join(machine)
    }

    /// The program on a machine, which writes its results into that machine's folder.
    pub fn command(&self, machine: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"));
        command
            .arg("pinmatrix")
            .args(args)
            .arg("--offline")
            .arg("--config")
            .arg(self.fixture.subject().join("matrix.toml"))
            .arg("--out")
            .arg(self.out(machine))
            .env(
                "PINMATRIX_CACHE",
                self.folder.path().join("caches").join(machine),
            )
            .env("NO_COLOR", "1");
        command
    }

    /// Runs the program on a machine.
    pub fn call(&self, machine: &str, args: &[&str]) -> Output {
        self.command(machine, args)
            .output()
            .expect("the program starts")
    }

    /// Runs the matrix on a machine, which may find what it finds.
    pub fn run(&self, machine: &str, args: &[&str]) {
        let output = self.call(machine, &[&["run"], args].concat());
        let code = output.status.code();
        assert!(
            matches!(code, Some(0 | 1)),
            "{code:?}: {}",
            text(&output.stderr)
        );
    }

    /// Puts the results of machines together; the exit code, and all that was said.
    pub fn merge(&self, out: &str, machines: &[&str]) -> (i32, String) {
        let mut command = self.command(out, &["merge"]);
        let output = command
            .args(machines.iter().map(|machine| self.out(machine)))
            .output();
        let output = output.expect("the program starts");
        let printed = text(&output.stdout) + &text(&output.stderr);
        (output.status.code().expect("an exit code"), printed)
    }

    /// What stands in the `run.json` of a machine.
    pub fn json(&self, machine: &str) -> Value {
        let text = std::fs::read_to_string(self.out(machine).join("run.json")).expect("run.json");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The run of a machine.
    pub fn known(&self, machine: &str) -> Run {
        serde_json::from_value(self.json(machine)).expect("a run")
    }

    /// Makes results of a machine out of another's, with another `run.json`.
    pub fn forge(&self, machine: &str, from: &str, change: impl FnOnce(&mut Value)) {
        let mut json = self.json(from);
        change(&mut json);
        let out = self.out(machine);
        std::fs::create_dir_all(&out).expect("a folder");
        std::fs::write(out.join("run.json"), json.to_string()).expect("written");
    }

    /// Checks that the results of two machines are the same to the byte, times and their own place
    /// aside, and how often a pass was seen: a machine that does not know the neighbours of a cell
    /// does not run again what passed there, and does not say what the sources say of a change.
    pub fn agree(&self, one: &str, other: &str) {
        let json = |machine: &str| {
            let run = without_times(self.json(machine));
            without_sightings(run).to_string()
        };
        assert_eq!(json(one), json(other), "run.json");
        let points = |machine: &str| {
            let out = self.out(machine);
            let points = std::fs::read_to_string(out.join("frontier.json")).expect("a report");
            let points = points.replace(&out.display().to_string(), "OUT");
            without_sightings(serde_json::from_str(&points).expect("JSON"))
        };
        assert_eq!(points(one), points(other), "frontier.json");
        for report in ["junit.xml", "summary.md"] {
            let read = |machine: &str| {
                let report = timeless(&self.out(machine), report);
                let report = report.replace(" (seen once)", "");
                let lines = report
                    .lines()
                    .filter(|line| !line.contains("in the sources, "));
                lines.collect::<Vec<_>>().join("\n")
            };
            assert_eq!(read(one), read(other), "{report}");
        }
        assert_eq!(files(&self.out(one)), files(&self.out(other)));
        for lock in files(&self.out(one))
            .iter()
            .filter(|file| file.ends_with("lock"))
        {
            let read = |machine: &str| std::fs::read(self.out(machine).join(lock)).expect("a lock");
            assert_eq!(read(one), read(other), "{}", lock.display());
        }
    }
}

/// Results without what is said of how often something was seen, and of the sources.
fn without_sightings(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            let left_out = ["n_seen", "is_seen_once", "causes", "changes"];
            fields.retain(|name, value| {
                let is_worklist = name == "causes" && value[0].get("item").is_some();
                is_worklist || !left_out.contains(&name.as_str())
            });
            let fields = fields.values_mut();
            fields.for_each(|field| *field = without_sightings(field.take()));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| *item = without_sightings(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// A report without times and without the place where it stands.
fn timeless(out: &Path, report: &str) -> String {
    let text = std::fs::read_to_string(out.join(report)).expect("a report");
    let text = text.replace(&out.display().to_string(), "OUT");
    let text = text
        .split("## Where the time went")
        .next()
        .unwrap_or_default();
    let mut timeless = String::new();
    for (n, part) in text.split(" time").enumerate() {
        // ` time="1.2"` and ` timestamp="…"`, and nothing else has a quote there.
        let rest = part.strip_prefix("stamp").unwrap_or(part);
        let rest = rest.strip_prefix("=\"").filter(|_| n > 0);
        let rest = rest.and_then(|rest| rest.split_once('"'));
        timeless.push_str(" time");
        timeless.push_str(rest.map_or(part, |(_, rest)| rest));
    }
    timeless
}

/// The logs and locks below a results folder, sorted.
pub fn files(out: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![out.join("logs"), out.join("locks")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path)
            } else {
                files.push(path.strip_prefix(out).expect("below").to_owned())
            }
        }
    }
    files.sort();
    files
}
