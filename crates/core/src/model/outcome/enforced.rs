//! What builds and tests were kept from, and what they can do where that was not possible.

use serde::{Deserialize, Serialize};

/// What of the sandbox is in force: each is a guarantee.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Enforced {
    /// Only files that are allowed can be reached.
    pub files: bool,
    /// The network cannot be reached.
    pub network: bool,
    /// All but the cell's own is mounted read-only, and `/tmp`, `/var/tmp` and `/dev/shm` are the
    /// cell's own.
    #[serde(default)]
    pub mounts: bool,
}

impl Enforced {
    /// All of it.
    pub const ALL: Self = Self {
        files: true,
        network: true,
        mounts: true,
    };

    /// What builds and tests can do for want of each guarantee that is missing.
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
    fn each_guarantee_that_is_missing_is_told() {
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
