//! Where a piece of code is put, and what may stand there.

use std::fmt::Write as _;

use pinmatrix_core::model::outcome::{TargetId, TargetKind};

use crate::draft::{Draft, Member, Source, Table, Target};
use crate::grammar::matches;
use crate::rng::Rng;

/// A piece at work: the workspace, the member, and the numbers that decide.
pub struct Site<'a> {
    pub draft: &'a mut Draft,
    pub member: usize,
    pub rng: Rng,
    /// The piece's name, which its targets bear.
    pub piece: String,
    /// Patterns of names that no piece has.
    pub never: &'a [String],
}

/// What is looked at: an expression that is true or false, and what it takes.
pub struct Fact {
    /// A Rust expression of type `bool`.
    pub expression: String,
    /// Crates that it names.
    pub crates: Vec<String>,
    /// Whether it is true only the first time, and so must not be looked at twice.
    pub is_once: bool,
}

impl Fact {
    /// A fact that needs nothing.
    pub fn plain(expression: impl Into<String>) -> Self {
        Self {
            expression: expression.into(),
            crates: Vec::new(),
            is_once: false,
        }
    }

    /// A fact that names a crate.
    pub fn with(expression: impl Into<String>, krate: &str) -> Self {
        Self {
            crates: vec![krate.to_owned()],
            ..Self::plain(expression)
        }
    }
}

/// The kinds of code that a fact can be looked at in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A unit test of the library.
    LibUnit,
    /// A unit test of a binary.
    BinUnit,
    /// An integration test.
    Test,
    /// A test of an example.
    ExampleUnit,
    /// A test of a benchmark.
    BenchUnit,
    /// A test that brings its own `main`.
    Program,
    /// A doc test.
    Doc,
    /// A binary that an integration test runs by `CARGO_BIN_EXE_`.
    BinRun,
    /// A binary that an integration test finds beside its own executable.
    BinFound,
    /// An example that an integration test finds beside its own executable.
    ExampleFound,
    /// A build script, which fails unless the fact holds.
    Script,
    /// A build script that tells a test whether the fact holds.
    ScriptEnv,
    /// A macro that expands to whether the fact holds.
    Macro,
}

impl Place {
    pub const ALL: [(usize, Self); 13] = [
        (14, Self::LibUnit),
        (5, Self::BinUnit),
        (16, Self::Test),
        (4, Self::ExampleUnit),
        (4, Self::BenchUnit),
        (7, Self::Program),
        (12, Self::Doc),
        (5, Self::BinRun),
        (3, Self::BinFound),
        (3, Self::ExampleFound),
        (2, Self::Script),
        (7, Self::ScriptEnv),
        (5, Self::Macro),
    ];

    /// Its part in a piece's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::LibUnit => "lib",
            Self::BinUnit => "bin",
            Self::Test => "test",
            Self::ExampleUnit => "example",
            Self::BenchUnit => "bench",
            Self::Program => "program",
            Self::Doc => "doc",
            Self::BinRun => "bin-run",
            Self::BinFound => "bin-found",
            Self::ExampleFound => "example-found",
            Self::Script => "script",
            Self::ScriptEnv => "told",
            Self::Macro => "macro",
        }
    }

    /// Whether code there sees dev-dependencies.
    fn is_test(self) -> bool {
        match self {
            Self::LibUnit
            | Self::BinUnit
            | Self::Test
            | Self::ExampleUnit
            | Self::BenchUnit
            | Self::Program
            | Self::ExampleFound
            | Self::Doc => true,
            Self::BinRun | Self::BinFound | Self::Script | Self::ScriptEnv | Self::Macro => false,
        }
    }

    /// Whether it runs in a build script.
    pub fn is_script(self) -> bool {
        matches!(self, Self::Script | Self::ScriptEnv)
    }

    /// Whether cargo tells it where binaries and the folder for tests are.
    pub fn sees_binaries(self) -> bool {
        matches!(self, Self::Test | Self::BenchUnit | Self::Program)
    }
}

/// What becomes of a fact that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    Assert,
    /// It must not hold.
    Negated,
    ShouldPanic,
    Ignore,
    /// The test returns an error.
    Returned,
    /// A thread panics, and the test waits for it.
    Thread,
    Abort,
    Exit,
    /// It ends its process as if all were well.
    ExitZero,
}

impl Wrap {
    pub const ALL: [(usize, Self); 9] = [
        (60, Self::Assert),
        (6, Self::Negated),
        (7, Self::ShouldPanic),
        (3, Self::Ignore),
        (6, Self::Returned),
        (4, Self::Thread),
        (6, Self::Abort),
        (4, Self::Exit),
        (2, Self::ExitZero),
    ];

    /// Its part in a piece's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Assert => "assert",
            Self::Negated => "negated",
            Self::ShouldPanic => "should-panic",
            Self::Ignore => "ignore",
            Self::Returned => "returned",
            Self::Thread => "thread",
            Self::Abort => "abort",
            Self::Exit => "exit",
            Self::ExitZero => "exit-zero",
        }
    }

    /// Whether it ends its process, with the other tests in it.
    pub fn ends_process(self) -> bool {
        matches!(self, Self::Abort | Self::Exit | Self::ExitZero)
    }

    /// What it is at a place: unit tests share a process, so none of them may end it; a `main` is
    /// neither ignored nor expected to panic; a doc test says so in another way.
    pub fn at(self, place: Place) -> Self {
        match place {
            Place::LibUnit if self.ends_process() => Self::Assert,
            Place::LibUnit
            | Place::BinUnit
            | Place::Test
            | Place::ExampleUnit
            | Place::BenchUnit => self,
            Place::Program
            | Place::BinRun
            | Place::BinFound
            | Place::ExampleFound
            | Place::Script => match self {
                Self::ShouldPanic | Self::Ignore | Self::Returned => Self::Assert,
                Self::Assert
                | Self::Negated
                | Self::Thread
                | Self::Abort
                | Self::Exit
                | Self::ExitZero => self,
            },
            Place::Macro if self.ends_process() => Self::Abort,
            Place::Doc | Place::ScriptEnv | Place::Macro => Self::Assert,
        }
    }

    /// Statements that fail in this way unless the fact holds.
    pub fn statements(self, fact: &Fact, edition: &str) -> String {
        let mut text = String::new();
        if edition == "2015" {
            for krate in &fact.crates {
                writeln!(text, "    extern crate {krate};").expect("memory");
            }
        }
        let fact = &fact.expression;
        let line = match self {
            Self::Assert | Self::Ignore => format!("assert!({fact});"),
            Self::Negated | Self::ShouldPanic => format!("assert!(!({fact}));"),
            Self::Returned => {
                format!(
                    "if {{ {fact} }} {{ Ok(()) }} else {{ Err(\"it does not hold\".to_owned()) }}"
                )
            }
            Self::Thread => {
                format!("std::thread::spawn(|| assert!({fact})).join().unwrap();")
            }
            Self::Abort => format!("if !({fact}) {{ std::process::abort() }}"),
            Self::Exit => format!("if !({fact}) {{ std::process::exit(7) }}"),
            Self::ExitZero => format!("if !({fact}) {{ std::process::exit(0) }}"),
        };
        writeln!(text, "    {line}").expect("memory");
        text
    }

    /// A function for libtest.
    pub fn test(self, name: &str, fact: &Fact, edition: &str) -> String {
        let attribute = match self {
            Self::ShouldPanic => "#[should_panic] ",
            Self::Ignore => "#[ignore] ",
            Self::Assert
            | Self::Negated
            | Self::Returned
            | Self::Thread
            | Self::Abort
            | Self::Exit
            | Self::ExitZero => "",
        };
        let returns = if self == Self::Returned {
            " -> Result<(), String>"
        } else {
            ""
        };
        let statements = self.statements(fact, edition);
        format!("#[test] {attribute}fn {name}(){returns} {{\n{statements}}}\n")
    }
}

impl Site<'_> {
    /// The edition of the member.
    pub fn edition(&self) -> &'static str {
        self.draft.members[self.member].edition
    }

    /// Makes a crate visible at a place, and returns what code there calls it.
    pub fn need(&mut self, place: Place, name: &str) -> String {
        let in_tests = place.is_test();
        let table = match (place.is_script(), in_tests && self.rng.chance(40)) {
            (true, _) => Table::Build,
            (false, true) => Table::Dev,
            (false, false) => Table::Normal,
        };
        let member = &mut self.draft.members[self.member];
        let key = (Table::Build, name.to_owned());
        let is_seen = if place.is_script() {
            member.dependencies.contains_key(&key)
        } else {
            member.sees(name, in_tests)
        };
        if !is_seen {
            member.ask(table, name);
        }
        if name == "gadget" {
            return member.gadget.to_owned();
        }
        let mut members = self.draft.members.iter();
        let member = members.find(|member| member.name == name);
        member.map_or_else(|| name.replace('-', "_"), Member::krate)
    }

    /// Whether no piece of this name is drawn.
    pub fn is_never(&self) -> bool {
        self.never
            .iter()
            .any(|pattern| matches(pattern, &self.piece))
    }

    /// A new name for a function that shows this piece.
    pub fn function(&mut self, prefix: &str) -> String {
        let name = self.draft.fresh(prefix);
        self.draft.is_of(&name, &self.piece);
        name
    }

    /// Says that a target of the member bears this piece.
    pub fn bears(&mut self, target: TargetId) {
        self.draft.bears(target, &self.piece);
    }

    /// A target of a kind that is open for more, and what it is called; most are new.
    pub fn target(&mut self, kind: TargetKind, harness: bool, is_closed: bool) -> usize {
        let is_kept_apart = is_closed || !harness || self.rng.chance(40);
        let member = &self.draft.members[self.member];
        let is_open =
            |t: &Target| t.kind == kind && t.harness && !t.is_closed && t.required.is_none();
        let at = if is_kept_apart {
            None
        } else {
            member.targets.iter().position(is_open)
        };
        let at = at.unwrap_or_else(|| {
            let prefix = match kind {
                TargetKind::Bin => "bin-",
                TargetKind::Test => "test_",
                TargetKind::Example => "example-",
                TargetKind::Bench => "bench-",
                TargetKind::Lib | TargetKind::Doc => "lib",
            };
            let name = self.draft.fresh(prefix);
            let is_required = self.rng.chance(4) && kind == TargetKind::Test;
            let in_folder = self.rng.chance(12);
            let member = &mut self.draft.members[self.member];
            let target = member.add(kind, name);
            target.harness = harness;
            target.in_folder = in_folder;
            target.is_closed = is_closed;
            target.required = is_required.then_some("f1");
            member.targets.len() - 1
        });
        let member = &self.draft.members[self.member];
        let id = member.id(kind, &member.targets[at].name);
        self.bears(id);
        at
    }

    /// The text of one of the member's targets.
    pub fn source(&mut self, target: usize) -> &mut Source {
        &mut self.draft.members[self.member].targets[target].source
    }

    /// The text of the member's library.
    pub fn lib(&mut self, kind: TargetKind) -> Option<&mut Source> {
        let id = self.draft.members[self.member].lib_id(kind);
        self.draft.members[self.member].lib.as_ref()?;
        self.bears(id);
        self.draft.members[self.member].lib.as_mut()
    }

    /// Says that every target of the member bears this piece.
    pub fn bears_all(&mut self) {
        let piece = self.piece.clone();
        self.draft.bears_all(self.member, &piece);
    }
}
