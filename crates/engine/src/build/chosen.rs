//! A wrapper of rustc that compiles the tests of some packages only.
//!
//! Cargo chooses a target by its name among all members, and has features of the whole workspace only
//! where all members are asked for. So of targets that share a name it would compile all.
//! <https://doc.rust-lang.org/cargo/reference/config.html#buildrustc-workspace-wrapper>

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::fs_ext::write_program;

/// The variables that name a wrapper for packages of the workspace.
pub const VARIABLES: [&str; 2] = [
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
];

/// The key of cargo's config that does.
pub const KEY: &str = "rustc-workspace-wrapper";

/// Has cargo refuse each test of a package that lies in none of some folders. Members with the
/// wrapper are others to cargo than without it, and packages from elsewhere are the same.
///
/// # Errors
///
/// When the wrapper cannot be written.
pub fn compile_only(
    packages: &[Utf8PathBuf],
    wrapper: &Utf8Path,
    vars: &mut BTreeMap<OsString, OsString>,
) -> Result<()> {
    let quoted = |folder: &Utf8PathBuf| format!("'{}'", folder.as_str().replace('\'', r"'\''"));
    let folders: Vec<String> = packages.iter().map(quoted).collect();
    let lines = format!(
        "case \"$CARGO_MANIFEST_DIR\" in {}) exec \"$@\" ;; esac\n\
         for word; do [ \"$word\" != --test ] || exit 1; done\n\
         exec \"$@\"",
        folders.join("|")
    );
    write_program(wrapper, &lines)?;
    vars.insert(VARIABLES[0].into(), wrapper.as_os_str().to_owned());
    Ok(())
}
