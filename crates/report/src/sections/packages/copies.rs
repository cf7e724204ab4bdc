//! Copies of family crates that other packages bring in beside the pin, and errors in which their
//! types meet.

use std::collections::BTreeMap;

use pinmatrix_core::model::outcome::copies::OtherCopy;
use pinmatrix_core::model::run::Run;
use pinmatrix_core::text::count;

/// A line for each copy, with the number of cells that hold it.
#[must_use]
pub fn lines(run: &Run) -> Vec<String> {
    let mut copies: BTreeMap<(&str, &str, String), usize> = BTreeMap::new();
    for copy in run
        .cells
        .iter()
        .filter_map(|c| c.outcome())
        .flat_map(|o| &o.copies)
    {
        let key = (copy.package.as_str(), copy.version.as_str(), copy.users());
        *copies.entry(key).or_default() += 1;
    }
    let line = |((package, version, users), n): ((&str, &str, String), usize)| {
        let cells = count(n, "cell");
        format!("{package} {version}, required by {users}, beside the pin in {cells}")
    };
    copies.into_iter().map(line).collect()
}

/// A line on the first error in which types of two copies meet, if there is one.
#[must_use]
pub fn meeting(run: &Run) -> Option<String> {
    let ended = run.cells.iter().filter_map(|c| Some((&c.id, c.outcome()?)));
    let mut found = ended.filter_map(|(cell, outcome)| {
        let mut copies = outcome.copies.iter();
        Some((cell, copies.find(|copy| copy.meets)?))
    });
    let (cell, copy) = found.next()?;
    let OtherCopy {
        package,
        version,
        beside,
        ..
    } = copy;
    let users = copy.users();
    Some(format!(
        "in an error of {cell}, types of {package} {beside}, which the subject uses, meet those of \
         {package} {version}, which {users} requires"
    ))
}
