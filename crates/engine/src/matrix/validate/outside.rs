//! Packages outside of what is copied, which the subject reaches by a path: no pin can move what
//! they require.

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_core::config::Config;
use pinmatrix_core::model::cell::Pin;
use semver::VersionReq;

use crate::manifest::{Manifest, Requirement, requirements_of};
use crate::registry::ladder::Ladder;
use crate::subject::Subject;

/// Rejects such a package if it requires a family crate and does not admit every pin: its requirement
/// stays as it is, beside the pin or against it. What only its own tests, another platform or a
/// feature need may not be in any graph, and is left to cargo.
///
/// # Errors
///
/// Returns a [`UserError`](pinmatrix_core::error::UserError) that names the first such package, and
/// other errors if a manifest cannot be read.
pub fn admit_pins(config: &Config, subject: &Subject, ladders: &[Ladder]) -> Result<()> {
    for folder in &subject.reaches {
        let manifests = with_workspace(folder)?;
        let required = requirements_of(&manifests).into_iter();
        let counts = |own: &Requirement| !own.is_dev && !own.is_optional && own.platform.is_none();
        for (manifest, own) in required.filter(|(_, own)| counts(own)) {
            let admits = own.version.as_deref();
            let admits = admits.and_then(|written| VersionReq::parse(written).ok());
            let takes = |pin: &Pin| {
                let version = pin.at.version();
                version.is_some_and(|v| admits.as_ref().is_some_and(|req| req.matches(v)))
            };
            let mut families = config.families.iter().zip(ladders);
            let refused = families.find_map(|(family, ladder)| {
                let is_meant = family.crate_names().contains(&own.package.as_str());
                let mut pins = ladder.rungs.iter().filter(|_| is_meant);
                pins.find(|pin| !takes(pin))
            });
            let Some(pin) = refused else { continue };
            let name = manifest.package().unwrap_or_default();
            let written = own.version.unwrap_or("from elsewhere".to_owned());
            return Err(config
                .text
                .error_at(format!(
                    "`{name}` in {folder} requires {} {written}, which is not {}",
                    own.package, pin.at
                ))
                .at(
                    config.subject.span(),
                    "reaches it by a path, outside of what is copied",
                )
                .help(
                    "name a folder that holds both as `root` under [subject]: then it moves with \
                     the family",
                )
                .into());
        }
    }
    Ok(())
}

/// Reads the manifest of a package and that of the workspace above it, from which it can inherit;
/// nothing if the folder has no manifest.
fn with_workspace(folder: &Utf8Path) -> Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for (depth, folder) in folder.ancestors().enumerate() {
        let path = folder.join("Cargo.toml");
        if !path.is_file() {
            if depth == 0 {
                break;
            }
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let manifest = Manifest::parse(&text).with_context(|| format!("read {path}"))?;
        let is_root = manifest.is_workspace();
        if depth == 0 || is_root {
            manifests.push(manifest);
        }
        if is_root {
            break;
        }
    }
    // Only the package itself is meant, and what it inherits.
    manifests.truncate(2);
    Ok(manifests)
}
