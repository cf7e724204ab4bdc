//! What of the system a failure may rest on: the packages that are installed, and the libraries
//! that the dynamic linker knows.

use std::fs::File;

use blake3::Hasher;
use camino::Utf8Path;
use walkdir::WalkDir;

/// Where systems keep lists of what is installed: Debian's, Alpine's, Red Hat's, Arch's and
/// Homebrew's, what the dynamic linker finds, and what people install by hand. Folders are read as
/// lists of what is in them, by name and version.
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

/// A hash of all that is installed, as far as those lists tell of it.
#[must_use]
pub fn installed() -> String {
    let mut hasher = Hasher::new();
    for list in LISTS.map(Utf8Path::new) {
        hasher.update(list.as_str().as_bytes());
        if list.is_dir() {
            let walk = WalkDir::new(list).max_depth(2).sort_by_file_name();
            for entry in walk.into_iter().filter_map(Result::ok) {
                hasher.update(entry.path().as_os_str().as_encoded_bytes());
                hasher.update(b"\n");
            }
        } else if let Ok(file) = File::open(list) {
            // What cannot be read to its end still differs from another.
            let _ = hasher.update_reader(file);
        }
    }
    hasher.finalize().to_hex().to_string()
}
