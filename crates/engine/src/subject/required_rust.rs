//! The rustc that a package needs, by what it declares and by its edition.

use cargo_metadata::{Edition, Package};
use semver::Version;

/// The rustc version that a package needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequiredRust {
    /// The oldest rustc that fits.
    pub rustc: Version,
    /// Whether only the edition of the package requires it, and no rust-version does.
    pub by_edition: bool,
}

/// Returns the rustc that a package needs: the declared version or, if that is newer, the first
/// that reads the edition.
/// <https://doc.rust-lang.org/edition-guide/editions/>
#[must_use]
pub fn needs(package: &Package) -> Option<RequiredRust> {
    let by_edition = match package.edition {
        Edition::E2015 => None,
        Edition::E2018 => Some(Version::new(1, 31, 0)),
        Edition::E2021 => Some(Version::new(1, 56, 0)),
        // A later edition needs an even later compiler, which its packages declare.
        Edition::E2024 | _ => Some(Version::new(1, 85, 0)),
    };
    let (rustc, by_edition) = match (package.rust_version.clone(), by_edition) {
        (Some(declared), Some(edition)) if edition > declared => (edition, true),
        (Some(declared), _) => (declared, false),
        (None, Some(edition)) => (edition, true),
        (None, None) => return None,
    };
    Some(RequiredRust { rustc, by_edition })
}
