//! `ci`: the pipeline of a CI engine, printed from one matrix. It plans, runs shards on as many
//! machines, and merges what they found; how work is spread is the engine's own business.

use anyhow::Result;
use clap::{Args, FromArgMatches, ValueEnum};
use pinmatrix::input::read_config;
use pinmatrix_core::config::{Config, Strategy};
use pinmatrix_core::error::UserError;
use pinmatrix_core::text::{one_line, shell_word};

use crate::args::flags::{Flags, SelectionArgs, config};
use crate::output::stdout;
use crate::{ExitStatus, Program};

/// Flags of a pipeline.
#[derive(Debug, Args)]
pub struct PipelineFlags {
    /// For which engine
    #[arg(value_enum)]
    pub engine: Engine,
    /// The config [default: matrix.toml, here or in the nearest folder above]
    #[arg(long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
    /// Over how many machines cells are spread, at the most. Strategy frontier, which finds out on the
    /// way what runs, becomes --full
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub shards: usize,
    /// What selects cells, for example `-- --toolchain stable`
    #[arg(last = true, value_name = "FLAGS")]
    pub selection: Vec<String>,
}

/// Who runs a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// GitHub Actions: .github/workflows/matrix.yml
    Github,
    /// GitLab: a file that .gitlab-ci.yml is or includes
    Gitlab,
    /// Any that tells each machine its number: a shell script
    Generic,
}

impl Engine {
    /// How many jobs one matrix may have.
    ///
    /// GitHub: <https://docs.github.com/en/actions/reference/limits>. GitLab:
    /// <https://docs.gitlab.com/ci/yaml/#parallel>. The tool itself: a job more than that has
    /// nothing to do in any matrix.
    fn most_shards(self) -> usize {
        match self {
            Self::Github => 256,
            Self::Gitlab => 200,
            Self::Generic => 10_000,
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Github => include_str!("pipeline/github.yml"),
            Self::Gitlab => include_str!("pipeline/gitlab.yml"),
            Self::Generic => include_str!("pipeline/generic.sh"),
        }
    }
}

/// Obeys `ci`.
///
/// # Errors
///
/// A mistake in the config or the flags.
pub fn run(program: Program, flags: &PipelineFlags) -> Result<ExitStatus> {
    // A pipeline of a config that cannot be read would fail on every machine.
    let config = read_config(&config(flags.config.as_ref()))?;
    stdout::write(&pipeline(program, flags, &config)?)?;
    Ok(ExitStatus::Passed)
}

fn pipeline(program: Program, flags: &PipelineFlags, matrix: &Config) -> Result<String, UserError> {
    let (engine, most) = (flags.engine, flags.engine.most_shards());
    if !(1..=most).contains(&flags.shards) {
        let error = UserError::new(format!("{} is no number of shards", flags.shards));
        return Err(error.help(format!("from 1 to {most}; more cells share a shard")));
    }
    let selecting = selecting(&flags.selection)?;
    if selecting.exact || matrix.run.exact {
        return Err(UserError::new(
            "what lies between two pins is found out on the way, and not in shards",
        )
        .help("leave `exact` out, or go in rounds: \"Several machines\" in docs/book"));
    }
    let files = flags.config.iter().map(|file| file.display().to_string());
    for word in files.chain(flags.selection.iter().cloned()) {
        let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if word.contains("${{") || word.contains(ends_line) {
            let error = UserError::new(format!(
                "`{}` would be more than a word there",
                one_line(&word)
            ));
            return Err(error.help("name it without `${{` and without control characters"));
        }
    }
    let shards = flags.shards.to_string();
    let config = flags.config.iter();
    let config: String = config
        .map(|file| format!(" --config {}", shell_word(&file.display().to_string())))
        .collect();
    let selection: String = flags
        .selection
        .iter()
        .map(|flag| format!(" {}", shell_word(flag)))
        .collect();
    // Shards cannot find out on the way what runs.
    let full = match selecting.strategy().unwrap_or(matrix.run.strategy) {
        Strategy::Frontier => "--full",
        Strategy::Ends | Strategy::Full => "",
    };
    let run = format!("{full}{config}{selection}");
    let made_with = match selection.is_empty() {
        true => format!(" --shards {shards}{config}"),
        false => format!(" --shards {shards}{config} --{selection}"),
    };
    let places = [
        ("@words@", program.words()),
        ("@made_with@", &made_with),
        ("@flags@", run.trim()),
        ("@config@", &config),
        ("@merge_flags@", &of_merge(&selecting)),
        ("@shards@", &shards),
    ];
    Ok(places
        .iter()
        .fold(engine.template().to_owned(), |text, (place, value)| {
            text.replace(place, value)
        }))
}

/// What selects cells, as `run` and `plan` take it, so that a wrong flag is told of here and not on
/// every machine.
fn selecting(selection: &[String]) -> Result<SelectionArgs, UserError> {
    let help = "what stands behind `--` selects cells, as it does for `run` and `plan`";
    let command = SelectionArgs::augment_args(clap::Command::new("run").no_binary_name(true));
    let selecting = command.try_get_matches_from(selection);
    let selecting = selecting.and_then(|matches| SelectionArgs::from_arg_matches(&matches));
    let selecting = selecting.map_err(|e| {
        let words = e.to_string();
        let said = words.lines().next().unwrap_or_default();
        UserError::new(said.trim_start_matches("error: ")).help(help)
    })?;
    let Flags { config, out, .. } = &selecting.flags;
    if config.is_some() || out.is_some() {
        let message = "--config stands before `--`, and --out is the pipeline's own";
        return Err(UserError::new(message).help(help));
    }
    Ok(selecting)
}

/// What of that a merge takes as well, for the commands that reproduce a cell.
fn of_merge(selecting: &SelectionArgs) -> String {
    let Flags {
        offline,
        rev,
        sandbox,
        ..
    } = &selecting.flags;
    let mut flags = String::new();
    if *offline {
        flags.push_str(" --offline");
    }
    if let Some(rev) = rev {
        flags.push_str(&format!(" --rev {}", shell_word(rev)));
    }
    if let Some(mode) = sandbox.and_then(|mode| mode.to_possible_value()) {
        flags.push_str(&format!(" --sandbox {}", mode.get_name()));
    }
    flags
}
