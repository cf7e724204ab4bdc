//! Packages outside of what is copied, which the subject reaches by a path: no pin can move what
//! they require.

use anyhow::{Context, Result};
use pinmatrix_core::config::Config;
use pinmatrix_core::model::cell::Pin;
use semver::VersionReq;

use crate::manifest::{Manifest, requirements_of};
use crate::registry::ladder::Ladder;
use crate::subject::Subject;

/// Rejects such a package if it requires a family crate and does not admit every pin: its requirement
/// stays as it is, beside the pin or against it.
///
/// # Errors
///
/// Returns a [`UserError`](pinmatrix_core::error::UserError) that names the first such package, and
/// other errors if a manifest cannot be read.
pub fn packages(config: &Config, subject: &Subject, ladders: &[Ladder]) -> Result<()> {
    for folder in &subject.reaches {
        let path = folder.join("Cargo.toml");
        if !path.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let manifest = Manifest::parse(&text).with_context(|| format!("read {path}"))?;
        let manifests = [manifest];
        for (manifest, own) in requirements_of(&manifests) {
            let written = own.version.as_deref().unwrap_or("*");
            let admits = VersionReq::parse(written).ok();
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
