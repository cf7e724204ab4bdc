//! Rejects config entries that match no pin or feature: they would silently change, exclude or
//! claim nothing.

use anyhow::Result;
use pinmatrix_core::config::{ClaimKind, Config, Span};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::cell::{Cell, Pin};

use crate::registry::ladder::Ladder;
use crate::subject::Subject;

/// Checks that each range of pins and each claim matches a pin.
///
/// # Errors
///
/// Returns a [`UserError`] that names the first one that does not.
pub fn pins(config: &Config, ladders: &[Ladder]) -> Result<(), UserError> {
    let pins = || ladders.iter().flat_map(Ladder::all).map(|of| of.pin);
    let nothing = |what: &str, at: &Span| {
        let error = config.text.error_at(format!("{what} matches nothing"));
        let help = "`plan` lists all cells; take it out, or widen its range";
        Err(error.at(at.clone(), "not a pin of the ladder").help(help))
    };
    for adjustment in &config.adjustments {
        if !pins().any(|pin| adjustment.is_for(pin)) {
            return nothing("an adjustment", &adjustment.at);
        }
    }
    let cells = || {
        let rows = config.rows().into_iter();
        rows.flat_map(move |row| {
            let cell = move |pin: &std::sync::Arc<Pin>| Cell {
                row: row.clone(),
                pin: pin.clone(),
            };
            pins().map(cell).collect::<Vec<_>>()
        })
    };
    // `--rev` replaces all sources, by which cells may be selected.
    let is_replaced = config.is_at_revision();
    let excluded = config.excludes.iter().map(|exclude| &exclude.cells);
    for which in excluded.chain(&config.includes) {
        if !is_replaced && !cells().any(|cell| which.means(&cell)) {
            return nothing("a selection of cells", &which.at);
        }
    }
    for claim in &config.claims {
        let mut of_family = pins().filter(|pin| pin.family == claim.family);
        let is_there = match &claim.claimed {
            ClaimKind::LeastRust { pin, .. } | ClaimKind::Passes { pin, .. } => {
                of_family.any(|other| other.at.version() == Some(pin))
            }
            ClaimKind::Changes { at: Some(at), .. } => {
                of_family.any(|pin| pin.at.version().is_some_and(|version| at.matches(version)))
            }
            ClaimKind::Changes { at: None, .. } => true,
        };
        if !is_there {
            return nothing("a claim", &claim.at);
        }
    }
    Ok(())
}

/// Checks that each feature that an override renames is required by a revision of the subject.
///
/// # Errors
///
/// Returns a [`UserError`] that names the first feature that is not, and other errors if a manifest
/// cannot be read.
pub fn features<'a>(config: &Config, subjects: impl Iterator<Item = &'a Subject>) -> Result<()> {
    // Another revision may require other features.
    if config.adjustments.is_empty() || config.is_at_revision() {
        return Ok(());
    }
    let mut manifests = Vec::new();
    for subject in subjects {
        manifests.extend(subject.checkout.manifests(&subject.manifests)?);
    }
    for adjustment in &config.adjustments {
        for (krate, features) in &adjustment.change.features {
            for feature in features.keys() {
                if manifests.iter().any(|m| m.asks_for(krate, feature)) {
                    continue;
                }
                let message = format!("the subject asks for no feature `{feature}` of `{krate}`");
                return Err(config
                    .text
                    .error_at(message)
                    .at(adjustment.at.clone(), "changes nothing")
                    .help("name a feature as it stands in a Cargo.toml of the subject")
                    .into());
            }
        }
    }
    Ok(())
}
