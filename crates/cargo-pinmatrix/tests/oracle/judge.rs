//! The judge: plain cargo in fresh checkouts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pinmatrix_core::model::outcome::{TargetId, TargetKind};
use serde::Deserialize;

use crate::draft::{Draft, Member, Table, Target};
use crate::layout::{check_out, write_manifests};
use crate::sections::{Section, sections};
use crate::word::{Seen, Word};
use crate::workshop::{CommandOutput, Workshop, clear};

/// A cell to be judged.
pub struct Trial<'a> {
    pub draft: &'a Draft,
    pub workshop: &'a Workshop,
    /// Where the workspace is laid out.
    pub laid_out: &'a Path,
    /// Where checkouts of it may be.
    pub folder: &'a Path,
    pub pin: &'a str,
    /// The lock that the tool wrote for the cell.
    pub lock: &'a Path,
}

/// Everything that `cargo test` may run or compile for its own sake, in the order in which it does.
fn targets(draft: &Draft) -> Vec<(&Member, Option<&Target>, TargetId)> {
    let mut all = Vec::new();
    let mut members: Vec<&Member> = draft.members.iter().collect();
    members.sort_by_key(|member| member.name);
    for member in &members {
        let says = |line: &str| member.lib_lines.contains(&line);
        if member.lib.is_some() && !says("test = false") {
            all.push((*member, None, member.lib_id(TargetKind::Lib)));
        }
        let mut targets: Vec<&Target> = member.targets.iter().collect();
        targets.sort_by_key(|target| (order(target.kind), &target.name));
        for target in targets {
            if target.bears_tests() || target.kind == TargetKind::Example {
                all.push((*member, Some(target), member.id(target.kind, &target.name)));
            }
        }
    }
    for member in &members {
        let is_off = member.lib_lines.contains(&"doctest = false");
        if member.lib.is_some() && !is_off {
            all.push((*member, None, member.lib_id(TargetKind::Doc)));
        }
    }
    all
}

fn order(kind: TargetKind) -> u8 {
    match kind {
        TargetKind::Lib => 0,
        TargetKind::Bin => 1,
        TargetKind::Test => 2,
        TargetKind::Bench => 3,
        TargetKind::Example => 4,
        TargetKind::Doc => 5,
    }
}

/// What cargo says of a cell.
pub fn judge(trial: &Trial<'_>) -> Result<Word, String> {
    let output = trial.test(&BTreeSet::new());
    let sections = sections(&output.text);
    if output.is_ok || !sections.is_empty() {
        return trial.word(&output, sections, &BTreeSet::new());
    }
    let built = trial.built()?;
    let all = targets(trial.draft).into_iter().map(|(_, _, id)| id);
    let off: BTreeSet<TargetId> = all.filter(|id| !built.contains(id)).collect();
    let rest = trial.test(&off);
    let sections = crate::sections::sections(&rest.text);
    if !rest.is_ok && sections.is_empty() {
        return Err(format!(
            "what builds does not build alone:\n{}\n{}",
            output.text, rest.text
        ));
    }
    let word = trial.word(&rest, sections, &off)?;
    Ok(Word {
        is_ok: false,
        ..word
    })
}

impl Trial<'_> {
    /// A fresh checkout, of which something is off, for as long as `work` takes.
    fn within<T>(&self, off: &BTreeSet<TargetId>, work: impl FnOnce(&Path) -> T) -> T {
        let folder = self.folder.join("checkout");
        let copy = check_out(self.draft, self.laid_out, &folder, self.pin, self.lock, off);
        let came = work(&copy);
        clear(&folder);
        came
    }

    fn cargo(&self, folder: &Path, args: &[&str]) -> CommandOutput {
        let flags = self.draft.flags.iter().map(|(flag, _)| flag.as_str());
        let args: Vec<&str> = args.iter().copied().chain(flags).collect();
        self.workshop
            .cargo(self.draft.toolchain.rustup, folder, &args)
    }

    fn test(&self, off: &BTreeSet<TargetId>) -> CommandOutput {
        let args = ["test", "--workspace", "--no-fail-fast", "--offline"];
        self.within(off, |copy| self.cargo(copy, &args))
    }

    /// What cargo printed, for each target by its own.
    fn word(
        &self,
        output: &CommandOutput,
        sections: Vec<Section>,
        off: &BTreeSet<TargetId>,
    ) -> Result<Word, String> {
        let mut sections: Vec<Option<Section>> = sections.into_iter().map(Some).collect();
        let mut word = Word {
            is_ok: output.is_ok,
            targets: BTreeMap::new(),
        };
        for (member, target, id) in targets(self.draft) {
            // With all features on, what is not there did not build.
            let has_all = self
                .draft
                .flags
                .iter()
                .any(|(flag, _)| flag == "--all-features");
            let is_required = target.is_some_and(|target| target.required.is_some() && !has_all);
            let source = match (id.kind, target) {
                (TargetKind::Doc, _) => None,
                (_, Some(target)) => Some(target.path()),
                (_, None) => Some("src/lib.rs".to_owned()),
            };
            let is_lib = matches!(id.kind, TargetKind::Lib | TargetKind::Doc);
            let krate = if is_lib {
                member.krate()
            } else {
                id.name.replace('-', "_")
            };
            // Examples keep their dashes in the names of their executables.
            let is_it = |s: &&mut Option<Section>| {
                s.as_ref()
                    .is_some_and(|s| s.source == source && s.krate.replace('-', "_") == krate)
            };
            let is_run = id.kind != TargetKind::Example || target.is_some_and(Target::bears_tests);
            let section = if off.contains(&id) || !is_run {
                None
            } else {
                sections.iter_mut().find(is_it).and_then(Option::take)
            };
            let seen = match section {
                Some(Section { mut tests, .. }) => {
                    let is_program = target.is_some_and(|target| !target.harness);
                    if is_program {
                        tests.is_whole = false;
                        tests.cases.clear();
                    }
                    Seen::Ran(tests)
                }
                None if is_required => Seen::LeftOut,
                None if off.contains(&id) => Seen::NotBuilt,
                None if !is_run => Seen::Built,
                None => return Err(format!("cargo did not run {id}:\n{}", output.text)),
            };
            word.targets.insert(id, seen);
        }
        match sections.into_iter().flatten().next() {
            Some(section) => Err(format!("what is {section:?} of?\n{}", output.text)),
            None => Ok(word),
        }
    }

    /// The targets that build. A cargo that cannot keep going is asked for the rest one by one.
    fn built(&self) -> Result<BTreeSet<TargetId>, String> {
        let mut args = vec!["build", "--workspace", "--bins", "--tests", "--examples"];
        args.extend(["--offline", "--message-format=json"]);
        let keeps_going = self.draft.toolchain.minor >= 74;
        if keeps_going {
            args.push("--keep-going");
        }
        // Cargo refuses `--lib` where no package has a library.
        if self.draft.members.iter().any(|member| member.lib.is_some()) {
            args.push("--lib");
        }
        self.within(&BTreeSet::new(), |copy| {
            let output = self.cargo(copy, &args);
            let artifacts = output.text.lines().filter(|line| line.starts_with('{'));
            let artifacts = artifacts.filter_map(|line| serde_json::from_str(line).ok());
            let units = artifacts.filter_map(|artifact| self.unit(copy, &artifact));
            let mut built = self.of_units(&units.collect());
            let is_of_code = |words: &str| output.text.contains(words);
            if !is_of_code("could not compile") && !is_of_code("custom build command") {
                return Err(format!("cargo does not build at all:\n{}", output.text));
            }
            if !keeps_going {
                let all: Vec<TargetId> = targets(self.draft).into_iter().map(|t| t.2).collect();
                let rest = all.iter().filter(|id| !built.contains(id));
                let more: Vec<_> = rest.filter(|id| self.is_built(copy, id, &all)).collect();
                built.extend(more.into_iter().cloned());
            }
            Ok(built)
        })
    }

    /// Whether a target builds in a checkout in which all others are off.
    fn is_built(&self, copy: &Path, id: &TargetId, all: &[TargetId]) -> bool {
        let off = all.iter().filter(|other| *other != id).cloned().collect();
        write_manifests(self.draft, copy, &format!("={}", self.pin), &off);
        // A doc test is compiled when it runs; that it is about to says that its library is there.
        match id.kind {
            TargetKind::Doc => {
                let output = self.cargo(copy, &["test", "--workspace", "--offline"]);
                !sections(&output.text).is_empty()
            }
            TargetKind::Lib
            | TargetKind::Bin
            | TargetKind::Test
            | TargetKind::Example
            | TargetKind::Bench => {
                let args = ["test", "--workspace", "--offline", "--no-run"];
                self.cargo(copy, &args).is_ok
            }
        }
    }

    /// The target that an artifact is of, and whether as a test.
    fn unit(&self, copy: &Path, artifact: &Artifact) -> Option<(TargetId, bool)> {
        let folder = Path::new(&artifact.manifest_path).parent()?;
        let folder = folder.strip_prefix(copy.canonicalize().ok()?).ok()?;
        let mut members = self.draft.members.iter();
        let member = members.find(|m| Path::new(m.folder) == folder)?;
        let id = match artifact.target.kind.first()?.as_str() {
            "bin" => member.id(TargetKind::Bin, &artifact.target.name),
            "test" => member.id(TargetKind::Test, &artifact.target.name),
            "example" => member.id(TargetKind::Example, &artifact.target.name),
            "bench" => member.id(TargetKind::Bench, &artifact.target.name),
            "custom-build" => return None,
            _ => member.lib_id(TargetKind::Lib),
        };
        Some((id, artifact.profile.test))
    }

    /// The targets of which everything is built.
    fn of_units(&self, units: &BTreeSet<(TargetId, bool)>) -> BTreeSet<TargetId> {
        let has_library =
            |member: &Member| units.contains(&(member.lib_id(TargetKind::Lib), false));
        // Cargo compiles a test beside the binaries of its package and not after them, so it keeps
        // going; but a test whose binaries are not there cannot run.
        let has_programs = |member: &Member, kind: TargetKind| {
            let runs_programs = matches!(kind, TargetKind::Test | TargetKind::Bench);
            let mut programs = member.targets.iter().filter(|t| t.kind == TargetKind::Bin);
            !runs_programs
                || programs.all(|t| units.contains(&(member.id(TargetKind::Bin, &t.name), false)))
        };
        let mut built = BTreeSet::new();
        for (member, target, id) in targets(self.draft) {
            let is_built = match id.kind {
                // A doc test needs what tests need.
                TargetKind::Doc => {
                    let mut others = self.draft.members.iter();
                    has_library(member)
                        && others.all(|other| {
                            let key = (Table::Dev, other.name.to_owned());
                            !member.dependencies.contains_key(&key) || has_library(other)
                        })
                }
                TargetKind::Lib
                | TargetKind::Bin
                | TargetKind::Test
                | TargetKind::Example
                | TargetKind::Bench => {
                    let is_test = target.is_none_or(Target::bears_tests);
                    units.contains(&(id.clone(), is_test)) && has_programs(member, id.kind)
                }
            };
            if is_built {
                built.insert(id);
            }
        }
        built
    }
}

#[derive(Deserialize)]
struct Artifact {
    manifest_path: String,
    target: ArtifactTarget,
    profile: ArtifactProfile,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    kind: Vec<String>,
    name: String,
}

#[derive(Deserialize)]
struct ArtifactProfile {
    test: bool,
}
