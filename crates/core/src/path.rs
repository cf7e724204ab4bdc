//! Lexical path operations.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// Removes `.` and `..` from a path without accessing the file system.
#[must_use]
pub fn normalized(path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::ParentDir => {
                normal.pop();
            }
            Utf8Component::CurDir => {}
            Utf8Component::Prefix(_) | Utf8Component::RootDir | Utf8Component::Normal(_) => {
                normal.push(component)
            }
        }
    }
    normal
}
