//! `toolchains`: lists the toolchains of the matrix, and installs those that are missing.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result};
use pinmatrix::{LookupResult, ToolchainLookup, look_for_all, read_config};
use pinmatrix_core::config::{ToolchainOrigin, ToolchainSpec};
use pinmatrix_core::error::UserError;
use pinmatrix_core::text::shell_word;
use xshell::{Shell, cmd};

use crate::args::flags::{OutputFormat, ToolchainCommand, ToolchainFlags};
use crate::output::{progress, stdout};
use crate::{ExitStatus, Program};

/// The project's own script, embedded so that `cargo pinmatrix` has it everywhere.
const FROM_DEBIAN: &str = include_str!("../../../../ci/toolchains");

/// The prefix of toolchains that are installed from Debian's packages.
const DEBIAN: &str = "debian-";

/// Runs `toolchains`.
///
/// # Errors
///
/// Returns a user error in the config, or an error if the toolchains cannot be looked for.
pub fn run(program: Program, flags: &ToolchainFlags) -> Result<ExitStatus> {
    let config = read_config(&flags.flags.config())?;
    let rows = look_for_all(&config)?;
    match &flags.what {
        None => list(program, &rows, flags),
        Some(ToolchainCommand::Install) => {
            let missing = rows.iter().filter(|r| r.toolchain().is_none());
            let specs: Vec<&ToolchainSpec> = missing
                .filter_map(|r| config.toolchains.iter().find(|s| s.label == r.label))
                .collect();
            if specs.is_empty() {
                stdout::write("every toolchain of the matrix is here\n")?;
                return Ok(ExitStatus::Passed);
            }
            install(&specs)?;
            list(program, &look_for_all(&config)?, flags)
        }
    }
}

fn list(program: Program, rows: &[ToolchainLookup], flags: &ToolchainFlags) -> Result<ExitStatus> {
    if flags.format == OutputFormat::Json {
        let records: Vec<_> = rows.iter().map(ToolchainLookup::record).collect();
        let text = serde_json::to_string_pretty(&records).context("write the list")?;
        stdout::write_json(&format!("{text}\n"))?;
        return Ok(ExitStatus::Passed);
    }
    let width = rows.iter().map(|r| r.label.len()).max().unwrap_or_default();
    let line = |row: &ToolchainLookup| match &row.found {
        LookupResult::Found(t) => {
            let (rustc, cargo) = (t.rustc_short(), &t.cargo_version);
            let platform = t
                .platform
                .as_ref()
                .map(|platform| format!(" for {}", platform.triple));
            let platform = platform.unwrap_or_default();
            format!(
                "{:width$}  {rustc}{platform}; {cargo}; {}\n",
                row.label, t.source
            )
        }
        LookupResult::Missing { why } => format!("{:width$}  missing: {why}\n", row.label),
        LookupResult::Broken { why } => format!("{:width$}  does not respond: {why}\n", row.label),
    };
    let mut page: String = rows.iter().map(line).collect();
    let n_missing = rows.iter().filter(|row| row.toolchain().is_none()).count();
    if n_missing > 0 {
        let words = words(program, flags);
        page.push_str(&format!(
            "\n{n_missing} missing; `{words} install` gets those that rustup or Debian has\n"
        ));
    }
    stdout::write(&page)?;
    Ok(ExitStatus::Passed)
}

/// Formats this command as a person would type it again.
fn words(program: Program, flags: &ToolchainFlags) -> String {
    let config = flags.flags.config.iter();
    let config =
        config.map(|file| format!(" --config {}", shell_word(&file.display().to_string())));
    format!(
        "{} toolchains{}",
        program.words(),
        config.collect::<String>()
    )
}

/// Tries the names of each missing toolchain in turn. Toolchains are installed one after another,
/// since rustup does not support concurrent installations
/// (<https://github.com/rust-lang/rustup/issues/988>).
fn install(specs: &[&ToolchainSpec]) -> Result<()> {
    let mut failed = Vec::new();
    for spec in specs {
        let names = match &spec.origin {
            ToolchainOrigin::Rustup(names) => names,
            ToolchainOrigin::Directory(dir) => {
                failed.push(format!(
                    "{}: put a toolchain into {}",
                    spec.label,
                    dir.display()
                ));
                continue;
            }
        };
        let mut tried = Vec::new();
        let got = names.iter().any(|name| {
            match get(
                name,
                spec.target.as_ref().map(|target| target.get_ref().as_str()),
            ) {
                Ok(()) => true,
                Err(e) => {
                    tried.push(format!("{name}: {e:#}"));
                    false
                }
            }
        });
        if !got {
            failed.push(format!("{}: {}", spec.label, tried.join("; ")));
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} of {} toolchains could not be had",
        failed.len(),
        specs.len()
    );
    Err(UserError::new(message).help(failed.join("\n")).into())
}

/// Gets a toolchain, and the standard library of the platform that it is to build for. One that is
/// here stays at its version.
fn get(name: &str, target: Option<&str>) -> Result<()> {
    progress::say(&format!("getting {name}"));
    if let Some(version) = name.strip_prefix(DEBIAN) {
        anyhow::ensure!(
            target.is_none(),
            "Debian's packages have the standard library of the host only"
        );
        return from_debian(version);
    }
    let shell = Shell::new()?;
    let is_here = cmd!(shell, "rustup run {name} rustc -V")
        .quiet()
        .ignore_stdout();
    if let Some(target) = target
        && is_here.ignore_stderr().run().is_ok()
    {
        let add = cmd!(shell, "rustup target add {target} --toolchain {name}");
        return add
            .quiet()
            .run()
            .context("add its standard library through rustup");
    }
    let target = target.map(|target| format!("--target={target}"));
    cmd!(
        shell,
        "rustup toolchain install {name} --profile minimal --no-self-update {target...}"
    )
    .quiet()
    .run()
    .context("install it through rustup")
}

fn from_debian(version: &str) -> Result<()> {
    let shell = Shell::new()?;
    let mut command = std::process::Command::from(cmd!(shell, "bash -s -- {version}"));
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .context("start bash")?;
    let mut stdin = child.stdin.take().context("talk to bash")?;
    stdin
        .write_all(FROM_DEBIAN.as_bytes())
        .context("talk to bash")?;
    drop(stdin);
    let status = child.wait().context("wait for bash")?;
    anyhow::ensure!(
        status.success(),
        "unpack it from Debian's packages: {status}"
    );
    Ok(())
}
