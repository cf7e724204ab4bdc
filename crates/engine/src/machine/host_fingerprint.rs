//! Identifies the parts of the system that a failure may depend on: the installed packages, and the
//! libraries that the dynamic linker knows.

use std::fs::File;

use blake3::Hasher;
use camino::Utf8Path;
use walkdir::WalkDir;

/// Where systems record what is installed: the databases of Debian, Alpine, Red Hat, Arch and
/// Homebrew, the dynamic linker's cache, and what people install by hand. A folder counts as the
/// list of its entries, by name and version.
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

/// Returns a hash of everything installed, as far as these lists show.
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
            // A file that cannot be read completely still gives a distinguishing hash.
            let _ = hasher.update_reader(file);
        }
    }
    hasher.finalize().to_hex().to_string()
}
