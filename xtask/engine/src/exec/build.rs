//! The build of a cell: every target compiled as far as it goes, each with its own status and
//! errors.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8PathBuf;
use cargo_metadata::{BuildScript, PackageId};
use semver::Version;

use crate::config::{Family, FeatureSet};
use crate::exec::blame::Account;
use crate::exec::broken::{broken, name_packages};
use crate::exec::cargo::{Cargo, doubt};
use crate::exec::judgement::{Judge, Made};
use crate::exec::log::Log;
use crate::exec::process::{Ended, Exit};
use crate::exec::targets::{Target, Workspace};
use crate::exec::unit_store::UsedUnits;
use crate::model::moved::Broken;
use crate::model::outcome::{Kind, TargetId};
use crate::model::status::Status;

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
    /// Which targets and doc tests are asked for.
    pub is_asked_for: &'a dyn Fn(&TargetId) -> bool,
}

/// What a build came to.
pub struct Built {
    /// Each target's own answer.
    pub made: BTreeMap<TargetId, Made>,
    /// The packages from a registry and of the family that do not compile.
    pub broken: Vec<(PackageId, Broken)>,
    /// The packages whose library, without its tests, is known not to build.
    pub broken_libraries: BTreeSet<PackageId>,
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
    let targets = workspace.targets.iter();
    let targets: Vec<&Target> = targets.filter(|t| (options.is_asked_for)(&t.id)).collect();
    let mut build = Build {
        cargo,
        workspace,
        options,
        account: Account::new(workspace, options.is_asked_for),
        ended: Ended::NOTHING,
        log,
        on_step,
    };
    if !targets.is_empty() {
        build.all(&targets)?;
    }
    if !build.ended.exit.is_success() && !build.keeps_going() {
        build.one_by_one(&targets)?;
    } else if build.account.is_ambiguous() && build.can_go_on() {
        build.plain()?;
    }
    let Build {
        mut account, ended, ..
    } = build;
    name_packages(&mut account, workspace, options.family);
    let judge = Judge {
        account: &account,
        workspace,
        family: options.family,
        exit: &ended.exit,
        limit: cargo.limit,
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
    let documented = workspace.documented.iter();
    let documented = documented.filter(|(package, doc)| judge.has_broken_library(package, doc));
    let broken_libraries = documented.map(|(package, _)| package.clone()).collect();
    let broken = broken(&account, workspace, options.family);
    let heard = account.heard;
    let used = heard.used.into_iter();
    let used = used.filter_map(|(hash, package)| Some((hash, workspace.units.digest(&package)?)));
    let used = used.collect();
    Ok(Built {
        made,
        broken,
        broken_libraries,
        scripts: heard.scripts,
        binaries: heard.binaries,
        used,
        ended,
    })
}

impl Built {
    /// Whether the machine kept a target from an answer.
    #[must_use]
    pub fn has_doubt(&self) -> bool {
        let is_doubt = |made: &Made| match made {
            Made::Not(status, _) => matches!(status, Status::Inconclusive { .. }),
            Made::Executable(_) | Made::Example => false,
        };
        self.made.values().any(is_doubt)
    }
}

/// A build at work.
struct Build<'a> {
    cargo: &'a Cargo<'a>,
    workspace: &'a Workspace,
    options: &'a BuildOptions<'a>,
    account: Account,
    /// How the build ended so far, and what it took.
    ended: Ended,
    log: &'a mut Log,
    on_step: &'a mut dyn FnMut(&str),
}

impl Build<'_> {
    /// Whether cargo builds what else it can where one target fails.
    /// Stable since cargo 1.74: <https://doc.rust-lang.org/cargo/commands/cargo-build.html>
    fn keeps_going(&self) -> bool {
        self.cargo.toolchain.cargo >= Version::new(1, 74, 0)
    }

    /// All targets at once, or those that are asked for.
    fn all(&mut self, targets: &[&Target]) -> Result<()> {
        let chosen: BTreeSet<Vec<String>> = targets.iter().map(|t| choice(&t.id)).collect();
        // A target that is named is refused where features are off, in whichever member it is.
        let is_refused = |target: &Target| {
            !target.missing_features.is_empty() && chosen.contains(&choice(&target.id))
        };
        // `cargo test` that names an example makes a test executable of it.
        let all_bear_tests = targets.iter().all(|target| target.bears_tests);
        let any_refused = self.workspace.targets.iter().any(is_refused);
        if !self.options.is_whole && all_bear_tests && !any_refused {
            // The same members with the same features, whether all of their targets are built or
            // some.
            let mut part = args(&["test", "--no-run", "--workspace"]);
            part.extend(chosen.iter().flatten().cloned());
            let is_named = |id: &TargetId| {
                id.kind != Kind::Doc && chosen.contains(&choice(id))
                    || (self.options.is_asked_for)(id)
            };
            self.account = Account::new(self.workspace, is_named);
            let ended = self.listen(part)?;
            self.ended = ended;
            let is_open = |target: &&Target| self.account.own_answer(target).is_none();
            let has_failed = matches!(self.ended.exit, Exit::Code(n) if n != 0);
            if !has_failed || !targets.iter().any(is_open) {
                return Ok(());
            }
            // What else goes by that name may have stopped cargo before it came to what is asked for.
        }
        let mut whole = args(&["build", "--workspace", "--tests"]);
        if self.keeps_going() {
            whole.push("--keep-going".to_owned());
        }
        if self.workspace.has_examples() {
            whole.push("--examples".to_owned());
        }
        let is_built = |id: &TargetId| id.kind != Kind::Doc || (self.options.is_asked_for)(id);
        self.account
            .ask_again(Account::new(self.workspace, is_built));
        self.account.is_complete = self.keeps_going();
        let ended = self.listen(whole)?;
        self.ended = together(&self.ended, ended);
        Ok(())
    }

    /// What others use, without its tests: every library, and the binaries and examples that count.
    /// `--examples` also has cargo turn on the features that dev-dependencies ask for, as the whole
    /// build does.
    fn plain(&mut self) -> Result<()> {
        let mut plain = args(&["build", "--workspace", "--examples"]);
        let targets = self.workspace.targets.iter();
        let has = |kind| targets.clone().any(|target| target.id.kind == kind);
        if has(Kind::Lib) {
            plain.push("--lib".to_owned());
        }
        if targets.clone().any(|target| !target.binaries.is_empty()) {
            plain.push("--bins".to_owned());
        }
        let both = std::mem::take(&mut self.account.heard);
        let ended = match self.keeps_going() {
            true => {
                plain.push("--keep-going".to_owned());
                self.listen(plain)
            }
            false => self.as_far_as_it_goes(plain),
        };
        let plain = std::mem::replace(&mut self.account.heard, both);
        let ended = ended?;
        let used = plain.used.iter();
        let used = used.map(|(hash, package)| (hash.clone(), package.clone()));
        self.account.heard.used.extend(used);
        match ended.exit {
            Exit::Code(_) => {
                self.account.plain = Some(plain);
                let exit = self.ended.exit.clone();
                self.ended = Ended {
                    exit,
                    ..together(&self.ended, ended)
                };
            }
            // What was not heard to its end tells nothing.
            Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted | Exit::Lost(_) => {
                self.ended = together(&self.ended, ended);
            }
        }
        Ok(())
    }

    /// Each target that is open by itself, on a cargo that stops where one fails: first among all
    /// members, which gives it the features that the whole build gives; where another member stops
    /// cargo there too, in its own package alone.
    fn one_by_one(&mut self, targets: &[&Target]) -> Result<()> {
        if self.can_go_on() {
            self.plain()?;
        }
        let named = targets.iter().filter(|t| t.id.kind != Kind::Lib);
        for target in named {
            let is_refused = |other: &Target| {
                !other.missing_features.is_empty() && choice(&other.id) == choice(&target.id)
            };
            if self.is_open(target) && !self.workspace.targets.iter().any(is_refused) {
                let mut one = args(match target.bears_tests {
                    true => &["test", "--no-run", "--workspace"],
                    false => &["build", "--workspace"],
                });
                one.extend(choice(&target.id));
                let ended = self.listen(one)?;
                self.ended = together(&self.ended, ended);
            }
        }
        let mut libraries = targets.iter().filter(|t| t.id.kind == Kind::Lib);
        if libraries.any(|target| self.is_open(target)) {
            let tests = args(&["test", "--no-run", "--workspace", "--lib"]);
            let ended = self.as_far_as_it_goes(tests)?;
            self.ended = together(&self.ended, ended);
        }
        for target in targets {
            if !self.is_open(target) {
                continue;
            }
            let mut one = args(match target.bears_tests {
                true => &["test", "--no-run", "--package"],
                false => &["build", "--package"],
            });
            one.push(self.workspace.spec_here(&target.package));
            one.extend(choice(&target.id));
            let features = self.options.features;
            let features = self.workspace.feature_flags(&target.package, features);
            let ended = self.listen_with(self.cargo, one, features)?;
            self.ended = together(&self.ended, ended);
        }
        Ok(())
    }

    /// Asks a cargo that stops where one target fails again and again, for as long as it comes to
    /// something new. It starts all that can start before it sees one fail: so many at a time that
    /// what fails each time cannot keep it from the rest.
    fn as_far_as_it_goes(&mut self, mut args: Vec<String>) -> Result<Ended> {
        args.push(format!("--jobs={AT_ONCE}"));
        // The budget would let it start fewer.
        let cargo = Cargo {
            vars: self.cargo.vars.clone(),
            bounds: self.cargo.bounds.clone(),
            budget: None,
            ..*self.cargo
        };
        let mut all = Ended::NOTHING;
        loop {
            let before = self.account.heard.extent();
            let features = self.options.features.flags();
            let ended = self.listen_with(&cargo, args.clone(), features)?;
            all = together(&all, ended);
            let is_further = self.account.heard.extent() != before;
            let has_failed = matches!(all.exit, Exit::Code(n) if n != 0);
            if !has_failed || !is_further || doubt(&all.exit, &self.account.heard.err).is_some() {
                return Ok(all);
            }
        }
    }

    /// Whether a target is not answered for, and can be asked about.
    fn is_open(&self, target: &Target) -> bool {
        let is_made =
            self.account.own_answer(target).is_some() && self.account.has_binaries(target);
        !is_made && target.missing_features.is_empty() && self.can_go_on()
    }

    /// Whether there is a point in asking cargo again.
    fn can_go_on(&self) -> bool {
        let Ended { exit, .. } = &self.ended;
        matches!(exit, Exit::Code(_)) && doubt(exit, &self.account.heard.err).is_none()
    }

    /// One command among all members, with the features of the whole.
    fn listen(&mut self, args: Vec<String>) -> Result<Ended> {
        let features = self.options.features.flags();
        self.listen_with(self.cargo, args, features)
    }

    fn listen_with(
        &mut self,
        cargo: &Cargo<'_>,
        mut args: Vec<String>,
        features: Vec<String>,
    ) -> Result<Ended> {
        args.extend(self.options.flags.iter().cloned());
        args.extend(features);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let heard = &mut self.account.heard;
        heard.listen(cargo, &args, self.log, self.on_step)
    }
}

/// How many units a cargo may start at a time that stops where one fails.
const AT_ONCE: usize = 16;

fn args(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
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
