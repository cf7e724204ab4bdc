//! Reads the messages of cargo and rustc during a build.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::diagnostic::{Diagnostic as RustcDiagnostic, DiagnosticLevel};
use cargo_metadata::{BuildScript, CompilerMessage, Message, PackageId};
use pinmatrix_core::model::diagnostic::Diagnostic;
use pinmatrix_core::model::outcome::TargetKind;
use pinmatrix_core::text;
use pinmatrix_process::child::CommandSpec;
use pinmatrix_process::{Follower, ProcessResult, Stream};

use crate::cargo::CargoCommand;
use crate::cargo::path_scrubber::PathScrubber;
use crate::cargo::targets::{kind_of, name_of};
use crate::phase::log::PhaseLog;
use crate::workdir::unit_reuse::{hash_of, name_of_unit};

/// How many errors of one target are kept.
const MOST_ERRORS: usize = 200;

/// A compile unit as messages name it; the kind is `None` for a build script.
pub type Unit = (PackageId, Option<TargetKind>, String);

fn unit_name(kind: Option<TargetKind>, name: String) -> String {
    match kind {
        Some(kind) => name_of(kind, &name),
        None => name,
    }
}

/// An error of a unit, with the number of times it was reported.
#[derive(Clone, Debug)]
pub struct CountedError {
    /// The error.
    pub error: Diagnostic,
    /// How often it was reported: a library that is compiled with and without its tests reports
    /// each error twice.
    pub n_times: usize,
}

/// Everything that cargo and rustc reported during a build.
#[derive(Default)]
pub struct BuildMessages {
    /// The test executables.
    pub executables: BTreeMap<Unit, Utf8PathBuf>,
    /// The errors of each unit.
    pub errors: BTreeMap<Unit, Vec<CountedError>>,
    /// The packages whose library was compiled without its tests.
    pub libraries: BTreeSet<PackageId>,
    /// The output of each package's build script.
    pub scripts: BTreeMap<PackageId, BuildScript>,
    /// The executables of build scripts.
    pub script_executables: BTreeSet<(PackageId, Utf8PathBuf)>,
    /// The binaries, by package and name.
    pub binaries: BTreeMap<(PackageId, String), Utf8PathBuf>,
    /// The examples, by package and name.
    pub examples: BTreeSet<(PackageId, String)>,
    /// The package of each unit that was used, fresh or compiled, by unit name.
    pub used: BTreeMap<String, PackageId>,
    /// Cargo's standard error.
    pub err: String,
}

impl BuildMessages {
    /// Runs cargo and collects its messages.
    ///
    /// # Errors
    ///
    /// Returns an error if cargo cannot be started.
    pub fn listen(
        &mut self,
        cargo: &CargoCommand<'_>,
        args: &[&str],
        log: &mut PhaseLog,
        on_step: &mut dyn FnMut(&str),
    ) -> Result<ProcessResult> {
        let mut args = args.to_vec();
        args.extend(["--frozen", "--message-format=json"]);
        log.note(&format!("$ cargo {}", args.join(" ")));
        let command = cargo.command(&args)?;
        let mut listener = MessageReader {
            messages: self,
            places: cargo.path_scrubber(),
            log,
            on_step,
        };
        let ended = cargo.follow(command, &mut listener)?;
        log.note(&format!("[{}]", ended.exit));
        Ok(ended)
    }

    /// Runs a compiler as cargo would and collects its messages about a unit.
    ///
    /// # Errors
    ///
    /// Returns an error if the job server fails.
    pub fn listen_to_rustc(
        &mut self,
        cargo: &CargoCommand<'_>,
        spec: CommandSpec,
        unit: Option<Unit>,
        places: PathScrubber<'_>,
        log: &mut PhaseLog,
    ) -> Result<ProcessResult> {
        let mut follower = |_: Stream, line: &[u8]| {
            let Ok(raw) = serde_json::from_slice::<RustcDiagnostic>(line) else {
                // Besides errors, rustc reports as JSON which files it has written.
                if !line.starts_with(b"{") {
                    log.add(line);
                }
                return;
            };
            if let Some(rendered) = &raw.rendered {
                log.add(text::sanitize(rendered).as_bytes());
            }
            if let Some(unit) = &unit {
                self.take_diagnostic(&raw, unit.clone(), places);
            }
        };
        cargo.follow(spec, &mut follower)
    }

    /// Returns true if there are errors of any of these packages or of their build scripts.
    #[must_use]
    pub fn mentions(&self, packages: &[PackageId]) -> bool {
        let has_failed = |(package, _, _): &Unit| packages.contains(package);
        self.errors.keys().any(has_failed) || self.err.contains("custom build command for `")
    }

    fn take(&mut self, message: Message, places: PathScrubber<'_>) -> Option<String> {
        match message {
            Message::CompilerArtifact(artifact) => {
                let kind = artifact.target.kind.first().and_then(kind_of);
                for file in artifact.filenames.iter().chain(&artifact.executable) {
                    self.use_unit(file, &artifact.package_id);
                }
                if artifact.target.is_custom_build() {
                    let files = artifact.filenames.into_iter();
                    let files = files.map(|file| (artifact.package_id.clone(), file));
                    self.script_executables.extend(files);
                }
                let name = unit_name(kind, artifact.target.name);
                match (artifact.executable, artifact.profile.test) {
                    (Some(executable), true) => {
                        let unit = (artifact.package_id, kind, name.clone());
                        self.executables.insert(unit, executable);
                    }
                    (Some(binary), false) if kind == Some(TargetKind::Bin) => {
                        self.binaries
                            .insert((artifact.package_id, name.clone()), binary);
                    }
                    (_, false) if kind == Some(TargetKind::Lib) => {
                        self.libraries.insert(artifact.package_id);
                    }
                    (_, false) if kind == Some(TargetKind::Example) => {
                        self.examples.insert((artifact.package_id, name.clone()));
                    }
                    (Some(_) | None, _) => {}
                }
                Some(name)
            }
            Message::CompilerMessage(message) => {
                self.take_error(message, places);
                None
            }
            Message::BuildScriptExecuted(script) => {
                self.use_unit(&script.out_dir, &script.package_id);
                self.scripts.insert(script.package_id.clone(), script);
                None
            }
            Message::BuildFinished(_) | Message::TextLine(_) => None,
            // Newer versions of cargo may send other messages.
            _ => None,
        }
    }

    /// Records a unit under the name of a file that it was compiled to, or of that file's
    /// folder.
    fn use_unit(&mut self, file: &Utf8Path, package: &PackageId) {
        let mut names = file.ancestors().filter_map(Utf8Path::file_name);
        let of_file = names.next().and_then(name_of_unit);
        let of_folder = names.next().and_then(hash_of);
        let names = of_file.into_iter().chain(of_folder);
        self.used
            .extend(names.map(|name| (name.to_owned(), package.clone())));
    }

    fn take_error(&mut self, message: CompilerMessage, places: PathScrubber<'_>) {
        let kind = message.target.kind.first().and_then(kind_of);
        let unit = (
            message.package_id,
            kind,
            unit_name(kind, message.target.name),
        );
        self.take_diagnostic(&message.message, unit, places);
    }

    fn take_diagnostic(&mut self, raw: &RustcDiagnostic, unit: Unit, places: PathScrubber<'_>) {
        let is_error = matches!(raw.level, DiagnosticLevel::Error | DiagnosticLevel::Ice);
        // Older compilers end with a count of the errors they have reported.
        if !is_error || raw.message.starts_with("aborting due to") {
            return;
        }
        let errors = self.errors.entry(unit).or_default();
        let error = diagnostic(raw, places);
        if let Some(counted) = errors.iter_mut().find(|counted| counted.error == error) {
            counted.n_times += 1;
        } else if errors.len() < MOST_ERRORS {
            errors.push(CountedError { error, n_times: 1 });
        }
    }
}

struct MessageReader<'a> {
    messages: &'a mut BuildMessages,
    places: PathScrubber<'a>,
    log: &'a mut PhaseLog,
    on_step: &'a mut dyn FnMut(&str),
}

impl Follower for MessageReader<'_> {
    fn line(&mut self, stream: Stream, line: &[u8]) {
        if stream == Stream::Err {
            self.log.add(line);
            let line = text::sanitize(&String::from_utf8_lossy(line));
            self.messages.err.push_str(&self.places.without(&line));
            self.messages.err = tail(std::mem::take(&mut self.messages.err));
            return;
        }
        let Ok(message) = serde_json::from_slice::<Message>(line) else {
            // A proc macro may print; lines that are not cargo messages only go to the log.
            self.log.add(line);
            return;
        };
        if let Message::CompilerMessage(CompilerMessage { message, .. }) = &message
            && let Some(rendered) = &message.rendered
        {
            self.log.add(rendered.as_bytes());
        }
        if let Some(name) = self.messages.take(message, self.places) {
            (self.on_step)(&name);
        }
    }
}

/// Returns the errors in cargo's standard output.
#[must_use]
pub fn errors_in(stdout: &[u8]) -> Vec<Diagnostic> {
    let mut messages = BuildMessages::default();
    let nowhere = PathScrubber {
        folder: Utf8Path::new("/nowhere"),
        checkout: Utf8Path::new("/nowhere"),
        vars: &BTreeMap::new(),
    };
    for line in stdout.split(|byte| *byte == b'\n') {
        if let Ok(message) = serde_json::from_slice(line) {
            messages.take(message, nowhere);
        }
    }
    let counted = messages.errors.into_values().flatten();
    counted.map(|counted| counted.error).collect()
}

/// Keeps the end of a very long standard error, which is searched for a few phrases.
fn tail(err: String) -> String {
    const MOST: usize = 4 * 1024 * 1024;
    if err.len() <= MOST {
        return err;
    }
    err[err.ceil_char_boundary(err.len() - MOST / 2)..].to_owned()
}

/// Converts a rustc diagnostic to the stored form: code, path relative to the subject, and message.
fn diagnostic(raw: &RustcDiagnostic, places: PathScrubber<'_>) -> Diagnostic {
    let place = raw
        .spans
        .iter()
        .find(|s| s.is_primary)
        .or(raw.spans.first());
    let file = place.map(|p| {
        let path = Utf8Path::new(&p.file_name);
        places.without(path.strip_prefix(places.folder).unwrap_or(path).as_str())
    });
    let rendered = raw.rendered.as_deref().map(|rendered| {
        let rendered = places.without(&text::sanitize(rendered));
        text::bounded(rendered.trim_end(), text::RENDERED)
    });
    Diagnostic {
        code: raw.code.as_ref().map(|c| c.code.clone()),
        message: text::one_line(&raw.message),
        file,
        line: place.map(|p| p.line_start),
        rendered,
        package: None,
    }
}
