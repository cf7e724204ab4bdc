//! Flags of what is spread over machines: shards, rounds, and putting results together.

use camino::Utf8PathBuf;
use clap::Args;
use pinmatrix_core::model::run::shard::Shard;

use super::Flags;
use crate::output::ci::Ci;

/// What is said below the flags of `merge`.
pub const MERGE_CODES: &str = "\
Parts can overlap, and can be of machines that died. A cell that no part answers is missing, and one
of which parts say different things is contradicted: both are named, and are inconclusive.

Exit codes:
  0    nothing that passes today fails, or today is not known and every cell passed; with a baseline: all that ran is as it expects
  1    something that passes today fails, or today is not known and a cell failed; with a baseline: something regressed, is gone, is new and fails, or was fixed
  2    a mistake in matrix.toml or the flags, or parts that are not of one run
  3    inconclusive: a cell is missing, contradicted or in doubt, and nothing regressed";

/// Which share of a plan runs here.
#[derive(Debug, Args)]
pub struct ShardFlags {
    /// Run one of several shares of the plan, counted from 1: 3/8 is the third of eight. Every cell
    /// is in exactly one, whatever a machine has or knows. Goes with --full, --ends, --pin or --cell;
    /// strategy frontier, which finds out on the way what runs, goes in rounds: plan --round
    #[arg(long, value_name = "NUMBER/COUNT")]
    pub shard: Option<Shard>,
    /// Balance shards by what cells took in an earlier run, from its run.json; the same file for
    /// all of them
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub times: Option<Utf8PathBuf>,
}

/// What of a plan is shown to whoever spreads it.
#[derive(Debug, Args)]
pub struct SpreadFlags {
    /// Show what is in each of so many shards, empty ones left out
    #[arg(long, value_name = "COUNT", value_parser = n_shards)]
    pub shards: Option<usize>,
    /// Balance shards by what cells took in an earlier run, from its run.json
    #[arg(long, value_name = "FILE", requires = "shards")]
    pub times: Option<Utf8PathBuf>,
    /// Show only the cells that can run now, on any machine, by what --results show; none where
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
    /// Judge the run by its cells alone, whatever the baseline expects
    #[arg(long)]
    pub no_baseline: bool,
    /// Which CI engine is told of the run where it shows a change
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
