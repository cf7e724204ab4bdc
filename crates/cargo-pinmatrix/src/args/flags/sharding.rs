//! Flags for work that is spread over machines: shards, rounds, and merging results.

use camino::Utf8PathBuf;
use clap::Args;
use pinmatrix_core::model::run::shard::Shard;

use super::Flags;
use crate::output::ci::Ci;

/// The text below the flags of `merge`.
pub const MERGE_CODES: &str = "\
Parts can overlap, and can be of machines that died. A cell that no part answers is missing, and one
of which parts say different things is contradicted: both are named, and are inconclusive.

Exit codes:
  0    nothing that passes today fails, or today is not known and every cell passed; with a baseline: all that ran is as it expects
  1    something that passes today fails, or today is not known and a cell failed; with a baseline: something regressed, is gone, is new and fails, or was fixed
  2    user error in matrix.toml or the flags, or parts that are not of one run
  3    inconclusive: a cell is missing, contradicted or inconclusive, and nothing regressed";

/// Flags that select the shard of a plan to run here.
#[derive(Debug, Args)]
pub struct ShardFlags {
    /// Run one of several shards of the plan, counted from 1: 3/8 is the third of eight. Every cell
    /// is in exactly one shard, whatever a machine has or knows. Requires --full, --ends, --pin or
    /// --cell: the frontier strategy only finds out during the run which cells run, so it needs
    /// rounds (plan --round)
    #[arg(long, value_name = "NUMBER/COUNT")]
    pub shard: Option<Shard>,
    /// Balance shards by how long cells took in an earlier run, from its run.json; use the same
    /// file for all shards
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub times: Option<Utf8PathBuf>,
}

/// Flags that select which part of a plan to show for spreading it.
#[derive(Debug, Args)]
pub struct ShardingFlags {
    /// Show what is in each of this many shards, leaving out empty ones
    #[arg(long, value_name = "COUNT", value_parser = n_shards)]
    pub shards: Option<usize>,
    /// Balance shards by how long cells took in an earlier run, from its run.json
    #[arg(long, value_name = "FILE", requires = "shards")]
    pub times: Option<Utf8PathBuf>,
    /// Show only the cells that can run now, on any machine, according to --results; none if
    /// nothing is left to run
    #[arg(long, conflicts_with = "shards")]
    pub round: bool,
    /// The results folders so far, or the run.json in them
    #[arg(long, value_name = "PART", num_args = 1.., requires = "round")]
    pub results: Vec<Utf8PathBuf>,
}

/// Flags of a merge.
#[derive(Debug, Args)]
pub struct MergeFlags {
    #[command(flatten)]
    pub flags: Flags,
    /// Results folders of several machines, or the run.json in them
    #[arg(value_name = "PART", required = true)]
    pub parts: Vec<Utf8PathBuf>,
    /// Judge the run by its cells alone, ignoring the baseline
    #[arg(long)]
    pub no_baseline: bool,
    /// The CI system to report to
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Ci::Auto)]
    pub ci: Ci,
}

fn n_shards(written: &str) -> Result<usize, String> {
    let shard: Result<Shard, String> = format!("1/{written}").parse();
    match shard {
        Ok(shard) => Ok(shard.of()),
        Err(_) => Err(format!(
            "a number from 1 to {}",
            pinmatrix_core::model::run::shard::MOST
        )),
    }
}
