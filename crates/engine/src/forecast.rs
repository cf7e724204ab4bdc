//! Foretells, from sources alone, what changes for each target of the subject along the ladder.
//!
//! Cargo fetches the sources of the family's own crates and of nothing that they require. A forecast
//! is kept under a hash of all that it was read from.

mod offers;
mod targets;
mod causes;

pub use self::causes::causes;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_api::forecast::step;
use pinmatrix_api::offer::Offer;
use pinmatrix_core::config::Family;
use pinmatrix_core::model::forecast::{Forecast, StepForecast, TargetForecast, UnreadVersion};
use semver::Version;

use crate::cache::key;
use crate::forecast::offers::{VersionTrees, trees};
use crate::forecast::targets::{UsingTarget, targets};
use crate::fs_ext::{CACHEDIR_TAG, CACHEDIR_TAG_FILE, write_whole};
use crate::matrix::Matrix;
use crate::registry::ladder::Ladder;
use crate::registry::sources::Sources;
use crate::workdir::work_dirs::FORECASTS;

/// What to foretell, and how.
pub struct ForecastSettings<'a> {
    /// Whether to read every published version between the ends of the ladder, and not only the
    /// ladder.
    pub all_versions: bool,
    /// Whether cargo may use the network.
    pub is_online: bool,
    /// The folder for what is kept.
    pub cache: &'a Utf8Path,
}

/// Foretells what changes for the first revision of the subject along the ladder of a family.
///
/// # Errors
///
/// Returns an error if cargo cannot list the targets of the subject, or if a file of the subject or of
/// the cache cannot be read or written.
pub fn forecast(matrix: &Matrix, name: &str, settings: &ForecastSettings<'_>) -> Result<Forecast> {
    let unknown = |what: &str| format!("find the {what} of {name}");
    let tree = matrix.trees.first().with_context(|| unknown("subject"))?;
    let mut families = matrix.config.families.iter().zip(&matrix.ladders);
    let found = families.find(|(family, _)| family.name.get_ref() == name);
    let (family, ladder) = found.with_context(|| unknown("ladder"))?;
    let selection = tree
        .selections
        .get(name)
        .with_context(|| unknown("packages"))?;
    let versions = versions(ladder, settings.all_versions);
    let place = tree.subject.checkout.in_origin(&tree.subject.root);
    let key = key::of(&(
        pinmatrix_api::tree::EPOCH,
        (&tree.sources, selection.flags()),
        // A registry on this machine is known by the subject that uses it.
        matrix.registry.cargo_folder().unwrap_or(place.as_str()),
        (
            family.crate_names(),
            family
                .keys
                .iter()
                .map(|key| key.get_ref())
                .collect::<Vec<_>>(),
        ),
        versions.iter().map(ToString::to_string).collect::<Vec<_>>(),
    ))?;
    let folder = kept_in(settings.cache)?;
    let kept = folder.join(format!("{key}.json"));
    if let Ok(text) = fs::read(&kept)
        && let Ok(forecast) = serde_json::from_slice(&text)
    {
        return Ok(forecast);
    }
    let sources = sources(matrix, &place, settings.is_online);
    let forecast = with_large_stacks(|| {
        let (read, unread) = trees(family, &versions, &sources, &folder)?;
        let is_family = is_of_family(family, &libraries(&read));
        let using = targets(matrix, tree, family, selection, &is_family)?;
        anyhow::Ok(Forecast {
            family: name.to_owned(),
            versions: read.iter().map(|read| read.version.clone()).collect(),
            targets: foretell(family, &read, using),
            unread,
        })
    })??;
    if forecast.unread.is_empty() {
        let json = serde_json::to_vec(&forecast).context("write the forecast")?;
        write_whole(&kept, &json)?;
    }
    Ok(forecast)
}

/// The stack of a thread that parses, in bytes. What is nested more deeply than this allows is not
/// parsed.
const STACK: usize = 256 << 20;

/// Does work on threads of its own, with stacks for deeply nested code.
fn with_large_stacks<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().stack_size(STACK).build();
    Ok(pool.context("start threads to read sources")?.install(work))
}

/// Creates the folder of what is kept. Its tag keeps it out of the checkout of a subject around it.
fn kept_in(cache: &Utf8Path) -> Result<Utf8PathBuf> {
    let folder = cache.join(FORECASTS);
    fs::create_dir_all(&folder).with_context(|| format!("make {folder}"))?;
    let tag = folder.join(CACHEDIR_TAG_FILE);
    if !tag.exists() {
        write_whole(&tag, CACHEDIR_TAG.as_bytes())?;
    }
    Ok(folder)
}

/// Returns where the sources for a matrix come from; `place` is its workspace in the user's tree.
fn sources<'a>(matrix: &'a Matrix, place: &'a Utf8Path, is_online: bool) -> Sources<'a> {
    Sources {
        registry: &matrix.registry,
        subject: place,
        cargo: &matrix.resolver,
        child_env: &matrix.child_env,
        is_online,
        fetching: Mutex::default(),
    }
}

/// Returns the versions to read, in ascending order.
fn versions(ladder: &Ladder, all: bool) -> Vec<Version> {
    let pins = ladder.all().into_iter().filter(|of| all || of.is_rung);
    let versions: BTreeSet<Version> = pins.filter_map(|of| of.pin.at.version().cloned()).collect();
    versions.into_iter().collect()
}

/// Returns true for the names under which code knows the crates of a family: those of their packages,
/// and of their libraries where these have others.
fn is_of_family(
    family: &Family,
    libraries: &BTreeSet<String>,
) -> impl Fn(&str) -> bool + Sync + use<> {
    let names = family.crate_names().into_iter();
    let names = names.map(|name| name.replace('-', "_"));
    let names: BTreeSet<String> = names.chain(libraries.iter().cloned()).collect();
    move |name| names.contains(name)
}

/// Returns the names of the libraries of a family, at any version.
fn libraries(read: &[VersionTrees]) -> BTreeSet<String> {
    read.iter()
        .flat_map(|read| read.libraries.iter().cloned())
        .collect()
}

fn foretell(
    family: &Family,
    read: &[VersionTrees],
    using: Vec<UsingTarget>,
) -> Vec<TargetForecast> {
    let is_family = is_of_family(family, &libraries(read));
    let offers: Vec<Offer<'_>> = read
        .iter()
        .map(|read| Offer::of(&read.trees, &is_family))
        .collect();
    let of_target = |using: UsingTarget| {
        let pairs = read
            .iter()
            .zip(&offers)
            .zip(read.iter().zip(&offers).skip(1));
        let steps = pairs.map(|((from, before), (to, after))| {
            let changes = step(&using.uses, before, after);
            StepForecast {
                from: from.version.clone(),
                to: to.version.clone(),
                findings: changes.findings,
                n_unseen: changes.n_unseen,
            }
        });
        let steps: Vec<StepForecast> = steps
            .filter(|step| !step.findings.is_empty() || step.n_unseen > 0)
            .collect();
        TargetForecast {
            target: using.target,
            n_paths: using.uses.paths.len(),
            unseen: using.uses.unseen,
            steps,
        }
    };
    using.into_iter().map(of_target).collect()
}

/// A version whose sources are not there.
fn unread(version: &Version, package: &str) -> UnreadVersion {
    UnreadVersion {
        version: version.clone(),
        package: package.to_owned(),
    }
}
