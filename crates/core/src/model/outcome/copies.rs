//! Copies of a family crate beside the one at the pin.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::outcome::TargetOutcome;

/// A family crate that the graph of a cell also holds at another version than the pin's, because a
/// package outside the subject requires it. To the compiler, their types are different types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OtherCopy {
    /// The name of the crate.
    pub package: String,
    /// The version of this copy.
    pub version: String,
    /// The version that the subject uses.
    pub beside: String,
    /// The packages that require this copy, each with its version.
    pub required_by: Vec<String>,
    /// Whether an error of the compiler says that types of several versions of the crate meet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub meets: bool,
}

impl OtherCopy {
    /// Records whether an error of these targets says that versions of the crate meet. rustc says
    /// so in a note: "there are multiple different versions of crate `x` in the dependency graph",
    /// and before 1.83 "perhaps two different versions of crate `x` are being used?".
    pub fn look_for_errors(&mut self, targets: &[TargetOutcome]) {
        let library = self.package.replace('-', "_");
        let note = format!("different versions of crate `{library}`");
        let errors = targets.iter().flat_map(|target| &target.errors);
        let mut texts = errors.flat_map(|error| error.rendered.iter().chain([&error.message]));
        self.meets = texts.any(|text| text.contains(&note));
    }

    /// The packages that require it, as one phrase.
    #[must_use]
    pub fn users(&self) -> String {
        match self.required_by.as_slice() {
            [] => "nothing that is built".to_owned(),
            [one] => one.clone(),
            [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        }
    }
}

/// `gadget 1.0.0 beside 2.0.0, required by plug 3.0.0`.
impl fmt::Display for OtherCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            package,
            version,
            beside,
            ..
        } = self;
        let users = self.users();
        write!(
            f,
            "{package} {version} beside {beside}, required by {users}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diagnostic::Diagnostic;
    use crate::model::status::{FailureKind, Status};
    use crate::testing::test_named;

    fn copy(package: &str) -> OtherCopy {
        OtherCopy {
            package: package.to_owned(),
            version: "1.0.0".to_owned(),
            beside: "2.0.0".to_owned(),
            required_by: vec!["a 1.0.0".to_owned(), "b 1.0.0".to_owned()],
            meets: false,
        }
    }

    fn meets(package: &str, rendered: &str) -> bool {
        let error = Diagnostic {
            rendered: Some(rendered.to_owned()),
            ..Diagnostic::from_message("mismatched types")
        };
        let status = Status::failed(FailureKind::Compile);
        let target = TargetOutcome::not_run(test_named("t"), status, vec![error]);
        let mut copy = copy(package);
        copy.look_for_errors(&[target]);
        copy.meets
    }

    #[test]
    fn an_error_that_names_versions_of_the_crate_is_where_copies_meet() {
        let new = "note: there are multiple different versions of crate `gadget_io` in the dependency graph";
        let old = "note: perhaps two different versions of crate `gadget_io` are being used?";
        for note in [new, old] {
            assert!(meets("gadget-io", note));
            assert!(!meets("gadget", note));
        }
        assert!(!meets("gadget", "expected `gadget::Gear`, found `u32`"));
    }

    #[test]
    fn a_copy_names_both_versions_and_who_requires_it() {
        assert_eq!(
            copy("gadget").to_string(),
            "gadget 1.0.0 beside 2.0.0, required by a 1.0.0 and b 1.0.0"
        );
    }
}
