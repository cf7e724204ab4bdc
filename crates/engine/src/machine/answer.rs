//! Runs a program that responds at once, and returns what it prints.

use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pinmatrix_core::text;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns a program's output. The timeout keeps a toolchain that does not respond from blocking
/// the others.
///
/// # Errors
///
/// Returns an error if it does not start, takes too long or fails.
pub fn answer(mut command: Command) -> Result<String> {
    // A pipe would fill up if a wrapper prints a lot.
    let mut stderr = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr.try_clone()?);
    let mut child = command.spawn()?;
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("it did not respond within {} seconds", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        stderr.rewind()?;
        let printed = read_text(stderr)?;
        // Git explains itself after the line that says what is wrong.
        let fatal = printed.lines().find(|line| line.starts_with("fatal: "));
        let line = fatal.or_else(|| printed.lines().last());
        let line = line.map(|line| format!(": {line}"));
        anyhow::bail!("it ended with {status}{}", line.unwrap_or_default());
    }
    let out = child.stdout.context("read its answer")?;
    Ok(read_text(out)?.trim_end().to_owned())
}

/// Reads output as text.
fn read_text(mut output: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    Ok(text::sanitize(&String::from_utf8_lossy(&bytes)))
}
