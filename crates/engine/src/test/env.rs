//! Rebuilds the environment that cargo gives a test, since the tool runs test executables itself.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{BuildScript, PackageId};

use crate::build::BuildResult;
use crate::cargo::targets::Workspace;
use crate::machine::cargo_config;
use crate::machine::cargo_home::{cargo_home, own_config};
use crate::machine::child_env::{library_path_variable, prepend};
use crate::machine::platform::Platform;
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::workdir::lane_dirs::LaneDirs;

/// Where a test runs.
pub struct TestLocation<'a> {
    /// The matrix.
    pub matrix: &'a Matrix,
    /// What the cell consists of.
    pub context: &'a CellContext<'a>,
    /// The lane's folders.
    pub folders: &'a LaneDirs,
    /// The platform that the tests are built for; `None` for the host, without its name in paths.
    pub platform: Option<&'a Platform>,
}

impl TestLocation<'_> {
    /// Returns the triple that the tests are built for.
    #[must_use]
    pub fn triple(&self) -> &str {
        let host = &self.context.toolchain.host;
        self.platform.map_or(host, |platform| &platform.triple)
    }
}

/// Returns the variables that cargo would set for a test.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html>
pub fn vars(
    place: &TestLocation<'_>,
    package: &PackageId,
    workspace: &Workspace,
    built: &BuildResult,
) -> BTreeMap<OsString, OsString> {
    let toolchain = place.context.toolchain;
    let mut vars = of_configs(place);
    vars.insert("CARGO".into(), toolchain.program("cargo").into());
    if let Some(package) = workspace.package(package) {
        vars.extend(package_vars(package));
    }
    if let Some(script) = built.scripts.get(package) {
        vars.extend(script.env.iter().map(|(k, v)| (k.into(), v.into())));
        vars.insert("OUT_DIR".into(), script.out_dir.as_os_str().to_owned());
    }
    for ((of, name), path) in &built.binaries {
        if of == package {
            vars.insert(format!("CARGO_BIN_EXE_{name}").into(), path.into());
        }
    }
    prepend(
        &mut vars,
        library_path_variable(),
        library_folders(place, built),
    );
    vars
}

/// Returns the variables that a test would see without cargo, and those that cargo configs set.
pub fn of_configs(place: &TestLocation<'_>) -> BTreeMap<OsString, OsString> {
    let mut vars = inherited(place);
    vars.extend(configured(place, &vars));
    vars
}

/// Returns the variables that a test would see without cargo.
pub fn inherited(place: &TestLocation<'_>) -> BTreeMap<OsString, OsString> {
    let mut vars = place.context.vars(place.context.toolchain);
    // The variables that the tool sets for builds mean nothing to tests.
    let set = &place.matrix.config.environment.set;
    vars.retain(|name, _| {
        let name = name.to_string_lossy();
        let is_ours = matches!(&*name, "CARGO_INCREMENTAL" | "CARGO_TERM_COLOR")
            || name.starts_with("CARGO_PROFILE_");
        !is_ours || set.contains_key(&*name)
    });
    vars
}

/// Returns what `[env]` sets in cargo's own config and in the subject's, which takes precedence.
fn configured(
    place: &TestLocation<'_>,
    vars: &BTreeMap<OsString, OsString>,
) -> BTreeMap<OsString, OsString> {
    let home = cargo_home().and_then(|home| Utf8PathBuf::from_path_buf(home).ok());
    let around = home.as_deref().and_then(Utf8Path::parent);
    let of_home = own_config().into_iter().flatten();
    let of_home = of_home.filter_map(|text| Some((text, around?)));
    let subject = &place.context.tree.subject;
    // The config with the highest precedence is applied last.
    let own = subject
        .cargo_configs()
        .unwrap_or_default()
        .into_iter()
        .rev();
    let own = own.map(|config| (config.text, place.folders.checkout.join(config.folder)));
    let outside = |name: &str| vars.contains_key(OsStr::new(name));
    let of_home = of_home.map(|(text, root)| (text, root.to_owned()));
    let env = of_home
        .chain(own)
        .flat_map(|(text, root)| cargo_config::env(&text, &root, outside));
    env.map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Returns where dynamic libraries may be: in the folders below the target folder that build
/// scripts name, where cargo puts its own, and with the standard library, which tests of a proc
/// macro link.
fn library_folders(place: &TestLocation<'_>, built: &BuildResult) -> Vec<std::path::PathBuf> {
    let named = built
        .scripts
        .values()
        .flat_map(|s: &BuildScript| &s.linked_paths);
    let mut folders: Vec<Utf8PathBuf> = named
        .map(|path| match path.as_str().split_once('=') {
            Some((_, path)) => Utf8PathBuf::from(path),
            None => path.clone(),
        })
        .filter(|path| path.starts_with(&place.folders.target))
        .collect();
    let profile = match place.matrix.config.build.profile.get_ref().as_str() {
        "dev" | "test" => "debug",
        "bench" => "release",
        other => other,
    };
    let of_platform = place.platform.map(|platform| &platform.triple);
    let output = place
        .folders
        .target
        .join(of_platform.map_or("", String::as_str));
    let output = output.join(profile);
    folders.extend([output.join("deps"), output]);
    let folders = folders.into_iter().map(Utf8PathBuf::into_std_path_buf);
    folders
        .chain([place.context.toolchain.standard_library(place.triple())])
        .collect()
}

fn package_vars(package: &cargo_metadata::Package) -> Vec<(OsString, OsString)> {
    let version = &package.version;
    let folder = package
        .manifest_path
        .parent()
        .unwrap_or(&package.manifest_path);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let path =
        |value: &Option<Utf8PathBuf>| value.as_ref().map(|p| p.to_string()).unwrap_or_default();
    let rust_version = package
        .rust_version
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    [
        ("CARGO_MANIFEST_DIR", folder.to_string()),
        ("CARGO_MANIFEST_PATH", package.manifest_path.to_string()),
        ("CARGO_PKG_NAME", package.name.to_string()),
        ("CARGO_PKG_VERSION", version.to_string()),
        ("CARGO_PKG_VERSION_MAJOR", version.major.to_string()),
        ("CARGO_PKG_VERSION_MINOR", version.minor.to_string()),
        ("CARGO_PKG_VERSION_PATCH", version.patch.to_string()),
        ("CARGO_PKG_VERSION_PRE", version.pre.to_string()),
        ("CARGO_PKG_AUTHORS", package.authors.join(":")),
        ("CARGO_PKG_DESCRIPTION", text(&package.description)),
        ("CARGO_PKG_HOMEPAGE", text(&package.homepage)),
        ("CARGO_PKG_REPOSITORY", text(&package.repository)),
        ("CARGO_PKG_LICENSE", text(&package.license)),
        ("CARGO_PKG_LICENSE_FILE", path(&package.license_file)),
        ("CARGO_PKG_README", path(&package.readme)),
        ("CARGO_PKG_RUST_VERSION", rust_version),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into()
}
