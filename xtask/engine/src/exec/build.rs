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
use crate::exec::process::{Ended, Exit, together};
use crate::exec::targets::{Target, Workspace};
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

/// By this variable a cargo takes itself for one of another channel. From 1.62 to 1.73, `--keep-going`
/// was there and not stable: <https://github.com/rust-lang/cargo/issues/10496>. The variable that
/// rustc knows too, `RUSTC_BOOTSTRAP`, would reach build scripts, which then find a nightly rustc.
const CHANNEL: &str = "__CARGO_TEST_CHANNEL_OVERRIDE_DO_NOT_USE_THIS";

/// What a build came to.
pub struct Built {
    /// Each target's own answer.
    pub made: BTreeMap<TargetId, Made>,
    /// What each package's build script said; tests see it too.
    pub scripts: BTreeMap<PackageId, BuildScript>,
    /// The binaries, by package and name.
    pub binaries: BTreeMap<(PackageId, String), Utf8PathBuf>,
    /// The hashes in the names of the units that it used, made anew or not.
    pub used: BTreeSet<String>,
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
    let has_failed = matches!(ended.exit, Exit::Code(n) if n != 0);
    if is_part && keeps_going && has_failed && is_open(&heard) {
        // What else goes by that name may have stopped cargo before it came to what is asked for.
        let again = heard.listen(cargo, &whole, log, on_step)?;
        ended = together(ended, again);
    }
    let has_failed = matches!(ended.exit, Exit::Code(n) if n != 0);
    if has_failed && !keeps_going && doubt(&ended.exit, &heard.err).is_none() {
        let mut nightly = cargo.vars.clone();
        nightly.insert(CHANNEL.into(), "nightly".into());
        let nightly = Cargo {
            vars: nightly,
            bounds: cargo.bounds.clone(),
            ..*cargo
        };
        whole.extend(["-Zunstable-options", "--keep-going"]);
        let again = heard.listen(&nightly, &whole, log, on_step)?;
        ended = together(ended, again);
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
    Ok(Built {
        made,
        scripts: heard.scripts,
        binaries: heard.binaries,
        used: heard.used,
        ended,
    })
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
