//! What follows from a run: a function of it and of what `matrix.toml` asks.

use crate::config::Config;
use crate::model::findings::Findings;
use crate::model::run::Run;

/// Everything that follows from a run.
#[must_use]
pub fn findings(_run: &Run, _config: &Config) -> Findings {
    Findings {}
}
