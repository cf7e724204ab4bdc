//! Where the tool says another thing than cargo on purpose.

use serde::Deserialize;

use crate::draft::Draft;
use crate::grammar::matches;
use crate::word::Difference;

/// The list that stands beside this file.
#[derive(Deserialize)]
pub struct Exceptions {
    exception: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// A pattern of the names of pieces.
    piece: String,
    tool: String,
    cargo: String,
    #[expect(dead_code, reason = "for whoever reads the list")]
    why: String,
}

impl Exceptions {
    /// Reads the list.
    pub fn read() -> Self {
        toml::from_str(include_str!("exceptions.toml")).expect("exceptions.toml")
    }

    /// The differences that are not on the list. What is only said of a whole cell follows from what
    /// is said of its targets.
    pub fn without(&self, draft: &Draft, differences: Vec<Difference>) -> Vec<Difference> {
        let n_before = differences.len();
        let left: Vec<Difference> = differences
            .into_iter()
            .filter(|difference| !self.holds(draft, difference))
            .collect();
        let is_only_whole = left.iter().all(|difference| difference.target.is_none());
        if is_only_whole && left.len() < n_before {
            Vec::new()
        } else {
            left
        }
    }

    fn holds(&self, draft: &Draft, difference: &Difference) -> bool {
        let Some(target) = &difference.target else {
            return false;
        };
        self.exception.iter().any(|exception| {
            let mut pieces = draft.pieces(target, difference.case.as_deref()).into_iter();
            exception.tool == difference.tool
                && exception.cargo == difference.cargo
                && pieces.any(|piece| matches(&exception.piece, piece))
        })
    }
}
