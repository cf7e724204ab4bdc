//! A program that says by its exit whether a cell is good.

use anyhow::Result;
use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::config::mistake::Mistake;
use crate::exec::log::Log;
use crate::exec::process::{Exit, Interrupt, Stream, run};
use crate::model::bisection::Answer;
use crate::setting::Setting;

/// Where a script runs.
pub struct Stage<'a> {
    /// What the cell is made of.
    pub setting: &'a Setting<'a>,
    /// The copy of the subject, pinned and locked.
    pub subject: &'a Utf8Path,
    /// Cargo's target folder.
    pub target: &'a Utf8Path,
    /// How long it may take.
    pub limit: std::time::Duration,
    /// Whether the run should end.
    pub interrupt: &'a Interrupt,
}

/// Runs a script in the copy: exit 0 is good, 125 cannot tell, any other is bad, as for
/// `git bisect run` (<https://git-scm.com/docs/git-bisect>).
///
/// It finds the cell in its environment: `PINMATRIX_CELL`, `PINMATRIX_TOOLCHAIN`, `PINMATRIX_PIN`,
/// `CARGO_TARGET_DIR`; `cargo` and `rustc` on its path are those of the cell.
///
/// # Errors
///
/// A [`Mistake`] when it cannot be run.
pub fn ask(script: &Utf8Path, stage: &Stage<'_>, log: &mut Log) -> Result<(Answer, String)> {
    let cell = stage.setting.cell;
    let shell = Shell::new()?;
    shell.change_dir(stage.subject);
    let command = cmd!(shell, "{script}")
        .env_clear()
        .envs(stage.setting.vars(stage.setting.toolchain))
        .env("CARGO", stage.setting.toolchain.program("cargo"))
        .env("CARGO_TARGET_DIR", stage.target)
        .env("PINMATRIX_CELL", cell.id().as_str())
        .env("PINMATRIX_TOOLCHAIN", &cell.row.toolchain)
        .env("PINMATRIX_PIN", cell.pin.at.to_string());
    log.note(&format!("$ {script} # {}", cell.id()));
    let mut last = String::new();
    let mut follower = |_: Stream, line: &[u8]| {
        log.add(line);
        let line = String::from_utf8_lossy(line);
        if !line.trim().is_empty() {
            last = crate::text::one_line(&line);
        }
    };
    let ended = run(command.into(), stage.limit, stage.interrupt, &mut follower);
    log.note(&format!("[{}]", ended.exit));
    let answer = match &ended.exit {
        Exit::Code(0) => Answer::Good,
        // What a shell gives where there is no such program, or it may not be run.
        Exit::Code(126 | 127) => return Err(cannot_run(script, &last)),
        Exit::Code(125) | Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted => {
            Answer::CannotTell
        }
        Exit::Code(_) => Answer::Bad,
        Exit::Lost(why) => return Err(cannot_run(script, why)),
    };
    let said = match last.is_empty() {
        true => ended.exit.to_string(),
        false => format!("{}: {last}", ended.exit),
    };
    Ok((answer, said))
}

fn cannot_run(script: &Utf8Path, why: &str) -> anyhow::Error {
    Mistake::new(format!("script {script} cannot be run: {why}"))
        .help("it must be executable and name its interpreter; exit 0 good, 125 cannot tell, others bad")
        .into()
}
