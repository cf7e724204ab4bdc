//! The variable that unlocks libtest's JSON on a stable executable, and when it must not be set.

use std::collections::BTreeSet;
use std::fs;

use camino::Utf8PathBuf;
use memchr::memmem;
use rayon::prelude::*;
use semver::Version;

use crate::subject::checkout::Checkout;
use crate::test::libtest::OutputFormat;

/// The variable that unlocks unstable flags of a stable executable.
///
/// libtest only checks whether it is set, and accepts any value. A compiler that a test starts
/// inherits it: rustc reads its value as a list of crates that may use unstable features
/// (<https://doc.rust-lang.org/unstable-book/compiler-environment-variables/RUSTC_BOOTSTRAP.html>),
/// and cargo ignores every value but `1`. No crate has an empty name, so with an empty value both
/// behave as if it were unset.
const UNLOCKING: &str = "RUSTC_BOOTSTRAP";

/// Returns the variable that a test executable compiled by `rustc` needs to print JSON. If that
/// rustc allows unstable features anyway, none is needed.
#[must_use]
pub fn unlocking(rustc: &Version) -> Option<(&'static str, &'static str)> {
    let channel = rustc.pre.as_str();
    let is_unlocked = channel.starts_with("nightly") || channel.starts_with("dev");
    (!is_unlocked).then_some((UNLOCKING, ""))
}

/// Returns the format in which tests compiled by `rustc` print their results: text if a Rust source
/// of the subject names the variable, since its tests could notice that it is set. Build scripts
/// may name it, because the variable is never set while they run. Their paths, and those of the
/// folders of the subject's packages, are relative to the top of the checkout.
#[must_use]
pub fn output_format(
    rustc: &Version,
    checkout: &Checkout,
    packages: &BTreeSet<Utf8PathBuf>,
    build_scripts: &BTreeSet<Utf8PathBuf>,
) -> OutputFormat {
    if unlocking(rustc).is_none() {
        return OutputFormat::Json;
    }
    let sources = checkout.entries.par_iter().filter(|entry| {
        let is_source = entry.path.extension().is_some_and(|ext| ext == "rs");
        let is_of_package = packages.iter().any(|folder| entry.path.starts_with(folder));
        is_source && is_of_package && !build_scripts.iter().any(|script| entry.path == *script)
    });
    let top = checkout.top.as_std_path();
    let texts = sources.filter_map(|entry| fs::read(top.join(&entry.path)).ok());
    let names_it = |text: Vec<u8>| memmem::find(&text, UNLOCKING.as_bytes()).is_some();
    if texts.any(names_it) {
        OutputFormat::Text
    } else {
        OutputFormat::Json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_unlocked_by_a_value_that_unlocks_no_compiler() {
        let unlocking = |rustc: &str| unlocking(&Version::parse(rustc).expect("a version"));
        for stable in ["1.63.0", "1.95.0", "1.96.0-beta.3"] {
            assert_eq!(unlocking(stable), Some(("RUSTC_BOOTSTRAP", "")));
        }
        for unlocked in ["1.97.0-nightly", "1.97.0-dev"] {
            assert_eq!(unlocking(unlocked), None);
        }
    }
}
