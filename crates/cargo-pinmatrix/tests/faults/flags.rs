//! The command line of the campaign. Knows neither runs nor faults.

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
Disturbs runs, and compares what is known at the end with an undisturbed run.

Usage: cargo test -p cargo-pinmatrix --test faults -- [FLAGS]

  --full           200 kills, 50 signals, 100 damaged records, and full disks of 20, 40, 60, 80 and
                   120 MB [default: 8 kills, 4 signals, 10 damaged records, a full disk of 40 MB]
  --seed N[,N...]  one campaign per seed, one after another: other moments, other damage [default: 1]
  --kills N        how many kills
  --scratch DIR    where the campaign works [default: the system's folder for temporary files]
  --help           this text

Exit codes: 0 all promises held, 1 some did not (the folder is kept and named), 2 a wrong flag.
Full disks need namespaces for users and mounts. Where the system does not allow them, this part is
skipped; if the environment variable CI is set, that is an error.
";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Ask {
    /// Campaigns.
    Campaigns(Flags),
    /// The part of a campaign that runs where the disk is too small: `--small-disk FOLDER`, which
    /// only the campaign itself uses.
    SmallDisk(Utf8PathBuf),
    /// The text above.
    Help,
    /// `cargo test` asked for tests with other names, or for a list.
    Nothing,
}

/// Which campaigns to run, and where.
#[derive(Debug, PartialEq)]
pub struct Flags {
    pub scale: Scale,
    pub seeds: Vec<u64>,
    pub scratch: Utf8PathBuf,
}

/// How many faults of each kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    pub kills: usize,
    pub signals: usize,
    pub records: usize,
    /// The sizes of disks that are too small, in MB.
    pub disks: &'static [u32],
}

const SHORT: Scale = Scale {
    kills: 8,
    signals: 4,
    records: 10,
    disks: &[40],
};

const FULL: Scale = Scale {
    kills: 200,
    signals: 50,
    records: 100,
    disks: &[20, 40, 60, 80, 120],
};

/// Flags of libtest that change nothing here.
const OF_LIBTEST: [&str; 4] = ["--nocapture", "--no-capture", "--quiet", "-q"];

/// Reads the flags.
pub fn read(args: impl IntoIterator<Item = String>) -> Result<Ask> {
    let mut args = args.into_iter();
    let (mut scale, mut kills) = (SHORT, None);
    let (mut seeds, mut scratch) = (vec![1], None);
    while let Some(flag) = args.next() {
        let mut value = || args.next().with_context(|| format!("{flag} takes a value"));
        match flag.as_str() {
            "--full" => scale = FULL,
            "--kills" => kills = Some(number("--kills", &value()?)?),
            "--seed" => {
                let numbers = value()?;
                let numbers = numbers.split(',').map(|text| number("--seed", text));
                seeds = numbers.collect::<Result<_>>()?;
            }
            "--scratch" => scratch = Some(Utf8PathBuf::from(value()?)),
            "--small-disk" => return Ok(Ask::SmallDisk(value()?.into())),
            "--help" | "-h" => return Ok(Ask::Help),
            "--test-threads" => drop(value()?),
            flag if OF_LIBTEST.contains(&flag) || flag.starts_with("--test-threads=") => {}
            flag if flag == "--list" || !flag.starts_with('-') => return Ok(Ask::Nothing),
            flag => bail!("unknown flag {flag}"),
        }
    }
    scale.kills = kills.unwrap_or(scale.kills);
    let scratch = match scratch {
        Some(scratch) => scratch,
        None => Utf8PathBuf::try_from(std::env::temp_dir()).context("read TMPDIR")?,
    };
    Ok(Ask::Campaigns(Flags {
        scale,
        seeds,
        scratch,
    }))
}

fn number<T: std::str::FromStr>(flag: &str, text: &str) -> Result<T> {
    let Ok(number) = text.parse() else {
        bail!("{flag} takes a number, not `{text}`");
    };
    Ok(number)
}
