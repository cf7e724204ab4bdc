//! `worklist`: lists what the subject still has to do at one pin, according to the last run.

use anyhow::{Context, Result};
use pinmatrix::results;
use pinmatrix_core::analysis::findings::worklist::worklist;
use pinmatrix_core::error::{UserError, nearest};
use pinmatrix_core::model::run::{CellRecord, FamilyRecord, Run};
use pinmatrix_core::search::plan::glob;
use pinmatrix_core::text;
use pinmatrix_report::sections::findings;

use crate::ExitStatus;
use crate::args::flags::{OutputFormat, WorklistFlags};
use crate::output::stdout;

/// Runs `worklist`.
///
/// # Errors
///
/// Returns a user error if there is no run, or if the pin is not in it.
pub fn run(flags: &WorklistFlags) -> Result<ExitStatus> {
    let run = results::read(&flags.flags.out()?)?;
    let family = family(&run, flags.family.as_deref())?;
    let pin = pin(&run, family, flags.pin.as_deref())?;
    let toolchain = flags
        .toolchain
        .as_deref()
        .map(|written| glob("--toolchain", written));
    let target = flags
        .target
        .as_deref()
        .map(|written| glob("--target", written));
    let (toolchain, target) = (toolchain.transpose()?, target.transpose()?);
    let is_cell_wanted = |record: &CellRecord| {
        let label = &record.cell.row.toolchain;
        toolchain.as_ref().is_none_or(|glob| glob.is_match(label))
    };
    let is_target_wanted = |id: &str| target.as_ref().is_none_or(|glob| glob.is_match(id));
    let list = worklist(&run, family, &pin, &is_cell_wanted, &is_target_wanted);
    let Some(mut list) = list else {
        let words = format!("no cell at {pin} was tested, so what is left there is not known");
        stdout::write(&format!(
            "{words}; `{} --pin {pin}` runs it\n",
            text::one_line(&run.command)
        ))?;
        return Ok(ExitStatus::Inconclusive);
    };
    list.explain(&run.findings.causes);
    match flags.format {
        OutputFormat::Text => stdout::write(&findings::worklist(&list))?,
        OutputFormat::Json => {
            let json = serde_json::to_string_pretty(&list).context("write the list")?;
            stdout::write_json(&format!("{json}\n"))?;
        }
    }
    Ok(ExitStatus::Passed)
}

fn family<'a>(run: &'a Run, named: Option<&str>) -> Result<&'a FamilyRecord, UserError> {
    let names = || run.families.iter().map(|family| family.name.as_str());
    match (named, run.families.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(UserError::new("of which family?").help("name it with --family")),
        (Some(name), families) => {
            let known = families.iter().find(|family| family.name == name);
            known.ok_or_else(|| {
                let hint = nearest(name, names()).map(|name| format!("did you mean `{name}`?"));
                UserError::new(format!("there is no family `{name}` in the last run"))
                    .maybe_help(hint)
            })
        }
    }
}

fn pin(run: &Run, family: &FamilyRecord, named: Option<&str>) -> Result<String, UserError> {
    let of_family = run
        .cells
        .iter()
        .filter(|record| record.cell.pin.family == family.name);
    let pins: Vec<String> = of_family
        .map(|record| record.cell.pin.at.to_string())
        .collect();
    let last = family
        .pins
        .last()
        .map(|pin| pin.at.to_string())
        .unwrap_or_default();
    let pin = named.map_or(last, str::to_owned);
    if pins.contains(&pin) {
        return Ok(pin);
    }
    let hint = nearest(&pin, pins.iter().map(String::as_str));
    let hint = hint.map(|name| format!("did you mean `{name}`?"));
    Err(UserError::new(format!("there is no pin {pin} in the last run")).maybe_help(hint))
}
