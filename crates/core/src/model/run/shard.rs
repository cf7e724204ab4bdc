//! A shard: the part of a plan that one of several machines runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The maximum number of shards of a plan.
pub const MOST: usize = 10_000;

/// One shard of a plan: number `number`, from 1, out of `of`. Written `3/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// All shards of a plan.
    pub fn all(of: usize) -> impl Iterator<Item = Self> {
        (1..=of).map(move |number| Self { number, of })
    }

    /// The shard's number, from 1.
    #[must_use]
    pub fn number(self) -> usize {
        self.number
    }

    /// The number of shards.
    #[must_use]
    pub fn of(self) -> usize {
        self.of
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let is_plain = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<usize>().ok().filter(|_| is_plain)
        };
        let parts = written.split_once('/');
        let parts = parts.and_then(|(n, of)| Some((number(n)?, number(of)?)));
        match parts {
            None => Err("a shard is written NUMBER/COUNT, for example 3/8".to_owned()),
            Some((_, of)) if of == 0 || of > MOST => {
                Err(format!("there are from 1 to {MOST} shards"))
            }
            Some((number, of)) if number == 0 || number > of => {
                Err(format!("shards are counted from 1: 1/{of} to {of}/{of}"))
            }
            Some((number, of)) => Ok(Self { number, of }),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        written.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        let shard: Shard = "3/8".parse().expect("a shard");
        assert_eq!((shard.number(), shard.of()), (3, 8));
        assert_eq!(Shard::all(8).nth(2), Some(shard));
        for written in [
            "0/4", "5/4", "1/0", "x", "", "1", "/", "1/2/3", "+1/2", "-1/2", " 1/2",
        ] {
            assert!(written.parse::<Shard>().is_err(), "{written}");
        }
        assert!(format!("1/{MOST}").parse::<Shard>().is_ok());
        assert!(format!("1/{}", MOST + 1).parse::<Shard>().is_err());
        assert!("1/99999999999999999999999".parse::<Shard>().is_err());
    }

    #[test]
    fn a_shard_is_kept_as_it_is_written() {
        let shard: Shard = "3/8".parse().expect("a shard");
        let json = serde_json::to_string(&shard).expect("JSON");
        assert_eq!(json, r#""3/8""#);
        assert_eq!(
            serde_json::from_str::<Shard>(&json).expect("a shard"),
            shard
        );
        assert!(serde_json::from_str::<Shard>(r#""9/8""#).is_err());
    }
}
