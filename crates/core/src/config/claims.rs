//! The claims of a migration plan, written down so that a run can check them.

use globset::{Glob, GlobMatcher};
use semver::{Version, VersionReq};
use toml::Spanned;

use super::{Span, did_you_mean};
use crate::config::families::Family;
use crate::config::raw;
use crate::config::values::requirement;
use crate::error::{SourceText, UserError};
use crate::model::cell::bare;

/// A claim of a migration plan.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its location in the file.
    pub at: Span,
    /// The claim, as text.
    pub says: String,
    /// The family it is about.
    pub family: String,
    /// The checkable form of the claim.
    pub claimed: ClaimKind,
}

/// The kinds of claims.
#[derive(Clone, Debug)]
pub enum ClaimKind {
    /// A pin needs this rustc, and no older one works.
    LeastRust {
        /// The rustc version, as written.
        rust: String,
        /// The pin.
        pin: Version,
    },
    /// Something changes along the ladder.
    Changes {
        /// The targets.
        target: GlobMatcher,
        /// The cases of these targets; `None` for all of them.
        case: Option<GlobMatcher>,
        /// The versions where it changes; `None` for anywhere.
        at: Option<VersionReq>,
    },
    /// Everything that matches passes at a pin.
    Passes {
        /// The targets.
        targets: Vec<GlobMatcher>,
        /// The pin.
        pin: Version,
    },
}

pub(super) fn claims(
    text: &SourceText,
    written: Vec<raw::Claim>,
    families: &[Family],
) -> Result<Vec<Claim>, UserError> {
    let claim = |written: raw::Claim| {
        Ok(Claim {
            family: family(text, &written, families)?,
            claimed: claimed(text, &written)?,
            at: written.says.span(),
            says: written.says.into_inner(),
        })
    };
    written.into_iter().map(claim).collect()
}

fn family(
    text: &SourceText,
    written: &raw::Claim,
    families: &[Family],
) -> Result<String, UserError> {
    let names = || families.iter().map(|family| family.name.get_ref().as_str());
    match (&written.family, families) {
        (None, [only]) => Ok(only.name.get_ref().clone()),
        (None, _) => Err(text
            .error_at("the claim does not name its family")
            .at(written.says.span(), "this claim")
            .help("add `family = \"NAME\"`")),
        (Some(name), _) if names().any(|known| known == name.get_ref()) => {
            Ok(name.get_ref().clone())
        }
        (Some(name), _) => Err(text
            .error_at(format!("there is no family `{}`", name.get_ref()))
            .at(name.span(), "not in this matrix")
            .maybe_help(did_you_mean(name.get_ref(), names()))),
    }
}

fn claimed(text: &SourceText, written: &raw::Claim) -> Result<ClaimKind, UserError> {
    let raw::Claim {
        least_rust,
        changes,
        passes,
        pin,
        case,
        at,
        ..
    } = written;
    match (least_rust, changes, passes, pin) {
        (Some(rust), None, None, Some(pin)) if case.is_none() && at.is_none() => {
            let is_number = |part: &str| part.parse::<u64>().is_ok();
            if !rust.get_ref().split('.').all(is_number) {
                return Err(text
                    .error_at(format!("`{}` is not a valid Rust version", rust.get_ref()))
                    .at(rust.span(), "for example `1.89`"));
            }
            Ok(ClaimKind::LeastRust {
                rust: rust.get_ref().clone(),
                pin: version(text, pin)?,
            })
        }
        (None, Some(target), None, None) => Ok(ClaimKind::Changes {
            target: glob(text, target)?,
            case: case.as_ref().map(|case| glob(text, case)).transpose()?,
            at: at.as_ref().map(|at| requirement(text, at)).transpose()?,
        }),
        (None, None, Some(targets), Some(pin)) if case.is_none() && at.is_none() => {
            let targets = targets.iter().map(|target| glob(text, target));
            Ok(ClaimKind::Passes {
                targets: targets.collect::<Result<_, _>>()?,
                pin: version(text, pin)?,
            })
        }
        (_, _, _, _) => Err(text
            .error_at("a claim that cannot be judged")
            .at(written.says.span(), "this claim")
            .help("give `least-rust` and `pin`; or `changes`, with `case` and `at` if you like; or `passes` and `pin`")),
    }
}

fn version(text: &SourceText, written: &Spanned<String>) -> Result<Version, UserError> {
    let version = Version::parse(written.get_ref()).map_err(|e| {
        text.error_at(format!("`{}` is not an exact version", written.get_ref()))
            .at(written.span(), e.to_string())
    })?;
    Ok(bare(&version))
}

fn glob(text: &SourceText, written: &Spanned<String>) -> Result<GlobMatcher, UserError> {
    let glob = Glob::new(written.get_ref()).map_err(|e| {
        text.error_at(format!("`{}` is not a valid glob", written.get_ref()))
            .at(written.span(), e.kind().to_string())
    })?;
    Ok(glob.compile_matcher())
}
