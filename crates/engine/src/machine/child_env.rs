//! The environment of a child process: an allow-list, a toolchain, and nothing else.
//!
//! `cargo xtask` itself runs under cargo and rustup, which set `RUSTUP_TOOLCHAIN`, `CARGO`,
//! `CARGO_MANIFEST_DIR`, `LD_LIBRARY_PATH` and more; none of these may reach a cell.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

use pinmatrix_core::config::{BuildConfig, CapLints, EnvConfig, Overrides};

use crate::machine::own_env;
use crate::machine::secrets::{Secrets, looks_secret};

/// Variables that every build needs and that do not affect the result: not part of a cell's key.
const NEEDED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "CARGO_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    // Windows programs do not start without these.
    "SystemRoot",
    "SYSTEMROOT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "PATHEXT",
    "COMSPEC",
];

/// Prefixes of variables with which cargo accesses its registries; not part of a cell's key, since
/// the lock holds checksums.
const NEEDED_PREFIXES: &[&str] = &[
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRY_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
];

/// Variables that select and configure compilers; part of a cell's key.
const DECIDING: &[&str] = &[
    "AR",
    "CC",
    "CXX",
    "CFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "PKG_CONFIG_PATH",
    "RUSTC_WRAPPER",
];

/// The variables that every child starts with.
#[derive(Clone, Debug)]
pub struct ChildEnv {
    vars: BTreeMap<OsString, OsString>,
    deciding: BTreeMap<String, String>,
    /// The secrets to remove from what children print.
    pub secrets: Secrets,
    /// Secrets that are passed on because fetching needs them, and not because `matrix.toml`
    /// requests them.
    secret_vars: BTreeMap<OsString, OsString>,
    /// The variables that configure builds for old versions of cargo.
    settings: BTreeSet<String>,
}

impl ChildEnv {
    /// Takes the allowed variables from this process, and adds those that `matrix.toml` sets.
    #[must_use]
    pub fn gather(environment: &EnvConfig, build: &BuildConfig) -> Self {
        Self::from_vars(own_env::vars(), environment, build)
    }

    fn from_vars(
        outside: impl IntoIterator<Item = (OsString, OsString)>,
        environment: &EnvConfig,
        build: &BuildConfig,
    ) -> Self {
        let mut vars = BTreeMap::new();
        let mut deciding = BTreeMap::new();
        let mut secret_vars = BTreeMap::new();
        for (name, value) in outside {
            let Some(known) = name.to_str() else { continue };
            let decides = DECIDING.contains(&known) || environment.pass.iter().any(|p| p == known);
            let needed = NEEDED.contains(&known)
                || NEEDED_PREFIXES
                    .iter()
                    .any(|prefix| known.starts_with(prefix));
            let is_secret = looks_secret(&name) || environment.secret.iter().any(|s| s == known);
            if needed && !decides && is_secret {
                secret_vars.insert(name.clone(), value.clone());
            }
            if decides {
                deciding.insert(known.to_owned(), value.to_string_lossy().into_owned());
            }
            if decides || needed {
                vars.insert(name, value);
            }
        }
        let mut set = |name: &str, value: &str| {
            vars.insert(name.into(), value.into());
            deciding.insert(name.to_owned(), value.to_owned());
        };
        let mut settings = BTreeMap::from([("CARGO_INCREMENTAL".to_owned(), "0".to_owned())]);
        let debug = build.debug_level().map(|level| level.to_string());
        settings.extend(debug.map(|level| (build.variable("DEBUG"), level)));
        let units = build.codegen_units.map(|n| n.to_string());
        settings.extend(units.map(|n| (build.variable("CODEGEN_UNITS"), n)));
        settings.retain(|name, _| !environment.set.contains_key(name));
        for (name, value) in settings.iter().chain(&environment.set) {
            set(name, value);
        }
        // No variable has this name; the linker is configured for the host of each toolchain.
        if let Some(linker) = &build.linker {
            deciding.insert("linker".to_owned(), linker.get_ref().to_string());
        }
        vars.insert("CARGO_TERM_COLOR".into(), "never".into());
        // A value that `matrix.toml` itself sets is not a secret.
        let from_outside = vars.iter().filter(|(name, _)| {
            let name = name.to_str().unwrap_or_default();
            !environment.set.contains_key(name) || environment.secret.iter().any(|s| s == name)
        });
        let secrets = Secrets::of(from_outside, &environment.secret);
        Self {
            vars,
            deciding,
            secrets,
            secret_vars,
            settings: settings.into_keys().collect(),
        }
    }

    /// Returns the environment of a cell with overrides. `--cfg` and `--cap-lints` are appended to
    /// `RUSTFLAGS`.
    #[must_use]
    pub fn changed(&self, change: &Overrides, cap_lints: Option<CapLints>) -> Self {
        let mut changed = self.clone();
        let mut set = |name: &str, value: String| {
            changed.vars.insert(name.into(), value.clone().into());
            changed.deciding.insert(name.to_owned(), value);
        };
        for (name, value) in &change.env {
            set(name, value.clone());
        }
        changed
            .settings
            .retain(|name| !change.env.contains_key(name));
        let flags = change.cfg.iter().map(|cfg| format!("--cfg={cfg}"));
        let cap = cap_lints.map(|level| format!("--cap-lints={level}"));
        let flags: Vec<String> = flags.chain(cap).collect();
        if !flags.is_empty() {
            let before = change
                .env
                .get("RUSTFLAGS")
                .or_else(|| self.deciding.get("RUSTFLAGS"));
            let before = before.cloned().into_iter();
            set(
                "RUSTFLAGS",
                before.chain(flags).collect::<Vec<_>>().join(" "),
            );
        }
        changed
    }

    /// Returns true for a secret that only fetching needs.
    #[must_use]
    pub fn is_secret_from_outside(&self, name: &OsStr, value: &OsStr) -> bool {
        let secret = self.secret_vars.get(name);
        secret.is_some_and(|secret| secret == value)
    }

    /// Returns the variables that can change a result, for a cell's key.
    #[must_use]
    pub fn cache_relevant(&self) -> &BTreeMap<String, String> {
        &self.deciding
    }

    /// Returns the folders in which children look for programs.
    #[must_use]
    pub fn path(&self) -> Option<&OsStr> {
        self.vars.get(OsStr::new("PATH")).map(OsString::as_os_str)
    }

    /// Returns true if a variable only configures builds for old versions of cargo; newer ones get
    /// flags instead.
    #[must_use]
    pub fn is_setting(&self, name: &str) -> bool {
        name == "CARGO_TERM_COLOR" || self.settings.contains(name)
    }

    /// Returns all variables for a child that uses the toolchain in `sysroot`.
    ///
    /// Its `bin` comes first in `PATH` and its `lib` first in the library path, as rustup itself
    /// does for a linked toolchain.
    #[must_use]
    pub fn with_sysroot(&self, sysroot: &Path) -> BTreeMap<OsString, OsString> {
        let mut vars = self.vars.clone();
        prepend(&mut vars, "PATH", [sysroot.join("bin")]);
        prepend(&mut vars, library_path_variable(), [sysroot.join("lib")]);
        vars
    }
}

/// Prepends folders to a variable that holds a list of folders.
pub fn prepend(
    vars: &mut BTreeMap<OsString, OsString>,
    name: &str,
    folders: impl IntoIterator<Item = std::path::PathBuf>,
) {
    let old = vars
        .get(std::ffi::OsStr::new(name))
        .cloned()
        .unwrap_or_default();
    let old = std::env::split_paths(&old).filter(|p| !p.as_os_str().is_empty());
    let all: Vec<_> = folders.into_iter().chain(old.collect::<Vec<_>>()).collect();
    // A folder whose own name contains the separator cannot be in such a list.
    if let Ok(joined) = std::env::join_paths(all) {
        vars.insert(name.into(), joined);
    }
}

/// Returns the variable that the system's dynamic linker reads.
#[must_use]
pub fn library_path_variable() -> &'static str {
    if cfg!(windows) {
        "PATH"
    } else if cfg!(target_os = "macos") {
        "DYLD_FALLBACK_LIBRARY_PATH"
    } else {
        "LD_LIBRARY_PATH"
    }
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::config::Debug;

    use super::*;

    fn build() -> BuildConfig {
        BuildConfig {
            profile: toml::Spanned::new(0..0, "test".to_owned()),
            debug: Debug::None,
            codegen_units: Some(64),
            linker: None,
            examples: true,
            benches: false,
            doc_tests: true,
            cap_lints: None,
        }
    }

    fn gathered(outside: &[(&str, &str)], environment: &EnvConfig) -> ChildEnv {
        let outside = outside.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        ChildEnv::from_vars(outside, environment, &build())
    }

    #[test]
    fn what_cargo_and_rustup_left_behind_does_not_reach_a_cell() {
        let outside = [
            ("RUSTUP_TOOLCHAIN", "nightly"),
            ("RUSTC_BOOTSTRAP", "1"),
            ("RUSTFLAGS", "-Cfoo"),
            ("CARGO_MANIFEST_DIR", "/x"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("HOME", "/home/me"),
        ];
        let vars = gathered(&outside, &EnvConfig::default()).vars;
        let names: Vec<_> = vars
            .keys()
            .map(|n| n.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            names,
            [
                "CARGO_INCREMENTAL",
                "CARGO_PROFILE_TEST_CODEGEN_UNITS",
                "CARGO_PROFILE_TEST_DEBUG",
                "CARGO_TERM_COLOR",
                "HOME"
            ]
        );
    }

    #[test]
    fn a_change_sets_variables_and_adds_to_rustflags() {
        let environment = EnvConfig {
            set: BTreeMap::from([("RUSTFLAGS".to_owned(), "-Cfoo".to_owned())]),
            ..EnvConfig::default()
        };
        let change = Overrides {
            cfg: vec!["new".to_owned()],
            env: BTreeMap::from([("MODE".to_owned(), "fast".to_owned())]),
            ..Overrides::default()
        };
        let changed = gathered(&[], &environment).changed(&change, Some(CapLints::Warn));
        assert_eq!(
            changed.cache_relevant()["RUSTFLAGS"],
            "-Cfoo --cfg=new --cap-lints=warn"
        );
        assert_eq!(changed.cache_relevant()["MODE"], "fast");
        let same = gathered(&[], &environment).changed(&Overrides::default(), None);
        assert_eq!(same.cache_relevant()["RUSTFLAGS"], "-Cfoo");
    }

    #[test]
    fn what_is_passed_or_set_decides_and_what_is_merely_needed_does_not() {
        let environment = EnvConfig {
            set: BTreeMap::from([("MODE".to_owned(), "fast".to_owned())]),
            pass: vec!["RUSTFLAGS".to_owned()],
            secret: Vec::new(),
        };
        let outside = [("RUSTFLAGS", "-Cfoo"), ("HOME", "/home/me")];
        let gathered = gathered(&outside, &environment);
        let names: Vec<_> = gathered
            .cache_relevant()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            names,
            [
                "CARGO_INCREMENTAL",
                "CARGO_PROFILE_TEST_CODEGEN_UNITS",
                "CARGO_PROFILE_TEST_DEBUG",
                "MODE",
                "RUSTFLAGS"
            ]
        );
    }
}
