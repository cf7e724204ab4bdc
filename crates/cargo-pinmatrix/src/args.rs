//! The command line: the two names of the program, and its subcommands.

pub(crate) mod flags;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::args::flags::{
    BisectFlags, CleanFlags, Flags, ForecastFlags, MERGE_CODES, MergeFlags, PlanFlags, RunFlags,
    ToolchainFlags, WorklistFlags,
};
use crate::commands::compare::CompareFlags;
use crate::commands::report::ReportFlags;
use crate::commands::repro::ReproFlags;
use crate::commands::verify::VerifyFlags;
use crate::commands::{compare, repro, verify};
use crate::pipeline::PipelineFlags;

const EXIT_CODES: &str = "\
Exit codes:
  0    nothing that passes today fails, or today is not known and every cell passed; with a baseline: all that ran is as it expects, and rows that it does not know are judged without it
  1    something that passes today fails, or today is not known and a cell failed; with a baseline: something regressed, is gone, is new and fails, or was fixed, or fails on a row that it does not know
  2    user error in matrix.toml, the flags or the subject; nothing ran
  3    inconclusive: the machine or the network kept a cell from an answer, nothing passes today, or nothing ran
  130  interrupted; what had ended is kept, and the next run goes on from there";

const BISECT_CODES: &str = "\
Without a question the whole cell is asked about, and without an axis every published version.

Exit codes:
  0    a change was found; points between its sides may not have been able to tell; with --only: good
  1    both ends answer the same; with --only: bad
  2    user error in matrix.toml, the flags, the question or the axis
  3    inconclusive: an end could not tell, or the machine failed
  130  interrupted; the next run goes on from there; with --script only by --replay of a copy of
       bisection.json";

/// The tasks of this repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub struct XtaskArgs {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build and test a workspace over toolchains and dependency pins
    #[command(version)]
    Matrix(MatrixArgs),
}

impl XtaskArgs {
    /// Returns the subcommand with its flags.
    pub fn matrix(self) -> MatrixArgs {
        let Task::Matrix(matrix) = self.task;
        matrix
    }
}

/// Called by cargo, which passes the subcommand's own name along.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo")]
pub enum CargoArgs {
    /// Build and test a workspace over toolchains and dependency pins
    #[command(version)]
    Pinmatrix(MatrixArgs),
}

impl CargoArgs {
    /// Returns the subcommand with its flags.
    pub fn matrix(self) -> MatrixArgs {
        let Self::Pinmatrix(matrix) = self;
        matrix
    }
}

/// Build and test a workspace over toolchains and dependency pins.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub struct MatrixArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunFlags,
    /// Write to a file what pinmatrix itself does, with durations; PINMATRIX_LOG does the same
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

impl MatrixArgs {
    /// Returns the subcommand, or `run` if there is none.
    pub fn command(self) -> Command {
        self.command.unwrap_or(Command::Run(Box::new(self.run)))
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the matrix; this is the default without a subcommand
    #[command(after_help = EXIT_CODES)]
    Run(Box<RunFlags>),
    /// Show what would run, what is predicted from declared rust-versions, what is already known,
    /// and why the rest is skipped
    Plan(PlanFlags),
    /// Say from sources, without compiling, what changes for each target from pin to pin
    Forecast(ForecastFlags),
    /// Merge the results of several machines into one run
    #[command(after_help = MERGE_CODES)]
    Merge(MergeFlags),
    /// Record the last run's results as the new baseline
    Bless(Flags),
    /// Compare two runs, or a run with the baseline
    #[command(after_help = compare::CODES)]
    Compare(CompareFlags),
    /// Run one cell in a folder that is kept, with cargo's output on the terminal, or print the
    /// cargo commands that do it
    #[command(after_help = repro::CODES)]
    Repro(ReproFlags),
    /// Write every report again, from run.json and the locks beside it
    Report(ReportFlags),
    /// List what the subject still has to do at one pin, according to the last run
    Worklist(WorklistFlags),
    /// Find where the answer to one question changes between the two ends of one axis
    #[command(after_help = BISECT_CODES)]
    Bisect(Box<BisectFlags>),
    /// Run cells twice, in two places, and compare the outcomes, locks and test executables
    #[command(after_help = verify::CODES)]
    Verify(VerifyFlags),
    /// Print a pipeline that runs the matrix on many machines, for GitHub, GitLab or any other CI
    /// system
    Ci(PipelineFlags),
    /// Show how much disk space the work folders use, and remove compiled code
    Clean(CleanFlags),
    /// List the toolchains of the matrix and where they were found
    Toolchains(ToolchainFlags),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_two_programs_have_the_same_help() {
        let help = |program: clap::Command, subcommand: &str| {
            let mut program = program;
            program.build();
            let subcommand = program.find_subcommand_mut(subcommand).expect("there");
            let help = subcommand.render_long_help().to_string();
            help.replace("cargo xtask matrix", "X")
                .replace("cargo pinmatrix", "X")
        };
        let xtask = help(<XtaskArgs as CommandFactory>::command(), "matrix");
        assert_eq!(
            xtask,
            help(<CargoArgs as CommandFactory>::command(), "pinmatrix")
        );
        assert!(xtask.contains("Exit codes:"), "{xtask}");
    }
}
