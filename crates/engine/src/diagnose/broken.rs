//! External packages that do not compile.

use cargo_metadata::{Package, PackageId};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::TargetKind;
use pinmatrix_core::model::outcome::moved::Broken;
use pinmatrix_core::model::status::FailureKind;

use crate::cargo::messages::BuildMessages;
use crate::cargo::targets::Workspace;
use crate::diagnose::classify::{fault_in, kind_of};
use crate::diagnose::target_result::failed_script;
use crate::matrix::family_packages::is_of_registry;

/// Names the package in each error that is not in the subject's code.
pub fn name_packages(messages: &mut BuildMessages, workspace: &Workspace) {
    for ((id, _, _), errors) in &mut messages.errors {
        if let Some(package) = workspace.foreign(id) {
            for counted in errors {
                counted.error.package = Some(named(package));
            }
        }
    }
}

/// Returns the packages from a registry and of the family that failed in the compiler or in their
/// own build script, ordered by ID. Failures of the linker or the machine do not count.
#[must_use]
pub fn broken(messages: &BuildMessages, workspace: &Workspace) -> Vec<(PackageId, Broken)> {
    let mut packages: Vec<&Package> = workspace.packages().iter().collect();
    packages.sort_by(|a, b| a.id.cmp(&b.id));
    let is_published =
        |package: &&Package| workspace.is_of_family(&package.id) || is_of_registry(package);
    let packages = packages.into_iter().filter(is_published);
    let packages = packages.filter(|package| workspace.foreign(&package.id).is_some());
    let of = |package: &Package| {
        let errors = errors_of(messages, package);
        let is_refused = fault_in(&errors).is_none() && kind_of(&errors) != FailureKind::Link;
        let error = errors.into_iter().next().filter(|_| is_refused)?;
        let broken = Broken {
            package: named(package),
            error,
        };
        Some((package.id.clone(), broken))
    };
    packages.filter_map(of).collect()
}

/// Returns all errors of a package's library and build script.
fn errors_of(messages: &BuildMessages, package: &Package) -> Vec<Diagnostic> {
    let is_below = |kind: Option<TargetKind>| matches!(kind, None | Some(TargetKind::Lib));
    let errors = messages.errors.iter();
    let errors = errors.filter(|((id, kind, _), _)| *id == package.id && is_below(*kind));
    let errors = errors.flat_map(|(_, errors)| errors);
    let errors = errors.map(|counted| counted.error.clone());
    errors
        .chain(failed_script(&messages.err, package))
        .collect()
}

fn named(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

#[cfg(test)]
mod tests;
