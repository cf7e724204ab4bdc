//! The Rust version that a package declares.

use semver::Version;

/// Parses a `rust-version`. Its last parts can be omitted: `1.80` means 1.80.0.
/// <https://doc.rust-lang.org/cargo/reference/rust-version.html>
#[must_use]
pub fn parse_rust_version(written: &str) -> Option<Version> {
    let mut parts = written.split('.').map(|part| part.parse::<u64>().ok());
    let major = parts.next()??;
    let minor = parts.next().unwrap_or(Some(0))?;
    let patch = parts.next().unwrap_or(Some(0))?;
    Some(Version::new(major, minor, patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_version_may_leave_out_its_last_parts() {
        assert_eq!(parse_rust_version("1.80"), Some(Version::new(1, 80, 0)));
        assert_eq!(parse_rust_version("1.80.1"), Some(Version::new(1, 80, 1)));
        assert_eq!(parse_rust_version("1"), Some(Version::new(1, 0, 0)));
        assert_eq!(parse_rust_version("new"), None);
    }
}
