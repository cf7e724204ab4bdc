//! `ci`: prints the pipeline of a CI system for one matrix. It plans, runs shards on several
//! machines, and merges their results; how the work is distributed is up to the CI system.

use anyhow::Result;
use clap::{Args, FromArgMatches, ValueEnum};
use pinmatrix::read_config;
use pinmatrix_core::config::{Config, Strategy};
use pinmatrix_core::error::UserError;
use pinmatrix_core::text::{one_line, shell_word};

use crate::args::flags::{Flags, SelectionArgs, config};
use crate::output::stdout;
use crate::{ExitStatus, Program};

/// Flags of a pipeline.
#[derive(Debug, Args)]
pub struct PipelineFlags {
    /// The CI system
    #[arg(value_enum)]
    pub engine: Engine,
    /// The config file [default: matrix.toml, here or in the nearest parent folder]
    #[arg(long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
    /// The most machines to spread cells over. The frontier strategy, which only finds out during
    /// the run which cells run, becomes --full
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub shards: usize,
    /// Flags that select cells, for example `-- --toolchain stable`
    #[arg(last = true, value_name = "FLAGS")]
    pub selection: Vec<String>,
}

/// The CI system that runs a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// GitHub Actions: .github/workflows/matrix.yml
    Github,
    /// GitLab: a file that .gitlab-ci.yml is or includes
    Gitlab,
    /// Any system that tells each machine its number: a shell script
    Generic,
}

impl Engine {
    /// Returns how many jobs one matrix may have.
    ///
    /// For GitHub, see <https://docs.github.com/en/actions/reference/limits>, and for GitLab
    /// <https://docs.gitlab.com/ci/yaml/#parallel>. The tool's own limit is more jobs than any
    /// matrix has work for.
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

/// Runs `ci`.
///
/// # Errors
///
/// Returns a user error in the config or the flags.
pub fn run(program: Program, flags: &PipelineFlags) -> Result<ExitStatus> {
    // The pipeline of an invalid config would fail on every machine.
    let config = read_config(&config(flags.config.as_ref()))?;
    stdout::write(&pipeline(program, flags, &config)?)?;
    Ok(ExitStatus::Passed)
}

fn pipeline(program: Program, flags: &PipelineFlags, matrix: &Config) -> Result<String, UserError> {
    let (engine, most) = (flags.engine, flags.engine.most_shards());
    if !(1..=most).contains(&flags.shards) {
        let error = UserError::new(format!("{} is not a valid number of shards", flags.shards));
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
    // Shards cannot find out during the run which cells run.
    let full = match selecting.strategy().unwrap_or(matrix.run.strategy) {
        Strategy::Frontier => "--full",
        Strategy::Ends | Strategy::Full => "",
    };
    let run = format!("{full}{config}{selection}");
    let made_with = if selection.is_empty() {
        format!(" --shards {shards}{config}")
    } else {
        format!(" --shards {shards}{config} --{selection}")
    };
    let places = [
        ("@words@", program.words()),
        ("@made_with@", &made_with),
        ("@flags@", run.trim()),
        ("@config@", &config),
        ("@merge_flags@", &selecting.flags.words()),
        ("@shards@", &shards),
    ];
    Ok(places
        .iter()
        .fold(engine.template().to_owned(), |text, (place, value)| {
            text.replace(place, value)
        }))
}

/// Parses the flags that select cells as `run` and `plan` do, so that a wrong flag is reported here
/// and not on every machine.
fn selecting(selection: &[String]) -> Result<SelectionArgs, UserError> {
    let help = "what stands behind `--` selects cells, as it does for `run` and `plan`";
    let command = SelectionArgs::augment_args(clap::Command::new("run").no_binary_name(true));
    let selecting = command.try_get_matches_from(selection);
    let selecting = selecting.and_then(|matches| SelectionArgs::from_arg_matches(&matches));
    let selecting = selecting.map_err(|e| {
        let words = e.to_string();
        let first = words.lines().next().unwrap_or_default();
        UserError::new(first.trim_start_matches("error: ")).help(help)
    })?;
    let Flags { config, out, .. } = &selecting.flags;
    if config.is_some() || out.is_some() {
        let message = "--config stands before `--`, and --out is the pipeline's own";
        return Err(UserError::new(message).help(help));
    }
    Ok(selecting)
}
