//! What is asked for on the command line.

use crate::draft::{TOOLCHAINS, Toolchain};
use crate::grammar::Choice;
use crate::{fixed, grammar};

/// What to do.
pub enum Ask {
    Run(Flags),
    /// `cargo test` asked for tests of other names, or for a list.
    Nothing,
}

/// Which workspaces are held against cargo, and how.
pub struct Flags {
    pub seeds: Vec<(Toolchain, u64)>,
    pub parallel: usize,
    pub choice: Choice,
    pub shrinks: bool,
    pub prints: bool,
    pub verbose: bool,
}

/// What libtest is given in other tests, which says nothing here.
const OF_LIBTEST: [&str; 4] = ["--nocapture", "--no-capture", "--quiet", "-q"];

/// Reads the flags.
pub fn read(args: impl Iterator<Item = String>) -> Result<Ask, String> {
    let mut args = args;
    let (mut seeds, mut toolchain) = (None, None);
    let mut flags = Flags {
        seeds: Vec::new(),
        parallel: 2,
        choice: Choice::default(),
        shrinks: false,
        prints: false,
        verbose: false,
    };
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or(format!("{flag} takes a value"));
        match flag.as_str() {
            "--seeds" => seeds = Some(range(&value()?)?),
            "--toolchain" => toolchain = Some(named(&value()?)?),
            "--parallel" => flags.parallel = number(&value()?)?,
            "--without" => {
                let numbers = value()?;
                let numbers: Result<Vec<usize>, String> = numbers.split(',').map(number).collect();
                flags.choice.without = numbers?;
            }
            "--only" => flags.choice.only.push(value()?),
            "--never" => flags.choice.never.push(value()?),
            "--names" => {
                grammar::names().for_each(|name| println!("{name}"));
                return Ok(Ask::Nothing);
            }
            "--shrink" => flags.shrinks = true,
            "--print" => flags.prints = true,
            "--verbose" => flags.verbose = true,
            "--test-threads" => drop(value()?),
            flag if OF_LIBTEST.contains(&flag) || flag.starts_with("--test-threads=") => {}
            flag if flag.starts_with("--list") || !flag.starts_with('-') => {
                return Ok(Ask::Nothing);
            }
            flag => {
                return Err(format!(
                    "unknown flag {flag}; crates/cargo-pinmatrix/tests/oracle/main.rs tells all"
                ));
            }
        }
    }
    flags.seeds = match (seeds, toolchain) {
        (None, None) => {
            let never = fixed::NOT_YET.iter().map(ToString::to_string);
            flags.choice.never.extend(never);
            fixed::seeds()
        }
        (seeds, toolchain) => {
            let toolchain = toolchain.unwrap_or(TOOLCHAINS[0]);
            let seeds = seeds.unwrap_or_else(|| (0..10).collect());
            seeds.into_iter().map(|seed| (toolchain, seed)).collect()
        }
    };
    Ok(Ask::Run(flags))
}

/// `7`, `0..300`, or several with commas.
fn range(text: &str) -> Result<Vec<u64>, String> {
    let mut seeds = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            Some((from, to)) => seeds.extend(number::<u64>(from)?..number::<u64>(to)?),
            None => seeds.push(number(part)?),
        }
    }
    Ok(seeds)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number"))
}

fn named(label: &str) -> Result<Toolchain, String> {
    let mut toolchains = TOOLCHAINS.into_iter();
    let found = toolchains.find(|toolchain| toolchain.label == label);
    let labels = TOOLCHAINS.map(|toolchain| toolchain.label).join(", ");
    found.ok_or(format!("no toolchain {label:?}; there are {labels}"))
}
