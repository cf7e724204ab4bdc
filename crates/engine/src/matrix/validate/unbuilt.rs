//! Family crates that cells may not build: optional ones, and those for another platform. They are
//! not tested then, and the user should know that before a run.

use std::collections::BTreeSet;
use std::str::FromStr;

use anyhow::Result;
use cargo_platform::{Cfg, CfgExpr, Ident, Platform};
use pinmatrix_core::config::{Config, FeatureSet};
use pinmatrix_core::text;

use crate::manifest::{Manifest, requirements_of};
use crate::subject::Subject;

/// The longest note, in characters.
const LONGEST: usize = 400;

/// Returns one note per such crate.
///
/// # Errors
///
/// Returns an error if a manifest cannot be read.
pub fn notes(config: &Config, subject: &Subject) -> Result<Vec<String>> {
    let manifests = subject.checkout.manifests(&subject.manifests)?;
    let crates = config.families.iter().flat_map(|family| &family.crates);
    let note = |krate: &str| {
        let reasons = reasons(krate, &manifests, &config.feature_sets)?;
        let reasons: Vec<String> = reasons.into_iter().collect();
        let reasons = text::ellipsis(&text::one_line(&reasons.join("; ")), LONGEST);
        Some(format!("`{krate}` may be in no cell: {reasons}"))
    };
    Ok(crates.filter_map(|krate| note(krate.get_ref())).collect())
}

/// Explains why each requirement of the subject on a crate may bring in nothing. Returns `None` if
/// one does bring it in, or if there is no requirement.
fn reasons(
    krate: &str,
    manifests: &[Manifest],
    feature_sets: &[FeatureSet],
) -> Option<BTreeSet<String>> {
    let mut reasons = BTreeSet::new();
    let requirements = requirements_of(manifests).into_iter();
    for (manifest, requirement) in requirements.filter(|(_, own)| own.package == krate) {
        let name = manifest.package().unwrap_or_default();
        let platform = requirement.platform.as_deref();
        let elsewhere = platform.filter(|platform| !may_be_here(platform));
        let is_asked_for = || {
            let mut sets = feature_sets.iter();
            sets.any(|set| turns_on(manifest, set, &requirement.key))
        };
        reasons.insert(match elsewhere {
            Some(platform) => format!("`{name}` requires it for `{platform}` only"),
            None if requirement.is_optional && !is_asked_for() => format!(
                "it is optional in `{name}`, where no feature that is on by itself asks for it"
            ),
            None => return None,
        });
    }
    (!reasons.is_empty()).then_some(reasons)
}

/// Returns true if a feature set enables an optional dependency of a package.
/// <https://doc.rust-lang.org/cargo/reference/features.html#optional-dependencies>
fn turns_on(manifest: &Manifest, set: &FeatureSet, key: &str) -> bool {
    let features = manifest.features();
    let named = set.features.iter().map(|feature| feature.get_ref().clone());
    let mut open: Vec<String> = named.collect();
    if set.all {
        return true;
    }
    if set.default {
        open.push("default".to_owned());
    }
    let mut known = BTreeSet::new();
    while let Some(feature) = open.pop() {
        let brings = [format!("dep:{key}"), key.to_owned()].contains(&feature)
            || feature
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('/'));
        if brings {
            return true;
        }
        if known.insert(feature.clone()) {
            open.extend(features.get(&feature).into_iter().flatten().cloned());
        }
    }
    false
}

/// Returns true if a platform may be this one, including when that is unknown.
fn may_be_here(platform: &str) -> bool {
    match Platform::from_str(platform) {
        Ok(Platform::Cfg(expr)) => holds(&expr).unwrap_or(true),
        // The name of the system is part of a target triple.
        Ok(Platform::Name(triple)) => {
            let systems = ["windows", "linux", "apple", "freebsd", "wasi", "android"];
            let of_triple = systems.into_iter().find(|system| triple.contains(system));
            of_triple.is_none_or(|system| {
                let own = match std::env::consts::OS {
                    "macos" | "ios" => "apple",
                    system => system,
                };
                own == system
            })
        }
        Err(_) => true,
    }
}

/// Evaluates an expression for this machine; `None` if that depends on what is unknown here.
fn holds(expr: &CfgExpr) -> Option<bool> {
    match expr {
        CfgExpr::Not(inner) => Some(!holds(inner)?),
        CfgExpr::All(parts) => {
            let parts: Vec<_> = parts.iter().map(holds).collect();
            if parts.contains(&Some(false)) {
                Some(false)
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        CfgExpr::Any(parts) => {
            let parts: Vec<_> = parts.iter().map(holds).collect();
            if parts.contains(&Some(true)) {
                Some(true)
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        CfgExpr::Value(cfg) => of_this_machine(cfg),
        CfgExpr::True => Some(true),
        CfgExpr::False => Some(false),
    }
}

fn of_this_machine(cfg: &Cfg) -> Option<bool> {
    use std::env::consts::{ARCH, FAMILY, OS};
    let name = |ident: &Ident| ident.name.clone();
    match cfg {
        Cfg::Name(ident) => match name(ident).as_str() {
            family @ ("unix" | "windows") => Some(family == FAMILY),
            _ => None,
        },
        Cfg::KeyPair(ident, value) => match name(ident).as_str() {
            "target_os" => Some(value == OS),
            "target_family" => Some(value == FAMILY),
            "target_arch" => Some(value == ARCH),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_another_platform_is_not_here() {
        let other = match std::env::consts::FAMILY {
            "windows" => "unix",
            _ => "windows",
        };
        for (platform, is_here) in [
            (format!("cfg({other})"), false),
            (format!("cfg(not({other}))"), true),
            (format!("cfg(all({other}, feature_of_tomorrow))"), false),
            (format!("cfg(any({other}, feature_of_tomorrow))"), true),
            ("cfg(target_os = \"none\")".to_owned(), false),
            ("cfg(target_env = \"gnu\")".to_owned(), true),
            ("x86_64-unknown-wasi".to_owned(), false),
            ("no platform (".to_owned(), true),
        ] {
            assert_eq!(may_be_here(&platform), is_here, "{platform}");
        }
    }

    #[test]
    fn a_crate_that_every_requirement_may_leave_out_is_reported() {
        let set = |names: &[&str], default| FeatureSet {
            label: None,
            features: names
                .iter()
                .map(|name| toml::Spanned::new(0..0, (*name).to_owned()))
                .collect(),
            all: false,
            default,
            pins: None,
        };
        let app = |rest: &str| {
            let text = format!("[package]\nname = 'app'\n{rest}");
            Manifest::parse(&text).expect("a manifest")
        };
        let reasons_of = |manifest: &str, set: FeatureSet| {
            reasons("gadget-io", &[app(manifest)], &[set])
                .map(|reasons| reasons.into_iter().collect::<Vec<_>>().join("; "))
                .unwrap_or_default()
        };
        let optional = "[dependencies]\ngadget-io = { version = '1', optional = true }\n";
        let by_default = format!("{optional}[features]\ndefault = ['x']\nx = ['dep:gadget-io']\n");
        let is_optional =
            "it is optional in `app`, where no feature that is on by itself asks for it";
        assert_eq!(reasons_of(optional, set(&[], true)), is_optional);
        assert_eq!(reasons_of(optional, set(&["gadget-io"], true)), "");
        assert_eq!(reasons_of(&by_default, set(&[], true)), "");
        assert_eq!(reasons_of(&by_default, set(&[], false)), is_optional);
        assert_eq!(reasons_of(&by_default, set(&["x"], false)), "");
        let elsewhere = "[target.'cfg(target_os = \"none\")'.dependencies]\ngadget-io = '1'\n";
        assert_eq!(
            reasons_of(elsewhere, set(&[], true)),
            "`app` requires it for `cfg(target_os = \"none\")` only"
        );
        let both = format!("{elsewhere}[dependencies]\ngadget-io = '1'\n");
        assert_eq!(reasons_of(&both, set(&[], true)), "");
        assert_eq!(reasons_of("", set(&[], true)), "");
    }
}
