//! Flags of what is spread over machines: shards.

use camino::Utf8PathBuf;
use clap::Args;
use pinmatrix::model::shard::Shard;

/// Which share of a plan runs here.
#[derive(Debug, Args)]
pub struct ShardFlags {
    /// Run one of several shares of the plan, counted from 1: 3/8 is the third of eight. Every cell
    /// is in exactly one, whatever a machine has or knows. Goes with --full, --ends, --pin or --cell;
    /// strategy frontier finds out on the way what runs
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
}

fn n_shards(written: &str) -> Result<usize, String> {
    let shard: Result<Shard, String> = format!("1/{written}").parse();
    match shard {
        Ok(shard) => Ok(shard.of()),
        Err(_) => Err(format!(
            "a number from 1 to {}",
            pinmatrix::model::shard::MOST
        )),
    }
}
