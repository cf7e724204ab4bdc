//! What is said of a cell, by the tool or by cargo, and where the two differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pinmatrix_core::model::outcome::{TargetId, TargetKind};

use crate::draft::Draft;

/// What is said of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Whether all is well.
    pub is_ok: bool,
    /// What is said of each target.
    pub targets: BTreeMap<TargetId, Seen>,
}

/// What is said of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It does not build.
    NotBuilt,
    /// It builds, and there is nothing to run.
    Built,
    /// It was left out: a feature that it requires is off.
    LeftOut,
    /// It ran.
    Ran(Tests),
}

/// What the tests of a target said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tests {
    /// Whether all is well.
    pub is_ok: bool,
    /// Whether every case is told of; cargo does not tell of those that were running when their
    /// process died.
    pub is_whole: bool,
    /// Each case by its name.
    pub cases: BTreeMap<String, Case>,
}

/// What is said of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Case {
    Passed,
    Failed,
    Ignored,
    /// The tool cannot tell, or says that it failed before it passed.
    Unsure(String),
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Ignored => "ignored",
            Self::Unsure(why) => why,
        })
    }
}

impl Seen {
    fn brief(seen: Option<&Self>) -> &'static str {
        match seen {
            None => "not known",
            Some(Self::NotBuilt) => "not built",
            Some(Self::Built) => "built",
            Some(Self::LeftOut) => "left out",
            Some(Self::Ran(tests)) => {
                if tests.is_ok {
                    "passed"
                } else {
                    "failed"
                }
            }
        }
    }
}

impl Word {
    /// All of it, a line a target and a line a case, with the pieces behind each.
    pub fn describe(&self, draft: &Draft) -> String {
        let mut text = if self.is_ok { "all is well" } else { "failed" }.to_owned();
        for (target, seen) in &self.targets {
            let pieces = draft.pieces(target, None);
            text += &format!("\n  {target} {} {pieces:?}", Seen::brief(Some(seen)));
            let cases = match seen {
                Seen::Ran(tests) => &tests.cases,
                Seen::NotBuilt | Seen::Built | Seen::LeftOut => continue,
            };
            for (name, case) in cases {
                text += &format!(
                    "\n    {name:?} {case} {:?}",
                    draft.pieces(target, Some(name))
                );
            }
        }
        text
    }
}

/// One thing of which the tool says another than cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The target; none for the whole cell.
    pub target: Option<TargetId>,
    /// The case; none for the whole target.
    pub case: Option<String>,
    /// The tool's word.
    pub tool: String,
    /// Cargo's word.
    pub cargo: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = &self.target {
            write!(f, "{target} ")?;
        }
        if let Some(case) = &self.case {
            write!(f, "{case:?} ")?;
        }
        write!(f, "the tool: {}, cargo: {}", self.tool, self.cargo)
    }
}

/// Where two words differ: case by case, else target by target, and as a whole.
pub fn differences(tool: &Word, cargo: &Word) -> Vec<Difference> {
    let mut found = Vec::new();
    let targets: BTreeSet<&TargetId> = tool.targets.keys().chain(cargo.targets.keys()).collect();
    for target in targets {
        let (ours, right) = (tool.targets.get(target), cargo.targets.get(target));
        let of_cases = match (ours, right) {
            (Some(Seen::Ran(ours)), Some(Seen::Ran(right))) => cases(target, ours, right),
            (_, _) => Vec::new(),
        };
        let is_nothing = |seen: Option<&Seen>| match seen {
            Some(Seen::Ran(tests)) => tests.is_ok && tests.cases.is_empty(),
            _ => false,
        };
        // The tool leaves out libraries that have no doc tests.
        let is_left_out = target.kind == TargetKind::Doc && ours.is_none() && is_nothing(right);
        let (ours, right) = (Seen::brief(ours), Seen::brief(right));
        if ours != right && of_cases.is_empty() && !is_left_out {
            found.push(Difference {
                target: Some(target.clone()),
                case: None,
                tool: ours.to_owned(),
                cargo: right.to_owned(),
            });
        }
        found.extend(of_cases);
    }
    if tool.is_ok != cargo.is_ok {
        let brief = |is_ok| if is_ok { "all is well" } else { "failed" }.to_owned();
        found.push(Difference {
            target: None,
            case: None,
            tool: brief(tool.is_ok),
            cargo: brief(cargo.is_ok),
        });
    }
    found
}

fn cases(target: &TargetId, tool: &Tests, cargo: &Tests) -> Vec<Difference> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = tool.cases.keys().chain(cargo.cases.keys()).collect();
    for name in names {
        let (ours, right) = (tool.cases.get(name), cargo.cases.get(name));
        // What cargo did not come to tell is not held against it.
        if ours == right || right.is_none() && !cargo.is_whole {
            continue;
        }
        let brief = |case: Option<&Case>| case.map_or("not known".to_owned(), Case::to_string);
        found.push(Difference {
            target: Some(target.clone()),
            case: Some(name.clone()),
            tool: brief(ours),
            cargo: brief(right),
        });
    }
    found
}
