//! Filters for cells to leave out, with reasons, and for cells to include again.

use globset::{Glob, GlobSet, GlobSetBuilder};
use semver::{Version, VersionReq};
use toml::Spanned;

use super::{Config, Span, did_you_mean};
use crate::config::raw;
use crate::config::values::requirement;
use crate::error::{SourceText, UserError};
use crate::model::cell::{Cell, PinnedAt};
use crate::model::status::SkipReason;

/// Cells to leave out, and why.
#[derive(Clone, Debug)]
pub struct Exclude {
    /// The cells.
    pub cells: CellFilter,
    /// The reason.
    pub reason: String,
}

/// A filter that selects the cells for which all its parts match.
#[derive(Clone, Debug)]
pub struct CellFilter {
    /// The location of the filter or its reason in the file.
    pub at: Span,
    toolchain: Option<NameGlobs>,
    source: Option<NameGlobs>,
    features: Option<NameGlobs>,
    family: Option<NameGlobs>,
    pins: Option<VersionReq>,
}

#[derive(Clone, Debug)]
struct NameGlobs {
    written: Vec<String>,
    set: GlobSet,
}

impl CellFilter {
    /// True if the filter selects the cell. A range of pins matches published pins only.
    #[must_use]
    pub fn means(&self, cell: &Cell) -> bool {
        let matches = |globs: &Option<NameGlobs>, label: Option<&str>| match (globs, label) {
            (None, _) => true,
            (Some(globs), Some(label)) => globs.set.is_match(label),
            (Some(_), None) => false,
        };
        let row = &cell.row;
        matches(&self.toolchain, Some(&row.toolchain))
            && matches(&self.source, row.source.as_deref())
            && matches(&self.features, row.features.as_deref())
            && matches(&self.family, Some(&cell.pin.family))
            && self
                .pins
                .as_ref()
                .is_none_or(|pins| is_in(pins, &cell.pin.at))
    }
}

/// True for a published pin in a range. A pre-release counts as its release.
#[must_use]
pub fn is_in(range: &VersionReq, at: &PinnedAt) -> bool {
    let version = at.version();
    version.is_some_and(|version| range.matches(&released(version)))
}

/// Removes the pre-release part of a version, so that ranges match pre-releases too.
pub(super) fn released(version: &Version) -> Version {
    Version {
        pre: semver::Prerelease::EMPTY,
        ..version.clone()
    }
}

pub(super) fn excludes(
    text: &SourceText,
    written: Vec<raw::Exclude>,
) -> Result<Vec<Exclude>, UserError> {
    let exclude = |raw::Exclude(cells, reason): raw::Exclude| {
        if reason.get_ref().trim().is_empty() {
            return Err(text
                .error_at("cells are excluded without a reason")
                .at(reason.span(), "empty")
                .help("say why, for whoever reads the report"));
        }
        Ok(Exclude {
            cells: which(text, cells, &reason)?,
            reason: reason.into_inner(),
        })
    };
    written.into_iter().map(exclude).collect()
}

pub(super) fn includes(
    text: &SourceText,
    written: Vec<Spanned<raw::CellFilter>>,
) -> Result<Vec<CellFilter>, UserError> {
    let include = |written: Spanned<raw::CellFilter>| {
        let place = Spanned::new(written.span(), ());
        which(text, written.into_inner(), &place)
    };
    written.into_iter().map(include).collect()
}

fn which<T>(
    text: &SourceText,
    written: raw::CellFilter,
    place: &Spanned<T>,
) -> Result<CellFilter, UserError> {
    let pins = written
        .pins
        .as_ref()
        .map(|pins| requirement(text, pins))
        .transpose()?;
    let which = CellFilter {
        at: place.span(),
        toolchain: globs(text, written.toolchain)?,
        source: globs(text, written.source)?,
        features: globs(text, written.features)?,
        family: globs(text, written.family)?,
        pins,
    };
    let CellFilter {
        toolchain,
        source,
        features,
        family,
        pins,
        ..
    } = &which;
    let is_any = [toolchain, source, features, family]
        .iter()
        .any(|globs| globs.is_some());
    if !is_any && pins.is_none() {
        return Err(text
            .error_at("every cell of the matrix is meant")
            .at(place.span(), "which cells?")
            .help("name `toolchain`, `source`, `features`, `family` or `pins`"));
    }
    Ok(which)
}

fn globs(
    text: &SourceText,
    written: Option<raw::OneOrMore>,
) -> Result<Option<NameGlobs>, UserError> {
    let Some(written) = written else {
        return Ok(None);
    };
    let written = written.names();
    let mut set = GlobSetBuilder::new();
    for glob in &written {
        let glob = Glob::new(glob)
            .map_err(|e| text.error_at(format!("`{glob}` is not a valid glob: {}", e.kind())))?;
        set.add(glob);
    }
    let set = set
        .build()
        .map_err(|e| text.error_at(format!("these globs do not fit together: {e}")))?;
    Ok(Some(NameGlobs { written, set }))
}

/// Checks that every glob matches something in the matrix.
pub(super) fn check(config: &Config) -> Result<(), UserError> {
    let labels = |labels: Vec<Option<&str>>| -> Vec<String> {
        labels.into_iter().flatten().map(str::to_owned).collect()
    };
    let toolchains = labels(
        config
            .toolchains
            .iter()
            .map(|t| Some(t.label.as_str()))
            .collect(),
    );
    let sources = labels(config.sources.iter().map(|s| s.label.as_deref()).collect());
    let features = labels(
        config
            .feature_sets
            .iter()
            .map(|f| f.label.as_deref())
            .collect(),
    );
    let families = config
        .families
        .iter()
        .map(|f| Some(f.name.get_ref().as_str()));
    let families = labels(families.collect());
    let excluded = config.excludes.iter().map(|exclude| &exclude.cells);
    for which in excluded.chain(&config.includes) {
        let axes = [
            ("toolchain", &which.toolchain, &toolchains),
            ("source", &which.source, &sources),
            ("feature set", &which.features, &features),
            ("family", &which.family, &families),
        ];
        for (what, globs, labels) in axes {
            for glob in globs.iter().flat_map(|globs| &globs.written) {
                let matcher = Glob::new(glob).map(|glob| glob.compile_matcher());
                let hits =
                    matcher.is_ok_and(|glob| labels.iter().any(|label| glob.is_match(label)));
                if !hits {
                    let message = format!("`{glob}` is not a {what} of the matrix");
                    let hint = did_you_mean(glob, labels.iter().map(String::as_str));
                    return Err(config.text.error_at(message).maybe_help(hint));
                }
            }
        }
    }
    Ok(())
}

impl Config {
    /// The reason why a cell is left out, if it is: its pin is blocked, its feature set is not for
    /// the pin, or it is excluded.
    #[must_use]
    pub fn left_out(&self, cell: &Cell) -> Option<SkipReason> {
        if let Some(why) = self.blocked.get(&cell.pin) {
            return Some(SkipReason::Blocked(why.clone()));
        }
        if let Some(range) = self.range_without(cell) {
            let label = cell.row.features.as_deref().unwrap_or_default();
            let why = format!("feature set `{label}` is for pins {range}");
            return Some(SkipReason::Excluded(why));
        }
        if self.includes.iter().any(|which| which.means(cell)) {
            return None;
        }
        let mut excludes = self.excludes.iter();
        let exclude = excludes.find(|exclude| exclude.cells.means(cell))?;
        Some(SkipReason::Excluded(exclude.reason.clone()))
    }

    /// The range of pins of the cell's feature set, if the pin is not in it.
    fn range_without(&self, cell: &Cell) -> Option<&VersionReq> {
        let mut sets = self.feature_sets.iter();
        let set = sets.find(|set| set.label == cell.row.features)?;
        let range = set.pins.as_ref()?.get_ref();
        (!is_in(range, &cell.pin.at)).then_some(range)
    }
}
