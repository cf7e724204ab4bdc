//! The sandbox guarantees that were enforced, and what builds and tests can do without them.

use serde::{Deserialize, Serialize};

/// The parts of the sandbox that are enforced; each is a guarantee.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Enforced {
    /// Only allowed files can be accessed.
    pub files: bool,
    /// The network cannot be reached.
    pub network: bool,
    /// Everything but the cell's own folders is mounted read-only, and `/tmp`, `/var/tmp` and
    /// `/dev/shm` are private to the cell.
    #[serde(default)]
    pub mounts: bool,
}

impl Enforced {
    /// All guarantees.
    pub const ALL: Self = Self {
        files: true,
        network: true,
        mounts: true,
    };

    /// What builds and tests can do because a guarantee is missing, one line each.
    #[must_use]
    pub fn gaps(self) -> Vec<&'static str> {
        let Self {
            files,
            network,
            mounts,
        } = self;
        let mut gaps = Vec::new();
        if !files {
            gaps.push("they can read and write whatever you can");
        }
        if !network {
            gaps.push("they can reach the network");
        }
        gaps.extend(match (files, mounts) {
            (true | false, true) => None,
            (true, false) => Some(
                "they can change modes, owners and times of your files, and cannot write in \
                 /tmp, /var/tmp and /dev/shm, so that a test which names one of these fails",
            ),
            (false, false) => Some("they share /tmp, /var/tmp and /dev/shm with all programs"),
        });
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guarantee_that_is_missing_is_reported() {
        assert!(Enforced::ALL.gaps().is_empty());
        let without = |change: fn(&mut Enforced)| {
            let mut enforced = Enforced::ALL;
            change(&mut enforced);
            enforced.gaps()
        };
        assert_eq!(
            without(|e| e.network = false),
            ["they can reach the network"]
        );
        assert!(without(|e| e.mounts = false)[0].contains("/dev/shm"));
        assert_eq!(Enforced::default().gaps().len(), 3);
    }
}
