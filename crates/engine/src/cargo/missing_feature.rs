//! Recognizes cargo's error about a feature that a dependency does not have at a pin.

use std::fmt;

use pinmatrix_core::model::cell::Pin;

use crate::matrix::cell_context::CellContext;

/// A feature that a package requires and its dependency does not have, as cargo's resolver reports
/// it: ``package `a` depends on `b` with feature `x-y` but `b` does not have that feature.``,
/// followed by a line with the name of a similar feature, if there is one.
pub struct MissingFeature<'a> {
    /// The package that requires the feature.
    asker: &'a str,
    /// The package that does not have it.
    dependency: &'a str,
    /// The feature.
    feature: &'a str,
    /// A feature of the dependency with a similar name.
    instead: Option<&'a str>,
}

impl<'a> MissingFeature<'a> {
    /// Finds the error in cargo's output.
    #[must_use]
    pub fn read(lines: &[&'a str]) -> Option<Self> {
        let is_it =
            |line: &&str| line.contains("` with feature `") && line.contains("does not have");
        let index = lines.iter().position(is_it)?;
        // Names are between backticks: every second part is one.
        let names: Vec<&str> = lines[index].split('`').skip(1).step_by(2).collect();
        let &[asker, dependency, feature, ..] = names.as_slice() else {
            return None;
        };
        let next = lines.get(index + 1).filter(|next| next.contains("feature"));
        let named = next
            .into_iter()
            .flat_map(|next| next.split('`').skip(1).step_by(2));
        Some(Self {
            asker,
            dependency,
            feature,
            instead: named.filter(|name| *name != dependency).last(),
        })
    }
}

/// Suggests what to write into `matrix.toml` if cargo misses a feature of a family crate at a
/// cell's pin; empty otherwise.
#[must_use]
pub fn help(err: &str, context: &CellContext<'_>) -> String {
    let lines: Vec<&str> = err.lines().collect();
    let missing = MissingFeature::read(&lines);
    let missing = missing.filter(|missing| context.family.holds(missing.dependency));
    missing.map_or(String::new(), |missing| missing.help(&context.cell.pin))
}

impl MissingFeature<'_> {
    fn help(&self, pin: &Pin) -> String {
        let Self {
            dependency,
            feature,
            instead,
            ..
        } = self;
        let pins = match pin.at.version() {
            Some(version) => format!("pins = \"={version}\""),
            None => "unreleased = true".to_owned(),
        };
        let instead = instead.map(|instead| format!("\"{instead}\""));
        let instead = instead.unwrap_or_default();
        format!(
            "; an `[[adjust]]` with `{pins}` and `features = {{ {dependency} = {{ {feature} = [{instead}] }} }}` changes that"
        )
    }
}

impl fmt::Display for MissingFeature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            asker,
            dependency,
            feature,
            instead,
        } = self;
        write!(
            f,
            "{asker} asks for its feature `{feature}`, which {dependency} does not have"
        )?;
        match instead {
            Some(instead) => write!(f, "; it has `{instead}`"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_is_not_there_is_named_with_one_that_is() {
        let message = |help: &str| {
            let line =
                "package `a` depends on `b` with feature `x-y` but `b` does not have that feature.";
            let lines = ["error: failed to select a version for `b`.", line, help];
            let missing = MissingFeature::read(&lines).expect("a feature");
            missing.to_string()
        };
        let asks = "a asks for its feature `x-y`, which b does not have";
        // Cargo 1.78, a newer one, and no similar name.
        for help in [
            "help: there is a feature `x_y` with a similar name",
            " package `b` does have feature `x_y`",
        ] {
            assert_eq!(message(help), format!("{asks}; it has `x_y`"));
        }
        assert_eq!(message(""), asks);
    }

    #[test]
    fn what_to_write_names_the_pin_and_both_features() {
        let line =
            "package `a` depends on `b` with feature `x-y` but `b` does not have that feature.";
        let lines = [line, "help: there is a feature `x_y` with a similar name"];
        let missing = MissingFeature::read(&lines).expect("a feature");
        assert_eq!(
            missing.help(&pinmatrix_core::testing::pin(2)),
            "; an `[[adjust]]` with `pins = \"=2.0.0\"` and `features = { b = { x-y = [\"x_y\"] } }` changes that"
        );
        assert!(MissingFeature::read(&["error: no"]).is_none());
    }
}
