//! What follows from a run and from what `matrix.toml` asks of it: kept with the run, so that every
//! report shows the same.

use serde::{Deserialize, Serialize};

/// What follows from a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {}
