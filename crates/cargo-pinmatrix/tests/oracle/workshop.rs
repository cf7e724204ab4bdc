//! Where workspaces are laid out, and how cargo and the tool are run there.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder for all workspaces, with the registry and cargo's home beside them.
pub struct Workshop {
    folder: PathBuf,
}

/// How a command ended, and all that it printed.
pub struct CommandOutput {
    pub is_ok: bool,
    pub code: Option<i32>,
    pub text: String,
}

/// What is left of the environment: what every build needs, and nothing that the cargo that runs
/// these tests has set.
const NEEDED: [&str; 7] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "RUSTUP_HOME",
    "TMPDIR",
    "LC_ALL",
];

impl Workshop {
    /// A new one in an empty folder.
    pub fn open(folder: PathBuf) -> Self {
        let home = folder.join("cargo-home");
        fs::create_dir_all(&home).expect("a folder");
        let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/registry");
        let registry = registry.canonicalize().expect("the registry");
        // Not in the workspaces, so that a `.cargo/config.toml` there is theirs.
        let config = format!(
            "[source.crates-io]\nreplace-with = \"fixtures\"\n\
             [source.fixtures]\nlocal-registry = {registry:?}\n"
        );
        fs::write(home.join("config.toml"), config).expect("written");
        Self { folder }
    }

    /// The folder for all about one seed.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.join(name);
        if folder.exists() {
            clear(&folder);
        }
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Runs cargo of a toolchain as a person would.
    pub fn cargo(&self, toolchain: &str, folder: &Path, args: &[&str]) -> CommandOutput {
        let mut all = vec!["run", toolchain, "cargo"];
        all.extend(args);
        let mut command = self.command("rustup", folder);
        command.args(all);
        ended(command, folder)
    }

    /// Runs the tool on a workspace.
    pub fn tool(&self, config: &Path, out: &Path, cache: &Path, more: &[&str]) -> CommandOutput {
        let folder = config.parent().expect("a folder");
        let mut command = self.command(env!("CARGO_BIN_EXE_cargo-pinmatrix"), folder);
        command
            .args(["pinmatrix", "run", "--full", "--no-today", "--offline"])
            .args(more);
        command.arg("--config").arg(config).arg("--out").arg(out);
        command.env("PINMATRIX_CACHE", cache).env("NO_COLOR", "1");
        ended(command, out)
    }

    fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", "900", program]);
        command.current_dir(folder).stdin(Stdio::null()).env_clear();
        for name in NEEDED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("CARGO_HOME", self.folder.join("cargo-home"));
        command
    }
}

/// Runs a command to its end, both of its streams into one file: a process that it leaves running
/// would keep a pipe open.
fn ended(mut command: Command, beside: &Path) -> CommandOutput {
    let name = beside.file_name().unwrap_or(OsStr::new("command"));
    let path = std::env::temp_dir().join(format!(
        "oracle-output-{}-{:?}-{}",
        std::process::id(),
        std::thread::current().id(),
        name.to_string_lossy()
    ));
    let file = File::create(&path).expect("a file");
    let both = file.try_clone().expect("the same file");
    let status = command
        .stdout(file)
        .stderr(both)
        .status()
        .expect("the program starts");
    let bytes = fs::read(&path).expect("the output");
    fs::remove_file(path).expect("removed");
    CommandOutput {
        is_ok: status.success(),
        code: status.code(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Removes a folder, whatever modes are in it.
pub fn clear(folder: &Path) {
    fs::remove_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
}
