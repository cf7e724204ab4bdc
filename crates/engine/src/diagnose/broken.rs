//! Packages that are not the subject's and do not compile.

use cargo_metadata::{Package, PackageId};
use pinmatrix_core::config::Family;
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::TargetKind;
use pinmatrix_core::model::outcome::moved::Broken;
use pinmatrix_core::model::status::FailureKind;

use crate::cargo::messages::BuildMessages;
use crate::cargo::targets::Workspace;
use crate::diagnose::refusal::{class_of, fault_in};
use crate::diagnose::target_result::failed_script;

/// Names the package in each error that does not lie in the subject's code.
pub fn name_packages(messages: &mut BuildMessages, workspace: &Workspace, family: &Family) {
    for ((id, _, _), errors) in &mut messages.errors {
        if let Some(package) = workspace.foreign(id, family) {
            for counted in errors {
                counted.error.package = Some(named(package));
            }
        }
    }
}

/// The packages from a registry and of the family that the compiler or their own build script
/// refused, in the order of their ids. What a linker or the machine refused is not among them.
#[must_use]
pub fn broken(
    messages: &BuildMessages,
    workspace: &Workspace,
    family: &Family,
) -> Vec<(PackageId, Broken)> {
    let mut packages: Vec<&Package> = workspace.packages().iter().collect();
    packages.sort_by(|a, b| a.id.cmp(&b.id));
    let is_published = |package: &&Package| {
        let is_of_git = |repr: &str| repr.starts_with("git+");
        let source = package.source.as_ref();
        family.holds(&package.name) || source.is_some_and(|s| !is_of_git(&s.repr))
    };
    let packages = packages.into_iter().filter(is_published);
    let packages = packages.filter(|package| workspace.foreign(&package.id, family).is_some());
    let of = |package: &Package| {
        let errors = errors_of(messages, package);
        let is_refused = fault_in(&errors).is_none() && class_of(&errors) != FailureKind::Link;
        let error = errors.into_iter().next().filter(|_| is_refused)?;
        let broken = Broken {
            package: named(package),
            error,
        };
        Some((package.id.clone(), broken))
    };
    packages.filter_map(of).collect()
}

/// All errors of a package's library and of its build script.
fn errors_of(messages: &BuildMessages, package: &Package) -> Vec<Diagnostic> {
    let is_below = |kind: Option<TargetKind>| matches!(kind, None | Some(TargetKind::Lib));
    let counted = messages.errors.iter();
    let counted = counted.filter(|((id, kind, _), _)| *id == package.id && is_below(*kind));
    let counted = counted.flat_map(|(_, errors)| errors);
    let counted = counted.map(|counted| counted.error.clone());
    counted
        .chain(failed_script(&messages.err, package))
        .collect()
}

fn named(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}
