//! `forecast`: says from sources what changes for each target along the ladder.

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix::{ForecastSettings, cache_folder, forecast};
use pinmatrix_core::config::Network;
use pinmatrix_core::error::{UserError, nearest};
use pinmatrix_core::model::forecast::Forecast;
use pinmatrix_core::search::plan::glob;
use pinmatrix_report::terminal::forecast::forecast as text;

use crate::args::flags::{ForecastFlags, OutputFormat};
use crate::output::progress::Progress;
use crate::output::stdout;
use crate::{ExitStatus, open};

/// Runs `forecast`.
///
/// # Errors
///
/// Returns a user error in the config or the flags, or an error if the sources cannot be read.
pub fn run(flags: &ForecastFlags) -> Result<ExitStatus> {
    let progress = Progress::new();
    let matrix = open(&flags.flags, &progress)?;
    let names = matrix
        .config
        .families
        .iter()
        .map(|family| family.name.get_ref().as_str());
    let names: Vec<&str> = names.collect();
    let wanted: Vec<&str> = match &flags.family {
        None => names,
        Some(wanted) if names.contains(&wanted.as_str()) => vec![wanted],
        Some(wanted) => {
            let error = UserError::new(format!("the matrix has no family `{wanted}`"));
            let help = match nearest(wanted, names.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("it has {}", names.join(", ")),
            };
            return Err(error.help(help).into());
        }
    };
    let target = flags
        .target
        .as_deref()
        .map(|written| glob("--target", written));
    let target = target.transpose()?;
    let cache = cache_folder()?;
    let settings = ForecastSettings {
        all_versions: flags.all_versions,
        is_online: flags.flags.network() == Network::Online,
        cache: Utf8Path::from_path(&cache).context("read the cache's path as text")?,
    };
    let mut forecasts: Vec<Forecast> = Vec::new();
    for name in wanted {
        let mut forecast = forecast(&matrix, name, &settings)?;
        let is_wanted = |id: &str| target.as_ref().is_none_or(|glob| glob.is_match(id));
        forecast
            .targets
            .retain(|of| is_wanted(&of.target.to_string()));
        forecasts.push(forecast);
    }
    progress.end();
    match flags.format {
        OutputFormat::Text => {
            let pages: Vec<String> = forecasts.iter().map(text).collect();
            stdout::write(&pages.join("\n"))?;
        }
        OutputFormat::Json => {
            let json = serde_json::to_string_pretty(&forecasts).context("write the forecast")?;
            stdout::write_json(&format!("{json}\n"))?;
        }
    }
    Ok(ExitStatus::Passed)
}
