//! What follows from a run and from what `matrix.toml` asks of it: kept with the run, so that every
//! report shows the same.

use serde::{Deserialize, Serialize};

use crate::model::verdict::Verdict;

/// What follows from a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The run held against the committed baseline, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}
