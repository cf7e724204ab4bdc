//! The build of a cell: every target compiled as far as it goes, each with its own status and
//! errors.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8PathBuf;
use cargo_metadata::{BuildScript, PackageId};
use semver::Version;

use crate::config::{Family, FeatureSet};
use crate::exec::cargo::{Cargo, doubt};
use crate::exec::heard::Heard;
use crate::exec::judgement::{Judge, Made};
use crate::exec::log::Log;
use crate::exec::process::{Ended, Exit};
use crate::exec::targets::{Target, Workspace};
use crate::exec::unit_store::UsedUnits;
use crate::model::outcome::{Kind, TargetId};

/// How a build goes.
pub struct BuildOptions<'a> {
    /// The flags that choose the profile.
    pub flags: Vec<String>,
    /// The features.
    pub features: &'a FeatureSet,
    /// The family that is pinned.
    pub family: &'a Family,
    /// Whether all targets are asked for.
    pub is_whole: bool,
    /// Which targets are asked for.
    pub is_asked_for: &'a dyn Fn(&TargetId) -> bool,
}

/// What a build came to.
pub struct Built {
    /// Each target's own answer.
    pub made: BTreeMap<TargetId, Made>,
    /// What each package's build script said; tests see it too.
    pub scripts: BTreeMap<PackageId, BuildScript>,
    /// The binaries, by package and name.
    pub binaries: BTreeMap<(PackageId, String), Utf8PathBuf>,
    /// The units of packages from elsewhere that it used, made anew or not.
    pub used: UsedUnits,
    /// How the last command ended, and what all took.
    pub ended: Ended,
}

/// Compiles all targets of a workspace, and says of each how it went.
///
/// # Errors
///
/// When cargo cannot be started at all.
pub fn build(
    cargo: &Cargo<'_>,
    workspace: &Workspace,
    options: &BuildOptions<'_>,
    log: &mut Log,
    on_step: &mut dyn FnMut(&str),
) -> Result<Built> {
    let mut heard = Heard::default();
    let flags = &options.flags;
    let features = options.features.flags();
    // Stable since cargo 1.74: https://doc.rust-lang.org/cargo/commands/cargo-build.html
    let keeps_going = cargo.toolchain.cargo >= Version::new(1, 74, 0);
    let targets = workspace.targets.iter();
    let targets: Vec<&Target> = targets.filter(|t| (options.is_asked_for)(&t.id)).collect();
    let chosen: BTreeSet<Vec<String>> = targets.iter().map(|t| choice(&t.id)).collect();
    let mut whole = vec!["build", "--workspace", "--tests"];
    if keeps_going {
        whole.push("--keep-going");
    }
    if workspace.has_examples() {
        whole.push("--examples");
    }
    // The same members with the same features, whether all of their targets are built or some.
    let mut part = vec!["test", "--no-run", "--workspace"];
    part.extend(chosen.iter().flatten().map(String::as_str));
    for args in [&mut whole, &mut part] {
        args.extend(flags.iter().chain(&features).map(String::as_str));
    }
    // A target that is named is refused where features are off, in whichever member it is.
    let is_refused = |target: &Target| {
        !target.missing_features.is_empty() && chosen.contains(&choice(&target.id))
    };
    // `cargo test` that names an example makes a test executable of it.
    let all_bear_tests = targets.iter().all(|target| target.bears_tests);
    let is_part = !options.is_whole && all_bear_tests && !workspace.targets.iter().any(is_refused);
    let mut ended = match (targets.is_empty(), is_part) {
        (true, _) => Ended::NOTHING,
        (false, true) => heard.listen(cargo, &part, log, on_step)?,
        (false, false) => heard.listen(cargo, &whole, log, on_step)?,
    };
    let is_open = |heard: &Heard| targets.iter().any(|t| heard.own_answer(t).is_none());
    if is_part && matches!(ended.exit, Exit::Code(n) if n != 0) && is_open(&heard) {
        // What else goes by that name may have stopped cargo before it came to what is asked for.
        let again = heard.listen(cargo, &whole, log, on_step)?;
        ended = together(&ended, again);
    }
    if !ended.exit.is_success() && !keeps_going {
        for target in &targets {
            let is_open = heard.own_answer(target).is_none() || !heard.has_binaries(target);
            let is_open = is_open && target.missing_features.is_empty();
            if !is_open || doubt(&ended.exit, &heard.err).is_some() || ended.exit == Exit::TimedOut
            {
                continue;
            }
            let spec = workspace.spec_here(&target.package);
            let chosen = choice(&target.id);
            let features = workspace.feature_flags(&target.package, options.features);
            let mut args = match target.bears_tests {
                true => vec!["test", "--no-run", "--package", &spec],
                false => vec!["build", "--package", &spec],
            };
            args.extend(chosen.iter().map(String::as_str));
            args.extend(flags.iter().chain(&features).map(String::as_str));
            let one = heard.listen(cargo, &args, log, on_step)?;
            ended = together(&ended, one);
        }
    }
    let judge = Judge {
        heard: &heard,
        workspace,
        family: options.family,
        exit: &ended.exit,
    };
    let judged = targets.into_iter().map(|t| (t.id.clone(), judge.judge(t)));
    let mut made: BTreeMap<TargetId, Made> = judged.collect();
    let is_unexplained = !ended.exit.is_success() && !made.values().any(Made::has_failed);
    if options.is_whole
        && is_unexplained
        && let Some(of_none) = judge.of_none()
    {
        made.values_mut()
            .filter(|made| !matches!(made, Made::Not(..)))
            .for_each(|made| *made = of_none.clone());
    }
    let used = heard.used.into_iter();
    let used = used.filter_map(|(hash, package)| Some((hash, workspace.units.digest(&package)?)));
    let used = used.collect();
    Ok(Built {
        made,
        scripts: heard.scripts,
        binaries: heard.binaries,
        used,
        ended,
    })
}

/// Two commands as one that ended as the second did.
fn together(first: &Ended, second: Ended) -> Ended {
    Ended {
        exit: second.exit,
        wall: first.wall + second.wall,
        cpu: first.cpu + second.cpu,
        waited: first.waited + second.waited,
    }
}

/// The flags that choose one target.
#[must_use]
pub fn choice(id: &TargetId) -> Vec<String> {
    match id.kind {
        Kind::Lib | Kind::Doc => vec!["--lib".to_owned()],
        Kind::Bin => vec!["--bin".to_owned(), id.name.clone()],
        Kind::Test => vec!["--test".to_owned(), id.name.clone()],
        Kind::Example => vec!["--example".to_owned(), id.name.clone()],
        Kind::Bench => vec!["--bench".to_owned(), id.name.clone()],
    }
}
