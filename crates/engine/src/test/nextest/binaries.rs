//! Describes what was built, as `cargo nextest list --list-type binaries-only` would.
//! <https://docs.rs/nextest-metadata/latest/nextest_metadata/struct.BinaryListSummary.html>

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_core::model::outcome::{TargetId, TargetKind};
use serde_json::{Map, Value, json};

use super::NextestTarget;

/// Returns the description of one executable and of everything that its tests may find, as JSON.
///
/// # Errors
///
/// Returns an error if a path cannot be written as JSON.
pub fn description(target: &NextestTarget<'_>) -> Result<String> {
    let folders = target.executable.folders;
    let relative = |path: &Utf8Path| {
        let below = path.strip_prefix(&folders.target).unwrap_or(path);
        below.to_string()
    };
    let mut binaries: Map<String, Value> = Map::new();
    for ((package, name), path) in &target.built.binaries {
        let of_package = binaries.entry(package.repr.clone());
        let of_package = of_package.or_insert_with(|| json!([]));
        if let Some(of_package) = of_package.as_array_mut() {
            let path = relative(path);
            let binary = json!({
                "name": name, "kind": "bin-exe", "path": path, "build-platform": "target",
            });
            of_package.push(binary);
        }
    }
    let scripts = target.built.scripts.iter();
    let own = scripts.filter(|(package, _)| target.workspace.is_own(package));
    let out_dirs = own.map(|(package, script)| {
        let out_dir = relative(&script.out_dir);
        (package.repr.clone(), Value::from(out_dir))
    });
    let out_dirs: Map<String, Value> = out_dirs.collect();
    let platform = json!({ "triple": target.toolchain.host, "target-features": "unknown" });
    let libraries = target.toolchain.standard_library(&target.toolchain.host);
    let libraries = libraries
        .to_str()
        .context("read the toolchain's path as text")?;
    let TargetId { package, .. } = &target.target.id;
    let id = binary_id(&target.target.id);
    let executable = json!({
        "binary-id": id,
        "binary-name": target.target.id.name,
        "package-id": target.target.package.repr,
        "kind": kind_of(target.target.id.kind),
        "binary-path": target.executable.path,
        "build-platform": "target",
    });
    let described = json!({
        "rust-build-meta": {
            "target-directory": folders.target,
            "build-directory": folders.target,
            "base-output-directories": [output_folder(target.executable.path, &folders.target)],
            "non-test-binaries": binaries,
            "build-script-out-dirs": out_dirs,
            "linked-paths": [],
            "platforms": {
                "host": {
                    "platform": platform,
                    "libdir": { "status": "available", "path": libraries },
                },
                "targets": [],
            },
            "target-platforms": [platform],
            "target-platform": null,
        },
        "rust-binaries": { (id.clone()): executable },
    });
    let text = serde_json::to_string(&described);
    text.with_context(|| format!("describe the executable of {package}"))
}

/// Returns the folder of a profile below the target folder: `debug` for `debug/deps/app-0123`.
fn output_folder(executable: &Utf8Path, target: &Utf8Path) -> String {
    let below = executable.strip_prefix(target).unwrap_or(executable);
    let deps = below.parent().unwrap_or(below);
    deps.parent().unwrap_or(deps).to_string()
}

/// Returns nextest's name of a target.
/// <https://nexte.st/docs/glossary/#binary-id>
fn binary_id(id: &TargetId) -> String {
    let TargetId {
        package,
        kind,
        name,
    } = id;
    match kind {
        TargetKind::Lib | TargetKind::Doc => package.clone(),
        TargetKind::Test => format!("{package}::{name}"),
        TargetKind::Bin | TargetKind::Example | TargetKind::Bench => {
            format!("{package}::{}/{name}", kind_of(*kind))
        }
    }
}

fn kind_of(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Lib | TargetKind::Doc => "lib",
        TargetKind::Bin => "bin",
        TargetKind::Test => "test",
        TargetKind::Example => "example",
        TargetKind::Bench => "bench",
    }
}
