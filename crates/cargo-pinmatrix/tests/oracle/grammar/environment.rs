//! Facts about the environment of a process: variables, folders, arguments, streams.

use crate::grammar::site::{Fact, Place, Site};

/// A variable that cargo sets when it runs something.
pub fn package(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let name = site.draft.members[site.member].name;
    let (var, value) = site.rng.pick(&[
        ("CARGO_PKG_NAME", name),
        ("CARGO_PKG_VERSION", "0.1.0"),
        ("CARGO_PKG_VERSION_MAJOR", "0"),
        ("CARGO_PKG_AUTHORS", ""),
        ("CARGO_PKG_DESCRIPTION", ""),
    ]);
    let fact = if site.rng.chance(40) {
        format!("env!({var:?}) == {value:?}")
    } else {
        format!("std::env::var({var:?}).ok().as_deref() == Some({value:?})")
    };
    Some(Fact::plain(fact))
}

/// Which variables are set at all.
pub fn is_set(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let var = site.rng.pick(&[
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_CRATE_NAME",
        "CARGO_BIN_NAME",
        "OUT_DIR",
        "HOST",
        "PROFILE",
        "RUSTC",
        "HOME",
        "PATH",
    ]);
    let is = site.rng.pick(&["is_some", "is_none"]);
    let fact = if site.rng.chance(30) {
        format!("option_env!({var:?}).{is}()")
    } else {
        format!("std::env::var_os({var:?}).{is}()")
    };
    Some(Fact::plain(fact))
}

/// Variables that are not set for whoever runs cargo by hand.
pub fn is_unset(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let var = site.rng.pick(UNSET);
    site.piece = format!("unset-{}@{}", var.to_lowercase(), place.name());
    Some(Fact::plain(format!("std::env::var_os({var:?}).is_none()")))
}

/// What [`is_unset`] asks for.
const UNSET: &[&str] = &[
    "RUSTC_BOOTSTRAP",
    "RUST_TEST_THREADS",
    "CARGO_TARGET_DIR",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_TEST_DEBUG",
    "RUSTFLAGS",
    "RUST_BACKTRACE",
];

/// What a build script is told of the profile.
pub fn profile(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    if !place.is_script() {
        return None;
    }
    let (var, value) =
        site.rng
            .pick(&[("PROFILE", "debug"), ("DEBUG", "true"), ("OPT_LEVEL", "0")]);
    site.piece = format!("profile-{}@{}", var.to_lowercase(), place.name());
    Some(Fact::plain(format!(
        "std::env::var({var:?}).ok().as_deref() == Some({value:?})"
    )))
}

/// A variable of the workspace's own `.cargo/config.toml`.
pub fn configured(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let var = site.draft.fresh("CONFIGURED_");
    let is_outer = site.draft.in_git && !site.draft.below.is_empty() && site.rng.chance(50);
    let is_relative = site.rng.chance(35);
    let line = if is_relative {
        format!("{var} = {{ value = \"place\", relative = true }}")
    } else {
        format!("{var} = \"value\"")
    };
    let config = if is_outer {
        &mut site.draft.outer_config
    } else {
        &mut site.draft.config
    };
    config.entry("env").or_default().push(line);
    let origin = if is_outer { "outer" } else { "own" };
    site.piece = format!("config-env-{origin}@{}", place.name());
    let fact = if is_relative {
        format!(
            "std::env::var({var:?}).map(|v| v.ends_with(\"/place\") && \
             std::env::current_dir().unwrap().starts_with(v.trim_end_matches(\"/place\"))).unwrap_or(false)"
        )
    } else {
        format!("std::env::var({var:?}).ok().as_deref() == Some(\"value\")")
    };
    Some(Fact::plain(fact))
}

/// A `--cfg` of a `.cargo/config.toml`.
pub fn configured_cfg(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let cfg = site.draft.fresh("configured_");
    let is_outer = site.draft.in_git && !site.draft.below.is_empty() && site.rng.chance(50);
    let config = if is_outer {
        &mut site.draft.outer_config
    } else {
        &mut site.draft.config
    };
    let origin = if is_outer { "outer" } else { "own" };
    site.piece = format!("config-cfg-{origin}@{}", place.name());
    let flags = config.entry("build").or_default();
    flags.push(format!("\"--cfg={cfg}\""));
    Some(Fact::plain(format!("cfg!({cfg})")))
}

/// A profile of a `.cargo/config.toml`.
pub fn configured_profile(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let is_outer = site.draft.in_git && !site.draft.below.is_empty() && site.rng.chance(50);
    let config = if is_outer {
        &mut site.draft.outer_config
    } else {
        &mut site.draft.config
    };
    let origin = if is_outer { "outer" } else { "own" };
    site.piece = format!("config-profile-{origin}@{}", place.name());
    let lines = vec!["debug-assertions = false".to_owned()];
    config.insert("profile.dev", lines);
    Some(Fact::plain("cfg!(debug_assertions)"))
}

/// Where the process is.
pub fn folder(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let folder = site.draft.members[site.member].folder;
    let last = folder.rsplit('/').next().unwrap_or_default();
    let fact = match site.rng.below(4) {
        0 => "std::path::Path::new(\"Cargo.toml\").is_file()".to_owned(),
        1 => {
            "std::env::current_dir().unwrap() == std::path::Path::new(env!(\"CARGO_MANIFEST_DIR\"))"
                .to_owned()
        }
        2 if !last.is_empty() => format!("std::env::current_dir().unwrap().ends_with({last:?})"),
        _ => "std::env::var_os(\"CARGO_MANIFEST_DIR\").map(std::path::PathBuf::from) == \
              std::env::current_dir().ok()"
            .to_owned(),
    };
    Some(Fact::plain(fact))
}

/// Where cargo lets integration tests write, and what it tells them of binaries.
pub fn folder_for_tests(_: &mut Site<'_>, place: Place) -> Option<Fact> {
    place.sees_binaries().then(|| {
        Fact::plain(
            "{ let path = std::path::Path::new(env!(\"CARGO_TARGET_TMPDIR\")); \
             std::fs::read_dir(path).map(|d| d.count()).ok() == Some(0) }",
        )
    })
}

/// Arguments that a test is started with.
pub fn arguments(_: &mut Site<'_>, _: Place) -> Option<Fact> {
    Some(Fact::plain("std::env::args_os().count() == 1"))
}

/// Where its executable lies.
pub fn executable(site: &mut Site<'_>, _: Place) -> Option<Fact> {
    let part = site.rng.pick(&["debug", "target"]);
    Some(Fact::plain(format!(
        "std::env::current_exe().unwrap().iter().any(|part| part == {part:?})"
    )))
}

/// Folders for temporary files, by variable and by hard-coded path.
pub fn temporary(site: &mut Site<'_>, place: Place) -> Option<Fact> {
    let name = site.draft.fresh("pinmatrix-oracle-");
    let folder = site
        .rng
        .pick(&["std::env::temp_dir()", "/tmp", "/var/tmp", "/dev/shm"]);
    let kind = folder.trim_matches('/').replace('/', "-");
    let kind = if kind.contains("env") {
        "variable"
    } else {
        kind.as_str()
    };
    site.piece = format!("temporary-{kind}@{}", place.name());
    let folder = if folder.starts_with('/') {
        format!("std::path::PathBuf::from({folder:?})")
    } else {
        folder.to_owned()
    };
    Some(Fact::plain(format!(
        "{{ let path = {folder}.join(format!(\"{name}-{{}}\", std::process::id())); \
         let is_written = std::fs::write(&path, \"x\").is_ok(); \
         std::fs::remove_file(&path).is_ok() && is_written }}"
    )))
}

/// How deep the folder for temporary files lies: sockets there must not have long names.
pub fn shallow(_: &mut Site<'_>, _: Place) -> Option<Fact> {
    Some(Fact::plain(
        "std::env::temp_dir().to_string_lossy().len() < 40",
    ))
}

/// Standard input has nothing to say.
pub fn input(_: &mut Site<'_>, _: Place) -> Option<Fact> {
    Some(Fact::plain(
        "{ let mut said = Vec::new(); \
         std::io::Read::read_to_end(&mut std::io::stdin(), &mut said).ok() == Some(0) }",
    ))
}

/// A server and a client on this machine.
pub fn loopback(_: &mut Site<'_>, _: Place) -> Option<Fact> {
    Some(Fact::plain(
        "{ let server = std::net::TcpListener::bind(\"127.0.0.1:0\").unwrap(); \
         std::net::TcpStream::connect(server.local_addr().unwrap()).is_ok() }",
    ))
}
