//! Writes `report.html` into a results folder that has a `run.json`: to see what a change to the
//! page comes to without running a matrix.
//!
//! usage: `cargo run -p pinmatrix --example page -- RESULTS`

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use pinmatrix::{files, record, report};

fn main() -> Result<()> {
    let out = std::env::args().nth(1).context("name a results folder")?;
    let out = Utf8PathBuf::from(out);
    let run = record::read(&out)?;
    let page = report::html::html(&run, Some(&out.join(report::html::LOCKS)))?;
    files::write_whole(&out.join(report::html::FILE), page.as_bytes())
}
