//! Tests that lean on the order in which cargo runs targets.

use pinmatrix_core::model::outcome::TargetKind;

use crate::draft::join;
use crate::grammar::site::{Fact, Site, Wrap};

/// One target writes a file, and one that cargo runs later finds it.
pub fn order(site: &mut Site<'_>) {
    let file = site.draft.fresh("handed-on-");
    let kinds = [
        TargetKind::Bin,
        TargetKind::Test,
        TargetKind::Bench,
        TargetKind::Example,
    ];
    let n_members = site.draft.members.len();
    let mut ends = Vec::new();
    for _ in 0..2 {
        let kind = site.rng.pick(&kinds);
        ends.push((site.rng.below(n_members), kind));
    }
    // Package by package, and within one by kind.
    let rank = |kind: TargetKind| kinds.iter().position(|one| *one == kind);
    ends.sort_by_key(|(member, kind)| (site.draft.members[*member].name, rank(*kind)));
    let is_told_apart = ends[0].0 != ends[1].0 || ends[0].1 != ends[1].1;
    if !is_told_apart
        || ends
            .iter()
            .any(|(member, _)| site.draft.members[*member].is_macro)
    {
        return;
    }
    for (index, (member, kind)) in ends.into_iter().enumerate() {
        site.member = member;
        let path = join(&site.draft.up_to_workspace(member), &file);
        let fact = match index {
            0 => format!("std::fs::write({path:?}, \"handed on\").is_ok()"),
            _ => format!("std::path::Path::new({path:?}).exists()"),
        };
        let name = site.function("hands_on_");
        let target = site.target(kind, true, true);
        if matches!(kind, TargetKind::Bench | TargetKind::Example) {
            site.draft.members[member].targets[target].test = Some(true);
        }
        let text = Wrap::Assert.test(&name, &Fact::plain(fact), site.edition());
        site.source(target).items.push_str(&text);
    }
}
