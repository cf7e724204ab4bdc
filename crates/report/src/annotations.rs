//! Annotations: GitHub workflow commands, which the runner reads from the output of a step and
//! shows next to the affected lines.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::analysis::problems::{Problem, Severity};
use pinmatrix_core::text;

use crate::sections::gaps;

/// The maximum number of annotations of each level in one step; the runner silently drops the rest.
/// A job may have fifty, and these are at most thirty of them.
const MOST: usize = 10;

/// The level at which the runner shows an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    fn of(severity: Severity) -> Self {
        match severity {
            Severity::New => Self::Error,
            Severity::Fixed | Severity::Unsure => Self::Warning,
            Severity::Known => Self::Notice,
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }

    /// The maximum number of annotations, minus one notice to mention the rest if there is a rest.
    fn room(self, has_rest: bool) -> usize {
        match self {
            Self::Notice if has_rest => MOST - 1,
            Self::Error | Self::Warning | Self::Notice => MOST,
        }
    }
}

/// The problems of a run as workflow commands, one per line, the most important first.
#[must_use]
pub fn annotations(analysis: &Analysis<'_>) -> String {
    // These come first, because an engine that shows only a few annotations shows the first ones,
    // and without the missing cells nothing else is complete.
    let gaps = gaps::lines(analysis.run);
    let gaps = gaps
        .iter()
        .map(|line| format!("::warning title=pinmatrix::{}\n", data(line)));
    gaps.collect::<String>() + &commands(&analysis.problems)
}

fn commands(problems: &[Problem]) -> String {
    let levels = [Level::Error, Level::Warning, Level::Notice];
    let of = |level: Level| {
        problems
            .iter()
            .filter(move |p| Level::of(p.severity) == level)
    };
    let has_rest = levels.iter().any(|level| of(*level).count() > MOST);
    let shown = levels.map(|level| of(level).take(level.room(has_rest)).collect::<Vec<_>>());
    let mut out = String::new();
    for (level, shown) in levels.into_iter().zip(&shown) {
        out.extend(shown.iter().map(|problem| command(level, problem)));
    }
    if has_rest {
        let rest = levels.iter().zip(&shown).map(|(level, shown)| {
            let n = of(*level).count() - shown.len();
            format!("{n} {}s", level.command())
        });
        let rest = rest.collect::<Vec<_>>().join(", ");
        let message = format!("{rest} more than can be shown here: see the summary of the step");
        out.push_str(&format!(
            "::notice title={}::{}\n",
            property("pinmatrix"),
            data(&message)
        ));
    }
    out
}

fn command(level: Level, problem: &Problem) -> String {
    let place = problem.place.as_ref().map(|place| {
        let file = property(&place.file);
        format!("file={file},line={},", place.line)
    });
    let place = place.unwrap_or_default();
    let (title, message) = (property(&problem.title()), data(&problem.message()));
    format!("::{} {place}title={title}::{message}\n", level.command())
}

/// Escapes the message after the second `::`; the runner decodes it.
/// <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>
fn data(text: &str) -> String {
    // The runner also accepts an older form of commands, which can begin anywhere.
    let text = text::sanitize(text).replace("##[", "## [");
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property value, after a `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::analysis::problems::{Check, SourcePlace};

    use super::*;

    /// A command as the runner parses it.
    /// <https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>
    struct Parsed {
        name: String,
        properties: Vec<(String, String)>,
        message: String,
    }

    fn parse(line: &str) -> Option<Parsed> {
        let line = line.trim_start().strip_prefix("::")?;
        let (head, message) = line.split_once("::")?;
        let (name, rest) = head.split_once(' ').unwrap_or((head, ""));
        let properties = rest.trim().split(',').filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let value = unescaped(value).replace("%3A", ":").replace("%2C", ",");
            Some((key.to_owned(), value.replace("%25", "%")))
        });
        Some(Parsed {
            name: name.to_owned(),
            properties: properties.collect(),
            message: unescaped(message).replace("%25", "%"),
        })
    }

    fn unescaped(text: &str) -> String {
        text.replace("%0D", "\r").replace("%0A", "\n")
    }

    fn problem(thing: &str, error: &str, file: &str) -> Problem {
        Problem {
            severity: Severity::New,
            check: Check::Gone,
            thing: thing.to_owned(),
            case: None,
            status: "gone".to_owned(),
            seen: "g 1.0.0 on stable".to_owned(),
            error: error.to_owned(),
            expected: None,
            changes: Vec::new(),
            notes: Vec::new(),
            command: "x".to_owned(),
            place: Some(SourcePlace {
                file: file.to_owned(),
                line: 7,
            }),
            fingerprint: String::new(),
        }
    }

    #[test]
    fn no_level_has_more_than_the_runner_shows_and_the_rest_is_counted() {
        let of = |severity: Severity, n: usize| {
            (0..n).map(move |n| Problem {
                severity,
                ..problem(&n.to_string(), "m", "f")
            })
        };
        let some: Vec<Problem> = of(Severity::New, 10)
            .chain(of(Severity::Known, 10))
            .collect();
        assert_eq!(commands(&some).lines().count(), 20);
        let many: Vec<Problem> = of(Severity::New, 25)
            .chain(of(Severity::Unsure, 3))
            .chain(of(Severity::Known, 12))
            .collect();
        let output = commands(&many);
        let count = |level: &str| {
            output
                .lines()
                .filter(|line| line.starts_with(level))
                .count()
        };
        assert_eq!(
            ["::error ", "::warning ", "::notice "].map(count),
            [10, 3, 10]
        );
        assert!(
            output.starts_with("::error file=f,line=7,title=0%3A gone at g 1.0.0 on stable::m%0A"),
            "{output}"
        );
        let last = output.lines().last().expect("a line");
        assert!(
            last.contains("::15 errors, 0 warnings, 3 notices more"),
            "{last}"
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_said_is_one_command_and_comes_back_as_it_was(
            title in "[a-c:,%=# \\[\u{0}\r\n\u{1b}é]{0,40}|.{0,20}",
            message in "[a-c:,%0ADC23=# \\[\u{0}\r\n\u{1b}é]{0,60}|(::error::|##\\[error\\]|\n){0,9}",
            file in "[a-c/:,% ]{1,20}",
        ) {
            let problem = problem(&title, &message, &file);
            let line = command(Level::Error, &problem);
            let end = line.strip_suffix('\n').expect("a line");
            proptest::prop_assert!(!end.contains(['\n', '\r']));
            proptest::prop_assert!(!end.contains("##["));
            let Parsed { name, properties, message: text } = parse(end).expect("a command");
            proptest::prop_assert_eq!(name, "error");
            let shown = |text: &str| text::sanitize(text).replace("##[", "## [");
            // The runner trims the properties before it decodes escapes.
            let is_space = |c: char| c.is_whitespace() && !matches!(c, '\r' | '\n');
            let trimmed = |text: &str| text.trim_end_matches(is_space).to_owned();
            let expected = [("file", shown(&file)), ("line", "7".to_owned()), ("title", trimmed(&shown(&problem.title())))];
            let expected = expected.map(|(key, value)| (key.to_owned(), value));
            proptest::prop_assert_eq!(properties, expected);
            proptest::prop_assert_eq!(text, shown(&problem.message()));
        }
    }
}
