//! What breaks first, how exactly that is located, and what breaks later and on other rows.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::analysis::frontier::{ChangeKind, ChangePoint};
use pinmatrix_core::model::cell::{PinnedAt, Row};
use pinmatrix_core::model::outcome::TargetId;

use crate::answer::sentence::{Sentence, listed};
use crate::answer::{Break, FamilyView, MOST_NAMES, n_targets, verb, what};

impl FamilyView<'_> {
    pub(super) fn breaks(&self, breaks: &[Break<'_>], points: &[&ChangePoint]) -> Vec<Sentence> {
        let Some(earliest) = breaks.first() else {
            return Vec::new();
        };
        let Break { point, rows, .. } = earliest;
        let how = match n_targets(breaks) {
            1 => format!(" {} at ", verb(point, "breaks", "break")),
            n => format!(
                " {} the first of {n} targets to break, at ",
                verb(point, "is", "are")
            ),
        };
        let on = self.on(rows, &point.after.at);
        let first = what(Sentence::default(), point)
            .say(format!(
                "{how}{} {}, {on}",
                self.record.name, point.after.at
            ))
            .ends_with(point.after.error.as_deref());
        let mut answer = vec![first, known(earliest)];
        let later = later_rows(earliest, points);
        answer.extend(elsewhere(earliest, &later));
        answer.extend(self.followers(earliest, &breaks[1..]));
        let by_name = if breaks.len() <= MOST_NAMES {
            breaks
        } else {
            &breaks[..1]
        };
        let named = by_name.iter().flat_map(|broken| {
            let rows = broken.rows.iter();
            rows.map(|row| (*row, &broken.point.after.at))
        });
        let later = later.iter().map(|point| (&point.row, &point.after.at));
        answer.extend(self.first_on_other_rows(&named.chain(later).collect(), points));
        answer
    }

    /// The first breaks of rows for which no sentence so far names the first break.
    fn first_on_other_rows(
        &self,
        named: &BTreeSet<(&Row, &PinnedAt)>,
        points: &[&ChangePoint],
    ) -> Vec<Sentence> {
        let mut first: BTreeMap<&Row, &ChangePoint> = BTreeMap::new();
        for point in points.iter().filter(|p| p.change == ChangeKind::Break) {
            let known = first.entry(&point.row).or_insert(point);
            if point.after.at < known.after.at {
                *known = point;
            }
        }
        let inconclusive = first
            .values()
            .filter(|p| !named.contains(&(&p.row, &p.after.at)));
        let inconclusive: Vec<_> = inconclusive.collect();
        let sentences = inconclusive.iter().take(MOST_NAMES).map(|point| {
            let how = verb(point, "is", "are");
            let on = format!("On {} ", point.row);
            what(self.opening(&on), point)
                .say(format!(" {how} the first to break, at {}", point.after.at))
                .ends_with(point.after.error.as_deref())
        });
        let rest = match inconclusive.len().saturating_sub(MOST_NAMES) {
            0 => None,
            1 => Some("On one more row something else breaks first.".to_owned()),
            n => Some(format!("On {n} more rows something else breaks first.")),
        };
        let rest = rest.map(|rest| self.opening(&rest));
        sentences.chain(rest).collect()
    }

    /// Where the other targets break: by name if there are few, otherwise as counts.
    fn followers(&self, earliest: &Break<'_>, breaks: &[Break<'_>]) -> Option<Sentence> {
        let (first, rest) = breaks.split_first()?;
        if breaks.len() >= MOST_NAMES {
            return many_followers(earliest, breaks);
        }
        let at = |follower: &Break<'_>| {
            let pin = &follower.point.after.at;
            let is_same_target = follower.point.target == earliest.point.target;
            if is_same_target || follower.rows != earliest.rows {
                format!("at {pin}, {}", self.on(&follower.rows, pin))
            } else {
                format!("at {pin}")
            }
        };
        let is_there = |other: &Break<'_>| {
            let (point, other_point) = (earliest.point, other.point);
            point.after.at == other_point.after.at
                && earliest.rows == other.rows
                && point.target != other_point.target
        };
        if breaks.iter().all(is_there) {
            return Some(there_too(breaks));
        }
        let follows = verb(first.point, "follows", "follow");
        let sentence = what(Sentence::default(), first.point);
        let sentence = sentence.say(format!(" {follows} {}", at(first)));
        let sentence = rest.iter().fold(sentence, |sentence, follower| {
            what(sentence.say(", "), follower.point).say(format!(" {}", at(follower)))
        });
        Some(sentence.say("."))
    }
}

/// How exactly a change point is located.
pub(super) fn known(first: &Break<'_>) -> Sentence {
    let point = first.point;
    let it = match (&point.target, &point.before.of_whole) {
        (Some(_), Some(words)) => format!("It {words}"),
        (_, _) if point.before.status.is_built() => {
            verb(point, "It still builds", "They still build").to_owned()
        }
        (_, _) => verb(point, "It still passes", "They still pass").to_owned(),
    };
    let at = if first.is_alike {
        point.before.at.to_string()
    } else {
        format!("{} on {}", point.before.at, point.row)
    };
    let between = &point.between;
    Sentence::new(if between.is_exact() {
        let remarks = between.remarks().into_iter();
        let remarks: String = remarks.map(|remark| format!("; {remark}")).collect();
        format!("{it} at {at}, and nothing is published between the two{remarks}.")
    } else {
        format!("{it} at {at}; {between}.")
    })
}

/// Where a target breaks later on rows other than those of its first break; one point per row.
fn later_rows<'a>(first: &Break<'_>, points: &[&'a ChangePoint]) -> Vec<&'a ChangePoint> {
    let point = first.point;
    let mut later: Vec<&ChangePoint> = Vec::new();
    for other in points.iter().filter(|p| p.change == ChangeKind::Break) {
        let is_later = other.target == point.target && other.after.at > point.after.at;
        let is_known = later.iter().any(|known| known.row == other.row);
        if is_later && !is_known && !first.rows.contains(&other.row) {
            later.push(other);
        }
    }
    later.truncate(MOST_NAMES);
    later
}

fn elsewhere(first: &Break<'_>, later: &[&ChangePoint]) -> Option<Sentence> {
    let point = first.point;
    let is_same = later.iter().all(|other| other.cases == point.cases);
    let sentence = Sentence::new("Elsewhere ");
    let sentence = match &point.target {
        Some(target) if !is_same => sentence.say("cases of ").name(target).say(" break"),
        Some(_) | None => sentence.say(verb(point, "it breaks", "they break")),
    };
    let places = later.iter();
    let places = places.map(|other| format!("at {} on {}", other.after.at, other.row));
    let places: Vec<String> = places.collect();
    (!places.is_empty()).then(|| sentence.say(format!(" {}.", listed(&places))))
}

/// Says that others break at the same pin, on the same rows.
fn there_too(breaks: &[Break<'_>]) -> Sentence {
    let last = breaks.len().saturating_sub(1);
    let named = breaks.iter().enumerate();
    let sentence = named.fold(Sentence::default(), |sentence, (n, other)| {
        let gap = match n {
            0 => "",
            n if n == last => " and ",
            _ => ", ",
        };
        what(sentence.say(gap), other.point)
    });
    let breaks = match breaks {
        [only] => verb(only.point, "breaks", "break"),
        _ => "break",
    };
    sentence.say(format!(" {breaks} there too."))
}

/// Where many other targets break, as counts.
fn many_followers(earliest: &Break<'_>, breaks: &[Break<'_>]) -> Option<Sentence> {
    let mut by_pin: BTreeMap<&PinnedAt, BTreeSet<Option<&TargetId>>> = BTreeMap::new();
    for follower in breaks.iter().map(|follower| follower.point) {
        if follower.target != earliest.point.target {
            let targets = by_pin.entry(&follower.after.at).or_default();
            targets.insert(follower.target.as_ref());
        }
    }
    let most = 3 * MOST_NAMES;
    let pins = by_pin
        .iter()
        .take(most)
        .map(|(pin, targets)| match targets.len() {
            1 => pin.to_string(),
            n => format!("{pin} ({n})"),
        });
    let mut pins: Vec<String> = pins.collect();
    if by_pin.len() > most {
        pins.push("later".to_owned());
    }
    let words = format!("The others follow at {}.", listed(&pins));
    (!pins.is_empty()).then(|| Sentence::new(words))
}
