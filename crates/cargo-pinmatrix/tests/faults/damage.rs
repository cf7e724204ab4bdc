//! Damage to a record: what a disk, a crash or a careless hand does to a file.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8Path;

use crate::rng::Rng;

/// One kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The end is missing.
    Cut,
    /// Everything is missing, but the file is there.
    Emptied,
    /// One bit is wrong.
    Flipped,
    /// The end is zeros.
    Zeroed,
    /// It holds what another record should hold.
    Swapped,
    /// Its content is there twice.
    Doubled,
    /// It holds random bytes.
    Nonsense,
    /// It is JSON, with values of other types.
    OtherTypes,
    /// It is gone.
    Removed,
    /// A folder has its name.
    Folder,
}

/// What is in the place of a record after damage.
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    File(Vec<u8>),
    Folder,
    Nothing,
}

impl Damage {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Cut,
        Self::Emptied,
        Self::Flipped,
        Self::Zeroed,
        Self::Swapped,
        Self::Doubled,
        Self::Nonsense,
        Self::OtherTypes,
        Self::Removed,
        Self::Folder,
    ];

    /// What the damage leaves of a record. `other` is the content of another record.
    pub fn left_of(self, whole: &[u8], other: &[u8], rng: &mut Rng) -> Left {
        let at = rng.below(whole.len().max(1));
        let bit = rng.below(8);
        let mut bytes = whole.to_vec();
        match self {
            Self::Cut => bytes.truncate(at),
            Self::Emptied => bytes.clear(),
            Self::Flipped => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|b| *b ^= 1 << bit),
            Self::Zeroed => bytes.iter_mut().skip(at).for_each(|b| *b = 0),
            Self::Swapped => bytes = other.to_vec(),
            Self::Doubled => bytes.extend(whole),
            Self::Nonsense => bytes = (0..25).flat_map(|_| rng.next().to_le_bytes()).collect(),
            Self::OtherTypes => {
                bytes = br#"{"schema":1,"key":[],"check":3,"content":{}}"#.to_vec();
            }
            Self::Removed => return Left::Nothing,
            Self::Folder => return Left::Folder,
        }
        Left::File(bytes)
    }

    /// Does the damage to a file.
    pub fn apply(self, record: &Utf8Path, other: &Utf8Path, rng: &mut Rng) -> Result<()> {
        let read = |path: &Utf8Path| fs::read(path).with_context(|| format!("read {path}"));
        let left = self.left_of(&read(record)?, &read(other)?, rng);
        fs::remove_file(record).with_context(|| format!("remove {record}"))?;
        match left {
            Left::File(bytes) => fs::write(record, bytes),
            Left::Folder => fs::create_dir(record),
            Left::Nothing => Ok(()),
        }
        .with_context(|| format!("damage {record}"))
    }
}
