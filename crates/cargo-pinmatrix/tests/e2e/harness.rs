//! A copy of a fixture in a folder of its own, and the program run on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pinmatrix_core::model::run::Run;
use tempfile::TempDir;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the repository")
        .to_owned()
}

/// A fixture at work, with results and work folders that no other test sees.
pub struct Fixture {
    folder: TempDir,
    subject: PathBuf,
}

impl Fixture {
    /// The fixture as it is committed. It must not be changed; see [`Fixture::copied`].
    pub fn in_place(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let subject = root().join("tests/fixtures/subjects").join(name);
        assert!(subject.is_dir(), "{} is not there", subject.display());
        Self { folder, subject }
    }

    /// A copy of the fixture that a test may change.
    pub fn copied(name: &str) -> Self {
        let fixture = Self::in_place(name);
        let subject = fixture.folder.path().join("fixtures/subjects").join(name);
        copy(&fixture.subject, &subject);
        copy(
            &root().join("tests/fixtures/registry"),
            &fixture.folder.path().join("fixtures/registry"),
        );
        Self { subject, ..fixture }
    }

    /// A subject of which only the registry is there, for a test that writes the rest.
    pub fn empty(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let subject = folder.path().join("fixtures/subjects").join(name);
        copy(
            &root().join("tests/fixtures/registry"),
            &folder.path().join("fixtures/registry"),
        );
        let fixture = Self { folder, subject };
        fixture.write(
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"fixtures\"\n\n\
             [source.fixtures]\nlocal-registry = \"../../registry\"\n",
        );
        fixture
    }

    /// The subject's folder.
    pub fn subject(&self) -> &Path {
        &self.subject
    }

    /// The results folder.
    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The folder below which all work folders are.
    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A file of the subject.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.subject.join(path)).expect("a file of the subject")
    }

    /// Changes a file of the subject.
    pub fn change(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} does not hold {from}");
        std::fs::write(self.subject.join(path), text.replace(from, to)).expect("written");
    }

    /// Writes a file of the subject, or beside it.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.subject.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// Runs git in the subject's folder.
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.subject, args)
    }

    /// Plain cargo in the subject's folder, without the network.
    pub fn cargo(&self, args: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo
            .args(args)
            .arg("--offline")
            .current_dir(self.subject());
        cargo
    }

    /// The program with a subcommand and flags, without the network.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.online(args);
        if args.first() != Some(&"clean") {
            command.arg("--offline");
        }
        command
    }

    /// The program with a subcommand and flags.
    pub fn online(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pinmatrix"));
        let config = self.subject.join("matrix.toml");
        command
            .arg("pinmatrix")
            .args(args)
            .arg("--config")
            .arg(config)
            .env("PINMATRIX_CACHE", self.cache())
            // Where these tests run in CI, that is not to be told of their runs.
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITLAB_CI")
            .env("NO_COLOR", "1");
        if !matches!(args.first(), Some(&"toolchains" | &"clean")) {
            command.arg("--out").arg(self.out());
        }
        command
    }

    /// Runs the program and returns how it ended and what it said.
    pub fn call(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program starts")
    }

    /// Runs the matrix, and returns its exit code and what stands in `run.json`.
    pub fn run(&self, args: &[&str]) -> (i32, Run) {
        let mut all = vec!["run"];
        all.extend(args);
        self.ran(&mut self.command(&all))
    }

    /// As [`Fixture::run`], of a command that is made already.
    pub fn ran(&self, command: &mut Command) -> (i32, Run) {
        let output = command.output().expect("the program starts");
        let code = output.status.code().expect("an exit code");
        let path = self.out().join("run.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| {
            panic!(
                "no run.json: {e}\n{}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
        (code, serde_json::from_str(&text).expect("a run"))
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a listing") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("copied");
        }
    }
}

/// Runs git in a folder, as someone.
pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(args)
        .current_dir(folder)
        .output()
        .expect("git starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {stderr}");
    text(&output.stdout).trim().to_owned()
}

/// The text of an output stream.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A command that another program starts.
pub fn through(starter: &[&str], command: &Command) -> Command {
    let mut started = Command::new(starter[0]);
    started.args(&starter[1..]);
    started.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => started.env(name, value),
            None => started.env_remove(name),
        };
    }
    started
}
