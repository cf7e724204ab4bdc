//! What of the system a failure may rest on: the packages that are installed, and the libraries
//! that the dynamic linker knows.

use std::fs::File;

use blake3::Hasher;
use camino::Utf8Path;

use crate::files::names;

/// Where systems keep lists of what is installed: Debian's, Alpine's, Red Hat's, Arch's and
/// Homebrew's, what the dynamic linker finds, and what people install by hand.
const LISTS: [&str; 11] = [
    "/var/lib/dpkg/status",
    "/lib/apk/db/installed",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/var/lib/pacman/local",
    "/opt/homebrew/Cellar",
    "/usr/local/Cellar",
    "/etc/ld.so.cache",
    "/usr/local/lib",
    "/usr/local/include",
    "/usr/local/bin",
];

/// A hash of all that is installed, as far as lists tell of it.
#[must_use]
pub fn installed() -> String {
    let mut hasher = Hasher::new();
    for list in LISTS.map(Utf8Path::new) {
        hasher.update(list.as_str().as_bytes());
        if list.is_dir() {
            let mut names = names(list).unwrap_or_default();
            names.sort();
            hasher.update(names.join("\n").as_bytes());
        } else if let Ok(file) = File::open(list) {
            // What cannot be read to its end still differs from another.
            let _ = hasher.update_reader(file);
        }
    }
    hasher.finalize().to_hex().to_string()
}
