//! The build of a cell: every test-bearing target compiled as far as it goes, each with its own
//! status and errors.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::diagnostic::{Diagnostic as Told, DiagnosticLevel};
use cargo_metadata::{BuildScript, CompilerMessage, Message, PackageId};
use semver::Version;

use crate::config::Family;
use crate::exec::cargo::{Cargo, Whereabouts, doubt, first_error};
use crate::exec::log::Log;
use crate::exec::process::{Ended, Exit, Follower, Stream};
use crate::exec::refusal::{BUILD_SCRIPT, class_of, fault_in, script_said};
use crate::exec::share::hash_of;
use crate::exec::targets::{Target, Workspace, kind_of, name_of};
use crate::model::diagnostic::Diagnostic;
use crate::model::outcome::{Kind, TargetId};
use crate::model::status::{Class, Doubt, Skip, Status};
use crate::text;

/// How many errors of one target are kept.
const MOST_ERRORS: usize = 200;

/// What became of a target.
#[derive(Clone, Debug)]
pub enum Made {
    /// A test executable.
    Executable(Utf8PathBuf),
    /// None, and why.
    Not(Status, Vec<Diagnostic>),
}

/// How a build goes.
pub struct BuildOptions<'a> {
    /// The flags that choose profile and features.
    pub flags: Vec<String>,
    /// The family that is pinned.
    pub family: &'a Family,
    /// Whether all targets are asked for.
    pub is_whole: bool,
    /// Which targets are asked for.
    pub is_asked_for: &'a dyn Fn(&TargetId) -> bool,
}

/// What a target is judged by beside its own errors.
struct Ground<'a> {
    workspace: &'a Workspace,
    family: &'a Family,
    exit: &'a Exit,
}

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
    // Stable since cargo 1.74: https://doc.rust-lang.org/cargo/commands/cargo-build.html
    let keeps_going = cargo.toolchain.cargo >= Version::new(1, 74, 0);
    let targets = workspace.targets.iter();
    let targets: Vec<&Target> = targets.filter(|t| (options.is_asked_for)(&t.id)).collect();
    let chosen: BTreeSet<Vec<String>> = targets.iter().map(|t| choice(&t.id)).collect();
    let mut whole = vec!["build", "--workspace", "--tests"];
    if keeps_going {
        whole.push("--keep-going");
    }
    // The same members with the same features, whether all of their targets are built or some.
    let mut part = vec!["test", "--no-run", "--workspace"];
    part.extend(chosen.iter().flatten().map(String::as_str));
    for args in [&mut whole, &mut part] {
        args.extend(flags.iter().map(String::as_str));
    }
    // A target that is named is refused where features are off, in whichever member it is.
    let is_refused = |target: &Target| {
        !target.missing_features.is_empty() && chosen.contains(&choice(&target.id))
    };
    let is_part = !options.is_whole && !workspace.targets.iter().any(is_refused);
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
            let is_open = heard.own_answer(target).is_none() && target.missing_features.is_empty();
            if !is_open || heard.doubt(&ended.exit).is_some() || ended.exit == Exit::TimedOut {
                continue;
            }
            let spec = workspace.spec(&target.package);
            let chosen = choice(&target.id);
            let mut args = vec!["test", "--no-run", "--package", &spec];
            args.extend(chosen.iter().map(String::as_str));
            args.extend(flags.iter().map(String::as_str));
            let one = heard.listen(cargo, &args, log, on_step)?;
            ended = together(&ended, one);
        }
    }
    let ground = Ground {
        workspace,
        family: options.family,
        exit: &ended.exit,
    };
    let judged = |target: &Target| (target.id.clone(), heard.judge(target, &ground));
    let made = targets.into_iter().map(judged).collect();
    Ok(Built {
        made,
        scripts: heard.scripts,
        binaries: heard.binaries,
        used: heard.used,
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

/// A compile unit as messages name it; `None` for a build script.
type Unit = (PackageId, Option<Kind>, String);

fn unit_name(kind: Option<Kind>, name: String) -> String {
    match kind {
        Some(kind) => name_of(kind, &name),
        None => name,
    }
}

/// All that cargo and rustc said.
#[derive(Default)]
struct Heard {
    executables: BTreeMap<Unit, Utf8PathBuf>,
    errors: BTreeMap<Unit, Vec<Diagnostic>>,
    scripts: BTreeMap<PackageId, BuildScript>,
    binaries: BTreeMap<(PackageId, String), Utf8PathBuf>,
    used: BTreeSet<String>,
    err: String,
}

/// What the messages alone say of a target.
enum Answer {
    Executable(Utf8PathBuf),
    Errors(Vec<Diagnostic>),
    /// Errors of a package that the pin has no part in, which is named.
    Drift(String, Vec<Diagnostic>),
    Open,
}

impl Heard {
    fn listen(
        &mut self,
        cargo: &Cargo<'_>,
        args: &[&str],
        log: &mut Log,
        on_step: &mut dyn FnMut(&str),
    ) -> Result<Ended> {
        let mut args = args.to_vec();
        args.extend(["--frozen", "--message-format=json"]);
        log.note(&format!("$ cargo {}", args.join(" ")));
        let command = cargo.command(&args)?;
        let mut listener = Listener {
            heard: self,
            places: cargo.whereabouts(),
            log,
            on_step,
        };
        let ended = cargo.follow(command, &mut listener)?;
        log.note(&format!("[{}]", ended.exit));
        Ok(ended)
    }

    /// What was said of the target itself.
    fn own_answer(&self, target: &Target) -> Option<Answer> {
        let (package, id) = (target.package.clone(), &target.id);
        let unit = (package, Some(id.kind), id.name.clone());
        if let Some(executable) = self.executables.get(&unit) {
            return Some(Answer::Executable(executable.clone()));
        }
        Some(Answer::Errors(self.errors.get(&unit)?.clone()))
    }

    fn answer(&self, target: &Target, ground: &Ground<'_>) -> Answer {
        let own = self.own_answer(target);
        own.unwrap_or_else(|| self.below(target, ground))
    }

    /// The errors of what a target needs: its own library or binaries, or a package below it. What
    /// has drifted counts only where nothing else is in the way.
    fn below(&self, target: &Target, ground: &Ground<'_>) -> Answer {
        let mut answer = Answer::Open;
        for id in ground.workspace.below(&target.package) {
            let Some(errors) = self.of_needed(&id, target, ground.workspace) else {
                continue;
            };
            let Some(package) = ground.workspace.outside(&id, ground.family) else {
                return Answer::Errors(errors);
            };
            if matches!(answer, Answer::Open) {
                answer = Answer::Drift(format!("{} {}", package.name, package.version), errors);
            }
        }
        answer
    }

    /// The errors of one package that a target needs.
    fn of_needed(
        &self,
        id: &PackageId,
        target: &Target,
        workspace: &Workspace,
    ) -> Option<Vec<Diagnostic>> {
        let failed = self.errors.iter().find(|((package, kind, _), errors)| {
            let is_needed = match kind {
                None | Some(Kind::Lib) => true,
                Some(Kind::Bin) => *package == target.package,
                Some(Kind::Test | Kind::Example | Kind::Bench | Kind::Doc) => false,
            };
            package == id && is_needed && !errors.is_empty()
        });
        if let Some((_, errors)) = failed {
            return Some(errors.clone());
        }
        let error = self.failed_script(&workspace.package(id)?.name)?;
        Some(vec![error])
    }

    /// A build script that fails is told in words only.
    fn failed_script(&self, package: &str) -> Option<Diagnostic> {
        let words = format!("error: failed to run custom build command for `{package} v");
        let start = self.err.find(&words)?;
        let mut error = first_error(&self.err[start..]);
        let told = error.rendered.as_deref().unwrap_or_default();
        let said = script_said(told).map(text::one_line).unwrap_or_default();
        error.message = format!("{BUILD_SCRIPT}{package} failed: {said}");
        Some(error)
    }

    fn doubt(&self, exit: &Exit) -> Option<Doubt> {
        doubt(exit, &self.err)
    }

    fn judge(&self, target: &Target, ground: &Ground<'_>) -> Made {
        // Cargo may find `dependency/feature` on where the list of features does not show it.
        let was_left_out = !target.missing_features.is_empty() && self.own_answer(target).is_none();
        if was_left_out {
            let reason = Skip::RequiredFeatures(target.missing_features.clone());
            return Made::Not(Status::Skipped { reason }, Vec::new());
        }
        let exit = ground.exit;
        match self.answer(target, ground) {
            Answer::Executable(executable) => Made::Executable(executable),
            Answer::Errors(errors) => {
                let status = match fault_in(&errors) {
                    Some(doubt) => Status::Inconclusive { doubt },
                    None => Status::failed(class_of(&errors)),
                };
                Made::Not(status, errors)
            }
            Answer::Drift(package, mut errors) => {
                let status = match fault_in(&errors) {
                    Some(doubt) => Status::Inconclusive { doubt },
                    None => Status::failed(Class::Drift),
                };
                if let Some(error) = errors.first_mut() {
                    error.message = format!("{package} does not build: {}", error.message);
                }
                Made::Not(status, errors)
            }
            Answer::Open => {
                let error = first_error(&self.err);
                let says_error = self.err.lines().any(|line| line.starts_with("error"));
                let status = match self.doubt(exit) {
                    Some(doubt) => Status::Inconclusive { doubt },
                    None if *exit == Exit::TimedOut => Status::failed(Class::Timeout),
                    None if self.err.contains("(signal: ") => Status::failed(Class::Crash),
                    None if says_error => Status::failed(Class::Compile),
                    // Neither an executable nor an error: that is cargo's failure, not the code's.
                    None => Status::Inconclusive {
                        doubt: Doubt::Machine(format!(
                            "cargo told nothing of it and ended: {exit}"
                        )),
                    },
                };
                let error = match exit {
                    Exit::TimedOut => Diagnostic::said("the build did not end in time"),
                    Exit::Interrupted => Diagnostic::said("interrupted"),
                    Exit::Lost(why) => Diagnostic::said(why),
                    Exit::Code(_) | Exit::Signal(_) => error,
                };
                Made::Not(status, vec![error])
            }
        }
    }

    fn take(&mut self, message: Message, places: Whereabouts<'_>) -> Option<String> {
        match message {
            Message::CompilerArtifact(artifact) => {
                let kind = artifact.target.kind.first().and_then(kind_of);
                for file in artifact.filenames.iter().chain(&artifact.executable) {
                    self.use_unit(file);
                }
                let name = unit_name(kind, artifact.target.name);
                match (artifact.executable, artifact.profile.test) {
                    (Some(executable), true) => {
                        let unit = (artifact.package_id, kind, name.clone());
                        self.executables.insert(unit, executable);
                    }
                    (Some(binary), false) if kind == Some(Kind::Bin) => {
                        self.binaries
                            .insert((artifact.package_id, name.clone()), binary);
                    }
                    (Some(_) | None, _) => {}
                }
                Some(name)
            }
            Message::CompilerMessage(told) => {
                self.take_error(told, places);
                None
            }
            Message::BuildScriptExecuted(script) => {
                self.use_unit(&script.out_dir);
                self.scripts.insert(script.package_id.clone(), script);
                None
            }
            Message::BuildFinished(_) | Message::TextLine(_) => None,
            // cargo may learn to say more.
            _ => None,
        }
    }

    /// A unit goes by the name of a file that it was made into, or of the folder of that.
    fn use_unit(&mut self, file: &Utf8Path) {
        let names = file.ancestors().filter_map(Utf8Path::file_name).take(2);
        self.used
            .extend(names.filter_map(hash_of).map(str::to_owned));
    }

    fn take_error(&mut self, told: CompilerMessage, places: Whereabouts<'_>) {
        let is_error = matches!(
            told.message.level,
            DiagnosticLevel::Error | DiagnosticLevel::Ice
        );
        // Older compilers end with a count of what they said already.
        if !is_error || told.message.message.starts_with("aborting due to") {
            return;
        }
        let kind = told.target.kind.first().and_then(kind_of);
        let unit = (told.package_id, kind, unit_name(kind, told.target.name));
        let errors = self.errors.entry(unit).or_default();
        let error = diagnostic(&told.message, places);
        // A library is compiled twice, with and without its tests, and says the same twice.
        if errors.len() < MOST_ERRORS && !errors.contains(&error) {
            errors.push(error);
        }
    }
}

struct Listener<'a> {
    heard: &'a mut Heard,
    places: Whereabouts<'a>,
    log: &'a mut Log,
    on_step: &'a mut dyn FnMut(&str),
}

impl Follower for Listener<'_> {
    fn line(&mut self, stream: Stream, line: &[u8]) {
        if stream == Stream::Err {
            self.log.add(line);
            let line = text::clean(&String::from_utf8_lossy(line));
            self.heard.err.push_str(&self.places.without(&line));
            self.heard.err = tail(std::mem::take(&mut self.heard.err));
            return;
        }
        let Ok(message) = serde_json::from_slice::<Message>(line) else {
            // A proc macro may print; what is no message of cargo's is only kept in the log.
            self.log.add(line);
            return;
        };
        if let Message::CompilerMessage(CompilerMessage { message, .. }) = &message
            && let Some(rendered) = &message.rendered
        {
            self.log.add(rendered.as_bytes());
        }
        if let Some(name) = self.heard.take(message, self.places) {
            (self.on_step)(&name);
        }
    }
}

/// The errors in what cargo says on standard output.
#[must_use]
pub fn errors_in(said: &[u8]) -> Vec<Diagnostic> {
    let mut heard = Heard::default();
    let nowhere = Whereabouts {
        folder: Utf8Path::new("/nowhere"),
        vars: &BTreeMap::new(),
    };
    for line in said.split(|byte| *byte == b'\n') {
        if let Ok(message) = serde_json::from_slice(line) {
            heard.take(message, nowhere);
        }
    }
    heard.errors.into_values().flatten().collect()
}

/// Standard error is searched for a few phrases; a build that floods it keeps its end.
fn tail(err: String) -> String {
    const MOST: usize = 4 * 1024 * 1024;
    if err.len() <= MOST {
        return err;
    }
    err[err.ceil_char_boundary(err.len() - MOST / 2)..].to_owned()
}

/// rustc's diagnostic as it is kept: code, place relative to the subject, words.
fn diagnostic(told: &Told, places: Whereabouts<'_>) -> Diagnostic {
    let place = told
        .spans
        .iter()
        .find(|s| s.is_primary)
        .or(told.spans.first());
    let file = place.map(|p| {
        let path = Utf8Path::new(&p.file_name);
        places.without(path.strip_prefix(places.folder).unwrap_or(path).as_str())
    });
    let rendered = told.rendered.as_deref().map(|rendered| {
        let rendered = places.without(&text::clean(rendered));
        text::bounded(rendered.trim_end(), text::RENDERED)
    });
    Diagnostic {
        code: told.code.as_ref().map(|c| c.code.clone()),
        message: text::one_line(&told.message),
        file,
        line: place.map(|p| p.line_start),
        rendered,
    }
}
